"""What the engine was asked, counted as it leaves this process, request by request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})
WRITES = frozenset({"BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem"})


@dataclass
class Call:
    """One call as it left this process, and the capacity units that the engine says it took."""

    operation: str
    units: float = 0

    @property
    def is_write(self) -> bool:
        """Whether the call writes or deletes items."""
        return self.operation in WRITES


@dataclass
class Asked:
    """The calls of one request, in their order."""

    calls: list[Call] = field(default_factory=list)

    @property
    def reads(self) -> list[Call]:
        """The calls that read items."""
        return [call for call in self.calls if call.operation in READS]

    @property
    def writes(self) -> list[Call]:
        """The calls that wrote or deleted items."""
        return [call for call in self.calls if call.is_write]


_current: ContextVar[Asked | None] = ContextVar("asked", default=None)


@contextmanager
def counted_for(asked: Asked | None) -> Iterator[None]:
    """Count the calls made inside, in this thread; for None, count none of them."""
    token = _current.set(asked)
    try:
        yield
    finally:
        _current.reset(token)


def attach(client: Any) -> None:
    """Watch a botocore client; a client already watched is not counted twice."""
    events = client.meta.events
    events.register("before-send.dynamodb", _note_call, unique_id="beaker-dynamodb-calls")
    events.register("after-call.dynamodb", _note_units, unique_id="beaker-dynamodb-units")


def _note_call(event_name: str, **_: object) -> None:
    asked = _current.get()
    if asked is not None:
        asked.calls.append(Call(event_name.rsplit(".", 1)[-1]))


def _note_units(parsed: dict[str, Any], **_: object) -> None:
    asked = _current.get()
    consumed = parsed.get("ConsumedCapacity")
    # BatchWriteItem tells a list; a session's own calls concern one item each.
    if asked and asked.calls and isinstance(consumed, dict):
        asked.calls[-1].units = float(consumed.get("CapacityUnits", 0))
