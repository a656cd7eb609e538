"""The calls to DynamoDB, counted as they leave this process, request by request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})
WRITES = frozenset({"BatchWriteItem", "PutItem", "UpdateItem"})
DELETES = frozenset({"DeleteItem"})

ACCEPTED, REFUSED, FAILED = "accepted", "refused", "failed"
CONDITION_FAILED = "ConditionalCheckFailedException"


@dataclass
class Call:
    """One call, its result, and the capacity units that DynamoDB reports for it.

    A condition that is not met makes the result REFUSED; each other error, FAILED. A write of a
    marker ends the session under its partition key.
    """

    operation: str
    partition: str = ""
    is_marker: bool = False
    result: str = FAILED
    units: float = 0

    @property
    def kind(self) -> str:
        """What the call does, in a word: `read`, `write`, `marker`, `refused write` or `delete`."""
        if self.operation in READS:
            return "read"
        kind = "marker" if self.is_marker else "write"
        kind = "delete" if self.operation in DELETES else kind
        return kind if self.result == ACCEPTED else f"{self.result} {kind}"


@dataclass
class CallCounter:
    """The calls of one request, in their order."""

    calls: list[Call] = field(default_factory=list)

    @property
    def reads(self) -> list[Call]:
        """The calls that read items."""
        return [call for call in self.calls if call.operation in READS]

    @property
    def writes(self) -> list[Call]:
        """The calls that write or delete items, refused ones too: DynamoDB charges for them."""
        return [call for call in self.calls if call.operation in WRITES | DELETES]

    @property
    def begins_with_read(self) -> bool:
        """Whether the first call loads the session: the browser has sent the id of one."""
        return bool(self.calls) and self.calls[0].operation in READS

    @property
    def has_refusal(self) -> bool:
        """Whether the condition of a write was not met: another request came first."""
        return any(call.result == REFUSED for call in self.calls)

    @property
    def ends_stored(self) -> bool:
        """Whether the session is stored at the end: under the old id, or under a new one.

        It is if a write was accepted, and no later one under the same id was refused, or accepted
        as a marker.
        """
        stored = {call.partition: call.kind == "write" for call in self.writes}
        return any(stored.values())


_current: ContextVar[CallCounter | None] = ContextVar("call_counter", default=None)


@contextmanager
def counted_by(counter: CallCounter | None) -> Iterator[None]:
    """Count the calls made inside, in this thread; for None, count none of them."""
    token = _current.set(counter)
    try:
        yield
    finally:
        _current.reset(token)


def attach(client: Any) -> None:
    """Watch a botocore client; a client that is watched already is not counted twice."""
    events = client.meta.events
    events.register("before-send.dynamodb", _note_call, unique_id="beaker-dynamodb-calls")
    events.register("after-call.dynamodb", _note_answer, unique_id="beaker-dynamodb-answers")


def _note_call(event_name: str, request: Any, **_: object) -> None:
    counter = _current.get()
    if counter is not None:
        body = json.loads(request.body)
        item = body.get("Item", {})
        key = item or body.get("Key", {})
        partition = key.get("id", {}).get("S", "")
        counter.calls.append(Call(event_name.rsplit(".", 1)[-1], partition, "ended" in item))


def _note_answer(parsed: dict[str, Any], **_: object) -> None:
    counter = _current.get()
    if not counter or not counter.calls:
        return
    code = parsed.get("Error", {}).get("Code")
    results = {None: ACCEPTED, CONDITION_FAILED: REFUSED}
    counter.calls[-1].result = results.get(code, FAILED)
    # BatchWriteItem reports a list; a session's own calls concern one item each.
    consumed = parsed.get("ConsumedCapacity")
    if isinstance(consumed, dict):
        counter.calls[-1].units = float(consumed.get("CapacityUnits", 0))
