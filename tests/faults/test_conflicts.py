"""Faults in the write that merges two requests' changes: no acknowledged change is lost."""

from contextlib import nullcontext
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.testing.site import Site
from tests.faults.conftest import ATTEMPTS, TIMES, TimeLimit, meetings
from tests.support import proxy as faults
from tests.support.pages import KINDS
from tests.support.proxy import FAULTS, Fault, Proxy


def change(key: str, value: int) -> Any:
    def page(session: Any) -> None:
        session[key] = value
        session.save()

    return page


def content(session: Any) -> tuple[Any, Any]:
    return session.get("mine"), session.get("theirs")


@pytest.mark.parametrize("at", ["first write", "merging write"])
@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("kind", ["pickle", "encrypted json"])
def test_a_merge_keeps_both_changes_or_the_caller_gets_an_error(
    proxied_options: dict[str, Any],
    table: dict[str, Any],
    proxy: Proxy,
    time_limit: TimeLimit,
    kind: str,
    fault: Fault,
    times: int,
    at: str,
) -> None:
    site, other = Site(proxied_options, **KINDS[kind]), Site(table, **KINDS[kind])
    site.request(change("mine", 1))
    other.use_cookie(str(site.cookie))

    def page(session: Any) -> None:
        session.get("mine")
        other.request(change("theirs", 2))
        change("mine", 2)(session)
        if at == "merging write":
            proxy.inject(faults.none, "PutItem")
        proxy.inject(fault, "PutItem", meetings(fault, times))

    fails = times == ATTEMPTS and fault is not faults.slow
    with time_limit, pytest.raises(StoreUnavailable) if fails else nullcontext():
        site.request(page)
    mine, theirs = other.request(content)
    assert theirs == 2
    assert mine in ({1, 2} if fails else {2})
    # A slow answer is an answer: there is no retry.
    writes = 2 if at == "first write" else 1
    happened = min(times, writes) if fault is faults.slow else meetings(fault, times)
    assert proxy.injected["PutItem", fault.__name__] == happened
