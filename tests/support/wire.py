"""What is asked of the engine, counted at the wire, and faults injected there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.handlers
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

Fault = Exception | tuple[int, str]


@dataclass
class Call:
    """One request as it leaves this process; a retry is one of its own."""

    operation: str
    body: dict[str, Any]
    units: float | None = None


class Wire:
    """Records the calls of all clients in this process while it is open."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._faults: list[tuple[str | None, Fault]] = []
        self._lost: list[str] = []
        self._lock = threading.Lock()

    @property
    def operations(self) -> list[str]:
        """The operations asked for, in their order."""
        return [call.operation for call in self.calls]

    @property
    def units(self) -> float | None:
        """Capacity units consumed by all calls; None where the engine told none."""
        told = [call.units for call in self.calls if call.units is not None]
        return sum(told) if told else None

    def clear(self) -> None:
        """Forget the calls so far."""
        self.calls.clear()

    @contextmanager
    def expect(self, *operations: str) -> Iterator[None]:
        """Assert that exactly these operations, in this order, are asked for inside."""
        self.clear()
        yield
        assert self.operations == list(operations)

    def fail_next(self, operation: str | None, fault: Fault) -> None:
        """Answer the next call of an operation (None: of any) with a fault, instead of the engine.

        A fault is an exception to raise, or an HTTP status and an engine's error code.
        """
        self._faults.append((operation, fault))

    def lose_answer_of(self, operation: str) -> None:
        """Let the engine do the next call of an operation, and time out instead of its answer."""
        self._lost.append(operation)

    def record(self, operation: str, request: Any) -> AWSResponse | None:
        """Count a request; a response stands in for the engine's."""
        with self._lock:
            self.calls.append(Call(operation, json.loads(request.body)))
            fault = self._take_fault(operation)
            lost = operation in self._lost
            if lost:
                self._lost.remove(operation)
        if lost:
            URLLib3Session().send(request)
            raise ReadTimeoutError(endpoint_url=request.url)
        return _answer(fault, request) if fault else None

    def answered(self, parsed: dict[str, Any]) -> None:
        """Note what the last call has consumed."""
        consumed = parsed.get("ConsumedCapacity", {})
        entries = consumed if isinstance(consumed, list) else [consumed]
        if self.calls and any(entries):
            self.calls[-1].units = sum(entry.get("CapacityUnits", 0) for entry in entries)

    def _take_fault(self, operation: str) -> Fault | None:
        for at, (wanted, fault) in enumerate(self._faults):
            if wanted in {None, operation}:
                del self._faults[at]
                return fault
        return None


def _answer(fault: Fault, request: Any) -> AWSResponse:
    if isinstance(fault, Exception):
        raise fault
    status, code = fault
    # All handlers are called, and moto's would do what was asked for: this address is not its own.
    request.url = "http://fault.invalid/"
    return _Response(status, json.dumps({"__type": code, "message": "injected"}).encode())


class _Response(AWSResponse):  # type: ignore[misc]
    def __init__(self, status: int, body: bytes) -> None:
        headers = {"content-type": "application/x-amz-json-1.0"}
        super().__init__("http://fault.invalid/", status, headers, None)
        self._content = body


_open: list[Wire] = []


@contextmanager
def open_wire() -> Iterator[Wire]:
    """A wire that records while inside."""
    wire = Wire()
    _open.append(wire)
    try:
        yield wire
    finally:
        _open.remove(wire)


def _before_send(request: Any, event_name: str, **_: Any) -> AWSResponse | None:
    operation = event_name.rsplit(".", 1)[-1]
    answers = [wire.record(operation, request) for wire in _open]
    return next((answer for answer in answers if answer), None)


def _after_call(parsed: dict[str, Any], **_: Any) -> None:
    for wire in _open:
        wire.answered(parsed)


def _install(event: str, handler: Callable[..., Any]) -> None:
    # In front of moto's own handler, which answers in the engine's place: the first answer counts.
    botocore.handlers.BUILTIN_HANDLERS.insert(0, (event, handler))


_install("before-send.dynamodb", _before_send)
_install("after-call.dynamodb", _after_call)
