"""Which names in a pickle this release has: modules of any form, and nothing is executed."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.support.internals import unknown_names

PAYLOAD = b"\x80\x02cother\nThing\n."


class Thing:
    """A class whose module is another in each test."""


class Lazy(ModuleType):
    """A module whose class makes its attributes, as six and Django's lazy modules do."""

    def __getattr__(self, _: str) -> object:
        raise AssertionError("it must not be executed")


class Late(ModuleType):
    """A module that loads itself at the first read, as `importlib.util.LazyLoader` makes it."""

    def __getattribute__(self, _: str) -> object:
        raise AssertionError("it must not be executed")


class Slotted:
    """What an application puts into `sys.modules` instead of a module."""

    __slots__ = ("Thing",)


class Namespace:
    """The same, with attributes of its class."""

    Thing = Thing


def with_hook() -> ModuleType:
    module = ModuleType("other")
    vars(module)["__getattr__"] = pytest.fail
    return module


def with_thing(module: Any) -> Any:
    module.Thing = Thing
    return module


KNOWN: dict[str, Callable[[], object]] = {
    "a module": lambda: with_thing(ModuleType("other")),
    "a module with __getattr__": with_hook,
    "a module's class with __getattr__": lambda: Lazy("other"),
    "a module that loads late": lambda: Late("other"),
    "an object without a __dict__": lambda: with_thing(Slotted()),
    "an object": Namespace,
    "a class": lambda: Namespace,
}
UNKNOWN: dict[str, Callable[[], object]] = {
    "an empty module": lambda: ModuleType("other"),
    "an object without a __dict__": object,
}


@pytest.mark.parametrize("make", KNOWN.values(), ids=KNOWN)
def test_a_name_is_known_in(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "other", make())
    assert unknown_names(PAYLOAD) == set()


@pytest.mark.parametrize("make", UNKNOWN.values(), ids=UNKNOWN)
def test_a_name_is_unknown_in(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "other", make())
    assert unknown_names(PAYLOAD) == {"other.Thing"}


def test_a_name_is_unknown_without_its_module() -> None:
    assert "other" not in sys.modules
    assert unknown_names(PAYLOAD) == {"other.Thing"}
