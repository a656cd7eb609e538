"""`consistent_read = false`: reads that lag cost no update, no login and no logout."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb.testing.site import Site
from tests.support.lag import Lag, lagging_reads
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    begin_by_clear,
    browsers,
    contents,
    delete,
    drop,
    kinds,
    put,
    renew,
    save,
    session_items,
    while_loaded,
)
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture(params=kinds(*EVERY_KIND))
def options(request: pytest.FixtureRequest, dynamodb: Any) -> dict[str, Any]:
    return {**dynamodb.options, **EVERY_KIND[request.param], "consistent_read": False}


@pytest.fixture
def lag(dynamodb: Any) -> Iterator[Lag]:
    with lagging_reads(dynamodb.options) as lag:
        yield lag


def sell(session: Any) -> None:
    """README's example of a lock."""
    session.lock()
    try:
        session.load()
        session["seats"] = session.get("seats", 10) - 1
        session.save()
        session.persist()
    finally:
        session.unlock()


@pytest.mark.parametrize("kind", OWN_CLASS)
def test_a_locked_session_is_read_strongly(dynamodb: Any, kind: str, lag: Lag) -> None:
    one, other = browsers({**dynamodb.options, **EVERY_KIND[kind], "consistent_read": False})
    one.request(put(seats=10))
    lag.keep()
    for _ in range(2):
        for site in (one, other, one):
            site.request(while_loaded(lambda: None, sell))
    lag.pass_on()
    assert contents(one)["seats"] == 4
    assert lag.stale_reads


def test_a_lagging_read_after_a_login_finds_the_session(options: dict[str, Any], lag: Lag) -> None:
    lag.keep()
    one, other = browsers(options)
    assert contents(other) == {"user": "alice"}
    one.request(put(a=1))
    assert contents(other)["a"] == 1


def test_a_lagging_read_finds_a_login_over_a_marker(options: dict[str, Any], lag: Lag) -> None:
    one, other = browsers(options)
    session_id = str(one.cookie)
    one.request(delete)
    lag.keep()
    one.use_cookie(session_id)
    one.request(put(user="bob"))
    assert contents(other) == {"user": "bob"}


def test_a_session_near_its_timeout_is_read_strongly(
    options: dict[str, Any], clock: Any, lag: Lag
) -> None:
    one, other = browsers({**options, "timeout": 600})
    lag.keep()
    clock.advance(595)
    one.request(put(a=1))
    clock.advance(10)
    assert contents(other) == {"user": "alice", "a": 1}
    assert contents(one) == {"user": "alice", "a": 1}


def test_a_session_near_its_end_is_read_strongly(
    options: dict[str, Any], clock: Any, lag: Lag
) -> None:
    one, other = browsers({**options, "ttl": 600})
    lag.keep()
    clock.advance(595)
    one.request(put(a=1))
    clock.advance(10)
    assert contents(other) == {"user": "alice", "a": 1}


@pytest.mark.parametrize(
    "then",
    [put(cart=1), save, drop("user"), delete, renew],
    ids=["put", "save", "drop", "delete", "renew"],
)
def test_a_logout_is_final_for_a_page_that_reads_what_was(
    options: dict[str, Any], dynamodb: Any, lag: Lag, then: Any
) -> None:
    one, other = browsers({**options, "touch_interval": 0})
    if then is renew and "session_class" not in options:
        pytest.skip("under Beaker's own class a new id is another session")
    lag.keep()
    one.request(delete)
    other.request(while_loaded(lambda: None, then))
    assert session_items(dynamodb) == []


@pytest.mark.parametrize("then", [put(cart=1), save, delete], ids=["put", "save", "delete"])
def test_a_login_is_not_changed_by_a_page_that_reads_the_former_user(
    options: dict[str, Any], lag: Lag, then: Any
) -> None:
    one, other = browsers({**options, "touch_interval": 0})
    lag.keep()
    one.request(while_loaded(lambda: None, begin_by_clear(user="bob")))
    other.request(while_loaded(lambda: None, then))
    lag.pass_on()
    assert contents(one) == {"user": "bob"}


def test_a_change_of_what_was_is_merged_over_what_is(options: dict[str, Any], lag: Lag) -> None:
    one, other = browsers(options)
    lag.keep()
    one.request(put(a=1))
    other.request(while_loaded(lambda: None, put(b=1)))
    lag.pass_on()
    assert contents(one) == {"user": "alice", "a": 1, "b": 1}


def test_an_own_write_is_a_change_in_the_next_request(options: dict[str, Any], lag: Lag) -> None:
    one, _ = browsers(options)
    lag.keep()
    one.request(while_loaded(lambda: None, put(a=1)))
    one.request(while_loaded(lambda: None, put(b=1)))
    lag.pass_on()
    assert contents(one) == {"user": "alice", "a": 1, "b": 1}


@pytest.mark.parametrize("kind", OWN_CLASS)
def test_a_renewal_of_what_was_takes_what_is(dynamodb: Any, kind: str, lag: Lag) -> None:
    options = {**dynamodb.options, **EVERY_KIND[kind], "consistent_read": False}
    one, other = browsers(options)
    lag.keep()
    one.request(put(a=1))
    other.request(while_loaded(lambda: None, renew))
    assert contents(other) == {"user": "alice", "a": 1}


def test_a_double_renewal_of_what_was_works(dynamodb: Any, lag: Lag) -> None:
    options = {**dynamodb.options, **EVERY_KIND["class"], "consistent_read": False}
    one, other = browsers(options)
    lag.keep()
    for site in (one, other):
        site.request(while_loaded(lambda: None, renew))
        assert contents(site) == {"user": "alice"}


def test_a_large_session_is_read_whole(dynamodb: Any, lag: Lag) -> None:
    one, other = browsers({**dynamodb.options, "consistent_read": False, "compression": "none"})
    one.request(put(large="x" * 500_000))
    lag.keep()
    one.request(put(large="y" * 500_000))
    assert str(contents(other)["large"])[:1] == "y"


def test_a_back_channel_logout_reads_strongly(options: dict[str, Any], lag: Lag) -> None:
    site = Site(options)
    lag.keep()
    site.request(put(user="alice"))
    session_id = str(site.cookie)

    def end_by_id(session: Any) -> None:
        session.namespace_class(session_id, **session.namespace_args).do_remove()

    site.request(lambda session: partial(end_by_id, session._session())())
    site.use_cookie(session_id)
    assert contents(site) == {}


def test_a_login_by_clear_costs_one_read_more(options: dict[str, Any], wire: Wire) -> None:
    one, _ = browsers(options)
    with wire.expect("GetItem", "GetItem", "PutItem"):
        one.request(while_loaded(lambda: None, begin_by_clear(user="bob")))
