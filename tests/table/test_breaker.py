"""The circuit breaker: in an outage, lookups that may miss wait once, not each time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import StoreUnavailable, TableError, session_model
from tests.support.fork import in_a_forked_worker
from tests.support.internals import Breaker, SharedClient, connection_of
from tests.support.wire import Wire

OUTAGE = StoreUnavailable("no answer")
VALUES = 10


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(15.0, clock)


class TestABreaker:
    def test_allows_all_calls_while_dynamodb_answers(self, breaker: Breaker) -> None:
        breaker.note_answer()
        assert all(breaker.allows_call() for _ in range(3))

    def test_allows_none_for_half_a_second_after_a_failure(
        self, breaker: Breaker, clock: Clock
    ) -> None:
        breaker.note_error(OUTAGE)
        assert not breaker.allows_call()
        clock.now += 0.4
        assert not breaker.allows_call()
        clock.now += 0.1
        assert breaker.allows_call()

    def test_allows_one_probe_at_a_time(self, breaker: Breaker, clock: Clock) -> None:
        breaker.note_error(OUTAGE)
        clock.now += 0.5
        assert [breaker.allows_call() for _ in range(3)] == [True, False, False]

    def test_allows_another_probe_if_one_never_ends(self, breaker: Breaker, clock: Clock) -> None:
        breaker.note_error(OUTAGE)
        clock.now += 0.5
        breaker.allows_call()
        clock.now += 15
        assert [breaker.allows_call() for _ in range(2)] == [True, False]

    def test_waits_twice_as_long_after_each_failed_probe_up_to_ten_seconds(
        self, breaker: Breaker, clock: Clock
    ) -> None:
        rests = []
        breaker.note_error(OUTAGE)
        for _ in range(7):
            began = clock.now
            while not breaker.allows_call():
                clock.now += 0.25
            rests.append(clock.now - began)
            breaker.note_error(OUTAGE)
        assert rests == [0.5, 1, 2, 4, 8, 10, 10]

    def test_counts_failures_at_the_same_time_once(self, breaker: Breaker, clock: Clock) -> None:
        for _ in range(8):
            breaker.note_error(OUTAGE)
        clock.now += 0.5
        assert breaker.allows_call()

    def test_allows_all_calls_after_an_answer_to_any(self, breaker: Breaker) -> None:
        breaker.note_error(OUTAGE)
        breaker.note_answer()
        assert all(breaker.allows_call() for _ in range(3))

    def test_takes_a_refusal_for_an_answer(self, breaker: Breaker) -> None:
        breaker.note_error(OUTAGE)
        breaker.note_error(TableError("access was denied"))
        assert breaker.allows_call()

    @pytest.mark.parametrize(
        "code", ["ProvisionedThroughputExceededException", "ReplicatedWriteConflictException"]
    )
    def test_takes_throttling_for_no_outage(self, breaker: Breaker, code: str) -> None:
        breaker.note_error(StoreUnavailable("throttled", code=code))
        assert breaker.allows_call()

    def test_lets_one_of_many_threads_probe(self, breaker: Breaker, clock: Clock) -> None:
        breaker.note_error(OUTAGE)
        clock.now += 0.5
        barrier, allowed = threading.Barrier(8), list[bool]()

        def look_up() -> None:
            barrier.wait()
            allowed.append(breaker.allows_call())

        threads = [threading.Thread(target=look_up) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(allowed) == [False] * 7 + [True]


class TestLookupsInAnOutage:
    @pytest.fixture
    def cache(self, dynamodb: Any, create_table: Any) -> Cache:
        options = {**dynamodb.options, "max_retries": 0, "on_outage": "miss"}
        cache = Cache("outage", type="ext:dynamodb", **options)
        cache.put("kept", "stored")
        return cache

    @pytest.fixture
    def shared(self, dynamodb: Any, cache: Cache, clock: Clock) -> Iterator[SharedClient]:
        """The cache's client, with a breaker on the test's clock."""
        shared = connection_of(session_model(**{**dynamodb.options, "max_retries": 0})).shared
        before, shared.breaker = shared.breaker, Breaker(15, clock)
        yield shared
        shared.breaker = before

    def look_up(self, cache: Cache) -> list[Any]:
        return [cache.get(f"key {number}", createfunc=lambda: 1) for number in range(VALUES)]

    @pytest.mark.usefixtures("shared")
    def test_wait_once(self, cache: Cache, wire: Wire, clock: Clock) -> None:
        for _ in range(2):
            wire.fail_next(None, (500, "InternalServerError"))
        with wire.expect("GetItem"):
            assert self.look_up(cache) == [1] * VALUES
        clock.now += 0.5
        with wire.expect("GetItem"):
            assert self.look_up(cache) == [1] * VALUES
        clock.now += 1
        assert cache.get("kept") == "stored"

    @pytest.mark.usefixtures("shared")
    def test_use_dynamodb_again_once_any_call_is_answered(self, cache: Cache, wire: Wire) -> None:
        wire.fail_next("GetItem", (500, "InternalServerError"))
        self.look_up(cache)
        cache.put("other", 2)
        assert cache.get("kept") == "stored"

    @pytest.mark.usefixtures("shared")
    def test_are_not_refused_to_a_removal(self, cache: Cache, wire: Wire) -> None:
        wire.fail_next("GetItem", (500, "InternalServerError"))
        self.look_up(cache)
        cache.remove_value("kept")
        assert "kept" not in cache

    @pytest.mark.usefixtures("shared")
    def test_of_other_caches_raise(self, dynamodb: Any, cache: Cache, wire: Wire) -> None:
        other = Cache("outage", type="ext:dynamodb", **dynamodb.options, max_retries=0)
        for _ in range(3):
            wire.fail_next("GetItem", (500, "InternalServerError"))
        self.look_up(cache)
        with wire.expect("GetItem", "GetItem"):
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    other.get("kept")

    def test_are_made_again_by_a_forked_worker(self, shared: SharedClient) -> None:
        shared.breaker.note_error(OUTAGE)
        assert not shared.breaker.allows_call()
        assert in_a_forked_worker(lambda: shared.breaker.allows_call()) == "True"  # noqa: PLW0108
