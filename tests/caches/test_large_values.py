"""Cache values of more than one item: whole or missing."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import ItemTooLarge, StoreUnavailable
from tests.support.effort import EFFORT
from tests.support.internals import PART_SIZE, table_module
from tests.support.large import MEGABYTE, all_parts_are_named, noise, parts
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture
def cache(dynamodb: Any) -> Cache:
    return Cache("large", type="ext:dynamodb", max_retries=0, **dynamodb.options)


class TestAValue:
    def test_of_3_mb_is_read_in_two_calls(self, cache: Cache, wire: Wire) -> None:
        value = noise(3 * MEGABYTE)
        cache.put("a", value)
        with wire.expect("GetItem", "BatchGetItem"):
            assert cache.get("a") == value

    def test_of_3_mb_is_written_with_its_head_last(self, cache: Cache, wire: Wire) -> None:
        with wire.expect("BatchWriteItem", "PutItem", "BatchWriteItem", "UpdateItem"):
            cache.put("never expires", noise(3 * MEGABYTE))
        with wire.expect("BatchWriteItem", "PutItem"):
            cache.put("expires", noise(3 * MEGABYTE), expiretime=60)

    def test_is_compressed_first(self, cache: Cache, wire: Wire) -> None:
        with wire.expect("PutItem", "GetItem"):
            cache.put("a", "apple" * MEGABYTE)
            assert len(cache.get("a")) == 5 * MEGABYTE

    @pytest.mark.parametrize("size", [PART_SIZE - 100, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE])
    def test_at_the_size_limit_of_a_part_comes_back(
        self, cache: Cache, dynamodb: Any, size: int
    ) -> None:
        long_key = "k" * 3000
        for key in ("a", long_key):
            cache.put(key, noise(size))
            assert cache.get(key) == noise(size)
        assert all(len(row.data) <= PART_SIZE for row in stored_items(dynamodb))

    def test_past_max_value_size_is_an_error_and_the_stored_one_stays(
        self, cache: Cache, dynamodb: Any
    ) -> None:
        cache.put("a", noise(MEGABYTE))
        with pytest.raises(ItemTooLarge, match=r"max_value_size is 8,388,608") as caught:
            cache.put("a", noise(9 * MEGABYTE))
        assert caught.value.table == dynamodb.options["table_name"]
        assert cache.get("a") == noise(MEGABYTE)

    @pytest.mark.parametrize("expire", [None, 60])
    def test_is_whole_if_an_answer_is_lost(
        self, dynamodb: Any, wire: Wire, expire: int | None
    ) -> None:
        cache = Cache("large", type="ext:dynamodb", **dynamodb.options)
        cache.put("a", noise(MEGABYTE, 1), expiretime=expire)
        wire.lose_answer_of("PutItem")
        cache.put("a", noise(MEGABYTE, 2), expiretime=expire)
        assert cache.get("a") == noise(MEGABYTE, 2)

    def test_that_a_function_makes_is_whole_if_an_answer_is_lost(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        cache = Cache("large", type="ext:dynamodb", **dynamodb.options)
        wire.lose_answer_of("PutItem")
        assert cache.get("a", createfunc=lambda: noise(MEGABYTE)) == noise(MEGABYTE)
        assert cache.get("a") == noise(MEGABYTE)
        assert all_parts_are_named(dynamodb)
        assert {row.expires for row in stored_items(dynamodb)} == {None}

    def test_is_made_once_and_then_read(self, cache: Cache, wire: Wire) -> None:
        creation = ("GetItem", "UpdateItem", "BatchWriteItem", "PutItem")
        with wire.expect(*creation, "BatchWriteItem", "UpdateItem"):
            assert cache.get("a", createfunc=lambda: noise(MEGABYTE)) == noise(MEGABYTE)
        assert cache.get("a") == noise(MEGABYTE)


class TestParts:
    def test_of_a_replaced_value_are_removed(self, cache: Cache, dynamodb: Any) -> None:
        cache.put("a", noise(MEGABYTE))
        cache.put("a", noise(MEGABYTE, 2))
        assert len(parts(dynamodb)) == 3
        cache.put("a", "small")
        assert parts(dynamodb) == []

    @pytest.mark.parametrize("remove", [lambda cache: cache.remove_value("a"), Cache.clear])
    def test_are_removed_with_the_value(
        self, cache: Cache, dynamodb: Any, remove: Callable[[Cache], None]
    ) -> None:
        cache.put("a", noise(MEGABYTE))
        remove(cache)
        assert stored_items(dynamodb) == []

    def test_are_no_keys(self, cache: Cache) -> None:
        cache.put("a", noise(MEGABYTE))
        cache.put("part:a", 1)
        assert sorted(cache.namespace.keys()) == [b"a", b"part:a"]

    def test_expire_with_the_value(self, cache: Cache, dynamodb: Any, clock: Any) -> None:
        cache.put("a", noise(MEGABYTE), expiretime=60)
        assert {row.expires.timestamp() for row in stored_items(dynamodb)} == {clock.now + 60}

    def test_of_a_value_that_never_expires_never_expire(self, cache: Cache, dynamodb: Any) -> None:
        cache.put("a", noise(MEGABYTE))
        assert {row.expires for row in stored_items(dynamodb)} == {None}

    @pytest.mark.parametrize("expire", [None, 60])
    def test_that_no_value_refers_to_expire(
        self, cache: Cache, dynamodb: Any, wire: Wire, expire: int | None
    ) -> None:
        cache.put("a", "before")
        wire.fail_next("PutItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable):
            cache.put("a", noise(MEGABYTE), expiretime=expire)
        assert cache.get("a") == "before"
        assert len(parts(dynamodb)) == 3
        assert None not in {part.expires for part in parts(dynamodb)}

    def test_that_cannot_be_removed_expire(
        self, cache: Cache, dynamodb: Any, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        cache.put("a", noise(MEGABYTE), expiretime=60)
        wire.fail_next("BatchWriteItem", (500, "InternalServerError"))
        cache.put("a", "small")
        assert cache.get("a") == "small"
        assert None not in {part.expires for part in parts(dynamodb)}
        assert "parts of a replaced value were not removed" in caplog.text

    def test_that_are_missing_cause_a_miss(
        self, cache: Cache, dynamodb: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        cache.put("a", noise(MEGABYTE))
        parts(dynamodb)[0].delete()
        assert cache.get("a", createfunc=lambda: "new") == "new"
        assert "parts of the value are missing" in caplog.text
        assert cache.get("a") == "new"

    def test_of_another_value_cause_a_miss(self, cache: Cache, dynamodb: Any) -> None:
        cache.put("a", noise(MEGABYTE))
        part = next(part for part in parts(dynamodb) if part.item.endswith(":0"))
        part.data = part.data[:-9] + b"another's"
        part.save()
        assert cache.get("a", createfunc=lambda: "new") == "new"

    @pytest.mark.parametrize("name", ["", ":", "x:0", "x:101", "x:-1", "x:1.0", "x", ":3", "x:٣"])
    def test_with_an_invalid_name_cause_a_miss(
        self, cache: Cache, dynamodb: Any, name: str
    ) -> None:
        cache.put("a", noise(MEGABYTE))
        [head] = [row for row in stored_items(dynamodb) if row.parts]
        head.parts = name or None
        head.save()
        assert cache.get("a", createfunc=lambda: "new") == "new"

    def test_are_requested_again_if_dynamodb_leaves_them_unprocessed(
        self, cache: Cache, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _: None)
        wire.leave_next_unprocessed("BatchWriteItem")
        cache.put("a", noise(MEGABYTE))
        for _ in range(3):
            wire.leave_next_unprocessed("BatchGetItem")
        assert cache.get("a") == noise(MEGABYTE)

    def test_that_dynamodb_never_returns_are_an_outage(
        self, cache: Cache, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _: None)
        cache.put("a", noise(MEGABYTE))
        for _ in range(10):
            wire.leave_next_unprocessed("BatchGetItem")
        with pytest.raises(StoreUnavailable, match="did only part of a batch"):
            cache.get("a")


class TestAHeadThatNeverExpires:
    """It never outlives its parts, whichever step of a write fails."""

    @pytest.mark.parametrize("step", ["parts again", "head again"])
    def test_expires_with_its_parts_until_both_are_permanent(
        self, cache: Cache, dynamodb: Any, wire: Wire, clock: Any, step: str
    ) -> None:
        def fail() -> None:
            operation = {"parts again": "BatchWriteItem", "head again": "UpdateItem"}[step]
            wire.fail_next(operation, (500, "InternalServerError"))

        wire.before_next("PutItem", fail)
        with pytest.raises(StoreUnavailable):
            cache.put("a", noise(MEGABYTE))
        assert cache.get("a") == noise(MEGABYTE)
        [head] = [row for row in stored_items(dynamodb) if row.parts]
        assert head.expires.timestamp() == clock.now + 86_400
        clock.advance(86_400)
        assert cache.get("a", createfunc=lambda: "new") == "new"

    def test_is_signed_when_it_becomes_permanent(self, dynamodb: Any, clock: Any) -> None:
        cache = Cache("large", type="ext:dynamodb", signing_key="s" * 32, **dynamodb.options)
        cache.put("a", noise(MEGABYTE))
        clock.advance(10 * 86_400)
        assert cache.get("a") == noise(MEGABYTE)
        assert {row.expires for row in stored_items(dynamodb)} == {None}

    def test_leaves_no_parts_if_another_replaces_it_before_it_is_permanent(
        self, cache: Cache, dynamodb: Any, wire: Wire
    ) -> None:
        wire.before_next("UpdateItem", lambda: cache.put("a", "small"))
        cache.put("a", noise(MEGABYTE))
        assert cache.get("a") == "small"
        assert parts(dynamodb) == []

    def test_of_an_older_release_is_repaired_by_a_read(
        self, cache: Cache, dynamodb: Any, wire: Wire
    ) -> None:
        cache.put("a", noise(MEGABYTE))
        expire_parts(dynamodb)
        assert cache.get("a") == noise(MEGABYTE)
        assert {row.expires for row in stored_items(dynamodb)} == {None}
        with wire.expect("GetItem", "BatchGetItem"):
            assert cache.get("a") == noise(MEGABYTE)

    def test_is_read_though_the_repair_fails(
        self, cache: Cache, dynamodb: Any, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        cache.put("a", noise(MEGABYTE))
        expire_parts(dynamodb)
        wire.fail_next("UpdateItem", (500, "InternalServerError"))
        assert cache.get("a") == noise(MEGABYTE)
        assert "a part still expires before its head" in caplog.text

    def test_is_not_repaired_with_parts_that_were_removed_meanwhile(
        self, cache: Cache, dynamodb: Any, wire: Wire
    ) -> None:
        cache.put("a", noise(MEGABYTE))
        expire_parts(dynamodb)
        wire.before_next("UpdateItem", lambda: cache.remove_value("a"))
        assert cache.get("a") == noise(MEGABYTE)
        assert stored_items(dynamodb) == []

    def test_that_a_lease_replaces_takes_its_parts_with_it(
        self, cache: Cache, dynamodb: Any
    ) -> None:
        cache.put("a", noise(MEGABYTE))
        parts(dynamodb)[0].delete()
        assert cache.get("a", createfunc=lambda: "new") == "new"
        assert parts(dynamodb) == []

    def test_that_a_lease_replaces_takes_its_parts_though_the_answer_is_lost(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        cache = Cache("large", type="ext:dynamodb", **dynamodb.options)
        cache.put("a", noise(MEGABYTE))
        parts(dynamodb)[0].delete()
        wire.lose_answer_of("UpdateItem")
        assert cache.get("a", createfunc=lambda: "new") == "new"
        assert parts(dynamodb) == []


def expire_parts(dynamodb: Any) -> None:
    """Leave parts as an older release did if its third step failed."""
    tomorrow = datetime.now(timezone.utc) + timedelta(days=2)
    for part in parts(dynamodb):
        part.expires = tomorrow
        part.save()


class SlowDynamoDB:
    """A clock that advances by a second whenever it is read."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 1
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def test_retries_of_unprocessed_parts_end_within_the_longest_call(
    cache: Cache, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.put("a", noise(MEGABYTE))
    monkeypatch.setattr(table_module, "time", SlowDynamoDB())
    for _ in range(table_module.BATCH_TRIES - 1):
        wire.leave_next_unprocessed("BatchGetItem")
    with pytest.raises(StoreUnavailable, match="did only part of a batch"):
        cache.get("a")
    # Without another try, a call takes four seconds.
    assert wire.operations.count("BatchGetItem") <= 5


class TestAReader:
    def test_sees_the_new_value_if_the_old_one_is_replaced_during_the_read(
        self, cache: Cache, wire: Wire
    ) -> None:
        cache.put("a", noise(MEGABYTE, 1))
        wire.before_next("BatchGetItem", lambda: cache.put("a", noise(MEGABYTE, 2)))
        assert cache.get("a") == noise(MEGABYTE, 2)

    def test_sees_the_old_value_until_the_head_is_written(self, cache: Cache, wire: Wire) -> None:
        seen = []
        cache.put("a", noise(MEGABYTE, 1))
        wire.before_next("PutItem", lambda: seen.append(cache.get("a")))
        cache.put("a", noise(MEGABYTE, 2))
        assert seen == [noise(MEGABYTE, 1)]

    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_sees_only_whole_values_during_rewrites(
        self, dynamodb: Any, threads: ThreadPoolExecutor
    ) -> None:
        # Without compression, which would take most of the time.
        cache = Cache("large", type="ext:dynamodb", compression="none", **dynamodb.options)
        values = [noise(2 * MEGABYTE, seed) for seed in range(2)]
        cache.put("a", values[0])

        def rewrite() -> None:
            for number in range(EFFORT.rewrites):
                cache.put("a", values[number % 2])

        writing, reads = threads.submit(rewrite), 0
        while not writing.done():
            assert cache.get("a") in values
            reads += 1
        writing.result()
        assert reads > EFFORT.rewrites // 20

    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_and_concurrent_writers_leave_no_part_behind(
        self, cache: Cache, dynamodb: Any, threads: ThreadPoolExecutor
    ) -> None:
        values = [noise(MEGABYTE, seed) for seed in range(4)]
        for _ in range(5):
            list(threads.map(lambda value: cache.put("a", value, expiretime=60), values))
        assert cache.get("a") in values
        assert len(parts(dynamodb)) == 3


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool
