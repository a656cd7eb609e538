"""Calls to DynamoDB, recorded as they leave the process, and faults injected there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.httpsession import URLLib3Session

from .internals import Answer, Transport

#: An exception to raise, or the HTTP status and the error code of an answer.
Fault = Exception | tuple[int, str]


class Attempt(NamedTuple):
    """One attempt of either client at a call, before it leaves this process."""

    operation: str
    body: dict[str, Any]
    url: str
    execute: Callable[[], object]


#: Status and body of the answer in place of DynamoDB's.
_Reply = tuple[int, dict[str, Any]]
#: An answer, a body to send in place of the attempt's, or None if the attempt goes on.
_Outcome = Callable[[Attempt], _Reply | bytes | None]

_HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "injected"}

#: An address that moto ignores, because it is not one of AWS.
_NOWHERE = "http://fault.invalid/"


@dataclass
class Call:
    """One request as it leaves this process; a retry is a call of its own."""

    operation: str
    body: dict[str, Any]
    units: float | None = None


class Wire:
    """Records the calls of all clients in this process while it is open."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._outcomes: list[tuple[str | None, _Outcome]] = []
        self._lock = threading.Lock()

    @property
    def operations(self) -> list[str]:
        """The operations that were called, in order."""
        return [call.operation for call in self.calls]

    @property
    def units(self) -> float | None:
        """Capacity units consumed by all calls; None if no call has returned any."""
        units = [call.units for call in self.calls if call.units is not None]
        return sum(units) if units or not self.calls else None

    def clear(self) -> None:
        """Forget the calls so far."""
        self.calls.clear()

    @contextmanager
    def expect(self, *operations: str) -> Iterator[None]:
        """Assert that exactly these operations are called inside, in this order."""
        with open_wire() as inside:
            yield
        called, expected = inside.operations, list(operations)
        assert called == expected, f"called {called}, expected {expected}"

    def fail_next(self, operation: str | None, fault: Fault, message: str = "injected") -> None:
        """Fail the next attempt at an operation (None: any) before it reaches DynamoDB."""
        self._prepare(operation, partial(_fail, fault, message))

    def lose_answer_of(self, operation: str) -> None:
        """Execute the next call of an operation, and time out instead of its answer."""
        self._prepare(operation, _lose_answer)

    def hold_back(self, operation: str) -> Callable[[], None]:
        """Time out instead of the next call of an operation; returns what delivers it, late."""
        held: list[Attempt] = []

        def keep(attempt: Attempt) -> None:
            held.append(attempt)
            raise ReadTimeoutError(endpoint_url=attempt.url)

        def deliver() -> None:
            for attempt in held:
                attempt.execute()

        self._prepare(operation, keep)
        return deliver

    def leave_next_unprocessed(self, operation: str) -> None:
        """Return the whole next batch as unprocessed, as DynamoDB can under load."""
        self._prepare(operation, _leave_unprocessed)

    def confuse_next(self, operation: str, replaced: Mapping[str, str]) -> None:
        """Let the next call of an operation name another item, which its answer is then about."""
        self._prepare(operation, partial(_name_another, replaced))

    def before_next(self, operation: str, happens: Callable[[], object]) -> None:
        """Call a function just before the next call of an operation leaves this process."""

        def happen_and_go_on(_: Attempt) -> None:
            happens()

        self._prepare(operation, happen_and_go_on)

    def forget_prepared(self) -> None:
        """Forget the outcomes that no call has met."""
        with self._lock:
            self._outcomes.clear()

    def take_outcome(self, operation: str) -> _Outcome | None:
        """The prepared outcome of an operation, which is then removed."""
        with self._lock:
            for prepared in self._outcomes:
                if prepared[0] in {None, operation}:
                    self._outcomes.remove(prepared)
                    return prepared[1]
        return None

    def _prepare(self, operation: str | None, outcome: _Outcome) -> None:
        with self._lock:
            self._outcomes.append((operation, outcome))


_open: list[Wire] = []
#: The last call of each thread: botocore handles an answer in the thread of its call.
_latest = threading.local()


