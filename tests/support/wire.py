"""Calls to DynamoDB, recorded as they leave the process, and faults injected there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.httpsession import URLLib3Session

#: An exception to raise, or the HTTP status and the error code of an answer.
Fault = Exception | tuple[int, str]
_Outcome = Callable[[AWSPreparedRequest, str], AWSResponse | None]

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
        held: list[tuple[AWSPreparedRequest, str]] = []

        def keep(request: AWSPreparedRequest, event_name: str) -> AWSResponse:
            held.append((request, event_name))
            raise ReadTimeoutError(endpoint_url=request.url)

        def deliver() -> None:
            for request, event_name in held:
                _execute(request, event_name)

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

        def happen_and_go_on(_: AWSPreparedRequest, __: str) -> None:
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


def _before_send(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
    operation = event_name.rpartition(".")[2]
    _latest.call = Call(operation, json.loads(request.body))
    wires = tuple(_open)
    for wire in wires:
        wire.calls.append(_latest.call)
    outcomes = filter(None, (wire.take_outcome(operation) for wire in wires))
    outcome = next(outcomes, None)
    return outcome(request, event_name) if outcome else None


def _after_call(parsed: dict[str, Any], **_: Any) -> None:
    consumed = parsed.get("ConsumedCapacity", [])
    tables = consumed if isinstance(consumed, list) else [consumed]
    if tables:
        _latest.call.units = sum(table["CapacityUnits"] for table in tables)


def _fail(fault: Fault, message: str, request: AWSPreparedRequest, _: str) -> AWSResponse:
    if isinstance(fault, Exception):
        raise fault
    status, code = fault
    return _answer(request, status, {"__type": code, "message": message})


def _name_another(replaced: Mapping[str, str], request: AWSPreparedRequest, _: str) -> None:
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    for own, other in replaced.items():
        assert own in body
        body = body.replace(own, other)
    request.body = body.encode()
    request.headers["Content-Length"] = str(len(request.body))


def _leave_unprocessed(request: AWSPreparedRequest, event_name: str) -> AWSResponse:
    requested = json.loads(request.body)["RequestItems"]
    name = "UnprocessedKeys" if event_name.endswith("BatchGetItem") else "UnprocessedItems"
    return _answer(request, 200, {"Responses": {}, name: requested})


def _answer(request: AWSPreparedRequest, status: int, body: dict[str, Any]) -> AWSResponse:
    # botocore calls every handler, also after an answer: moto would still execute the request.
    request.url = _NOWHERE
    headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "injected"}
    answer = AWSResponse(_NOWHERE, status, headers, None)
    answer._content = json.dumps(body).encode()
    return answer


def _lose_answer(request: AWSPreparedRequest, event_name: str) -> AWSResponse:
    _execute(request, event_name)
    raise ReadTimeoutError(endpoint_url=request.url)


def _execute(request: AWSPreparedRequest, event_name: str) -> None:
    in_process = [handler for event, handler, *_ in BUILTIN_HANDLERS if event == "before-send"]
    answers = [handler(event_name=event_name, request=request) for handler in in_process]
    if not any(answers):
        with closing(URLLib3Session()) as session:
            session.send(request)


# In front of moto's handler: botocore takes the first answer.
BUILTIN_HANDLERS[:0] = [
    ("before-send.dynamodb", _before_send),
    ("after-call.dynamodb", _after_call),
]
