"""The calls of a request, counted at the wire."""

import gc
import pickle
import random
import weakref
from base64 import b64encode
from typing import Any

import pytest
from beaker.session import Session

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.testing.site import Site
from tests.support.effort import EFFORT
from tests.support.pages import KINDS, count, log_out, read, save
from tests.support.wire import Wire

READ, WRITE = "GetItem", "PutItem"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return KINDS[request.param]


@pytest.fixture
def site(dynamodb: Any, create_table: None, kind: dict[str, Any]) -> Site:
    return Site(dynamodb.options, **kind)


@pytest.fixture
def auto_site(dynamodb: Any, create_table: None, kind: dict[str, Any]) -> Site:
    return Site(dynamodb.options, **kind, auto=True)


def test_a_request_that_does_not_use_the_session_costs_nothing(site: Site, wire: Wire) -> None:
    site.request(count)
    with wire.expect():
        site.request(lambda session: None)


def test_a_new_session_is_one_write_and_no_read(site: Site, wire: Wire) -> None:
    with wire.expect(WRITE):
        site.request(count)


def test_an_empty_new_session_is_not_stored(site: Site, auto_site: Site, wire: Wire) -> None:
    with wire.expect():
        site.request(save)
        auto_site.request(read)


def test_an_empty_new_session_is_stored_if_asked(
    dynamodb: Any, create_table: None, wire: Wire
) -> None:
    with wire.expect(WRITE):
        Site(dynamodb.options, save_empty=True).request(save)


@pytest.mark.parametrize("page", [read, save])
def test_a_request_without_a_change_is_one_read(site: Site, wire: Wire, page: Any) -> None:
    site.request(count)
    with wire.expect(READ, READ):
        site.request(page)
        site.request(page)


@pytest.mark.parametrize("page", [read, save])
def test_auto_writes_nothing_without_a_change(auto_site: Site, wire: Wire, page: Any) -> None:
    auto_site.request(count)
    with wire.expect(READ):
        auto_site.request(page)


def test_a_changed_session_is_one_read_and_one_write(site: Site, wire: Wire) -> None:
    site.request(count)
    with wire.expect(READ, WRITE):
        site.request(count)


def test_saving_again_in_a_request_writes_only_a_further_change(site: Site, wire: Wire) -> None:
    def change_and_save_again(session: Any) -> None:
        session["a"] = 1
        session._session().save()
        session._session().save()
        session.save()

    site.request(count)
    with wire.expect(READ, WRITE):
        site.request(change_and_save_again)


def test_a_change_inside_a_nested_value_is_a_change(site: Site, wire: Wire) -> None:
    def put(session: Any) -> None:
        session["basket"] = {"apples": [1]}
        session.save()

    def change(session: Any) -> None:
        session["basket"]["apples"].append(2)
        session.save()

    site.request(put)
    with wire.expect(READ, WRITE):
        site.request(change)
    assert site.request(lambda session: session["basket"]) == {"apples": [1, 2]}


def test_a_logout_is_one_read_and_one_write(site: Site, wire: Wire) -> None:
    site.request(count)
    with wire.expect(READ, WRITE):
        site.request(log_out)


def test_a_logout_without_a_session_is_one_read(site: Site, wire: Wire) -> None:
    with wire.expect(READ):
        site.request(log_out)


def test_a_login_under_an_id_that_was_logged_out_is_one_read_and_one_write(
    site: Site, wire: Wire
) -> None:
    site.request(count)
    session_id = str(site.cookie)
    site.request(log_out)
    site.use_cookie(session_id)
    with wire.expect(READ, WRITE):
        site.request(count)
    site.use_cookie(session_id)
    assert site.request(read) == 1


def test_a_login_by_clear_is_one_read_and_one_write(site: Site, wire: Wire) -> None:
    def log_in(session: Any) -> None:
        session.clear()
        session["user"] = "bob"
        session.save()

    site.request(count)
    with wire.expect(READ, WRITE):
        site.request(log_in)
    assert site.request(lambda session: (session["user"], session.get("n"))) == ("bob", None)


