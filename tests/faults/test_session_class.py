"""Faults in the further calls of DynamoDBSession: a new id, the end of the old one, a lock."""

from contextlib import nullcontext, suppress
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.testing.site import Site
from tests.faults.conftest import ATTEMPTS, TIMES, TimeLimit, meetings
from tests.support import proxy as faults
from tests.support.pages import KINDS, count, read
from tests.support.proxy import FAULTS, Fault, Proxy


@pytest.fixture
def site(proxied_options: dict[str, Any]) -> Site:
    site = Site(proxied_options, **KINDS["encrypted json"])
    site.request(count)
    return site


def seen_under(table: dict[str, Any], session_id: str | None) -> Any:
    """The stored value under an id, read without faults."""
    site = Site(table, **KINDS["encrypted json"])
    site.use_cookie(str(session_id))
    return site.request(read)


def inject_into(proxy: Proxy, call: str, fault: Fault, times: int) -> None:
    """Inject a fault into a call that renews an id: one read, the new row, and the marker."""
    if call == "marker":
        proxy.inject(faults.none, "PutItem")
    proxy.inject(fault, "GetItem" if call == "read" else "PutItem", meetings(fault, times))


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
class TestASession:
    @pytest.mark.parametrize("call", ["read", "new row", "marker"])
    def test_continues_under_the_new_id_or_the_old_one(
        self,
        site: Site,
        table: dict[str, Any],
        proxy: Proxy,
        time_limit: TimeLimit,
        call: str,
        fault: Fault,
        times: int,
    ) -> None:
        def page(session: Any) -> None:
            session.get("n")
            inject_into(proxy, call, fault, times)
            session.regenerate_id()
            count(session)

        before = site.cookie
        fails = times == ATTEMPTS and fault is not faults.slow
        with time_limit, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(page)
        if fails:
            # A browser that gets no new id keeps the old one. The session under it has ended only
            # if DynamoDB stored the marker and its answers were lost.
            is_ended = call == "marker" and fault.__name__.startswith("answer")
            assert site.cookie == before
            assert seen_under(table, before) == (None if is_ended else 1)
        else:
            assert site.cookie != before
            assert (site.request(read), seen_under(table, before)) == (2, None)

    @pytest.mark.parametrize("call", ["new row", "marker"])
    def test_continues_under_the_new_id_if_the_application_catches_the_error(
        self,
        site: Site,
        table: dict[str, Any],
        proxy: Proxy,
        call: str,
        fault: Fault,
        times: int,
    ) -> None:
        def page(session: Any) -> None:
            session.get("n")
            inject_into(proxy, call, fault, times)
            session.regenerate_id()
            count(session)
            with suppress(StoreUnavailable):
                session.persist()
            session["later"] = 1
            session.save()

        before = site.cookie
        site.request(page)
        assert site.cookie != before
        assert site.request(lambda session: (session["n"], session["later"])) == (2, 1)
        assert seen_under(table, before) is None

    @pytest.mark.parametrize("call", ["new row", "marker"])
    def test_ends_under_both_ids_if_the_application_then_ends_it(
        self,
        site: Site,
        table: dict[str, Any],
        proxy: Proxy,
        call: str,
        fault: Fault,
        times: int,
    ) -> None:
        ids = []

        def page(session: Any) -> None:
            session.get("n")
            inject_into(proxy, call, fault, times)
            session.regenerate_id()
            ids.append(session.id)
            count(session)
            with suppress(StoreUnavailable):
                session.persist()
            session.invalidate()

        ids.append(str(site.cookie))
        site.request(page)
        assert [seen_under(table, session_id) for session_id in ids] == [None, None]

    def test_ends_by_invalidate_or_the_caller_gets_an_error(
        self,
        site: Site,
        table: dict[str, Any],
        proxy: Proxy,
        time_limit: TimeLimit,
        fault: Fault,
        times: int,
    ) -> None:
        before = site.cookie
        proxy.inject(fault, "PutItem", meetings(fault, times))
        fails = times == ATTEMPTS and fault is not faults.slow
        with time_limit, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(lambda session: session.invalidate())
        assert (site.cookie == before) is fails
        assert seen_under(table, before) in ({None, 1} if fails else {None})

    @pytest.mark.parametrize("operation", ["UpdateItem", "DeleteItem"])
    def test_is_locked_and_unlocked_or_the_caller_gets_an_error(
        self,
        site: Site,
        table: dict[str, Any],
        proxy: Proxy,
        time_limit: TimeLimit,
        operation: str,
        fault: Fault,
        times: int,
    ) -> None:
        def page(session: Any) -> None:
            session.lock()
            try:
                session.load()
                count(session)
            finally:
                session.unlock()

        proxy.inject(fault, operation, meetings(fault, times))
        fails = times == ATTEMPTS and fault is not faults.slow and operation == "UpdateItem"
        with time_limit, pytest.raises(StoreUnavailable) if fails else nullcontext():
            site.request(page)
        assert seen_under(table, site.cookie) == (1 if fails else 2)
