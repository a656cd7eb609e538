"""Caches: the calls of a hit and a miss, expiry, and the cost of a corrupt item."""

import logging
import random
import sys
import threading
import uuid
from typing import Any

import pytest
from beaker.cache import Cache, CacheManager
from beaker.util import parse_cache_config_options

from beaker_dynamodb import DynamoDBNamespaceManager, ItemTooLarge, StoreUnavailable
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture
def cache(dynamodb: Any) -> Cache:
    return Cache("numbers", type="ext:dynamodb", max_retries=0, **dynamodb.options)


class TestCost:
    def test_a_hit_is_one_read(self, cache: Cache, wire: Wire) -> None:
        cache.put("a", 1)
        with wire.expect("GetItem"):
            assert cache.get("a", createfunc=lambda: 2) == 1

    def test_a_membership_test_is_one_read(self, cache: Cache, wire: Wire) -> None:
        cache.put("a", 1)
        with wire.expect("GetItem", "GetItem"):
            assert "a" in cache
            assert "b" not in cache

    def test_a_miss_is_a_read_a_lease_and_a_write(self, cache: Cache, wire: Wire) -> None:
        with wire.expect("GetItem", "UpdateItem", "PutItem"):
            assert cache.get("a", createfunc=lambda: 2) == 2

    def test_a_put_is_one_write(self, cache: Cache, wire: Wire) -> None:
        with wire.expect("PutItem"):
            cache.put("a", 1)

    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_an_eventually_consistent_read_costs_half(self, dynamodb: Any, wire: Wire) -> None:
        cache = Cache("n", type="ext:dynamodb", consistent_read=False, **dynamodb.options)
        cache.put("a", 1)
        wire.clear()
        assert cache.get("a") == 1
        assert wire.units == 0.5

    def test_a_value_is_forgotten_when_the_read_lock_is_released(
        self, cache: Cache, wire: Wire
    ) -> None:
        namespace = cache.namespace
        cache.put("a", 1)
        namespace.acquire_read_lock()
        namespace.acquire_read_lock()
        assert b"a" in namespace
        namespace.release_read_lock()
        with wire.expect():
            assert namespace[b"a"][2] == 1
        namespace.release_read_lock()
        with wire.expect("GetItem"):
            assert namespace[b"a"][2] == 1

    def test_a_thread_does_not_see_what_another_thread_has_read(
        self, cache: Cache, wire: Wire
    ) -> None:
        namespace = cache.namespace
        cache.put("a", 1)
        namespace.acquire_read_lock()
        assert b"a" in namespace
        wire.clear()
        thread = threading.Thread(target=lambda: namespace[b"a"])
        thread.start()
        thread.join()
        namespace.release_read_lock()
        assert wire.operations == ["GetItem"]

    def test_a_thread_sees_its_own_write_under_a_read_lock(self, cache: Cache) -> None:
        namespace = cache.namespace
        cache.put("a", 1)
        namespace.acquire_read_lock()
        assert namespace[b"a"][2] == 1
        cache.put("a", 2)
        assert namespace[b"a"][2] == 2
        del namespace[b"a"]
        assert b"a" not in namespace
        namespace.release_read_lock()


class TestExpiry:
    def test_is_stored_in_the_item_for_dynamodbs_ttl(
        self, cache: Cache, dynamodb: Any, clock: Any
    ) -> None:
        cache.put("a", 1, expiretime=60)
        cache.put("b", 1)
        ends = {row.item: row.expires for row in stored_items(dynamodb)}
        assert 0 <= ends["a"].timestamp() - (clock.now + 60) < 1
        assert ends["b"] is None

    def test_of_a_cache_without_expire_is_beakers_timeout(self, dynamodb: Any, clock: Any) -> None:
        cache = Cache("n", type="ext:dynamodb", timeout=60, **dynamodb.options)
        cache.put("a", 1)
        clock.advance(59)
        assert cache.get("a") == 1
        clock.advance(2)
        assert "a" not in cache

    def test_is_exact_to_the_fraction_of_a_second(self, cache: Cache, clock: Any) -> None:
        cache.put("a", 1, expiretime=1)
        clock.advance(0.9)
        assert cache.namespace.has_key(b"a")
        clock.advance(0.2)
        assert not cache.namespace.has_key(b"a")

    def test_hides_a_key_from_keys(self, cache: Cache, clock: Any) -> None:
        cache.put("a", 1, expiretime=1)
        cache.put("b", 1, expiretime=100)
        clock.advance(2)
        assert cache.namespace.keys() == [b"b"]


@pytest.mark.parametrize("serializer", ["pickle", "json"])
@pytest.mark.parametrize("expire", [sys.maxsize, 10**12, float("inf")])
def test_a_very_long_life_never_ends(dynamodb: Any, serializer: str, expire: float) -> None:
    cache = Cache("endless", type="ext:dynamodb", serializer=serializer, **dynamodb.options)
    cache.put("key", 1, expiretime=expire)
    assert cache.get("key") == 1


