"""Faults on the wire, each for each call of a request and for one, two and three calls in a row."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

import botocore.endpoint
import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.options import parse_options
from tests.sites import KINDS, Site, count, log_out, read, save
from tests.support import proxy as faults
from tests.support.proxy import FAULTS, Fault, Proxy, proxy_for

pytestmark = [
    pytest.mark.usefixtures("create_table"),
    pytest.mark.parametrize("engine", ["dynamodb-local"], indirect=True),
]

TIMEOUTS = {"connect_timeout": 0.5, "read_timeout": 0.3, "max_retries": 2}
ATTEMPTS = 3


class Pauses:
    """botocore's clock, whose pauses take no time."""

    def __init__(self) -> None:
        self.total = 0.0

    def sleep(self, seconds: float) -> None:
        self.total += seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@pytest.fixture(scope="session")
def running_proxy(dynamodb_local: str) -> Iterator[Proxy]:
    with proxy_for(dynamodb_local) as proxy:
        yield proxy


@pytest.fixture
def proxy(running_proxy: Proxy) -> Iterator[Proxy]:
    yield running_proxy
    running_proxy.forget()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    pauses = Pauses()
    monkeypatch.setattr(botocore.endpoint, "time", pauses)
    return pauses


@pytest.fixture
def behind(engine: Any, proxy: Proxy, pauses: Pauses) -> dict[str, Any]:
    """The options of a client that asks through the proxy."""
    return {**engine.options, **TIMEOUTS, "endpoint_url": proxy.url}


class Bound:
    """Sees to it that what is done inside takes no longer than it may."""

    def __init__(self, behind: dict[str, Any], pauses: Pauses) -> None:
        self._limit = parse_options(behind).longest_call
        self._pauses = pauses

    def __enter__(self) -> None:
        self._began = time.monotonic(), self._pauses.total

    def __exit__(self, *_: object) -> None:
        began, paused = self._began
        took = time.monotonic() - began + self._pauses.total - paused
        # What a request does besides the call that fails takes milliseconds.
        assert took < self._limit + 1


@pytest.fixture
def bound(behind: dict[str, Any], pauses: Pauses) -> Bound:
    return Bound(behind, pauses)


class Case(NamedTuple):
    """A call of a request: what leads to it, and what shows what it has done."""

    operation: str
    action: Callable[[Any], object]
    waits: float = 0.0


#: A page that only reads, one that changes, one that only renews, and a logout.
PAGES = {
    "load": Case("GetItem", read),
    "change": Case("PutItem", count),
    "touch": Case("PutItem", save, waits=60),
    "logout": Case("DeleteItem", log_out),
}


@pytest.fixture(params=["pickle", "encrypted json"])
def site(request: pytest.FixtureRequest, clock: Any, behind: dict[str, Any]) -> Site:
    site = Site(behind, **KINDS[request.param])
    site.request(count)
    return site


@pytest.mark.parametrize("times", [1, ATTEMPTS - 1, ATTEMPTS])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
class TestASession:
    @pytest.mark.parametrize("name", ["load", "change", "touch"])
    def test_goes_on_with_all_that_was_acknowledged(
        self,
        site: Site,
        proxy: Proxy,
        bound: Bound,
        clock: Any,
        name: str,
        fault: Fault,
        times: int,
    ) -> None:
        page = PAGES[name]
        cookie = site.cookie
        clock.advance(page.waits)
        proxy.inject(fault, page.operation, times)
        fails = times == ATTEMPTS and fault is not faults.slow and name != "touch"
        with bound, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(page.action)
        # A slow answer is an answer: it is not asked for again.
        happened = 1 if fault is faults.slow else times
        assert proxy.injected[page.operation, fault.__name__] == happened
        assert site.cookie == cookie
        changed = 2 if name == "change" else 1
        assert site.request(read) in ({changed, 1} if fails else {changed})

    def test_begins_once(
        self, behind: dict[str, Any], proxy: Proxy, bound: Bound, fault: Fault, times: int
    ) -> None:
        site = Site(behind)
        proxy.inject(fault, "PutItem", times)
        fails = times == ATTEMPTS and fault is not faults.slow
        with bound, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(count)
        assert site.request(read) == (None if fails else 1)

    def test_that_has_ended_stays_ended(
        self, site: Site, proxy: Proxy, bound: Bound, fault: Fault, times: int
    ) -> None:
        cookie = site.cookie
        proxy.inject(fault, "DeleteItem", times)
        fails = times == ATTEMPTS and fault is not faults.slow
        with bound, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(log_out)
        site.use_cookie(cookie or "")
        is_still_there = site.request(read)
        assert is_still_there in ({None, 1} if fails else {None})
