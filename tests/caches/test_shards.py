"""A namespace over several partitions."""

from typing import Any

import pytest
from beaker.cache import Cache

from tests.caches.conftest import make_cache, never
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

KEYS = [f"k{number}" for number in range(100)]


def partitions(dynamodb: Any) -> list[str]:
    return [row.id for row in stored_items(dynamodb)]


def test_one_shard_is_the_partition_of_the_namespace(dynamodb: Any) -> None:
    for shards in (1, None):
        options = {"shards": shards} if shards else {}
        make_cache(dynamodb, **options).put(f"{shards}", 1)
    assert partitions(dynamodb) == ["made", "made"]


def test_several_share_the_keys(dynamodb: Any, wire: Wire) -> None:
    cache = make_cache(dynamodb, shards=4)
    for key in KEYS:
        with wire.expect("GetItem", "UpdateItem", "PutItem"):
            cache.get(key, createfunc=lambda key=key: key)
    found = partitions(dynamodb)
    counts = [found.count(partition) for partition in set(found)]
    assert len(counts) == 4
    assert min(counts) >= 15
    assert [make_cache(dynamodb, shards=4).get(key, createfunc=never) for key in KEYS] == KEYS


def test_a_key_is_always_in_the_same_shard(dynamodb: Any) -> None:
    """Also in a later release, and in a process whose hashes have another seed."""
    make_cache(dynamodb, shards=4).put("apple", 1)
    assert partitions(dynamodb) == ["made\x1f0 of 4"]


def test_keys_and_clear_visit_all(dynamodb: Any, wire: Wire) -> None:
    cache = make_cache(dynamodb, shards=4)
    for key in ["", "session", "k" * 2000, *KEYS]:
        cache.put(key, 1)
    assert len(cache.namespace.keys()) == 103
    wire.clear()
    cache.clear()
    assert wire.operations.count("Query") == 4
    assert stored_items(dynamodb) == []


def test_another_number_makes_every_value_a_miss(dynamodb: Any) -> None:
    for shards in (1, 2, 3):
        cache = make_cache(dynamodb, shards=shards)
        assert not [key for key in KEYS if key in cache]
        for key in KEYS:
            cache.put(key, shards)
    make_cache(dynamodb, shards=2).clear()
    assert len(make_cache(dynamodb, shards=1).namespace.keys()) == 100
    assert len(make_cache(dynamodb, shards=3).namespace.keys()) == 100


def test_a_long_namespace_is_spread_too(dynamodb: Any) -> None:
    cache = Cache("n" * 2100, type="ext:dynamodb", shards=4, **dynamodb.options)
    for key in KEYS:
        cache.put(key, 1)
    assert len(set(partitions(dynamodb))) == 4
    assert len(cache.namespace.keys()) == 100
