"""Leases, chains and the heartbeat, step by step; who waits, and what each thread keeps."""

import gc
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from beaker.cache import Cache

from tests.caches.conftest import PATIENCE, make_cache, never
from tests.support.fork import in_a_forked_worker
from tests.support.internals import Heartbeat, creation_lease, heartbeat
from tests.support.lag import lagging_reads
from tests.support.large import MEGABYTE, noise
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

LEASE = 30


@pytest.fixture
def heart(monkeypatch: pytest.MonkeyPatch, clock: Any) -> Heartbeat:
    """A heartbeat that beats when the test says so."""
    heart = Heartbeat(lambda: clock.now, lambda _: None)
    monkeypatch.setattr(creation_lease, "HEARTBEAT", heart)
    return heart


@pytest.mark.usefixtures("machines")
class TestALeaseOfALivingCreator:
    def test_is_one_write_for_each_third_of_it(
        self, dynamodb: Any, clock: Any, wire: Wire, heart: Heartbeat
    ) -> None:
        def make() -> int:
            wire.clear()
            for _ in range(100):
                clock.advance(1)
                heart.extend_due()
            assert make_cache(dynamodb).namespace.get_creation_lock(b"a").acquire(wait=False) is (
                False
            )
            return 1

        assert make_cache(dynamodb).get("a", createfunc=make) == 1
        assert wire.operations == [*["UpdateItem"] * 11, "PutItem"]

    def test_is_not_extended_before_a_third_of_it(
        self, dynamodb: Any, clock: Any, wire: Wire, heart: Heartbeat
    ) -> None:
        def make() -> int:
            clock.advance(LEASE / 3 - 0.1)
            heart.extend_due()
            return 1

        with wire.expect("GetItem", "UpdateItem", "PutItem"):
            make_cache(dynamodb).get("a", createfunc=make)

    def test_is_never_shortened(
        self, dynamodb: Any, clock: Any, wire: Wire, heart: Heartbeat
    ) -> None:
        def make() -> int:
            clock.advance(10)
            deliver = wire.hold_back("UpdateItem")
            heart.extend_due()
            clock.advance(10)
            heart.extend_due()
            deliver()
            [row] = stored_items(dynamodb)
            assert row.lock_until == clock.now + LEASE
            return 1

        make_cache(dynamodb).get("a", createfunc=make)

    def test_is_not_revived_after_a_removal_by_a_late_packet(
        self, dynamodb: Any, wire: Wire, heart: Heartbeat
    ) -> None:
        deliver = wire.hold_back("UpdateItem")

        def make() -> str:
            make_cache(dynamodb).remove_value("a")
            deliver()
            return "outdated"

        assert make_cache(dynamodb).get("a", createfunc=make) == "outdated"
        assert "a" not in make_cache(dynamodb)

    def test_is_not_extended_once_it_is_removed(
        self, dynamodb: Any, clock: Any, wire: Wire, heart: Heartbeat
    ) -> None:
        def make() -> int:
            make_cache(dynamodb).remove_value("a")
            wire.clear()
            for _ in range(2):
                clock.advance(10)
                heart.extend_due()
            assert wire.operations.count("UpdateItem") == 1
            return 1

        make_cache(dynamodb).get("a", createfunc=make)
        assert stored_items(dynamodb) == []

    def test_is_extended_no_longer_than_an_hour(
        self, dynamodb: Any, clock: Any, heart: Heartbeat
    ) -> None:
        """A creation function that hangs must not block its key for ever."""

        def hang() -> str:
            for _ in range(400):
                clock.advance(10)
                heart.extend_due()
            assert make_cache(dynamodb).get("a", createfunc=lambda: "second") == "second"
            return "first"

        make_cache(dynamodb).get("a", createfunc=hang)
        assert make_cache(dynamodb).get("a", createfunc=never) == "second"

    def test_stays_if_an_extension_fails_once(
        self, dynamodb: Any, clock: Any, wire: Wire, heart: Heartbeat
    ) -> None:
        def make() -> int:
            for _ in range(3):
                wire.fail_next("UpdateItem", (500, "InternalServerError"))
            for _ in range(2):
                clock.advance(10)
                heart.extend_due()
            [row] = stored_items(dynamodb)
            assert row.lock_until == clock.now + LEASE
            return 1

        make_cache(dynamodb).get("a", createfunc=make)


