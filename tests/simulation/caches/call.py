"""One call of a client on a cache: what it does, and what the model is to expect of it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from beaker.cache import Cache

from beaker_dynamodb import LockTimeout, StoreUnavailable
from beaker_dynamodb.caches.creation_lease import held_by_thread

from ..clients import Client
from ..store import LONGEST_LAG
from ..world import World
from .model import Creation, Model
from .site import LOCK_WAIT, NAMESPACE

#: The keys of the values, each with its size in characters: one item, and an item of two parts.
SIZES = {"small": 20, "large": 450_000}
KEYS = tuple(SIZES)
#: Calls that are about all keys.
OF_ALL = ("clear", "keys")


class CreationFailed(Exception):
    """A creation function fails."""


class Cost(NamedTuple):
    """Most reads and writes of a call."""

    reads: int
    writes: int


class Shop:
    """The application: its values, and the calls that are under way.

    Args:
        world: that it runs in.
        is_weak: whether hits are eventually consistent.
        stale_ttl: as the option.
        expire: of the cache; None for values that never expire.
        outage: `on_outage`.
    """

    def __init__(
        self, world: World, is_weak: bool, stale_ttl: int, expire: int | None, outage: str
    ) -> None:
        self.world = world
        self.is_permanent = expire is None
        self.outage = outage
        self.model = Model(world, KEYS, LONGEST_LAG if is_weak else 0.0, stale_ttl, expire)
        self.requests = 0
        self._calls: list[Call] = []

    def enter(self, call: Call) -> bool:
        """A call begins; returns whether no other one, nor a lease, can be in its way."""
        self.requests += 1
        others = [other for other in self._calls if set(other.keys) & set(call.keys)]
        for other in others:
            other.is_alone = False
        self._calls.append(call)
        is_free = not others and not self.world.has_packets
        return is_free and all(map(self._is_settled, call.keys))

    def leave(self, call: Call) -> None:
        """A call ends."""
        self._calls.remove(call)

    def _is_settled(self, key: str) -> bool:
        """Whether a key has no lease, nor a value whose parts are missing."""
        item = self.world.store.items.get((NAMESPACE, key), {})
        is_broken = "version" in item and not self.model.is_whole(item, (NAMESPACE, key))
        return not is_broken and not self.model.is_leased(item)


class Call:
    """A call on a cache.

    Args:
        shop: that it belongs to.
        client: that makes it.
        act: its name.
        key: of the value.
    """

    def __init__(self, shop: Shop, client: Client, act: str, key: str) -> None:
        client.begin_request()
        client.purpose = act
        self.shop = shop
        self.client = client
        self.key = key
        self.keys = KEYS if act in OF_ALL else (key,)
        self.began = shop.world.now
        #: How long its own creations have taken, in seconds.
        self.creating = 0.0
        self.creations: list[Creation] = []
        self._faults = client.process.faults
        self.is_alone = shop.enter(self)

    @property
    def is_undisturbed(self) -> bool:
        """Whether no fault has happened to the calls of its process since it began."""
        return self.client.process.faults == self._faults

    def make(self, seconds: float, *, fails: bool = False) -> str:
        """The creation function."""
        world, model = self.shop.world, self.shop.model
        creation = model.begin(self.key, self.client, _token())
        world.note(self.client, "makes", creation.number)
        self.creations.append(creation)
        if creation.lease is None and self.shop.outage == "raise":
            self.report("a value is created without a lease")
        self.report(self._judge_wait())
        # A large value is read in two steps, so its client may have seen a later one first.
        first_read = self.client.calls.first_read if self.key == "small" else 0.0
        self.report(model.judge_beginning(creation, first_read))
        if seconds:
            self.client.sleep(seconds)
        self.report(model.judge_end(creation))
        self.creating += world.now - creation.began
        if fails:
            raise CreationFailed
        return text(creation)

    def put(self) -> Creation:
        """A value that is about to be put."""
        creation = self.shop.model.begin(self.key, self.client, None)
        creation.began, creation.ended = math.inf, self.shop.world.now
        return creation

    def serve(self, value: str) -> None:
        """A value was returned."""
        number = int(value[1 : value.index("#", 1)])
        model, calls = self.shop.model, self.client.calls
        self.shop.world.note(self.client, "has", number)
        creation = model.creations[number]
        if value != text(creation):
            self.report("a value is served that is not whole")
        elif creation in self.creations:
            is_excused = self.shop.outage == "miss" and not self.is_undisturbed
            self.report(None if is_excused else model.judge_return(creation))
        else:
            reads = calls.first_read, calls.last_read
            self.report(model.judge_served(self.key, number, reads))
            if self.is_undisturbed:
                model.old.discard(number)

    def acknowledge(self, cost: Cost) -> None:
        """The call was answered."""
        self.report(self._judge_wait())
        calls = self.client.calls
        if not self.is_alone or calls.old:
            return
        if calls.reads > cost.reads + 2 * calls.faults + calls.refused:
            self.report("a client waits for nobody")
        elif self.is_undisturbed and calls.writes > cost.writes + calls.refused:
            self.report(f"a call costs {calls.reads} reads and {calls.writes} writes")

    def refuse(self, error: Exception) -> None:
        """The call was answered with an error of this package's."""
        self.report(self._judge_wait())
        if isinstance(error, LockTimeout):
            is_early = self.shop.world.now < self.began + LOCK_WAIT - 1
            self.report("LockTimeout comes early" if is_early else None)
            self.report("LockTimeout, and nobody creates" if self.is_alone else None)
        elif isinstance(error, StoreUnavailable) and self.is_undisturbed:
            self.report("an outage is reported that there was not")

    def report(self, violation: str | None) -> None:
        """End the run if something is wrong."""
        if violation:
            self.shop.world.report(violation)

    def _judge_wait(self) -> str | None:
        """What is wrong with the time that has passed: what DynamoDB takes in faults is allowed."""
        waited = self.shop.world.now - self.began - self.creating
        if self.client.calls.faults:
            waited -= self.client.calls.seconds
        return "a client waits too long" if waited > LOCK_WAIT + 2 else None


class User(NamedTuple):
    """One client, and two caches of one name, as two parts of an application may have them."""

    shop: Shop
    client: Client
    cache: Cache
    other: Cache


def text(creation: Creation) -> str:
    """The value that a creation makes: its number, over and over."""
    tag = f"#{creation.number}#"
    return tag * math.ceil(SIZES[creation.key] / len(tag))


def _token() -> str | None:
    """The token of the lease that this client creates under."""
    held: Any = next(iter(held_by_thread().values()), None)
    return held.lease.token if held and held.lease else None
