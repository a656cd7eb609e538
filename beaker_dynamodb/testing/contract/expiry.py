"""Expiry of cache values, on a controlled clock."""

from typing import Any

import pytest

from ..clock import Clock
from .base import Contract, MakeCache
from .creation import Creation

DAY = 86_400


class CacheExpiryContract(Contract):
    """``expire``, ``expiretime`` and ``starttime`` of cache values."""

    @pytest.fixture(params=[0, 0.37, 0.95])
    def any_fraction_of_a_second(self, clock: Clock, request: pytest.FixtureRequest) -> None:
        clock.advance(request.param)

    @pytest.mark.usefixtures("any_fraction_of_a_second")
    def test_a_value_lasts_until_it_expires(self, cache: Any, clock: Clock) -> None:
        cache.set_value("key", "value", expiretime=1)

        clock.advance(0.9)

        assert cache.get("key") == "value"
        assert "key" in cache
        assert cache.has_key("key")

    @pytest.mark.usefixtures("any_fraction_of_a_second")
    def test_a_value_is_missing_once_it_has_expired(self, cache: Any, clock: Clock) -> None:
        cache.set_value("key", "value", expiretime=1)

        clock.advance(1.1)

        assert "key" not in cache
        assert not cache.has_key("key")
        with pytest.raises(KeyError):
            cache.get("key")

    @pytest.mark.usefixtures("any_fraction_of_a_second")
    def test_an_expired_value_is_missing_for_the_namespace_too(
        self, cache: Any, clock: Clock
    ) -> None:
        cache.set_value("key", "value", expiretime=1)
        assert cache.namespace.has_key(b"key")

        clock.advance(1.1)

        assert cache.namespace.has_key(b"key") != self.expires_automatically
        assert (list(cache.namespace.keys()) == []) == self.expires_automatically

    def test_a_cache_gives_its_values_its_own_expiry(
        self, name: str, make_cache: MakeCache, clock: Clock
    ) -> None:
        cache = make_cache(name, expire=10)
        cache["short"] = "value"
        cache.put("long", "value", expiretime=100)

        clock.advance(11)

        assert "short" not in cache
        assert "long" in cache

    def test_a_value_without_expiry_lasts_a_year(self, cache: Any, clock: Clock) -> None:
        cache["key"] = "value"

        clock.advance(365 * DAY)

        assert cache["key"] == "value"

    @pytest.mark.usefixtures("clock")
    def test_a_value_that_expires_at_once_is_never_served(self, cache: Any) -> None:
        cache.set_value("key", "value", expiretime=0)

        assert "key" not in cache

    def test_an_expired_value_is_created_again_once(
        self, name: str, make_cache: MakeCache, clock: Clock
    ) -> None:
        cache, creation = make_cache(name, expire=10), Creation()
        first = cache.get("key", createfunc=creation)

        clock.advance(11)
        again = [cache.get("key", createfunc=creation) for _ in range(3)]

        assert first == "value 1"
        assert again == ["value 2"] * 3

    def test_a_value_stored_again_gets_a_new_expiry(self, cache: Any, clock: Clock) -> None:
        cache.put("key", "old", expiretime=10)
        clock.advance(8)
        cache.put("key", "new", expiretime=10)

        clock.advance(8)

        assert cache["key"] == "new"

    def test_a_value_stored_again_without_expiry_never_expires(
        self, cache: Any, clock: Clock
    ) -> None:
        cache.put("key", "old", expiretime=10)
        cache.put("key", "new")

        clock.advance(DAY)

        assert cache["key"] == "new"

    def test_reading_does_not_extend_the_life_of_a_value(self, cache: Any, clock: Clock) -> None:
        cache.put("key", "value", expiretime=10)

        clock.advance(8)
        assert cache["key"] == "value"
        clock.advance(8)

        assert "key" not in cache

    def test_values_older_than_the_start_of_the_cache_are_missing(
        self, name: str, make_cache: MakeCache, clock: Clock
    ) -> None:
        make_cache(name)["key"] = "value"

        clock.advance(10)
        cache = make_cache(name, starttime=clock.now)

        assert "key" not in cache
        assert cache.get("key", createfunc=Creation()) == "value 1"
