"""The simulated world: virtual time, the store, and a scheduler that picks each step."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from greenlet import greenlet

from .clients import Client, Process
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
#: In seconds: how long it takes at most until a call without an answer is sent again.
RECOVERY = 5.0
_MOST_CALLS = 3_000


class Actor(Protocol):
    """What the scheduler can pick: a client, or a packet that arrives late."""

    wake: float

    def act(self) -> None:
        """Take one step."""


class Packet:
    """A call that arrives after its client has stopped waiting for the answer."""

    def __init__(
        self, world: World, purpose: str, operation: str, arguments: Arguments, wake: float
    ) -> None:
        self.wake = wake
        self._world = world
        self._purpose = purpose
        self._call = operation, arguments

    def act(self) -> None:
        """Arrive."""
        self._world.forget(self)
        self._world.purpose = self._purpose
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
        #: What the client does whose call DynamoDB executes; "expire" for DynamoDB's TTL.
        self.purpose = ""
        #: What has happened, in words; None if nobody wants to read it.
        self.trace: list[str] | None = None
        self._removal = removal
        self._kinds = faults
        self._rate = rate
        self._actors: list[Actor] = []
        #: Where its clients return to: the greenlet that runs it.
        self.scheduler = greenlet.getcurrent()

    def add(
        self, name: str, main: Callable[[Client], None], process: Process | None = None
    ) -> None:
        """Have a client begin now, in a process of its own if none is given."""
        self._actors.append(Client(self, name, main, process or self.process()))

    def process(self) -> Process:
        """A new process, whose clock is wrong."""
        return Process(self.random.uniform(-LARGEST_SKEW, LARGEST_SKEW))

    def run(self) -> None:
        """Take steps until every client has finished and every packet has arrived."""
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
        return self.scheduler.switch()

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
        self.purpose = client.purpose
        kind = self._fault()
        if kind is None:
            return self._answer(client, operation, arguments)
        self.faults[kind] += 1
        client.calls.faults += 1
        self.note(client, "fault:", kind)
        outcome = getattr(self, f"_{kind}")(client, operation, arguments)
        client.process.disturb(max(client.wake, self.now + RECOVERY))
        return outcome

    def _fault(self) -> str | None:
        if self.is_calm or not self._kinds or self.random.random() >= self._rate:
            return None
        return self._kinds[int(self.random.random() * len(self._kinds))]

    def _answer(self, client: Client, operation: str, arguments: Arguments) -> Answer | ClientError:
        is_weak = not arguments.get("ConsistentRead") or (
            client.needs_strong_reads and self._removal.weakens_reads
        )
        if operation == "GetItem" and is_weak and not self.is_calm:
            self.calls += 1
            self.faults["old state read"] += 1
            client.calls.old += 1
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
        self._actors.append(Packet(self, client.purpose, operation, arguments, due))
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
        client.process.kill()

    def _expired(self, client: Client, operation: str, arguments: Arguments) -> Any:
        self.expire()
        self.purpose = client.purpose
        return self._answer(client, operation, arguments)

    def expire(self) -> None:
        """DynamoDB's TTL removes what has expired."""
        for key in self.store.expired():
            self.purpose = "expire"
            self.store.remove(key)

    def _wait(self) -> None:
        self.now = min(actor.wake for actor in self._actors)

    def _end(self) -> None:
        for actor in list(self._actors):
            if isinstance(actor, Client):
                actor.kill()
        self._actors.clear()


def _no_answer() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url=TABLE)
