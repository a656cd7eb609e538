"""One creation at a time; threads wait for events and never sleep."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from typing import Any

import pytest

from ..clock import Clock
from .base import Contract, MakeCache
from .caches import never
from .creation import PATIENCE, Arrivals, Creation, Gate, Threads

THREADS = 8


class LockContract(Contract):
    """The creation lock of a key, and Beaker's use of it."""

    @pytest.fixture
    def gate(self) -> Gate:
        return Gate()

    @pytest.fixture
    def threads(self, gate: Gate) -> Iterator[Threads]:
        """A gate that opens at the end, so that no thread remains."""
        threads = Threads()
        yield threads
        gate.may_end.set()
        wait(threads.futures, PATIENCE)

    def holding(self, threads: Threads, cache: Any, gate: Gate, key: bytes = b"key") -> Future[str]:
        """Another thread, which holds the creation lock until the gate opens."""

        def hold() -> str:
            lock = cache.namespace.get_creation_lock(key)
            lock.acquire()
            try:
                return gate()
            finally:
                lock.release()

        holder = threads.submit(hold)
        gate.wait_until_begun()
        return holder

    def try_lock(self, cache: Any, key: bytes = b"key") -> bool:
        """Whether the creation lock is free; its state does not change."""
        lock = cache.namespace.get_creation_lock(key)
        acquired = lock.acquire(wait=False)
        if acquired:
            lock.release()
        return bool(acquired)

    def test_a_free_lock_is_acquired_at_once(self, cache: Any) -> None:
        assert self.try_lock(cache)
        assert self.try_lock(cache)

    def test_a_lock_that_another_thread_holds_is_not_acquired(
        self, cache: Any, threads: Threads, gate: Gate
    ) -> None:
        holder = self.holding(threads, cache, gate)

        assert not self.try_lock(cache)
        assert not self.try_lock(cache)

        gate.may_end.set()
        holder.result(PATIENCE)
        assert self.try_lock(cache)

    def test_a_second_cache_of_the_name_has_the_same_locks(
        self, name: str, cache: Any, make_cache: MakeCache, threads: Threads, gate: Gate
    ) -> None:
        self.holding(threads, cache, gate)

        assert not self.try_lock(make_cache(name))

    def test_each_key_and_each_namespace_has_a_lock_of_its_own(
        self, name: str, cache: Any, make_cache: MakeCache, threads: Threads, gate: Gate
    ) -> None:
        self.holding(threads, cache, gate)

        assert self.try_lock(cache, b"other key")
        assert self.try_lock(make_cache(f"{name}2"))

    def test_a_waiting_thread_gets_the_lock_after_its_release(
        self, cache: Any, threads: Threads, gate: Gate
    ) -> None:
        order: list[str] = []
        lock_wanted = threading.Event()
        holder = self.holding(threads, cache, gate)

        def wait_for_the_lock() -> None:
            lock = cache.namespace.get_creation_lock(b"key")
            lock_wanted.set()
            lock.acquire()
            order.append("acquired")
            lock.release()

        waiter = threads.submit(wait_for_the_lock)
        assert lock_wanted.wait(PATIENCE)
        order.append("about to release")
        gate.may_end.set()
        waiter.result(PATIENCE)

        assert order == ["about to release", "acquired"]
        assert holder.result(PATIENCE) == "new"

    def test_a_creation_that_fails_releases_the_lock(self, cache: Any, threads: Threads) -> None:
        failing = threads.submit(cache.get, "key", createfunc=lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            failing.result(PATIENCE)

        assert self.try_lock(cache)
        assert cache.get("key", createfunc=Creation()) == "value 1"

    def test_a_creation_that_succeeds_releases_the_lock(self, cache: Any, threads: Threads) -> None:
        threads.submit(cache.get, "key", createfunc=Creation()).result(PATIENCE)

        assert self.try_lock(cache)
        assert cache["key"] == "value 1"

    def test_the_lock_does_not_look_like_a_value(
        self, cache: Any, threads: Threads, gate: Gate
    ) -> None:
        maker = threads.submit(cache.get, "key", createfunc=gate)
        gate.wait_until_begun()

        assert "key" not in cache
        assert list(cache.namespace.keys()) == []

        gate.may_end.set()
        assert maker.result(PATIENCE) == cache["key"] == "new"

    def test_a_value_stored_during_a_creation_is_seen(
        self, cache: Any, threads: Threads, gate: Gate
    ) -> None:
        maker = threads.submit(cache.get, "key", createfunc=gate)
        gate.wait_until_begun()

        cache["key"] = "put in"
        assert cache["key"] == "put in"

        gate.may_end.set()
        assert maker.result(PATIENCE) == "new"

    @pytest.mark.parametrize("shared", [True, False], ids=["one cache", "a cache each"])
    def test_many_threads_that_miss_one_key_create_it_once(
        self,
        name: str,
        make_cache: MakeCache,
        threads: Threads,
        monkeypatch: pytest.MonkeyPatch,
        shared: bool,
    ) -> None:
        one = make_cache(name)
        caches = [one if shared else make_cache(name) for _ in range(THREADS)]
        arrivals = Arrivals(type(one.namespace), monkeypatch)
        creation = Creation()

        def create_when_all_have_missed() -> str:
            arrivals.wait_for(THREADS)
            return creation()

        found = [
            threads.submit(cache.get, "key", createfunc=create_when_all_have_missed)
            for cache in caches
        ]

        assert [each.result(PATIENCE) for each in found] == ["value 1"] * THREADS
        assert creation.calls == 1

    def test_threads_that_miss_two_keys_do_not_wait_for_each_other(
        self, cache: Any, threads: Threads, gate: Gate
    ) -> None:
        threads.submit(cache.get, "slow", createfunc=gate)
        gate.wait_until_begun()

        assert cache.get("quick", createfunc=Creation()) == "value 1"

    def test_during_its_recreation_an_expired_value_is_served_or_waited_for(
        self, cache: Any, threads: Threads, gate: Gate, clock: Clock
    ) -> None:
        cache.put("key", "old", expiretime=10)
        clock.advance(11)
        maker = threads.submit(cache.get, "key", createfunc=gate, expiretime=10)
        gate.wait_until_begun()

        other = threads.submit(cache.get, "key", createfunc=never, expiretime=10)
        if self.serves_expired_values:
            assert other.result(PATIENCE) == "old"
        gate.may_end.set()

        assert maker.result(PATIENCE) == "new"
        assert other.result(PATIENCE) == ("old" if self.serves_expired_values else "new")
