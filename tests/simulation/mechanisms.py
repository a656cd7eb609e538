"""What the package does for its promises, each piece of which a run can be without.

A mechanism is taken out on the wire, where conditions, items and answers pass, or by replacing one
function. The simulation must then find a violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from beaker_dynamodb.caches import creation_lease
from beaker_dynamodb.codec import SavedSession
from beaker_dynamodb.rows import OwnTokens, new_token
from beaker_dynamodb.rows.parts import Parts
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
        weakens_reads: whether reads that must be strong are eventually consistent.
        answer: replaces an item in the refusal of a condition.
        function: an object, the name of a function of it, and what replaces that.
        workload: whose promises need it.
    """

    rewrite: Rewrite = same
    request: Callable[[str, Arguments], tuple[str, Arguments]] = _keep_call
    weakens_reads: bool = False
    answer: Callable[[Arguments, Any], Any] = _keep_item
    function: tuple[Any, str, Any] | None = None
    workload: str = "sessions"


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


def _no_chain(node: Node) -> Node:
    return ("attribute_exists", "nothing") if _is_comparison(node, "chain", "=") else node


def _any_extension(node: Node) -> Node:
    """The condition of an extension without the one that it moves the end forward."""
    is_extension = (
        node[0] == "and"
        and _is_comparison(node[1], "lock_owner", "=")
        and _is_comparison(node[2], "lock_until", "<=")
    )
    return node[1] if is_extension else node


def _keep_lease(operation: str, arguments: Arguments) -> tuple[str, Arguments]:
    """What would delete a value with its lease removes the value alone."""
    is_removal = operation == "DeleteItem" and "ConditionExpression" not in arguments
    if not is_removal:
        return operation, arguments
    content = ("data", "version", "touched", "parts", "expires")
    names = {f"#{number}": name for number, name in enumerate(content)}
    expression = f"REMOVE {', '.join(names)}"
    update = {"UpdateExpression": expression, "ExpressionAttributeNames": names}
    return "UpdateItem", {**arguments, **update}


def _forgetful(self: OwnTokens) -> str:
    """A new token in place of all earlier ones."""
    self._sent.clear()
    self._sent.append(new_token())
    return self._sent[-1]


def _same_token(self: OwnTokens) -> str:
    """The token of the first attempt, also for the later ones."""
    if not self._sent:
        self._sent.append(new_token())
    return self._sent[-1]


def _do_nothing(*_: object) -> None:
    """In place of a step that is taken out."""


def _same_value(value: Any) -> Any:
    return value


def _of_caches(**removal: Any) -> Removal:
    return Removal(workload="caches", **removal)


REMOVALS: dict[str, Removal] = {
    "version": Removal(rewrite=_any_version),
    "birth": Removal(rewrite=_any_birth),
    "marker": Removal(request=_no_marker),
    "own": Removal(answer=_foreign),
    "forward": Removal(rewrite=_any_time),
    "strong": Removal(weakens_reads=True),
    "lost": Removal(function=(SessionLock, "verify", _accept)),
    "merge": Removal(function=(SavedSession, "merged_over", _whole)),
    "own-lease": _of_caches(function=(OwnTokens, "add", _forgetful)),
    "fresh-token": _of_caches(function=(OwnTokens, "add", _same_token)),
    "seen-version": _of_caches(rewrite=_any_version),
    "chain": _of_caches(rewrite=_no_chain),
    "extension": _of_caches(function=(creation_lease.CreationLease, "_extend", _do_nothing)),
    "forward-extension": _of_caches(rewrite=_any_extension),
    "strong-removal": _of_caches(weakens_reads=True),
    "removal-of-lease": _of_caches(request=_keep_lease),
    "sharing": _of_caches(function=(creation_lease, "made_while_waiting", _same_value)),
    "permanent-parts": _of_caches(function=(Parts, "make_permanent", _do_nothing)),
    "repair": _of_caches(function=(Parts, "_repair", _do_nothing)),
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
