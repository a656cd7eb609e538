"""Faults on the wire in each call of a cache: a value, an error of this package, or a miss."""

import logging
import random
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

import pytest
from beaker.cache import Cache

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.testing.site import Site
from tests.faults.conftest import ATTEMPTS, TIMES, TimeLimit, meetings
from tests.support import proxy as faults
from tests.support.pages import count, read
from tests.support.proxy import FAULTS, Fault, Proxy
from tests.support.wire import Wire

FALLBACK = "made in an outage"
#: Two values of two parts.
LARGE = random.Random(1).randbytes(410_000)
OTHER = random.Random(2).randbytes(410_000)
VALUES: dict[str, Any] = {"small": "old", "large": LARGE}

in_each_mode = pytest.mark.parametrize("on_outage", ["raise", "miss"])


def make_cache(proxied_options: dict[str, Any], key: str = "small", **options: Any) -> Cache:
    cache = Cache(uuid.uuid4().hex, type="ext:dynamodb", **proxied_options, **options)
    cache.put(key, VALUES[key])
    return cache


def get(cache: Cache, key: str) -> Any:
    return cache.get(key, createfunc=lambda: FALLBACK)


def stored(cache: Cache, key: str) -> Any:
    return cache.get(key) if key in cache else None


class Change(NamedTuple):
    """A call of a change: the action that makes it, and the value stored after it."""

    operation: str
    action: Callable[[Cache], object]
    key: str
    after: Any


CHANGES = {
    "put": Change("PutItem", lambda cache: cache.put("small", "new"), "small", "new"),
    "put the parts": Change(
        "BatchWriteItem", lambda cache: cache.put("large", OTHER), "large", OTHER
    ),
    "put the head": Change("PutItem", lambda cache: cache.put("large", OTHER), "large", OTHER),
    "look to remove": Change("GetItem", lambda cache: cache.remove_value("small"), "small", None),
    "remove": Change("DeleteItem", lambda cache: cache.remove_value("small"), "small", None),
    "list to clear": Change("Query", lambda cache: cache.clear(), "small", None),
    "clear": Change("BatchWriteItem", lambda cache: cache.clear(), "small", None),
}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
class TestAValue:
    @in_each_mode
    @pytest.mark.parametrize(
        "call", ["GetItem of small", "GetItem of large", "BatchGetItem of large"]
    )
    def test_is_read(
        self,
        proxied_options: dict[str, Any],
        proxy: Proxy,
        time_limit: TimeLimit,
        on_outage: str,
        call: str,
        fault: Fault,
        times: int,
    ) -> None:
        operation, _, key = call.split()
        cache, value = make_cache(proxied_options, key, on_outage=on_outage), VALUES[key]
        proxy.inject(fault, operation, meetings(fault, times))
        fails = times == ATTEMPTS and fault is not faults.slow
        with time_limit, raises(StoreUnavailable, fails and on_outage == "raise"):
            assert get(cache, key) == (FALLBACK if fails else value)
        assert stored(cache, key) == value

    @in_each_mode
    @pytest.mark.parametrize("operation", ["GetItem", "UpdateItem", "PutItem"])
    def test_is_made_once(
        self,
        proxied_options: dict[str, Any],
        proxy: Proxy,
        time_limit: TimeLimit,
        on_outage: str,
        operation: str,
        fault: Fault,
        times: int,
    ) -> None:
        cache, made = make_cache(proxied_options, on_outage=on_outage), []

        def make() -> str:
            made.append("made")
            return "made"

        proxy.inject(fault, operation, meetings(fault, times))
        fails = times == ATTEMPTS and fault is not faults.slow
        with time_limit, raises(StoreUnavailable, fails and on_outage == "raise"):
            assert cache.get("missing", createfunc=make) == "made"
        assert len(made) <= 1
        # If DynamoDB has stored it and only the answers were lost, the next request gets it.
        assert stored(cache, "missing") in ({None, "made"} if fails else {"made"})

    @pytest.mark.parametrize("name", CHANGES)
    def test_is_changed_or_the_caller_gets_an_error(
        self,
        proxied_options: dict[str, Any],
        proxy: Proxy,
        time_limit: TimeLimit,
        name: str,
        fault: Fault,
        times: int,
    ) -> None:
        change = CHANGES[name]
        cache = make_cache(proxied_options, change.key, on_outage="miss")
        proxy.inject(fault, change.operation, meetings(fault, times))
        fails = times == ATTEMPTS and fault is not faults.slow
        with time_limit, raises(StoreUnavailable, fails):
            change.action(cache)
        after = {VALUES[change.key], change.after} if fails else {change.after}
        assert stored(cache, change.key) in after


def raises(kind: type[Exception], fails: bool) -> Any:
    return pytest.raises(kind) if fails else nullcontext()


class TestAnOutageAsAMiss:
    @pytest.fixture
    def cache(self, proxied_options: dict[str, Any]) -> Cache:
        return make_cache({**proxied_options, "max_retries": 0}, on_outage="miss")

    def test_makes_one_call_and_stores_nothing(
        self, cache: Cache, proxy: Proxy, wire: Wire
    ) -> None:
        proxy.inject(faults.server_error)
        with wire.expect("GetItem"):
            assert get(cache, "missing") == FALLBACK
        with wire.expect("GetItem"):
            assert stored(cache, "missing") is None

    def test_is_logged_without_the_key(
        self, cache: Cache, proxy: Proxy, caplog: pytest.LogCaptureFixture
    ) -> None:
        proxy.inject(faults.server_error, "GetItem")
        proxy.inject(faults.server_error, "UpdateItem")
        with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
            get(cache, "secret")
        assert "counts as missing: DynamoDB refused the call" in caplog.text
        assert "secret" not in caplog.text

    def test_does_not_affect_the_next_request(self, cache: Cache, proxy: Proxy) -> None:
        proxy.inject(faults.server_error)
        assert get(cache, "small") == FALLBACK
        assert get(cache, "small") == "old"

    def test_without_a_function_is_a_missing_key(self, cache: Cache, proxy: Proxy) -> None:
        proxy.inject(faults.server_error)
        with pytest.raises(KeyError):
            cache.get("small")

    def test_does_not_hide_errors_of_the_function(self, cache: Cache, proxy: Proxy) -> None:
        proxy.inject(faults.server_error)
        with pytest.raises(ZeroDivisionError):
            cache.get("small", createfunc=lambda: 1 / 0)
        assert get(cache, "small") == "old"

    def test_includes_an_outage_of_the_lease(self, cache: Cache, proxy: Proxy) -> None:
        proxy.inject(faults.server_error, "UpdateItem")
        assert get(cache, "missing") == FALLBACK
        assert stored(cache, "missing") is None

    def test_is_still_an_error_for_a_session(
        self, proxied_options: dict[str, Any], proxy: Proxy
    ) -> None:
        site = Site({**proxied_options, "max_retries": 0}, on_outage="miss")
        site.request(count)
        proxy.inject(faults.server_error)
        with pytest.raises(StoreUnavailable):
            site.request(read)
        assert site.request(read) == 1
