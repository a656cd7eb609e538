"""Faults on the wire: each fault in each call of a request, for one, two and three attempts."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any, NamedTuple

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.testing.site import Site
from tests.faults.conftest import ATTEMPTS, TIMES, TimeLimit, meetings
from tests.support import proxy as faults
from tests.support.pages import KINDS, count, log_out, read, save
from tests.support.proxy import FAULTS, Fault, Proxy


class Case(NamedTuple):
    """A call of a request, the page that makes it, and the seconds before that page."""

    operation: str
    action: Callable[[Any], object]
    waits: float = 0.0


#: A page that only reads, one that changes, one that only touches, and a logout.
PAGES = {
    "load": Case("GetItem", read),
    "change": Case("PutItem", count),
    "touch": Case("PutItem", save, waits=60),
    "logout": Case("PutItem", log_out),
}


@pytest.fixture(params=["pickle", "encrypted json"])
def site(request: pytest.FixtureRequest, clock: Any, proxied_options: dict[str, Any]) -> Site:
    site = Site(proxied_options, **KINDS[request.param])
    site.request(count)
    return site


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
class TestASession:
    @pytest.mark.parametrize("name", ["load", "change", "touch"])
    def test_keeps_every_acknowledged_change(
        self,
        site: Site,
        proxy: Proxy,
        time_limit: TimeLimit,
        clock: Any,
        name: str,
        fault: Fault,
        times: int,
    ) -> None:
        page = PAGES[name]
        cookie = site.cookie
        clock.advance(page.waits)
        proxy.inject(fault, page.operation, meetings(fault, times))
        fails = times == ATTEMPTS and fault is not faults.slow and name != "touch"
        with time_limit, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(page.action)
        # A slow answer is an answer: there is no retry.
        happened = 1 if fault is faults.slow else meetings(fault, times)
        assert proxy.injected[page.operation, fault.__name__] == happened
        assert site.cookie == cookie
        changed = 2 if name == "change" else 1
        assert site.request(read) in ({changed, 1} if fails else {changed})

    @pytest.mark.parametrize("is_new", [True, False])
    def test_has_no_conflict_with_itself_when_saved_again(
        self, proxied_options: dict[str, Any], proxy: Proxy, fault: Fault, times: int, is_new: bool
    ) -> None:
        site = Site(proxied_options, on_conflict="raise")
        if not is_new:
            site.request(count)

        def page(session: Any) -> None:
            count(session)
            proxy.inject(fault, "PutItem", meetings(fault, times))
            with suppress(StoreUnavailable):
                session.persist()
            session["again"] = 1
            session.save()

        site.request(page)
        found = site.request(lambda session: (session["n"], session["again"]))
        assert found == (1 if is_new else 2, 1)

    def test_saved_again_undoes_a_write_without_an_answer(
        self, proxied_options: dict[str, Any], proxy: Proxy, fault: Fault, times: int
    ) -> None:
        site = Site(proxied_options)
        site.request(count)

        def page(session: Any) -> None:
            session.update(n=2, extra=1)
            proxy.inject(fault, "PutItem", meetings(fault, times))
            session.save()
            with suppress(StoreUnavailable):
                session.persist()
            session["n"] = 1
            del session["extra"]
            session.save()

        site.request(page)
        assert site.request(lambda session: (session["n"], session.get("extra"))) == (1, None)

    def test_is_created_once(
        self,
        proxied_options: dict[str, Any],
        proxy: Proxy,
        time_limit: TimeLimit,
        fault: Fault,
        times: int,
    ) -> None:
        site = Site(proxied_options)
        proxy.inject(fault, "PutItem", meetings(fault, times))
        fails = times == ATTEMPTS and fault is not faults.slow
        with time_limit, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(count)
        assert site.request(read) == (None if fails else 1)

    def test_that_has_ended_stays_ended(
        self, site: Site, proxy: Proxy, time_limit: TimeLimit, fault: Fault, times: int
    ) -> None:
        cookie = site.cookie
        proxy.inject(fault, "PutItem", meetings(fault, times))
        fails = times == ATTEMPTS and fault is not faults.slow
        with time_limit, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(log_out)
        site.use_cookie(cookie or "")
        is_still_there = site.request(read)
        assert is_still_there in ({None, 1} if fails else {None})
