"""Names of namespaces and keys: any text or bytes, and no two are confused."""

import hashlib
from typing import Any

import pytest

from ..site import BackendOptions, Site
from .base import Contract, MakeCache, namespace_manager
from .caches import never
from .creation import Creation

KEYS: dict[str, str | bytes] = {
    "empty": "",
    "one letter": "k",
    "a space": " ",
    "spaces": "  a key  ",
    "line breaks": "a\r\n\tkey",
    "a zero byte": "a\x00key",
    "a path": "../../key",
    "separators": "a:b|c#d/e",
    "a word of Beaker's": "session",
    "not ASCII": "ключ",
    "beyond the plane": "\U0001f511",
    "half of a pair": "\ud83d",
    "2,001 characters": "k" * 2_001,
    "2,001 characters not ASCII": "к" * 2_001,
    "empty bytes": b"",
    "bytes": b"key",
    "bytes that are no text": b"\xff\x00\xfe",
    "2,001 bytes that are no text": b"\xff" * 2_001,
}

PAIRS: dict[str, tuple[str | bytes, str | bytes]] = {
    "case": ("key", "KEY"),
    "a trailing space": ("key", "key "),
    "a leading space": ("key", " key"),
    "a trailing zero byte": ("key", "key\x00"),
    "nothing and a space": ("", " "),
    "an accent": ("e", "é"),
    "the form of an accent": ("\u00e9", "e\u0301"),
    "bytes": (b"\xff", b"\xfe"),
    "the end of a long key": ("k" * 2_000 + "a", "k" * 2_000 + "b"),
    "the case of a long key": ("k" * 2_000, "K" * 2_000),
    "the length of a long key": ("k" * 2_000, "k" * 2_001),
    "a hash": ("k" * 3_000, hashlib.sha256(b"k" * 3_000).hexdigest()),
}

NAMESPACES = {
    "3,000 characters": "n" * 3_000,
    "3,000 characters not ASCII": "я" * 3_000,
    "not ASCII": "имя \U0001f511",
    "spaces": "  a name  ",
    "line breaks": "a\r\n\tname",
    "separators": "a:b|c#d/e",
    "a path": "../../name",
}

ENDINGS = {
    "a digit": "2",
    "a space": " ",
    "a separator": ":",
    "a zero byte": "\x00",
    "a key": "/key",
    "not ASCII": "é",
    "3,000 characters": "n" * 3_000,
}


def stored(key: str | bytes) -> bytes:
    """A key as Beaker's caches pass it to the namespace."""
    return key if isinstance(key, bytes) else key.encode("ascii", "backslashreplace")


class KeyContract(Contract):
    """Any key works, is listed unchanged, and is distinct from all others."""

    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
    def test_a_value_is_found_under_any_key(self, cache: Any, key: Any) -> None:
        cache[key] = "value"

        assert cache[key] == "value"
        assert key in cache
        assert list(cache.namespace.keys()) == [stored(key)]

    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
    def test_a_value_is_created_once_under_any_key(self, cache: Any, key: Any) -> None:
        made = cache.get(key, createfunc=Creation())

        assert made == "value 1"
        assert cache.get(key, createfunc=never) == "value 1"

    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
    def test_a_value_is_removed_under_any_key(self, cache: Any, key: Any) -> None:
        cache[key], cache["other"] = "value", "stays"

        cache.remove_value(key)

        assert key not in cache
        assert cache["other"] == "stays"

    @pytest.mark.parametrize(("key", "other"), PAIRS.values(), ids=PAIRS.keys())
    def test_keys_that_differ_have_two_values(self, cache: Any, key: Any, other: Any) -> None:
        cache[key] = "value"
        assert other not in cache

        cache[other] = "other value"
        assert [cache[key], cache[other]] == ["value", "other value"]

        cache.remove_value(key)
        assert cache[other] == "other value"

    def test_a_key_is_the_same_as_text_and_as_ascii_bytes(self, cache: Any) -> None:
        cache["key"] = "value"

        assert cache[b"key"] == "value"

    def test_the_keys_are_those_of_the_stored_values(self, cache: Any) -> None:
        assert list(cache.namespace.keys()) == []

        for key in KEYS.values():
            cache[key] = "value"
        cache["removed"] = "value"
        cache.remove_value("removed")

        assert set(cache.namespace.keys()) == {stored(key) for key in KEYS.values()}

    @pytest.mark.parametrize(("count", "size"), [(60, 10), (5, 300_000)], ids=["many", "large"])
    def test_all_keys_are_listed(self, cache: Any, count: int, size: int) -> None:
        keys = [f"key {number}" for number in range(count)]
        for key in keys:
            cache[key] = "x" * size

        assert sorted(cache.namespace.keys()) == sorted(map(stored, keys))

    def test_a_missing_key_is_a_key_error_of_the_namespace(self, cache: Any) -> None:
        assert not cache.namespace.has_key(b"missing")
        with pytest.raises(KeyError):
            cache.namespace[b"missing"]


class NamespaceContract(Contract):
    """Any name of a namespace works, and is distinct from all others."""

    @pytest.mark.parametrize("kind", NAMESPACES.values(), ids=NAMESPACES.keys())
    def test_a_namespace_has_any_name(self, make_cache: MakeCache, name: str, kind: str) -> None:
        cache = make_cache(kind + name)

        cache["key"] = "value"

        assert cache.get("key", createfunc=never) == "value"
        assert list(cache.namespace.keys()) == [b"key"]
        cache.clear()
        assert "key" not in cache

    def test_a_namespace_has_an_empty_name(self, make_cache: MakeCache, name: str) -> None:
        cache = make_cache("")

        cache[name] = "value"

        assert cache[name] == "value"
        assert stored(name) in list(cache.namespace.keys())
        cache.clear()
        assert name not in cache

    @pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
    def test_two_namespaces_never_see_each_others_keys(
        self, make_cache: MakeCache, name: str, ending: str
    ) -> None:
        cache, other = make_cache(name), make_cache(name + ending)

        cache["key"] = "value"
        assert "key" not in other
        other["key"] = "other value"

        assert [cache["key"], other["key"]] == ["value", "other value"]
        other.clear()
        assert cache["key"] == "value"

    def test_names_that_differ_in_case_are_two_namespaces(
        self, make_cache: MakeCache, name: str
    ) -> None:
        cache, other = make_cache(f"n{name}"), make_cache(f"N{name}")

        cache["key"] = "value"

        assert "key" not in other

    @pytest.mark.parametrize("between", [":", "/", "|", "#", " ", "\x00", "_", "-", "."])
    def test_a_name_and_a_key_are_never_confused_with_another_pair(
        self, make_cache: MakeCache, name: str, between: str
    ) -> None:
        cache, other = make_cache(name), make_cache(f"{name}{between}a")

        cache[f"a{between}b"] = "value"

        assert "b" not in other

    def test_a_cache_named_like_a_session_never_sees_it(
        self, backend: BackendOptions, make_cache: MakeCache
    ) -> None:
        visitor = Site(self.session_options(backend)).visitor(name="Ada")
        cache = make_cache(visitor.read_id())

        assert "session" not in cache
        cache["session"] = "value"

        assert visitor.read() == {"name": "Ada"}
        assert cache["session"] == "value"
        assert "session" in namespace_manager(backend, visitor.read_id())
