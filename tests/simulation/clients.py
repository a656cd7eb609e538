"""Clients as greenlets, each a thread of a process; and what the package keeps for both."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from greenlet import GreenletExit, greenlet

from .store import Arguments

if TYPE_CHECKING:
    from .world import World

_READS = frozenset({"GetItem", "BatchGetItem", "Query"})


class Process:
    """A process: its clock, its threads, and what the package keeps for it.

    Args:
        skew: how far its clock is ahead, in seconds.
    """

    def __init__(self, skew: float = 0.0) -> None:
        self.skew = skew
        self.threads: list[Client] = []
        #: What its variables of modules and objects hold: the owner, the name and the value.
        self.state: list[tuple[Any, str, Any]] = []
        #: How many faults have happened to its calls, and until when they delay it.
        self.faults = 0
        self.delayed = 0.0

    def disturb(self, until: float) -> None:
        """A fault happens to a call; it delays its thread until a time."""
        self.faults += 1
        self.delayed = max(self.delayed, until)

    def enter(self) -> None:
        """Give the package this process's state."""
        for owner, name, value in self.state:
            setattr(owner, name, value)

    def kill(self) -> None:
        """End it with all its threads, as a crash does."""
        for thread in list(self.threads):
            thread.kill()


class Client:
    """A client: a greenlet that runs requests one after the other, as a thread of a process.

    Args:
        world: that it is part of.
        name: for the trace.
        main: what it does.
        process: that it is a thread of.
    """

    def __init__(
        self, world: World, name: str, main: Callable[[Client], None], process: Process
    ) -> None:
        self.name = name
        self.process = process
        self.wake = world.now
        self.is_killed = False
        #: Whether the package has to read strongly now: under a lock, or for a removal.
        self.needs_strong_reads = False
        #: What it does, for those who watch the store.
        self.purpose = ""
        self.calls = CallCounts()
        self._world = world
        self._thread_locals: list[dict[str, Any]] | None = None
        self._pending: tuple[str, Arguments] | None = None
        self._greenlet = greenlet(lambda: main(self), world.scheduler)
        process.threads.append(self)

    def __str__(self) -> str:
        return self.name

    @property
    def skew(self) -> float:
        """How far its clock is ahead, in seconds."""
        return self.process.skew

    def act(self) -> None:
        """Go on, or have the call that it waits for delivered."""
        if self._pending is None:
            self._resume(None)
            return
        operation, arguments = self._pending
        outcome = self._world.deliver(self, operation, arguments)
        if outcome is not None:
            self._pending = None
            self._resume(outcome)

    def begin_request(self) -> None:
        """Count the calls of a new request."""
        self.calls = CallCounts()

    def attempt(self, operation: str, arguments: Arguments) -> Any:
        """Send a call once, from inside the greenlet: the answer, or an error."""
        self._pending = operation, arguments
        return self._world.switch_to_scheduler()

    def sleep(self, seconds: float) -> None:
        """Pause, from inside the greenlet."""
        if self.is_killed:
            raise GreenletExit
        self.wake = self._world.now + max(0.0, seconds)
        self._world.switch_to_scheduler()

    def wake_up(self) -> None:
        """Have it go on now."""
        self.wake = min(self.wake, self._world.now)

    def kill(self) -> None:
        """End it as a crash does: whatever it still wants to send is not sent."""
        self.is_killed = True
        self._pending = None
        if self._greenlet:
            self._enter()
            self._greenlet.throw(GreenletExit)
            self._leave()
        self._world.forget(self)

    def _resume(self, outcome: Any) -> None:
        self._enter()
        # A greenlet that has not begun takes the arguments of its function instead.
        arguments = (outcome,) if self._greenlet else ()
        self._greenlet.switch(*arguments)
        self._leave()
        if self._greenlet.dead:
            self._world.forget(self)

    def _enter(self) -> None:
        """Give the package this client's thread-local values, as if it was a thread."""
        self._world.current = self
        self.process.enter()
        if self._thread_locals is not None:
            for local, values in zip(_thread_locals(), self._thread_locals, strict=True):
                vars(local).update(values)

    def _leave(self) -> None:
        self._world.current = None
        self._thread_locals = [dict(vars(local)) for local in _thread_locals()]
        for local in _thread_locals():
            vars(local).clear()
            local.__init__()


class CallCounts:
    """What a request has cost, and what has happened to it."""

    def __init__(self) -> None:
        self.reads = 0
        self.writes = 0
        self.refused = 0
        self.faults = 0
        #: Reads that may have returned an old state.
        self.old = 0
        #: How long the calls have taken, in seconds.
        self.seconds = 0.0
        #: When a row was read first and last, by a read or by a refused write.
        self.first_read = self.last_read = 0.0
        #: The item that the last read returned.
        self.item: Any = None

    def count(
        self, operation: str, arguments: Arguments, answer: Any, began: float, ended: float
    ) -> None:
        """Count a call; it began and ended at a time each."""
        self.seconds += ended - began
        if _has_read(operation, arguments, answer):
            self.first_read = self.first_read or ended
            self.last_read = ended
        if operation in _READS:
            self.reads += 1
            self.item = answer.get("Item") if isinstance(answer, dict) else None
        else:
            self.writes += 1
            self.refused += isinstance(answer, ClientError)


def _has_read(operation: str, arguments: Arguments, answer: Any) -> bool:
    """Whether a call has read a row; a part is none."""
    key = arguments.get("Key") or arguments.get("Item") or {}
    if key.get("item", {}).get("S", "part:").startswith("part:"):
        return False
    is_refused = isinstance(answer, ClientError) and "Item" in answer.response
    return is_refused or (operation == "GetItem" and isinstance(answer, dict))


@cache
def _thread_locals() -> tuple[Any, ...]:
    """The thread-local variables of the package's modules."""
    modules = [
        module for name, module in list(sys.modules.items()) if name.startswith("beaker_dynamodb")
    ]
    values = [value for module in modules for value in vars(module).values()]
    return tuple(
        {id(value): value for value in values if isinstance(value, threading.local)}.values()
    )
