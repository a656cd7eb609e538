"""The simulated world: virtual time, clients as greenlets, and a scheduler that picks each step."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from greenlet import GreenletExit, greenlet

from .mechanisms import NOTHING, Removal
from .store import LONGEST_LAG, Answer, Arguments, Store, Summary, refusal

TABLE = "simulated"
#: When each run begins, in seconds since the epoch.
BEGINNING = 1_800_000_000.0
#: What can happen to a call besides its delivery.
FAULTS = ("lost", "late", "dropped", "throttled", "broken", "slow", "killed", "expired")
#: In seconds: how far a client's clock is off, at most.
LARGEST_SKEW = 0.1
#: In seconds: how long a slow call is under way, and how late a late one arrives, at most.
DELAYS = (0.01, 0.3, 3.0, 12.0, 45.0, 90.0)
LATENESS = (0.01, 1.0, 12.0, 90.0, 90.0)
_MOST_CALLS = 3_000
_READS = frozenset({"GetItem", "BatchGetItem", "Query"})


class Actor(Protocol):
    """What the scheduler can pick: a client, or a packet that arrives late."""

    wake: float

    def act(self) -> None:
        """Take one step."""


class Client:
    """A client: a greenlet that runs requests one after the other.

    Args:
        world: that it is part of.
        name: for the trace.
        main: what it does.
        skew: how far its clock is ahead, in seconds.
    """

    def __init__(
        self, world: World, name: str, main: Callable[[Client], None], skew: float
    ) -> None:
        self.name = name
        self.skew = skew
        self.wake = world.now
        self.is_killed = False
        #: Whether it is in a request that holds a lock.
        self.is_locked = False
        self.calls = CallCounts()
        self._world = world
        self._thread_locals: list[dict[str, Any]] | None = None
        self._pending: tuple[str, Arguments] | None = None
        self._greenlet = greenlet(lambda: main(self))

    def __str__(self) -> str:
        return self.name

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
        #: The item that the last read returned.
        self.item: Any = None

    def count(self, operation: str, answer: Any) -> None:
        """Count a call."""
        if operation in _READS:
            self.reads += 1
            self.item = answer.get("Item") if isinstance(answer, dict) else None
        else:
            self.writes += 1
            self.refused += isinstance(answer, ClientError)


class Packet:
    """A call that arrives after its client has stopped waiting for the answer."""

    def __init__(self, world: World, operation: str, arguments: Arguments, wake: float) -> None:
        self.wake = wake
        self._world = world
        self._call = operation, arguments

    def act(self) -> None:
        """Arrive."""
        self._world.forget(self)
        self._world.execute("late", *self._call)


class World:
    """One run: the store, the clients, the time, and what happens next.

    Args:
        seed: of the schedule.
        faults: kinds that happen.
        rate: how often one happens to a call, from 0 to 1.
        removal: the mechanism that is taken out.
    """

    def __init__(
        self, seed: int, faults: tuple[str, ...], rate: float, removal: Removal = NOTHING
    ) -> None:
        self.random = random.Random(seed)
        self.tokens = random.Random(seed + 1)
        self.now = BEGINNING
        self.store = Store(TABLE, lambda: self.now, removal.rewrite)
        self.faults: Counter[str] = Counter()
        self.calls = 0
        self.current: Client | None = None
        self.violation: str | None = None
        self.is_calm = True
        #: What has happened, in words; None if nobody wants to read it.
        self.trace: list[str] | None = None
        self._removal = removal
        self._kinds = faults
        self._rate = rate
        self._actors: list[Actor] = []
        self._scheduler: greenlet | None = None

    def add(self, name: str, main: Callable[[Client], None], *, skewed: bool = True) -> None:
        """Have a client begin now."""
        skew = self.random.uniform(-LARGEST_SKEW, LARGEST_SKEW) if skewed else 0.0
        self._actors.append(Client(self, name, main, skew))

    def run(self) -> None:
        """Take steps until every client has finished and every packet has arrived."""
        self._scheduler = greenlet.getcurrent()
        while self._actors and self.violation is None:
            now = self.now
            ready = [actor for actor in self._actors if actor.wake <= now]
            if ready:
                picked = ready[int(self.random.random() * len(ready))]
                self.now += self.random.random() * 0.004
                picked.act()
            else:
                self._wait()
            if self.calls > _MOST_CALLS:
                self.report("a run does not end")
        self._end()

    @property
    def has_packets(self) -> bool:
        """Whether a late packet is under way."""
        return any(isinstance(actor, Packet) for actor in self._actors)

    def report(self, violation: str) -> None:
        """An invariant is violated; the first one ends the run."""
        self.note("", "VIOLATION:", violation)
        self.violation = self.violation or violation

    def note(self, who: object, *words: object) -> None:
        """Add a line to the trace."""
        if self.trace is not None:
            line = " ".join(map(str, words))
            self.trace.append(f"{self.now - BEGINNING:9.3f}  {who!s:9}  {line}")

    def forget(self, actor: Actor) -> None:
        """An actor has finished."""
        if actor in self._actors:
            self._actors.remove(actor)

    def switch_to_scheduler(self) -> Any:
        """Let others go on; returns what the scheduler answers."""
        assert self._scheduler is not None
        return self._scheduler.switch()

    def execute(self, who: object, operation: str, arguments: Arguments) -> Answer | ClientError:
        """Have the store answer a call now."""
        self.calls += 1
        answer: Answer | ClientError
        try:
            answer = self.store.call(*self._removal.request(operation, arguments))
        except ClientError as error:
            answer = error
            if "Item" in error.response:
                error.response["Item"] = self._removal.answer(arguments, error.response["Item"])
        self.note(who, Summary(operation, arguments, answer))
        return answer

    def deliver(self, client: Client, operation: str, arguments: Arguments) -> Any:
        """The outcome of a client's call; None if it takes longer."""
        kind = self._fault()
        if kind is None:
            return self._answer(client, operation, arguments)
        self.faults[kind] += 1
        client.calls.faults += 1
        self.note(client, "fault:", kind)
        return getattr(self, f"_{kind}")(client, operation, arguments)

    def _fault(self) -> str | None:
        if self.is_calm or not self._kinds or self.random.random() >= self._rate:
            return None
        return self._kinds[int(self.random.random() * len(self._kinds))]

    def _answer(self, client: Client, operation: str, arguments: Arguments) -> Answer | ClientError:
        is_weak = not arguments.get("ConsistentRead") or (
            client.is_locked and self._removal.weakens_locked_reads
        )
        if operation == "GetItem" and is_weak and not self.is_calm:
            self.calls += 1
            self.faults["old state read"] += 1
            lag = self.random.choice((0.0, 0.01, 0.5, LONGEST_LAG * 0.95))
            answer = self.store.read_at(arguments, self.now - lag)
            self.note(client, lag, "s old:", Summary(operation, arguments, answer))
            return answer
        return self.execute(client, operation, arguments)

    def _lost(self, client: Client, operation: str, arguments: Arguments) -> Any:
        self.execute(client, operation, arguments)
        return _no_answer()

    def _late(self, client: Client, operation: str, arguments: Arguments) -> Any:
        due = self.now + self.random.choice(LATENESS) * self.random.random()
        self._actors.append(Packet(self, operation, arguments, due))
        return _no_answer()

    def _dropped(self, client: Client, operation: str, arguments: Arguments) -> Any:
        return ConnectTimeoutError(endpoint_url=TABLE)

    def _throttled(self, client: Client, operation: str, arguments: Arguments) -> Any:
        return refusal("ProvisionedThroughputExceededException", "throttled")

    def _broken(self, client: Client, operation: str, arguments: Arguments) -> Any:
        return refusal("InternalServerError", "broken", 500)

    def _slow(self, client: Client, operation: str, arguments: Arguments) -> Any:
        client.wake = self.now + self.random.choice(DELAYS) * self.random.random()

    def _killed(self, client: Client, operation: str, arguments: Arguments) -> Any:
        if self.random.random() < 0.5:
            self.execute(client, operation, arguments)
        client.kill()

    def _expired(self, client: Client, operation: str, arguments: Arguments) -> Any:
        """DynamoDB's TTL removes what has expired, before the call."""
        for key in self.store.expired():
            self.store.remove(key)
        return self._answer(client, operation, arguments)

    def _wait(self) -> None:
        self.now = min(actor.wake for actor in self._actors)

    def _end(self) -> None:
        for actor in list(self._actors):
            if isinstance(actor, Client):
                actor.kill()
        self._actors.clear()


def _no_answer() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url=TABLE)


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