def test_after_the_interval_one_request_touches_the_session(
    site: Site, wire: Wire, clock: Any
) -> None:
    site.request(count)
    clock.advance(29.9)
    with wire.expect(READ):
        site.request(read)
    clock.advance(0.2)
    with wire.expect(READ, WRITE, READ):
        site.request(read)
        site.request(read)


def test_with_interval_0_each_request_touches_the_session(
    dynamodb: Any, create_table: None, wire: Wire, clock: Any
) -> None:
    site = Site(dynamodb.options, touch_interval=0)
    site.request(count)
    with wire.expect(READ, WRITE, READ, WRITE):
        site.request(read)
        site.request(read)


@pytest.mark.parametrize(
    ("interval", "writes"), [({"touch_interval": 1}, 46), ({}, 46), ({"touch_interval": 2.5}, 23)]
)
def test_an_active_user_is_never_timed_out(
    dynamodb: Any,
    create_table: None,
    wire: Wire,
    clock: Any,
    kind: dict[str, Any],
    interval: dict[str, float],
    writes: int,
) -> None:
    """A timeout of 4 s, and a request every 1.3 s for a minute of the clock."""
    site = Site(dynamodb.options, **kind, timeout=4, **interval)
    site.request(count)
    wire.clear()
    for _ in range(46):
        clock.advance(1.3)
        assert site.request(read) == 1
    assert wire.operations.count(READ) == 46
    assert wire.operations.count(WRITE) == writes


def test_an_active_user_is_never_timed_out_with_the_default_life(
    site: Site, wire: Wire, clock: Any
) -> None:
    """A request every 20 minutes, in CI for three days."""
    site.request(count)
    for _ in range(EFFORT.requests):
        clock.advance(20 * 60)
        assert site.request(read) == 1


def test_a_session_makes_no_other_calls(site: Site, wire: Wire, clock: Any) -> None:
    for page in (count, read, count, save, log_out, count):
        site.request(page)
        clock.advance(31)
    assert set(wire.operations) <= {READ, WRITE}


@pytest.mark.parametrize("session_class", [Session, DynamoDBSession])
def test_a_request_leaves_nothing_to_the_garbage_collector(
    dynamodb: Any, create_table: None, session_class: Any
) -> None:
    stored = DynamoDBNamespaceManager("an-id", **dynamodb.options)
    stored["session"] = b64encode(pickle.dumps({"n": 1}, 2)).decode()
    gc.disable()
    try:
        cookie = {"cookie": "beaker.session.id=an-id"}
        session = session_class(cookie, type="ext:dynamodb", **dynamodb.options)
        session.save()
        freed = [weakref.ref(session), weakref.ref(session.namespace.session_row)]
        del session
        assert [reference() for reference in freed] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
class TestCapacity:
    """Capacity units as DynamoDB Local charges them."""

    @pytest.mark.parametrize("kind", [KINDS["pickle"], KINDS["json"], KINDS["own serializer"]])
    def test_a_session_of_2_kb_costs_at_most_2_write_units(self, site: Site, wire: Wire) -> None:
        """An encrypted one cannot be compressed."""
        words = random.Random(2).choices(["apple", "pear", "plum", "1.20", "EUR", "shipped"], k=400)
        text = " ".join(words)[:2000]

        def put(session: Any) -> None:
            session["text"] = text
            session.save()

        site.request(put)
        assert wire.units is not None
        assert wire.units <= 2
        wire.clear()
        assert site.request(lambda session: session["text"]) == text
        assert wire.units == 1

    def test_an_eventually_consistent_read_costs_half(
        self, dynamodb: Any, create_table: None, wire: Wire
    ) -> None:
        site = Site(dynamodb.options, consistent_read=False)
        site.request(count)
        wire.clear()
        site.request(read)
        assert wire.units == 0.5
