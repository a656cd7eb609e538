"""What the package does for its promises, each piece of which a run can be without.

A mechanism is taken out on the wire, where conditions, items and answers pass, or by replacing one
function. The simulation must then find a violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from beaker_dynamodb.codec import SavedSession
from beaker_dynamodb.sessions import SessionLock

from .expressions import Node, Rewrite, same
from .store import Arguments


def _keep_call(operation: str, arguments: Arguments) -> tuple[str, Arguments]:
    return operation, arguments


def _keep_item(_arguments: Arguments, item: Any) -> Any:
    return item


@dataclass(frozen=True)
class Removal:
    """How a mechanism is taken out.

    Attributes:
        rewrite: replaces nodes of each condition.
        request: replaces a call and its arguments, before DynamoDB has it.
        weakens_locked_reads: whether reads under a lock are eventually consistent.
        answer: replaces an item in the refusal of a condition.
        function: an object, the name of a function of it, and what replaces that.
    """

    rewrite: Rewrite = same
    request: Callable[[str, Arguments], tuple[str, Arguments]] = _keep_call
    weakens_locked_reads: bool = False
    answer: Callable[[Arguments, Any], Any] = _keep_item
    function: tuple[Any, str, Any] | None = None


def _is_comparison(node: Node, attribute: str, *signs: str) -> bool:
    return node[0] == "compare" and node[1] in signs and node[2] == ("name", attribute)


def _any_version(node: Node) -> Node:
    if _is_comparison(node, "version", "="):
        return ("attribute_exists", "version")
    return node


def _any_time(node: Node) -> Node:
    if _is_comparison(node, "touched", "<", "<=", "="):
        return ("attribute_exists", "touched")
    return node


def _any_birth(node: Node) -> Node:
    if _is_comparison(node, "birth", "="):
        return ("attribute_exists", "birth")
    return node


def _no_marker(operation: str, arguments: Arguments) -> tuple[str, Arguments]:
    """What would leave a marker deletes the row."""
    item = arguments.get("Item", {})
    if operation != "PutItem" or "ended" not in item:
        return operation, arguments
    key = {name: item[name] for name in ("id", "item")}
    deletion = {name: value for name, value in arguments.items() if name != "Item"}
    return "DeleteItem", {**deletion, "Key": key}


def _foreign(arguments: Arguments, item: Any) -> Any:
    """An item whose tokens are not those that the refused call would have written."""
    written = arguments.get("Item", {})
    own = [
        name for name in ("version", "ended") if name in item and written.get(name) == item[name]
    ]
    return {**item, **{name: {"S": _other_token(item[name]["S"])} for name in own}}


def _other_token(text: str) -> str:
    """Another token; a marker's is in a JSON array, after two characters."""
    return f"{text[:2]}other{text[2:]}"


def _whole(self: SavedSession, *_: object) -> SavedSession:
    return self


def _accept(_: SessionLock) -> None:
    """Whatever has become of the lease."""


REMOVALS: dict[str, Removal] = {
    "version": Removal(rewrite=_any_version),
    "birth": Removal(rewrite=_any_birth),
    "marker": Removal(request=_no_marker),
    "own": Removal(answer=_foreign),
    "forward": Removal(rewrite=_any_time),
    "strong": Removal(weakens_locked_reads=True),
    "lost": Removal(function=(SessionLock, "verify", _accept)),
    "merge": Removal(function=(SavedSession, "merged_over", _whole)),
}
NOTHING = Removal()


@contextmanager
def without(mechanism: str | None) -> Iterator[Removal]:
    """Take a mechanism out while the block runs."""
    removal = REMOVALS[mechanism] if mechanism else NOTHING
    if removal.function is None:
        yield removal
        return
    owner, name, replacement = removal.function
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    try:
        yield removal
    finally:
        setattr(owner, name, original)
