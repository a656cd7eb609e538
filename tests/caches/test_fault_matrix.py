"""Each call of a cache with its answer lost, refused or late: one creation, nobody waits."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from beaker.cache import Cache

from tests.caches.conftest import make_cache, never
from tests.support.internals import Heartbeat, creation_lease
from tests.support.large import noise
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

#: Small, and of two parts.
VALUES: dict[str, Any] = {"small": "made", "large": noise(450_000)}
STALE = 600

#: Prepares a fault of an operation; returns what delivers a late packet.
Fault = Callable[[Wire, str], Callable[[], object]]


def nothing() -> None:
    """No packet is late."""


def lost_once(wire: Wire, operation: str) -> Callable[[], object]:
    wire.lose_answer_of(operation)
    return nothing


def lost_twice(wire: Wire, operation: str) -> Callable[[], object]:
    wire.lose_answer_of(operation)
    return lost_once(wire, operation)


def refused_twice(wire: Wire, operation: str) -> Callable[[], object]:
    for _ in range(2):
        wire.fail_next(operation, (500, "InternalServerError"))
    return nothing


def late(wire: Wire, operation: str) -> Callable[[], object]:
    return wire.hold_back(operation)


each_fault = pytest.mark.parametrize(
    "fault", [lost_once, lost_twice, refused_twice, late], ids=lambda fault: fault.__name__
)
each_size = pytest.mark.parametrize("size", VALUES)


class Before(NamedTuple):
    """What is stored before a creation, and how long ago."""

    options: dict[str, Any]
    is_stored: bool


BEFORE = {
    "missing": Before({}, is_stored=False),
    "expired": Before({}, is_stored=True),
    "stale": Before({"stale_ttl": STALE}, is_stored=True),
}
each_state = pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture(autouse=True)
def heart(monkeypatch: pytest.MonkeyPatch, clock: Any) -> Iterator[Heartbeat]:
    """A heartbeat that beats when the test says so."""
    heart = Heartbeat(lambda: clock.now, lambda _: None)
    monkeypatch.setattr(creation_lease, "HEARTBEAT", heart)
    yield heart
    assert not heart._beats


def prepared(dynamodb: Any, clock: Any, before: Before, size: str) -> Cache:
    cache = make_cache(dynamodb, lock_wait=1, expire=60, **before.options)
    if before.is_stored:
        cache.put("a", VALUES[size] + VALUES[size][:1])
        clock.advance(61)
    return cache


def check(dynamodb: Any, before: Before, value: Any) -> None:
    """Another machine serves the value, and no lease and no part is left behind."""
    other = make_cache(dynamodb, lock_wait=1, expire=60, **before.options)
    assert other.get("a", createfunc=never) == value
    heads = [item for item in stored_items(dynamodb) if item.item == "a"]
    assert [(head.lock_owner, head.chain) for head in heads] == [(None, None)]


@each_size
@each_fault
@each_state
class TestACreation:
    @pytest.mark.parametrize("operation", ["GetItem", "UpdateItem", "PutItem"])
    def test_is_made_once_and_stored(
        self,
        dynamodb: Any,
        clock: Any,
        wire: Wire,
        before: Before,
        fault: Fault,
        size: str,
        operation: str,
    ) -> None:
        cache, made = prepared(dynamodb, clock, before, size), []
        deliver = fault(wire, operation)

        def make() -> Any:
            made.append(1)
            deliver()
            return VALUES[size]

        assert cache.get("a", createfunc=make) == VALUES[size]
        if operation == "PutItem":
            deliver()
        assert made == [1]
        check(dynamodb, before, VALUES[size])

    def test_that_fails_leaves_no_lease(
        self, dynamodb: Any, clock: Any, wire: Wire, before: Before, fault: Fault, size: str
    ) -> None:
        cache = prepared(dynamodb, clock, before, size)
        deliver = fault(wire, "UpdateItem")

        def fail() -> None:
            deliver()
            fault(wire, "UpdateItem" if before.options else "DeleteItem")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            cache.get("a", createfunc=fail)
        assert cache.get("a", createfunc=lambda: VALUES[size]) == VALUES[size]
        check(dynamodb, before, VALUES[size])

    def test_is_extended(
        self,
        dynamodb: Any,
        clock: Any,
        wire: Wire,
        heart: Heartbeat,
        before: Before,
        fault: Fault,
        size: str,
    ) -> None:
        cache = prepared(dynamodb, clock, before, size)

        def make() -> Any:
            deliver = fault(wire, "UpdateItem")
            clock.advance(20)
            heart.extend_due()
            clock.advance(9)
            deliver()
            [head] = [item for item in stored_items(dynamodb) if item.item == "a"]
            assert head.lock_until == clock.now + 21
            return VALUES[size]

        assert cache.get("a", createfunc=make) == VALUES[size]
        check(dynamodb, before, VALUES[size])


def is_expiring_part(item: Any) -> bool:
    """What a lost answer may leave: nobody knows which parts the head had that is gone."""
    return item.item.startswith("part:") and item.expires is not None


REMOVALS: dict[str, tuple[str, Callable[[Cache], object]]] = {
    "look": ("GetItem", lambda cache: cache.remove_value("a")),
    "delete": ("DeleteItem", lambda cache: cache.remove_value("a")),
    "list": ("Query", Cache.clear),
    "clear": ("BatchWriteItem", Cache.clear),
}


@each_size
@each_fault
@pytest.mark.usefixtures("machines")
class TestARemoval:
    @pytest.mark.parametrize("removal", REMOVALS)
    def test_leaves_nothing(
        self, dynamodb: Any, wire: Wire, fault: Fault, size: str, removal: str
    ) -> None:
        operation, remove = REMOVALS[removal]
        cache = make_cache(dynamodb, lock_wait=1, expire=60)
        cache.put("a", VALUES[size])
        deliver = fault(wire, operation)
        remove(cache)
        deliver()
        assert all(is_expiring_part(item) for item in stored_items(dynamodb))

    @pytest.mark.parametrize("removal", REMOVALS)
    def test_wins_over_a_value_being_made(
        self, dynamodb: Any, wire: Wire, fault: Fault, size: str, removal: str
    ) -> None:
        operation, remove = REMOVALS[removal]
        cache, other = (make_cache(dynamodb, lock_wait=1) for _ in range(2))

        def make() -> Any:
            fault(wire, operation)
            remove(other)
            return VALUES[size]

        assert cache.get("a", createfunc=make) == VALUES[size]
        assert stored_items(dynamodb) == []

    def test_wins_over_a_store_that_arrives_late(
        self, dynamodb: Any, wire: Wire, fault: Fault, size: str
    ) -> None:
        cache, deliver = make_cache(dynamodb, lock_wait=1), fault(wire, "PutItem")
        assert cache.get("a", createfunc=lambda: VALUES[size]) == VALUES[size]
        cache.remove_value("a")
        deliver()
        assert "a" not in cache
        assert [item for item in stored_items(dynamodb) if item.item == "a"] == []


@each_size
@each_fault
@pytest.mark.parametrize("operation", ["PutItem", "BatchWriteItem"])
def test_a_put_replaces_the_value(
    dynamodb: Any, wire: Wire, fault: Fault, size: str, operation: str
) -> None:
    cache = make_cache(dynamodb, expire=60)
    cache.put("a", VALUES["large"][1:] + b"1")
    deliver = fault(wire, operation)
    cache.put("a", VALUES[size])
    deliver()
    assert cache.get("a") == VALUES[size]
    assert all(is_expiring_part(item) for item in stored_items(dynamodb) if item.item != "a")
