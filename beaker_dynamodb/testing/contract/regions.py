"""Functions whose results are cached, and cache regions."""

from collections.abc import Callable
from typing import Any

import pytest
from beaker.cache import CacheManager, cache_region, region_invalidate
from beaker.exceptions import BeakerException
from beaker.util import parse_cache_config_options

from ..clock import Clock
from ..site import BackendOptions
from .base import Contract

SHORT, LONG = 10, 100

ITEMS = {
    "text": "tea",
    "empty": "",
    "spaces": "  ",
    "a line break": "tea\n",
    "not ASCII": "чай",
    "3,000 characters": "t" * 3_000,
    "a fraction": 1.5,
    "none": None,
    "bytes": b"\xff",
}


class Menu:
    """The functions that tests decorate; each counts its calls.

    Args:
        name: keeps the results of each test apart.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[tuple[Any, ...]] = []

    def function(self, decorate: Callable[..., Any], **options: Any) -> Any:
        """A function with the decorator."""

        @decorate(self.name, **options)
        def price(*items: Any, **choices: Any) -> str:
            self.calls.append((*items, *choices.values()))
            return f"price {len(self.calls)}"

        return price


class DecoratedFunctionContract(Contract):
    """``@manager.cache`` and ``manager.invalidate``."""

    @pytest.fixture
    def manager(self, backend: BackendOptions) -> Any:
        settings = {f"cache.{option}": value for option, value in backend.items()}
        return CacheManager(**parse_cache_config_options(settings))

    @pytest.fixture
    def menu(self, name: str) -> Menu:
        return Menu(name)

    def test_a_function_runs_once_for_each_set_of_arguments(self, manager: Any, menu: Menu) -> None:
        price = menu.function(manager.cache)

        assert [price("tea"), price("tea")] == ["price 1"] * 2
        assert [price("tea", 2), price("tea", 2)] == ["price 2"] * 2
        assert price() == "price 3"
        assert menu.calls == [("tea",), ("tea", 2), ()]

    @pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS.keys())
    def test_any_argument_can_be_part_of_the_key(self, manager: Any, menu: Menu, item: Any) -> None:
        price = menu.function(manager.cache)

        assert [price(item), price(item)] == ["price 1"] * 2
        manager.invalidate(price, menu.name, item)

        assert [price(item), price(item)] == ["price 2"] * 2

    def test_arguments_by_name_are_part_of_the_key(self, manager: Any, menu: Menu) -> None:
        price = menu.function(manager.cache)

        assert [price(size=1), price(size=2), price(size=1)] == ["price 1", "price 2", "price 1"]

    def test_none_is_a_result(self, manager: Any, name: str) -> None:
        calls: list[str] = []

        @manager.cache(name)
        def find(item: str) -> None:
            calls.append(item)

        assert [find("tea"), find("tea")] == [None, None]
        assert calls == ["tea"]

    def test_a_result_expires(self, manager: Any, menu: Menu, clock: Clock) -> None:
        price = menu.function(manager.cache, expire=SHORT)
        assert price("tea") == "price 1"

        clock.advance(SHORT - 1)
        assert price("tea") == "price 1"
        clock.advance(2)

        assert price("tea") == "price 2"

    def test_invalidating_one_result_leaves_the_others(self, manager: Any, menu: Menu) -> None:
        price = menu.function(manager.cache)
        price("tea")
        price("cake")

        manager.invalidate(price, menu.name, "tea")

        assert price("tea") == "price 3"
        assert price("cake") == "price 2"

    def test_invalidating_an_uncached_result_does_nothing(self, manager: Any, menu: Menu) -> None:
        price = menu.function(manager.cache)
        price("tea")

        manager.invalidate(price, menu.name, "cake")

        assert price("tea") == "price 1"

    def test_a_method_is_cached_for_all_objects_of_its_class(self, manager: Any, name: str) -> None:
        class Shop:
            def __init__(self, shop: str) -> None:
                self.shop = shop

            @manager.cache(name)
            def price(self, item: str) -> str:
                return f"{item} at {self.shop}"

        assert Shop("first").price("tea") == "tea at first"
        assert Shop("second").price("tea") == "tea at first"


class RegionContract(Contract):
    """Cache regions, configured as by an ini file.

    A region inherits few options, so each gets all options of the backend.
    """

    @pytest.fixture
    def manager(self, backend: BackendOptions) -> Any:
        settings: BackendOptions = {"cache.regions": "short, long"}
        for region, expire in (("short", SHORT), ("long", LONG)):
            settings[f"cache.{region}.expire"] = str(expire)
            settings |= {f"cache.{region}.{option}": value for option, value in backend.items()}
        return CacheManager(**parse_cache_config_options(settings))

    @pytest.fixture
    def menu(self, name: str) -> Menu:
        return Menu(name)

    def in_region(self, manager: Any, region: str = "short") -> Callable[[str], Any]:
        return lambda name: manager.region(region, name)

    def test_a_function_in_a_region_runs_once(self, manager: Any, menu: Menu) -> None:
        price = menu.function(self.in_region(manager))

        assert [price("tea"), price("tea"), price("cake")] == ["price 1", "price 1", "price 2"]

    def test_each_region_has_its_own_expiry(
        self, manager: Any, menu: Menu, name: str, clock: Clock
    ) -> None:
        short = menu.function(self.in_region(manager, "short"))
        long_menu = Menu(f"{name} long")
        long = long_menu.function(self.in_region(manager, "long"))
        short("tea")
        long("tea")

        clock.advance(SHORT + 1)

        assert short("tea") == "price 2"
        assert long("tea") == "price 1"

    @pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS.keys())
    def test_a_manager_invalidates_a_result_of_a_region(
        self, manager: Any, menu: Menu, item: Any
    ) -> None:
        price = menu.function(self.in_region(manager))
        price(item)
        price("cake")

        manager.region_invalidate(price, None, menu.name, item)

        assert price(item) == "price 3"
        assert price("cake") == "price 2"

    @pytest.mark.usefixtures("manager")
    def test_regions_work_without_a_manager(self, menu: Menu) -> None:
        price = menu.function(lambda name: cache_region("short", name))
        price("tea")

        region_invalidate(price, None, menu.name, "tea")

        assert [price("tea"), price("tea")] == ["price 2"] * 2

    def test_a_cache_of_a_region_has_its_expiry(
        self, manager: Any, name: str, clock: Clock
    ) -> None:
        cache = manager.get_cache_region(name, "short")
        cache["key"] = "value"

        clock.advance(SHORT - 1)
        assert cache["key"] == "value"
        clock.advance(2)

        assert "key" not in cache

    def test_an_unknown_region_is_an_error(self, manager: Any, menu: Menu) -> None:
        price = menu.function(self.in_region(manager, "unknown"))

        with pytest.raises(BeakerException, match="region not configured"):
            price("tea")
