"""Hits, misses and values of a cache."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from beaker.cache import CacheManager
from beaker.middleware import CacheMiddleware
from beaker.util import parse_cache_config_options
from webtest import TestApp

from ..site import BackendOptions
from .base import Contract, MakeCache
from .creation import Creation


@dataclass
class Order:
    """A class of the application."""

    item: str
    number: int


VALUES = {
    "none": None,
    "false": False,
    "zero": 0,
    "a large number": 2**100,
    "a fraction": 0.1,
    "an empty text": "",
    "a text in many scripts": "naïve 日本語 \U0001f36a",
    "empty bytes": b"",
    "bytes": bytes(range(256)),
    "300 KB": "tea " * 75_000,
    "300 KB of bytes": bytes(range(256)) * 1_200,
    "a date": datetime(2024, 2, 29, 12, tzinfo=timezone.utc),
    "a span of time": timedelta(days=1, microseconds=1),
    "a decimal": Decimal("0.10"),
    "nested": {"a": [{"b": (1, {2, 3})}], 4: None},
    "a tuple of three": (1, 2, 3),
    "an object": Order("tea", 2),
}


def never() -> None:
    """A creation function that must not run."""
    raise AssertionError("the value was there")


class CacheContract(Contract):
    """A cache keeps stored values, and creates missing ones."""

    def test_a_missing_key_is_a_key_error(self, cache: Any) -> None:
        with pytest.raises(KeyError):
            cache.get("missing")
        with pytest.raises(KeyError):
            cache["missing"]

    def test_a_missing_key_is_not_in_the_cache(self, cache: Any) -> None:
        assert "missing" not in cache
        assert not cache.has_key("missing")

    def test_a_stored_value_is_found(self, cache: Any) -> None:
        cache["key"] = "value"

        assert cache["key"] == "value"
        assert cache.get("key") == "value"
        assert "key" in cache
        assert cache.has_key("key")

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_a_value_comes_back_as_it_was(self, cache: Any, value: Any) -> None:
        cache["key"] = value

        assert cache["key"] == value
        assert type(cache["key"]) is type(value)
        assert "key" in cache

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_a_created_value_is_not_created_again(self, cache: Any, value: Any) -> None:
        made = cache.get("key", createfunc=lambda: value)

        assert made == value
        assert cache.get("key", createfunc=never) == value

    def test_a_missing_value_is_created_once(self, cache: Any) -> None:
        creation = Creation()

        found = [cache.get("key", createfunc=creation) for _ in range(3)]

        assert found == ["value 1"] * 3
        assert creation.calls == 1

    def test_each_key_has_its_own_value(self, cache: Any) -> None:
        creation = Creation()

        assert cache.get("first", createfunc=creation) == "value 1"
        assert cache.get("second", createfunc=creation) == "value 2"
        assert cache["first"] == "value 1"

    def test_nothing_is_stored_when_the_creation_fails(self, cache: Any) -> None:
        with pytest.raises(ZeroDivisionError):
            cache.get("key", createfunc=lambda: 1 / 0)

        assert "key" not in cache
        assert cache.get("key", createfunc=Creation()) == "value 1"

    def test_a_creation_can_use_the_cache_itself(self, cache: Any) -> None:
        made = cache.get("outer", createfunc=lambda: cache.get("inner", createfunc=Creation()))

        assert made == cache["inner"] == cache["outer"] == "value 1"

    @pytest.mark.parametrize("new", ["new", None, "tea " * 75_000], ids=["text", "none", "300 KB"])
    def test_a_value_stored_again_replaces_the_old_one(self, cache: Any, new: Any) -> None:
        cache["key"] = "old"

        cache["key"] = new

        assert cache["key"] == new

    def test_a_small_value_replaces_a_large_one(self, cache: Any) -> None:
        cache["key"] = "tea " * 75_000

        cache["key"] = "small"

        assert cache["key"] == "small"
        assert list(cache.namespace.keys()) == [b"key"]

    @pytest.mark.parametrize("remove", ["remove_value", "remove", "__delitem__"])
    def test_a_removed_value_is_missing(self, cache: Any, remove: str) -> None:
        cache["key"], cache["other"] = "value", "stays"

        getattr(cache, remove)("key")

        assert "key" not in cache
        assert cache["other"] == "stays"

    def test_a_removed_value_is_created_again(self, cache: Any) -> None:
        creation = Creation()
        cache.get("key", createfunc=creation)

        cache.remove_value("key")

        assert cache.get("key", createfunc=creation) == "value 2"

    def test_removing_a_missing_value_does_nothing(self, cache: Any) -> None:
        cache["other"] = "stays"

        cache.remove_value("missing")

        assert cache["other"] == "stays"
        assert "missing" not in cache

    def test_a_second_cache_of_the_name_sees_the_same_values(
        self, name: str, cache: Any, make_cache: MakeCache
    ) -> None:
        second = make_cache(name)

        cache["key"] = "value"
        assert second["key"] == "value"
        second.remove_value("key")

        assert "key" not in cache

    def test_clear_empties_only_its_own_namespace(
        self, name: str, cache: Any, make_cache: MakeCache
    ) -> None:
        others = [make_cache(other) for other in (f"{name}2", name[:-1], f"{name}:")]
        for each in (cache, *others):
            each["key"], each["other"] = "value", "value"

        cache.clear()

        assert "key" not in cache
        assert "other" not in cache
        assert all("key" in other and "other" in other for other in others)

    @pytest.mark.parametrize(
        ("count", "size"), [(0, 0), (60, 10), (5, 300_000)], ids=["none", "many", "large"]
    )
    def test_clear_removes_every_value(self, cache: Any, count: int, size: int) -> None:
        keys = [f"key {number}" for number in range(count)]
        for key in keys:
            cache[key] = "x" * size

        cache.clear()

        assert not any(key in cache for key in keys)
        assert list(cache.namespace.keys()) == []

    def test_a_cleared_cache_stores_new_values(self, cache: Any) -> None:
        cache["key"] = "old"
        cache.clear()

        cache["key"] = "new"

        assert cache["key"] == "new"


class CacheManagerContract(Contract):
    """Caches from ``CacheManager``, configured as by an ini file."""

    @pytest.fixture
    def manager(self, backend: BackendOptions) -> Any:
        settings = {f"cache.{option}": value for option, value in backend.items()}
        return CacheManager(**parse_cache_config_options(settings))

    def test_a_manager_gives_one_cache_for_one_name(self, manager: Any, name: str) -> None:
        manager.get_cache(name)["key"] = "value"

        assert manager.get_cache(name)["key"] == "value"
        assert manager.get_cache(name) is manager.get_cache(name)

    def test_a_manager_gives_each_name_its_own_cache(self, manager: Any, name: str) -> None:
        manager.get_cache(name)["key"] = "value"

        assert "key" not in manager.get_cache(f"{name}2")

    def test_the_middleware_gives_a_manager_to_the_site(
        self, backend: BackendOptions, name: str
    ) -> None:
        creation = Creation()

        def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            cache = environ["beaker.cache"].get_cache(name)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [cache.get("key", createfunc=creation).encode()]

        settings = {f"cache.{option}": value for option, value in backend.items()}
        browser = TestApp(CacheMiddleware(site, settings))

        assert [browser.get("/").text for _ in range(3)] == ["value 1"] * 3