class TestTheHeartbeat:
    def test_starts_no_thread_for_each_creation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[Callable[[], None]] = []
        heart = Heartbeat(start=started.append)
        for _ in range(1000):
            heart.end(heart.begin(lambda: True, 10))
        assert len(started) == 1

    def test_runs_in_a_daemon_thread_that_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("beaker_dynamodb.caches.heartbeat.LONGEST_IDLE", 0.05)
        heart, extended = Heartbeat(), threading.Event()

        def extend() -> bool:
            extended.set()
            return False

        heart.begin(extend, 0.01)
        [thread] = [each for each in threading.enumerate() if "heartbeat" in each.name][-1:]
        assert thread.daemon
        assert extended.wait(PATIENCE)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        extended.clear()
        heart.begin(extend, 0.01)
        assert extended.wait(PATIENCE)

    def test_wakes_for_a_shorter_lease(self) -> None:
        heart, extended = Heartbeat(), threading.Event()
        long = heart.begin(lambda: True, 600)
        time.sleep(0.05)
        heart.begin(lambda: bool(extended.set()), 0.01)  # type: ignore[func-returns-value]
        assert extended.wait(PATIENCE)
        heart.end(long)

    def test_of_a_parent_is_not_that_of_a_forked_worker(self) -> None:
        beat = heartbeat.HEARTBEAT.begin(lambda: True, 600)
        counted = in_a_forked_worker(lambda: len(heartbeat.HEARTBEAT._beats))
        heartbeat.HEARTBEAT.end(beat)
        assert counted == "0"


@pytest.mark.usefixtures("machines", "heart")
class TestASlowCreator:
    """Its lease is not extended: the heartbeat's thread did not run."""

    def test_stores_its_value_while_another_makes_it_again(self, dynamodb: Any, clock: Any) -> None:
        def overtaken() -> str:
            clock.advance(LEASE + 1)
            second = threading.Thread(target=make_again)
            second.start()
            assert begun.wait(PATIENCE)
            waiting.append(second)
            return "first"

        def make_again() -> None:
            found.append(make_cache(dynamodb).get("a", createfunc=slower))

        def slower() -> str:
            begun.set()
            assert stored.wait(PATIENCE)
            return "second"

        begun, stored = threading.Event(), threading.Event()
        waiting: list[threading.Thread] = []
        found: list[Any] = []
        assert make_cache(dynamodb).get("a", createfunc=overtaken) == "first"
        assert make_cache(dynamodb).get("a", createfunc=never) == "first"
        stored.set()
        waiting[0].join(PATIENCE)
        assert found == ["second"]
        assert make_cache(dynamodb).get("a", createfunc=never) == "first"

    @pytest.mark.parametrize("options", [{}, {"stale_ttl": 600}], ids=["missing", "stale"])
    def test_stores_its_value_although_another_has_failed(
        self, dynamodb: Any, clock: Any, options: dict[str, Any]
    ) -> None:
        def overtaken() -> str:
            clock.advance(LEASE + 1)
            with pytest.raises(ZeroDivisionError):
                make_cache(dynamodb, **options).get("a", createfunc=lambda: 1 / 0)
            return "first"

        cache = make_cache(dynamodb, expire=60, **options)
        if options:
            cache.put("a", "stale")
            clock.advance(61)
        assert cache.get("a", createfunc=overtaken) == "first"
        assert make_cache(dynamodb).get("a", createfunc=never) == "first"

    @pytest.mark.parametrize("remove", [lambda cache: cache.remove_value("a"), Cache.clear])
    def test_does_not_store_a_value_that_was_removed(
        self, dynamodb: Any, clock: Any, remove: Callable[[Cache], None]
    ) -> None:
        def removed_after_the_lease() -> str:
            clock.advance(LEASE + 1)
            remove(make_cache(dynamodb))
            return "outdated"

        make_cache(dynamodb).get("a", createfunc=removed_after_the_lease)
        assert stored_items(dynamodb) == []

    def test_does_not_store_a_value_removed_after_another_has_failed(
        self, dynamodb: Any, clock: Any
    ) -> None:
        """Only the chain is left then."""

        def overtaken() -> str:
            clock.advance(LEASE + 1)
            with pytest.raises(ZeroDivisionError):
                make_cache(dynamodb).get("a", createfunc=lambda: 1 / 0)
            make_cache(dynamodb).remove_value("a")
            return "outdated"

        make_cache(dynamodb).get("a", createfunc=overtaken)
        assert stored_items(dynamodb) == []

    def test_does_not_replace_a_value_stored_meanwhile(self, dynamodb: Any, clock: Any) -> None:
        def put_in_meanwhile() -> str:
            clock.advance(LEASE + 1)
            make_cache(dynamodb).put("a", "put in")
            return "made"

        make_cache(dynamodb).get("a", createfunc=put_in_meanwhile)
        assert make_cache(dynamodb).get("a", createfunc=never) == "put in"

    def test_leaves_a_chain_that_expires_and_is_no_key(self, dynamodb: Any, clock: Any) -> None:
        def overtaken() -> str:
            clock.advance(LEASE + 1)
            with pytest.raises(ZeroDivisionError):
                make_cache(dynamodb).get("a", createfunc=lambda: 1 / 0)
            other = make_cache(dynamodb)
            assert "a" not in other
            assert other.namespace.keys() == []
            [row] = stored_items(dynamodb)
            assert row.expires.timestamp() > clock.now + 3000
            return "first"

        make_cache(dynamodb).get("a", createfunc=overtaken)