class TestManyRows:
    def test_clear_and_keys_handle_several_pages_and_batches(
        self, cache: Cache, dynamodb: Any
    ) -> None:
        """A page of a query has up to 1 MB, a batch up to 25 items."""
        for number in range(30):
            cache.put(f"k{number}", random.Random(number).randbytes(50_000))
        other = Cache("other", type="ext:dynamodb", **dynamodb.options)
        other.put("kept", 1)
        assert sorted(cache.namespace.keys()) == sorted(f"k{n}".encode() for n in range(30))
        cache.clear()
        assert cache.namespace.keys() == []
        assert other.get("kept") == 1

    def test_clear_repeats_what_dynamodb_leaves_unprocessed(self, cache: Cache, wire: Wire) -> None:
        for number in range(3):
            cache.put(f"k{number}", number)
        wire.leave_next_unprocessed("BatchWriteItem")
        wire.leave_next_unprocessed("BatchWriteItem")
        cache.clear()
        assert cache.namespace.keys() == []
        assert wire.operations.count("BatchWriteItem") == 3

    def test_clear_is_an_outage_if_dynamodb_never_processes_it(
        self, cache: Cache, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _: None)
        cache.put("k", 1)
        for _ in range(10):
            wire.leave_next_unprocessed("BatchWriteItem")
        with pytest.raises(StoreUnavailable):
            cache.clear()
        assert cache.get("k") == 1


class TestSerializer:
    def test_json_stores_no_pickle(self, dynamodb: Any) -> None:
        cache = Cache(
            "n", type="ext:dynamodb", serializer="json", compression="none", **dynamodb.options
        )
        cache.put("a", {"b": [1, None]})
        assert cache.get("a") == {"b": [1, None]}
        assert b'{"b":[1,null]}' in stored_items(dynamodb)[0].data

    def test_json_treats_a_pickled_item_as_a_miss(self, cache: Cache, dynamodb: Any) -> None:
        cache.put("a", 1)
        careful = Cache("numbers", type="ext:dynamodb", serializer="json", **dynamodb.options)
        assert careful.get("a", createfunc=lambda: 2) == 2
        assert cache.get("a") == 2


class TestFaults:
    def test_a_corrupt_item_costs_one_miss(
        self, cache: Cache, dynamodb: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        cache.put("a", 1)
        [row] = stored_items(dynamodb)
        row.data = b"\x30garbage"
        row.save()
        with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
            assert cache.get("a", createfunc=lambda: 2) == 2
        assert "counts as missing" in caplog.text
        assert cache.get("a") == 2

    def test_an_outage_is_an_error(self, cache: Cache, wire: Wire) -> None:
        wire.fail_next("GetItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable):
            cache.get("a", createfunc=lambda: 1)

    def test_a_key_larger_than_an_item_is_an_error(self, cache: Cache) -> None:
        with pytest.raises(ItemTooLarge, match="400 KB"):
            cache.put("a" * 410 * 1024, 1)


class TestNames:
    def test_a_value_with_the_key_session_is_no_session(self, dynamodb: Any) -> None:
        options = {**dynamodb.options, "hash_ids": False}
        cache = Cache("an-id", type="ext:dynamodb", **options)
        cache.put("session", "a value")
        assert "session" not in DynamoDBNamespaceManager("an-id", **options)
        assert cache.get("session") == "a value"
        assert cache.namespace.keys() == [b"session"]

    def test_clear_keeps_a_session_of_the_same_name(self, dynamodb: Any) -> None:
        options = {**dynamodb.options, "hash_ids": False, "opaque_sessions": True}
        # Only an id of Beaker's form is stored as it is.
        name = "0f" * 16
        session = DynamoDBNamespaceManager(name, **options)
        session["session"] = "not base64!"
        cache = Cache(name, type="ext:dynamodb", **options)
        cache.put("a", 1)
        cache.clear()
        assert session["session"] == "not base64!"


def test_a_region_is_configured_by_its_url(dynamodb: Any, wire: Wire) -> None:
    rest = "&".join(
        f"{name}={value}"
        for name, value in dynamodb.options.items()
        if name not in {"region", "table_name"}
    )
    url = f"dynamodb://{dynamodb.options['region']}/{dynamodb.options['table_name']}?{rest}"
    region = f"short{uuid.uuid4().hex}"
    settings = {
        "cache.regions": region,
        f"cache.{region}.type": "ext:dynamodb",
        f"cache.{region}.url": url,
        f"cache.{region}.expire": "60",
    }
    manager = CacheManager(**parse_cache_config_options(settings))
    calls: list[int] = []

    @manager.region(region, "square")
    def square(number: int) -> int:
        calls.append(number)
        return number * number

    assert [square(3), square(3)] == [9, 9]
    assert calls == [3]
    manager.region_invalidate(square, None, "square", 3)
    assert square(3) == 9
    assert calls == [3, 3]


@pytest.mark.parametrize("life", [{"timeout": 60}, {"expire": 60}], ids=["timeout", "expire"])
def test_a_live_value_is_listed_until_it_expires(
    dynamodb: Any, clock: Any, life: dict[str, int]
) -> None:
    cache = Cache("listed", type="ext:dynamodb", **dynamodb.options, **life, stale_ttl=60)
    cache.put("key", 1)
    for seconds, listed in ((0, [b"key"]), (59, [b"key"]), (2, [])):
        clock.advance(seconds)
        assert cache.namespace.keys() == listed
        assert ("key" in cache) is bool(listed)


def test_a_value_without_expire_is_missing_after_timeout_whatever_stale_ttl_is(
    dynamodb: Any, clock: Any
) -> None:
    cache = Cache("timeout", type="ext:dynamodb", **dynamodb.options, timeout=60, stale_ttl=60)
    cache.put("key", 1)
    clock.advance(61)
    assert cache.get("key", createfunc=lambda: 2) == 2
