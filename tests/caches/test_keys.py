"""`keys()` lists exactly what `in` finds."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from beaker.cache import Cache

from tests.caches.conftest import make_cache
from tests.support.large import MEGABYTE, noise, parts
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

LIVES = (None, 0, 0.5, 1, 59, 60, 61, 10**12)


def agree(cache: Cache, keys: list[str]) -> list[str]:
    found = [key for key in keys if key in cache]
    assert sorted(cache.namespace.keys()) == sorted(key.encode() for key in found)
    return found


@pytest.mark.parametrize("timeout", [None, 60])
@pytest.mark.parametrize("written", [0, 60])
@pytest.mark.parametrize("read", [0, 60])
def test_over_all_lives(
    dynamodb: Any, clock: Any, timeout: int | None, written: int, read: int
) -> None:
    options = {"timeout": timeout} if timeout else {}
    writer = make_cache(dynamodb, stale_ttl=written, **options)
    reader = make_cache(dynamodb, stale_ttl=read, **options)
    keys = [f"of {life}" for life in LIVES]
    for key, life in zip(keys, LIVES, strict=True):
        writer.put(key, 1, expiretime=life)
    counts = []
    for seconds in (0, 0.4, 0.2, 0.5, 58.8, 0.2, 1, 60, 3600):
        clock.advance(seconds)
        counts.append(len(agree(reader, keys)))
    assert counts[0] > 1
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 1 if timeout else 2


def alter(**attributes: Any) -> Callable[[Any], None]:
    def change(dynamodb: Any) -> None:
        row = next(row for row in stored_items(dynamodb) if row.item == "a")
        for name, value in attributes.items():
            setattr(row, name, value)
        row.save()

    return change


@pytest.mark.parametrize(
    "change",
    [
        alter(data=b"\x30garbage"),
        alter(touched=None),
        alter(data=None),
        alter(version=None),
        alter(signature=b"wrong"),
        alter(key=b"another key"),
        lambda dynamodb: parts(dynamodb)[0].delete(),
    ],
    ids=["data", "no touched", "no data", "no version", "signature", "key", "a missing part"],
)
def test_over_rows_that_cannot_be_read(dynamodb: Any, change: Callable[[Any], None]) -> None:
    cache = make_cache(dynamodb, signing_key="s" * 32)
    cache.put("a", noise(450_000))
    cache.put("b", noise(450_000))
    change(dynamodb)
    assert len(agree(cache, ["a", "b"])) >= 1


def test_over_a_lease_without_a_value(dynamodb: Any) -> None:
    cache = make_cache(dynamodb)
    cache.get("a", createfunc=lambda: agree(make_cache(dynamodb), ["a"]))


@pytest.mark.parametrize("key", ["", "session", "part:a", "sha256:a", "k" * 2000])
def test_over_keys_of_any_kind(dynamodb: Any, key: str) -> None:
    cache = make_cache(dynamodb)
    cache.put(key, 1)
    assert agree(cache, [key]) == [key]


def test_costs_a_query_and_a_batch_of_reads(dynamodb: Any, wire: Wire) -> None:
    cache = make_cache(dynamodb)
    for number in range(25):
        cache.put(f"k{number}", number)
    with wire.expect("Query", "BatchGetItem"):
        assert len(cache.namespace.keys()) == 25


def test_of_large_values_is_quick(dynamodb: Any) -> None:
    cache = make_cache(dynamodb)
    cache.put("a", noise(MEGABYTE))
    begin = time.monotonic()
    assert cache.namespace.keys() == [b"a"]
    assert time.monotonic() - begin < 5
