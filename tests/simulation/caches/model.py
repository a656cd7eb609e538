"""The plain model: which values there are, who makes them, and what may be served.

It watches each change of the store, so that it knows when a lease was acquired, extended or ended,
and by what.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..clients import Client
from ..store import Key
from ..world import LARGEST_SKEW, RECOVERY, World
from .site import BEAT

STORED = "stored"
#: What may end the lease and the chain of a creation, besides the store of its own value.
_ENDINGS = (STORED, "remove", "clear")
#: In seconds. A row's life is rounded up to whole seconds, and begins a moment after its creation.
ROUNDED = 1.5
_NUMBER = re.compile(rb"#(\d+)#")
_PART = "part:"


@dataclass(eq=False)
class Lease:
    """A lease as the store has had it.

    Attributes:
        acquired: when.
        until: its latest end.
        replaced: number of the value that it was acquired on; None if there was none.
        extensions: how often it was extended.
    """

    acquired: float
    until: float
    replaced: int | None = None
    extensions: int = 0


@dataclass(eq=False)
class Creation:
    """A value that is made or put.

    Attributes:
        number: that the value carries.
        key: of the value.
        client: that makes it.
        began: when its creation function was called; of a put, when it was acknowledged, infinite
            if it was not or may be stored again.
        lease: that it is made under; None for a put, and for one that is made in an outage.
        faults: how many there were in its process when it began.
        ended: when the function returned or failed.
        stored: when the value was stored first.
        latest: when it was stored last: a put may arrive twice.
    """

    number: int
    key: str
    client: Client
    began: float
    lease: Lease | None = None
    faults: int = 0
    ended: float = math.inf
    stored: float = math.inf
    latest: float = -math.inf

    @property
    def is_undisturbed(self) -> bool:
        """Whether nothing has happened to the calls of its process, nor delays them."""
        process = self.client.process
        return process.faults == self.faults and process.delayed + RECOVERY < self.began

    @property
    def is_under_way(self) -> bool:
        """Whether its function runs."""
        return self.ended == math.inf and not self.client.is_killed


class Event(NamedTuple):
    """What has ended all leases on a key: its cause, and the value if one was stored."""

    moment: float
    cause: str
    number: int | None = None


class Removed(NamedTuple):
    """A removal that was acknowledged."""

    began: float
    ended: float


@dataclass(eq=False)
class Slot:
    """What the model knows of one key."""

    leases: dict[str, Lease] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    removals: list[Removed] = field(default_factory=list)
    creations: list[Creation] = field(default_factory=list)

    def is_ended(self, creation: Creation, since: float) -> bool:
        """Whether a removal, a put or another's store has ended a creation's lease."""
        return any(
            event.moment >= since and event.number != creation.number and event.cause in _ENDINGS
            for event in self.events
        )


class Model:
    """The values of all keys.

    Args:
        world: whose store it watches.
        keys: of the values.
        lag: age of the oldest state that a hit may see, in seconds.
        stale_ttl: as the option.
        expire: of the cache; None for values that never expire.
    """

    def __init__(
        self, world: World, keys: tuple[str, ...], lag: float, stale_ttl: int, expire: int | None
    ) -> None:
        self._world = world
        self.slots = {key: Slot() for key in keys}
        self.creations: dict[int, Creation] = {}
        self._lag = lag
        self._stale_ttl = stale_ttl
        self._expire = expire
        #: Values whose parts expire although they do not, as an older release has left them, until
        #: somebody has read them.
        self.old: set[int] = set()
        #: The number of the value that parts belong to, by their token.
        self._parts: dict[str, int] = {}
        world.store.watch = self._watch

    def begin(self, key: str, client: Client, token: str | None) -> Creation:
        """A creation function is called, under a lease; or a put, under none."""
        lease = self.slots[key].leases.get(token or "")
        number = len(self.creations) + 1
        faults = client.process.faults
        creation = Creation(number, key, client, self._world.now, lease, faults)
        self.creations[number] = creation
        self.slots[key].creations.append(creation)
        return creation

    def judge_beginning(self, creation: Creation, first_read: float) -> str | None:
        """What is wrong if a creation function is called.

        Args:
            creation: that begins.
            first_read: when its client read the value first.
        """
        lease = creation.lease
        if lease is None:
            return None
        replaced = self.creations.get(lease.replaced or 0)
        if replaced and first_read and replaced.stored > first_read:
            return "a value that was made while it waited is made again"
        others = (
            other
            for other in self.slots[creation.key].creations
            if other.is_under_way and other.client is not creation.client
        )
        return next(filter(None, (self._judge_pair(other, creation) for other in others)), None)

    def _judge_pair(self, one: Creation, other: Creation) -> str | None:
        """What is wrong if two creations are under way, each under its lease."""
        if one.lease is None or other.lease is None:
            return None
        # A nested creation begins under the lease of the one around it.
        pairs = sorted(((one.lease, one), (other.lease, other)), key=lambda pair: pair[0].acquired)
        (held, first), (taken, _) = pairs
        if self.slots[first.key].is_ended(first, held.acquired):
            return None
        if held.until > taken.acquired + LARGEST_SKEW:
            return "two creators at once"
        return "the lease of a living creator runs out" if first.is_undisturbed else None

    def judge_end(self, creation: Creation) -> str | None:
        """What is wrong when a creation function ends."""
        lease, now = creation.lease, self._world.now
        creation.ended = now
        if lease is None or not creation.is_undisturbed:
            return None
        most = (now - lease.acquired) / BEAT + 1
        return f"a lease is extended {lease.extensions} times" if lease.extensions > most else None

    def judge_return(self, creation: Creation) -> str | None:
        """What is wrong when a client returns the value that it has made."""
        lease = creation.lease
        if lease is None or creation.stored < math.inf:
            return None
        is_ended = self.slots[creation.key].is_ended(creation, lease.acquired)
        return None if is_ended else "a creator's work is lost"

    def judge_served(self, key: str, number: int, reads: tuple[float, float]) -> str | None:
        """What is wrong if a value is served.

        Args:
            key: that it is served for.
            number: of the value.
            reads: when its client read the key first and last.
        """
        creation = self.creations[number]
        first, last = (moment - self._lag for moment in reads)
        life = math.inf if self._expire is None else self._expire
        if creation.key != key:
            return "a value of another key is served"
        # While another creates, Beaker serves an expired value as it has read it first.
        read = last if self._world.now < creation.ended + life - ROUNDED else first
        for removal in self.slots[key].removals:
            if creation.began < removal.began and removal.ended < read:
                return "a removed value is served"
        is_shared = creation.latest >= first
        if not is_shared and first - creation.ended > life + self._stale_ttl + ROUNDED:
            return "an expired value is served"
        return None

    def judge_missing(self, key: Key) -> str | None:
        """What is wrong if there is no value to serve."""
        item = self._world.store.items.get(key, {})
        if not self._is_fresh(item):
            return None
        creation = self.creations[self._number_of(item)]
        # A put that overlaps a clear() may have lost its parts to it.
        removals = self.slots[key[1]].removals
        is_removed = any(removal.ended >= creation.ended for removal in removals)
        is_excused = is_removed or creation.number in self.old or creation.began == math.inf
        return None if is_excused else "a stored value is lost"

    def age(self, expires: int) -> None:
        """Leave the values in the store as an older release has: their parts expire at a time."""
        items = self._world.store.items
        for key in filter(lambda key: key[1].startswith(_PART), list(items)):
            items[key] = {**items[key], "expires": {"N": str(expires)}}
            self.old.add(self._parts[key[1].split(":")[1]])

    def remove(self, keys: tuple[str, ...], began: float) -> None:
        """A removal that began at a time is acknowledged."""
        for key in keys:
            self.slots[key].removals.append(Removed(began, self._world.now))

    def stored(self, key: str) -> int | None:
        """The number of the value that was stored last, unless something has removed it since."""
        events = self.slots[key].events
        return events[-1].number if events else None

    def is_leased(self, item: dict[str, Any]) -> bool:
        """Whether an item has a lease that may be live."""
        until = float(item.get("lock_until", {"N": "0"})["N"])
        return "lock_owner" in item and until > self._world.now - 2 * LARGEST_SKEW

    def is_whole(self, item: dict[str, Any], key: Key) -> bool:
        """Whether an item has a value, and all its parts."""
        if "version" not in item:
            return False
        token, _, total = item.get("parts", {"S": "::0"})["S"].rpartition(":")
        keys = ((key[0], f"{_PART}{token}:{number}") for number in range(int(total)))
        return all(part in self._world.store.items for part in keys)

    def _watch(self, key: Key, before: Any, after: Any) -> None:
        if key[1].startswith(_PART):
            if after:
                self._parts[key[1].split(":")[1]] = _number_in(after["data"]["B"])
        elif key[1] in self.slots:
            self._watch_head(key, before or {}, after or {})

    def _watch_head(self, key: Key, before: dict[str, Any], after: dict[str, Any]) -> None:
        slot, now = self.slots[key[1]], self._world.now
        # A put that arrives twice ends leases twice.
        is_new = after.get("version") != before.get("version") or self._world.purpose == "put"
        if "version" in after and is_new:
            number = self._number_of(after)
            creation = self.creations[number]
            creation.stored, creation.latest = min(creation.stored, now), now
            slot.events.append(Event(now, STORED, number))
        elif before and not after:
            slot.events.append(Event(now, self._world.purpose))
        if "lock_owner" in after:
            self._watch_lease(key, before, after)

    def _watch_lease(self, key: Key, before: dict[str, Any], after: dict[str, Any]) -> None:
        slot, now = self.slots[key[1]], self._world.now
        token, until = after["lock_owner"]["S"], float(after["lock_until"]["N"])
        lease = slot.leases.get(token)
        if lease is None:
            replaced = self._number_of(before) if "version" in before else None
            slot.leases[token] = Lease(now, until, replaced)
            if self._is_fresh(before) and self.is_whole(before, key):
                self._world.report("a live value is made again")
        elif before.get("lock_until") != after["lock_until"]:
            lease.until = max(lease.until, until)
            lease.extensions += 1

    def _is_fresh(self, item: dict[str, Any]) -> bool:
        if "version" not in item or self._expire == 0:
            return False
        ends = item.get("content_expires") or item.get("expires") or {"N": "inf"}
        expires = float(ends["N"])
        return expires - self._stale_ttl - ROUNDED > self._world.now

    def _number_of(self, item: dict[str, Any]) -> int:
        if "parts" in item:
            return self._parts[item["parts"]["S"].split(":")[0]]
        return _number_in(item["data"]["B"])


def _number_in(data: bytes) -> int:
    match = _NUMBER.search(data)
    assert match is not None
    return int(match[1])