class TestExpireOfZero:
    def test_makes_those_who_waited_share_the_value(
        self, dynamodb: Any, threads: ThreadPoolExecutor
    ) -> None:
        cache, made = make_cache(dynamodb, expire=0), []
        started = threading.Barrier(4)

        def make() -> int:
            made.append(1)
            time.sleep(0.3)
            return len(made)

        def get() -> int:
            started.wait(PATIENCE)
            return int(cache.get("a", createfunc=make))

        assert [each.result(PATIENCE) for each in [threads.submit(get) for _ in range(4)]] == [
            1
        ] * 4
        assert cache.get("a", createfunc=make) == 2

    @pytest.mark.usefixtures("machines")
    def test_shares_it_among_machines(
        self, dynamodb: Any, threads: ThreadPoolExecutor, paced: Any, clock: Any
    ) -> None:
        waiting = []

        def make() -> int:
            other = make_cache(dynamodb, expire=0)
            waiting.append(threads.submit(other.get, "a", createfunc=never))
            paced.until_waited(2)
            return 1

        assert make_cache(dynamodb, expire=0).get("a", createfunc=make) == 1
        clock.advance(1)
        paced.go_on()
        assert waiting[0].result(PATIENCE) == 1

    def test_does_not_serve_what_was_made_before(self, dynamodb: Any) -> None:
        cache = make_cache(dynamodb, expire=0)
        assert [cache.get("a", createfunc=lambda n=n: n) for n in range(3)] == [0, 1, 2]


class TestOneThread:
    def test_can_nest_two_caches_of_one_namespace_on_one_key(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        outer, inner = (make_cache(dynamodb, lock_wait=1) for _ in range(2))
        with wire.expect("GetItem", "UpdateItem", *["GetItem"] * 2, "PutItem", "PutItem"):
            found = outer.get("a", createfunc=lambda: [inner.get("a", createfunc=lambda: "inner")])
        assert found == ["inner"]
        assert inner.get("a", createfunc=never) == ["inner"]

    def test_does_not_store_the_outer_value_if_the_inner_one_was_removed(
        self, dynamodb: Any
    ) -> None:
        outer, inner = (make_cache(dynamodb, lock_wait=1) for _ in range(2))

        def make() -> str:
            inner.get("a", createfunc=lambda: "inner")
            in_a_thread(lambda: make_cache(dynamodb).remove_value("a"))
            return "outdated"

        outer.get("a", createfunc=make)
        assert stored_items(dynamodb) == []

    def test_that_removes_what_it_makes_does_not_store_it(self, dynamodb: Any) -> None:
        cache = make_cache(dynamodb)

        def make() -> str:
            cache.remove_value("a")
            return "outdated"

        assert cache.get("a", createfunc=make) == "outdated"
        assert stored_items(dynamodb) == []

    def test_removes_what_it_has_not_found_under_its_read_lock(self, dynamodb: Any) -> None:
        cache = make_cache(dynamodb)
        cache.namespace.acquire_read_lock()
        assert "a" not in cache
        in_a_thread(lambda: make_cache(dynamodb).put("a", 1))
        cache.remove_value("a")
        cache.namespace.release_read_lock()
        assert stored_items(dynamodb) == []


def in_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(PATIENCE)


@pytest.mark.parametrize(
    "remove",
    [lambda cache: cache.remove_value("a"), Cache.clear, lambda cache: cache.__delitem__("a")],
    ids=["remove_value", "clear", "del"],
)
class TestARemovalWithEventuallyConsistentReads:
    def test_right_after_a_store_removes_the_value(
        self, dynamodb: Any, remove: Callable[[Cache], None]
    ) -> None:
        cache = make_cache(dynamodb, consistent_read=False)
        with lagging_reads(dynamodb.options) as lag:
            lag.keep()
            cache.put("a", 1)
            remove(cache)
            lag.pass_on()
        assert stored_items(dynamodb) == []

    @pytest.mark.usefixtures("machines")
    def test_during_a_creation_wins(self, dynamodb: Any, remove: Callable[[Cache], None]) -> None:
        cache, other = (make_cache(dynamodb, consistent_read=False) for _ in range(2))

        with lagging_reads(dynamodb.options) as lag:
            lag.keep()
            cache.get("a", createfunc=lambda: remove(other))
            lag.pass_on()
        assert stored_items(dynamodb) == []


class TestMemory:
    # moto keeps the values in this process.
    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_keeps_no_value_of_a_thread_that_has_released_its_locks(
        self, dynamodb: Any, threads: ThreadPoolExecutor
    ) -> None:
        """It kept the last value of each thread and namespace, until the thread ended."""
        caches = [Cache(f"n{n}", type="ext:dynamodb", **dynamodb.options) for n in range(10)]
        for cache in caches:
            cache.put("a", noise(MEGABYTE // 4))

        def use(cache: Cache) -> None:
            assert len(cache.get("a", createfunc=never)) == MEGABYTE // 4
            cache.get("b", createfunc=lambda: noise(MEGABYTE // 4))
            assert "a" in cache

        tracemalloc.start()
        try:
            list(threads.map(use, caches))
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] < 2 * MEGABYTE
        finally:
            tracemalloc.stop()
