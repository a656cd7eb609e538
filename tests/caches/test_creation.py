"""A cache value is made once, step by step between two machines."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import LockTimeout
from tests.caches.conftest import PATIENCE, Paced, make_cache, never
from tests.support.internals import LONGEST_CREATION
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


class TestCost:
    def test_a_miss_is_three_calls(self, dynamodb: Any, wire: Wire) -> None:
        with wire.expect("GetItem", "UpdateItem", "PutItem"):
            assert make_cache(dynamodb).get("a", createfunc=lambda: 1) == 1
        [row] = stored_items(dynamodb)
        assert (row.lock_owner, row.lock_until) == (None, None)

    def test_an_expired_value_is_three_calls(self, dynamodb: Any, wire: Wire, clock: Any) -> None:
        cache = make_cache(dynamodb)
        cache.put("a", 1, expiretime=60)
        clock.advance(61)
        with wire.expect("GetItem", "UpdateItem", "PutItem"):
            assert cache.get("a", createfunc=lambda: 2, expiretime=60) == 2

    def test_a_failing_function_releases_the_lease(self, dynamodb: Any, wire: Wire) -> None:
        cache = make_cache(dynamodb)
        with wire.expect("GetItem", "UpdateItem", "DeleteItem"), pytest.raises(ZeroDivisionError):
            cache.get("a", createfunc=lambda: 1 / 0)
        assert stored_items(dynamodb) == []

    def test_a_failing_function_keeps_the_stale_value(
        self, dynamodb: Any, wire: Wire, clock: Any
    ) -> None:
        cache = make_cache(dynamodb, stale_ttl=600)
        cache.put("a", 1, expiretime=60)
        clock.advance(61)
        with wire.expect("GetItem", "UpdateItem", "UpdateItem"), pytest.raises(ZeroDivisionError):
            cache.get("a", createfunc=lambda: 1 / 0, expiretime=60)
        [row] = stored_items(dynamodb)
        assert (row.lock_owner, row.chain, row.data is None) == (None, None, False)

    def test_a_removal_is_a_read_and_a_delete(self, dynamodb: Any, wire: Wire) -> None:
        cache = make_cache(dynamodb)
        cache.put("a", 1)
        with wire.expect("GetItem", "DeleteItem"):
            cache.remove_value("a")

    def test_a_lost_answer_to_the_lease_of_an_expired_value_is_one_call_more(
        self, dynamodb: Any, wire: Wire, clock: Any
    ) -> None:
        cache = make_cache(dynamodb)
        cache.put("a", 1, expiretime=60)
        clock.advance(61)
        wire.lose_answer_of("UpdateItem")
        with wire.expect("GetItem", "UpdateItem", "UpdateItem", "PutItem"):
            assert cache.get("a", createfunc=lambda: 2) == 2

    @pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
    def test_a_lost_answer_to_the_lease_or_the_write_is_recognised(
        self, dynamodb: Any, wire: Wire, caplog: pytest.LogCaptureFixture, operation: str
    ) -> None:
        cache = make_cache(dynamodb)
        wire.lose_answer_of(operation)
        with caplog.at_level(logging.INFO, "beaker_dynamodb.namespace"):
            assert cache.get("a", createfunc=lambda: 1) == 1
        assert "not stored" not in caplog.text
        assert cache.get("a", createfunc=never) == 1


@pytest.mark.usefixtures("machines")
class TestTwoMachines:
    def test_the_second_gets_the_value_of_the_first(
        self, dynamodb: Any, wire: Wire, threads: ThreadPoolExecutor, paced: Paced
    ) -> None:
        waiting = []

        def make() -> int:
            waiting.append(threads.submit(make_cache(dynamodb).get, "a", createfunc=never))
            paced.until_waited(5)
            wire.clear()
            return 1

        assert make_cache(dynamodb).get("a", createfunc=make) == 1
        paced.go_on()
        assert waiting[0].result(PATIENCE) == 1
        assert set(wire.operations) == {"PutItem", "GetItem"}

    def test_the_second_takes_over_if_the_function_of_the_first_fails(
        self, dynamodb: Any, threads: ThreadPoolExecutor, paced: Paced
    ) -> None:
        waiting = []

        def fail() -> None:
            waiting.append(threads.submit(make_cache(dynamodb).get, "a", createfunc=lambda: 2))
            paced.until_waited(2)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            make_cache(dynamodb).get("a", createfunc=fail)
        paced.go_on()
        assert waiting[0].result(PATIENCE) == 2

    def test_the_second_takes_over_when_the_lease_has_expired(
        self, dynamodb: Any, clock: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        def overtaken() -> str:
            clock.advance(61)
            assert make_cache(dynamodb).get("a", createfunc=lambda: "second") == "second"
            return "first"

        with caplog.at_level(logging.INFO):
            assert make_cache(dynamodb).get("a", createfunc=overtaken) == "first"
        assert make_cache(dynamodb).get("a", createfunc=never) == "second"
        assert "another client has stored or removed it meanwhile" in caplog.text

    def test_the_first_stores_its_value_if_nobody_has_taken_over(
        self, dynamodb: Any, clock: Any
    ) -> None:
        def slow() -> int:
            clock.advance(90)
            return 1

        assert make_cache(dynamodb).get("a", createfunc=slow) == 1
        assert make_cache(dynamodb).get("a", createfunc=never) == 1

    def test_a_value_written_before_the_lease_is_served(self, dynamodb: Any, wire: Wire) -> None:
        wire.before_next("UpdateItem", lambda: make_cache(dynamodb).put("a", "put in"))
        with wire.expect("GetItem", "UpdateItem", "PutItem"):
            assert make_cache(dynamodb).get("a", createfunc=never) == "put in"

    def test_a_value_written_during_the_creation_stays(self, dynamodb: Any) -> None:
        def put_in_meanwhile() -> str:
            make_cache(dynamodb).put("a", "put in")
            return "made"

        assert make_cache(dynamodb).get("a", createfunc=put_in_meanwhile) == "made"
        assert make_cache(dynamodb).get("a", createfunc=never) == "put in"

    @pytest.mark.parametrize("remove", [lambda cache: cache.remove_value("a"), Cache.clear])
    def test_a_value_removed_during_the_creation_is_not_stored(
        self, dynamodb: Any, remove: Callable[[Cache], None]
    ) -> None:
        """The value was made from data that are out of date."""

        def removed_meanwhile() -> str:
            remove(make_cache(dynamodb))
            return "outdated"

        assert make_cache(dynamodb).get("a", createfunc=removed_meanwhile) == "outdated"
        assert make_cache(dynamodb).get("a", createfunc=lambda: "new") == "new"

    def test_waiting_longer_than_lock_wait_is_an_error(
        self, dynamodb: Any, threads: ThreadPoolExecutor
    ) -> None:
        def make() -> int:
            waiting = threads.submit(make_cache(dynamodb, lock_wait=0).get, "a", createfunc=never)
            with pytest.raises(LockTimeout, match="not created within 0 s") as caught:
                waiting.result(PATIENCE)
            assert caught.value.table == dynamodb.options["table_name"]
            return 1

        assert make_cache(dynamodb).get("a", createfunc=make) == 1

    def test_a_lease_is_no_value_and_no_key(self, dynamodb: Any) -> None:
        def make() -> int:
            other = make_cache(dynamodb)
            assert "a" not in other
            assert list(other.namespace.keys()) == []
            return 1

        assert make_cache(dynamodb).get("a", createfunc=make) == 1

    def test_an_abandoned_lease_expires(self, dynamodb: Any, clock: Any) -> None:
        cache = make_cache(dynamodb)
        cache.namespace.get_creation_lock(b"a").acquire()
        [row] = stored_items(dynamodb)
        assert row.lock_until == clock.now + cache.namespace._backend.options.lock_timeout
        assert row.expires.timestamp() == row.lock_until + LONGEST_CREATION


@pytest.mark.usefixtures("machines")
class TestStale:
    @pytest.fixture
    def caches(self, dynamodb: Any, clock: Any) -> list[Cache]:
        one, other = (make_cache(dynamodb, stale_ttl=600) for _ in range(2))
        one.put("a", "old", expiretime=60)
        return [one, other]

    def test_the_stale_value_is_one_read_while_one_client_makes_the_new_one(
        self, caches: list[Cache], clock: Any, wire: Wire
    ) -> None:
        one, other = caches
        clock.advance(61)

        def make() -> str:
            with wire.expect("GetItem", "GetItem"):
                for _ in range(2):
                    assert other.get("a", createfunc=never, expiretime=60) == "old"
            return "new"

        with wire.expect("GetItem", "UpdateItem", "GetItem", "GetItem", "PutItem"):
            assert one.get("a", createfunc=make, expiretime=60) == "new"
        assert other.get("a", createfunc=never, expiretime=60) == "new"

    def test_an_expired_value_is_no_key_and_only_a_creator_gets_it(
        self, caches: list[Cache], clock: Any
    ) -> None:
        one, _ = caches
        clock.advance(61)
        assert "a" not in one
        assert list(one.namespace.keys()) == []
        with pytest.raises(KeyError):
            one.get("a", expiretime=60)

    def test_dynamodbs_ttl_does_not_remove_the_lease_with_it(
        self, caches: list[Cache], dynamodb: Any, clock: Any
    ) -> None:
        one, other = caches
        clock.advance(650)

        def make() -> str:
            [item] = stored_items(dynamodb)
            assert item.expires.timestamp() >= item.lock_until + LONGEST_CREATION
            assert b"a" in other.namespace
            clock.advance(11)
            assert b"a" not in other.namespace
            return "new"

        assert one.get("a", createfunc=make, expiretime=60) == "new"
        [item] = stored_items(dynamodb)
        assert item.expires.timestamp() == clock.now + 660
        assert item.content_expires is None

    def test_it_ends_as_before_if_its_successor_is_not_made(
        self, caches: list[Cache], dynamodb: Any, clock: Any
    ) -> None:
        [before] = stored_items(dynamodb)
        clock.advance(61)
        with pytest.raises(ZeroDivisionError):
            caches[0].get("a", createfunc=lambda: 1 / 0, expiretime=60)
        [item] = stored_items(dynamodb)
        assert item.expires == before.expires
        assert item.content_expires is None
        assert b"a" in caches[1].namespace

    def test_past_stale_ttl_it_is_missing(
        self, caches: list[Cache], clock: Any, threads: ThreadPoolExecutor, paced: Paced
    ) -> None:
        one, other = caches
        clock.advance(660)
        waiting = []

        def make() -> str:
            waiting.append(threads.submit(other.get, "a", createfunc=never, expiretime=60))
            paced.until_waited(2)
            return "new"

        assert one.get("a", createfunc=make, expiretime=60) == "new"
        paced.go_on()
        assert waiting[0].result(PATIENCE) == "new"
