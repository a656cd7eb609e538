"""The audit of the caches' soak: compares the events of all processes.

Wrong is:

* a value served that was made before an acknowledged removal, that has expired, or is not whole;
* two creators of one key at once, although the first one's lease had not expired, and no store or
  removal had ended it;
* a value that was not stored, although nothing was stored or removed meanwhile;
* leases that living creators do not extend;
* a wait past `lock_wait`;
* a process whose memory grows.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from tests.support.proxy import LATEST

from .cache_worker import EXPIRE, LAG, LEASE, STALE_TTL, THREADS, is_served_stale

READ_TIMEOUT = 1
#: A busy machine may delay a step of a process by so much, in seconds.
TOLERANCE = 0.1
#: A row's life is rounded up to whole seconds, and begins a moment after its creation.
ROUNDED = 1.5
#: Of the long creations, so many may outlive their lease: a busy machine delays the heartbeat.
MOST_LAPSED = 0.1
#: Seconds, and so samples, until all code and all connections of a process are in use.
WARM_UP = 5
#: In KiB: a value of several parts, of mean size, for each thread.
MOST_GROWTH = THREADS * 1_250

Event = dict[str, Any]


class Noted(Protocol):
    """A process that has ended, and its events."""

    process: Any
    killed_at: float | None
    events: list[Event]


class HeldLease(NamedTuple):
    """The lease of a creation: when it was acquired, and its last acknowledged end."""

    acquired: float
    until: float
    is_lost: bool = False


class Window(NamedTuple):
    """The time in which a write may have been executed, and its acknowledgement, if any."""

    begins: float
    ends: float
    acknowledged: float | None = None

    def overlaps(self, begin: float, end: float) -> bool:
        """Whether the window and another have a moment in common."""
        return self.begins <= end and begin <= self.ends


class Creation(NamedTuple):
    """One call of the creation function; `ends` is None if its process was killed."""

    key: int
    name: str
    process: int
    begins: float
    ends: float | None
    failed: bool
    refused: float | None
    lease: HeldLease


class Memory(NamedTuple):
    """Resident memory in KiB: the least of each third after the warm-up, between two calls."""

    begin: int
    middle: int
    end: int


class Audit:
    """Compares what the processes have noted; the first one is never killed."""

    def __init__(self, workers: Iterable[Noted]) -> None:
        noted = list(workers)
        self._lasting = noted[0].process.pid
        self._killed = {worker.process.pid: worker.killed_at for worker in noted}
        self._by_kind: defaultdict[str, list[Event]] = defaultdict(list)
        for event in (event for worker in noted for event in worker.events):
            self._by_kind[event["event"]].append(event)
        self.creations = {creation.name: creation for creation in self._creations()}
        self._of_key: defaultdict[int, list[Creation]] = defaultdict(list)
        for creation in sorted(self.creations.values(), key=lambda each: each.begins):
            self._of_key[creation.key].append(creation)
        self._removals = self._removals_by_key()
        self._stores = self._stores_by_creation()

    def counts(self) -> Counter[str]:
        """How often each thing happened."""
        counted = Counter({kind: len(events) for kind, events in self._by_kind.items()})
        counted["killed"] = sum(moment is not None for moment in self._killed.values())
        counted["failed"] = sum(creation.failed for creation in self.creations.values())
        counted["taken over"] = sum(1 for _ in self._overlapping(is_explained=True))
        long = list(self._long())
        counted["long"], counted["lapsed"] = len(long), len(list(filter(_has_lapsed, long)))
        return counted

    def wrong(self) -> Iterator[str]:
        """Each broken promise."""
        yield from self._badly_served()
        for first, second in self._overlapping(is_explained=False):
            yield f"two creators: {first} {second}"
        yield from self._lost()
        yield from self._not_extended()
        yield from (f"waited too long: {event}" for event in self._by_kind["timeout"])
        memory = self.memory()
        if memory and memory.end > memory.begin + MOST_GROWTH:
            yield f"memory grows: {memory}"

    def memory(self) -> Memory | None:
        """The memory of the process that is never killed; None after a run of a few seconds."""
        noted = [event for event in self._by_kind["memory"] if event["process"] == self._lasting]
        kib = [event["kib"] for event in noted][WARM_UP:]
        third = len(kib) // 3
        if third == 0:
            return None
        return Memory(min(kib[:third]), min(kib[third:-third]), min(kib[-third:]))

    def _creations(self) -> Iterator[Creation]:
        made = {event["name"]: event for event in self._by_kind["made"]}
        refused = {event["name"]: event["at"] for event in self._by_kind["refused"]}
        leases = self._leases()
        for event in self._by_kind["making"]:
            name, begins = event["name"], event["at"]
            end = made.get(name, {})
            yield Creation(
                event["key"],
                name,
                event["process"],
                begins,
                end.get("at"),
                end.get("failed", False),
                refused.get(name),
                leases.get(event.get("token", ""), HeldLease(begins, math.inf)),
            )

    def _leases(self) -> dict[str, HeldLease]:
        leases = {
            event["token"]: HeldLease(event["at"], event["until"])
            for event in self._by_kind["leased"]
        }
        for event in self._by_kind["extended"]:
            lease = leases[event["token"]]
            if event["held"]:
                lease = lease._replace(until=max(lease.until, event["until"]))
            elif event["held"] is False:
                lease = lease._replace(is_lost=True)
            leases[event["token"]] = lease
        return leases

    def _removals_by_key(self) -> defaultdict[int | None, list[Window]]:
        """The removals of each key; those of `clear()` under None."""
        acknowledged = {
            event.get("name"): event["to"]
            for event in [*self._by_kind["removed"], *self._by_kind["clear"]]
        }
        failed = {event["name"]: event["to"] for event in self._by_kind["unsure"]}
        removals: defaultdict[int | None, list[Window]] = defaultdict(list)
        for event in [*self._by_kind["removing"], *self._by_kind["clearing"]]:
            done = acknowledged.get(event["name"])
            ends = self._last_packet(event, done or failed.get(event["name"]))
            removals[event.get("key")].append(Window(event["at"], ends, done))
        return removals

    def _stores_by_creation(self) -> dict[str, Window]:
        """The windows of the values that may have been stored."""
        returned = {event["name"]: event["at"] for event in self._by_kind["returned"]}
        return {
            event["name"]: Window(
                event["at"], self._last_packet(event, returned.get(event["name"]))
            )
            for event in self._by_kind["made"]
            if not event["failed"] and self.creations[event["name"]].refused is None
        }

    def _last_packet(self, event: Event, to: float | None) -> float:
        """When the last packet of a call has arrived; a packet is late only after a time-out."""
        if to is not None and to - event["at"] < READ_TIMEOUT:
            return to
        ends = to or self._killed.get(event["process"]) or event["at"]
        return float(ends) + READ_TIMEOUT + LATEST

    def _removals_of(self, key: int) -> list[Window]:
        return [*self._removals[key], *self._removals[None]]

    def _is_removed(self, key: int, begin: float, end: float) -> bool:
        """Whether a removal of a key may have been executed in a time."""
        return any(removal.overlaps(begin, end) for removal in self._removals_of(key))

    def _badly_served(self) -> Iterator[str]:
        for event in self._by_kind["served"]:
            if not event["whole"]:
                yield f"not whole: {event}"
            made = self.creations.get(event["made"])
            if made:
                yield from self._out_of_date(made, event)

    def _out_of_date(self, made: Creation, event: Event) -> Iterator[str]:
        read = event["at"] - (0 if event.get("consistent", True) else LAG + TOLERANCE)
        life = EXPIRE + (STALE_TTL if is_served_stale(event["key"]) else 0)
        if made.ends and read - made.ends > life + ROUNDED:
            yield f"expired, and served: {made} {event}"
        for removal in self._removals_of(event["key"]):
            if made.begins < removal.begins and (removal.acknowledged or math.inf) < read:
                yield f"removed, and served: {made} {removal} {event}"

    def _overlapping(self, *, is_explained: bool) -> Iterator[tuple[Creation, Creation]]:
        for of_key in self._of_key.values():
            for number, second in enumerate(of_key):
                for first in of_key[:number]:
                    ends = first.ends or self._killed.get(first.process) or first.begins
                    if ends > second.begins and self._may(first, second) == is_explained:
                        yield first, second

    def _may(self, first: Creation, second: Creation) -> bool:
        """Whether two creations may overlap: the lease had expired, or was ended."""
        has_expired = second.lease.acquired >= first.lease.until - TOLERANCE
        return has_expired or self._is_ended(first, second.begins)

    def _is_ended(self, creation: Creation, end: float) -> bool:
        """Whether a removal, or another's store, may have ended the lease of a creation.

        A creator whose lease has expired may still store its value, which ends the next lease.
        """
        begin = creation.lease.acquired
        is_stored = any(
            other.name in self._stores and self._stores[other.name].overlaps(begin, end)
            for other in self._of_key[creation.key]
            if other is not creation
        )
        return is_stored or self._is_removed(creation.key, begin, end)

    def _lost(self) -> Iterator[str]:
        for creation in self.creations.values():
            if creation.refused and not self._is_ended(creation, creation.refused):
                yield f"made and lost: {creation}"

    def _long(self) -> Iterator[Creation]:
        """The creations that only the heartbeat can protect to their end, and nothing disturbs."""
        slow = defaultdict(list)
        for event in self._by_kind["extended"]:
            if event["held"] is None or event["to"] - event["at"] >= READ_TIMEOUT:
                slow[event["process"]].append(Window(event["at"], event["to"]))
        for creation in self.creations.values():
            begin, end = creation.lease.acquired, creation.ends
            if end is None or end - begin <= LEASE or creation.lease.is_lost:
                continue
            is_disturbed = any(each.overlaps(begin, end) for each in slow[creation.process])
            if not is_disturbed and not self._is_removed(creation.key, begin, end):
                yield creation

    def _not_extended(self) -> Iterator[str]:
        long = list(self._long())
        lapsed = list(filter(_has_lapsed, long))
        if len(lapsed) > MOST_LAPSED * len(long):
            yield f"not extended: {len(lapsed)} of {len(long)} leases, for example {lapsed[0]}"


def _has_lapsed(creation: Creation) -> bool:
    """Whether a creation outlived its lease."""
    return creation.lease.until < (creation.ends or 0) - TOLERANCE