@contextmanager
def open_wire() -> Iterator[Wire]:
    """A wire that records inside the context."""
    wire = Wire()
    _open.append(wire)
    try:
        yield wire
    finally:
        _open.remove(wire)


def _meet(attempt: Attempt) -> _Reply | bytes | None:
    """Record an attempt, and let it meet the outcome that is prepared for it."""
    _latest.call = Call(attempt.operation, attempt.body)
    wires = tuple(_open)
    for wire in wires:
        wire.calls.append(_latest.call)
    outcomes = filter(None, (wire.take_outcome(attempt.operation) for wire in wires))
    outcome = next(outcomes, None)
    return outcome(attempt) if outcome else None


def _note_units(parsed: dict[str, Any]) -> None:
    consumed = parsed.get("ConsumedCapacity", [])
    tables = consumed if isinstance(consumed, list) else [consumed]
    if tables:
        _latest.call.units = sum(table["CapacityUnits"] for table in tables)


def _fail(fault: Fault, message: str, _: Attempt) -> _Reply:
    if isinstance(fault, Exception):
        raise fault
    status, code = fault
    return status, {"__type": code, "message": message}


def _name_another(replaced: Mapping[str, str], attempt: Attempt) -> bytes:
    body = json.dumps(attempt.body)
    for own, other in replaced.items():
        assert own in body
        body = body.replace(own, other)
    return body.encode()


def _leave_unprocessed(attempt: Attempt) -> _Reply:
    name = "UnprocessedKeys" if attempt.operation == "BatchGetItem" else "UnprocessedItems"
    return 200, {"Responses": {}, name: attempt.body["RequestItems"]}


def _lose_answer(attempt: Attempt) -> None:
    attempt.execute()
    raise ReadTimeoutError(endpoint_url=attempt.url)


def _before_send(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
    """As botocore's handler of an event: its client sends the attempt unless this answers."""
    operation = event_name.rpartition(".")[2]
    execute = partial(_execute, request, event_name)
    reply = _meet(Attempt(operation, json.loads(request.body), request.url, execute))
    if isinstance(reply, bytes):
        request.body = reply
        request.headers["Content-Length"] = str(len(reply))
    if not isinstance(reply, tuple):
        return None
    # botocore calls every handler, also after an answer: moto would still execute the request.
    request.url = _NOWHERE
    status, body = reply
    answer = AWSResponse(_NOWHERE, status, _HEADERS, None)
    answer._content = json.dumps(body).encode()
    return answer


def _after_call(parsed: dict[str, Any], **_: Any) -> None:
    _note_units(parsed)


def _execute(request: AWSPreparedRequest, event_name: str) -> None:
    in_process = [handler for event, handler, *_ in BUILTIN_HANDLERS if event == "before-send"]
    answers = [handler(event_name=event_name, request=request) for handler in in_process]
    if not any(answers):
        with closing(URLLib3Session()) as session:
            session.send(request)


# The lean client gives way to handlers of others, unless they are switched off: see `hooks`.
for _handler in (_before_send, _after_call):
    vars(_handler)["enabled"] = False

# In front of moto's handler: botocore takes the first answer.
BUILTIN_HANDLERS[:0] = [
    ("before-send.dynamodb", _before_send),
    ("after-call.dynamodb", _after_call),
]

_exchange = Transport.exchange


def _exchange_on_the_wire(transport: Transport, message: bytes) -> Answer:
    execute = partial(_exchange, transport, message)
    head, _, body = message.partition(b"\r\n\r\n")
    operation = head.partition(b"X-Amz-Target: ")[2].partition(b"\r\n")[0].rpartition(b".")[2]
    reply = _meet(Attempt(operation.decode(), json.loads(body), transport.url, execute))
    if isinstance(reply, tuple):
        return Answer(reply[0], dict(_HEADERS), json.dumps(reply[1]).encode())
    answer = execute() if reply is None else _exchange(transport, _with_body(head, reply))
    # An answer that was altered on the way has no units that count.
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        _note_units(json.loads(answer.body))
    return answer


def _with_body(head: bytes, body: bytes) -> bytes:
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


Transport.exchange = _exchange_on_the_wire  # type: ignore[assignment,method-assign]
