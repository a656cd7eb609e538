"""The promises of DynamoDBSession beyond those of Beaker's own session."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import (
    BeakerDynamoDBError,
    ConflictError,
    CorruptItem,
    DynamoDBSession,
    StoreUnavailable,
)
from beaker_dynamodb.testing.site import Site
from tests.support.pages import KINDS, count, log_out, read
from tests.support.tables import stored_sessions
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture(params=["plain", "encrypted", "own serializer"])
def options(request: pytest.FixtureRequest, dynamodb: Any) -> dict[str, Any]:
    kind = KINDS.get(request.param, {"session_class": DynamoDBSession})
    return {**dynamodb.options, **kind, "max_retries": 0}


@pytest.fixture
def site(options: dict[str, Any]) -> Site:
    return Site(options)


def invalidate(session: Any) -> None:
    session.invalidate()
    session.save()


def regenerate_id(session: Any) -> None:
    session.regenerate_id()
    session.save()


def before_the_new_row(wire: Wire, happens: Callable[[], object]) -> None:
    wire.before_next("PutItem", happens)


def before_the_marker(wire: Wire, happens: Callable[[], object]) -> None:
    """Before the second write of a renaming, which puts a marker in place of the old row."""
    wire.before_next("PutItem", lambda: None)
    wire.before_next("PutItem", happens)


class TestAnOldId:
    def test_opens_nothing_after_invalidate(self, site: Site, dynamodb: Any) -> None:
        site.request(count)
        old = str(site.cookie)
        site.request(invalidate)
        assert stored_sessions(dynamodb) == []
        site.use_cookie(old)
        assert site.request(read) is None

    def test_opens_nothing_after_regenerate_id(self, site: Site, dynamodb: Any, wire: Wire) -> None:
        site.request(count)
        old = str(site.cookie)
        with wire.expect("GetItem", "GetItem", "PutItem", "PutItem"):
            site.request(regenerate_id)
        assert site.cookie != old
        assert len(stored_sessions(dynamodb)) == 1
        assert site.request(read) == 1
        site.use_cookie(old)
        assert site.request(read) is None

    def test_passes_on_what_another_request_has_changed(
        self, site: Site, options: dict[str, Any], dynamodb: Any
    ) -> None:
        site.request(count)
        other = Site(options)
        other.use_cookie(str(site.cookie))

        def changed_meanwhile(session: Any) -> None:
            session.get("n")
            other.request(lambda session: (session.update(b=2), session.save()))
            session["a"] = 1
            session.regenerate_id()
            session._session().save()
            session["c"] = 3
            session.save()

        site.request(changed_meanwhile)
        found = site.request(lambda session: {**session})
        assert {key: found.get(key) for key in "nabc"} == {"n": 1, "a": 1, "b": 2, "c": 3}
        assert len(stored_sessions(dynamodb)) == 1

    @pytest.mark.parametrize("before", [before_the_new_row, before_the_marker])
    def test_passes_on_what_changes_during_the_move(
        self, site: Site, options: dict[str, Any], dynamodb: Any, wire: Wire, before: Any
    ) -> None:
        site.request(count)
        old = str(site.cookie)
        other = Site(options)
        other.use_cookie(old)
        change = partial(other.request, lambda session: (session.update(b=2), session.save()))

        def moved(session: Any) -> None:
            session.get("n")
            before(wire, change)
            session["a"] = 1
            regenerate_id(session)

        site.request(moved)
        found = site.request(lambda session: {**session})
        assert {key: found.get(key) for key in "nab"} == {"n": 1, "a": 1, "b": 2}
        assert len(stored_sessions(dynamodb)) == 1
        site.use_cookie(old)
        assert site.request(read) is None

    def test_passes_on_what_is_undone_during_the_move(
        self, site: Site, options: dict[str, Any], wire: Wire
    ) -> None:
        site.request(lambda session: (session.update(flag=0), session.save()))
        other = Site(options)
        other.use_cookie(str(site.cookie))

        def change(session: Any) -> None:
            session.update(flag=1, new=1)
            session.save()

        def take_back(session: Any) -> None:
            session["flag"] = 0
            del session["new"]
            session.save()

        def moved(session: Any) -> None:
            session.get("flag")
            other.request(change)
            before_the_marker(wire, partial(other.request, take_back))
            regenerate_id(session)

        site.request(moved)
        assert site.request(lambda session: (session["flag"], session.get("new"))) == (0, None)

    def test_stays_ended_if_the_session_changes_and_ends_during_the_move(
        self, site: Site, options: dict[str, Any], dynamodb: Any, wire: Wire
    ) -> None:
        site.request(count)
        other = Site(options)
        other.use_cookie(str(site.cookie))

        def moved(session: Any) -> None:
            session.get("n")
            before_the_marker(wire, partial(other.request, count))
            wire.before_next("PutItem", lambda: None)  # the count
            before_the_new_row(wire, partial(other.request, log_out))
            regenerate_id(session)

        site.request(moved)
        assert stored_sessions(dynamodb) == []
        assert site.request(read) is None

    def test_leaves_nothing_if_the_session_is_cleared_too(
        self, site: Site, options: dict[str, Any], dynamodb: Any, wire: Wire
    ) -> None:
        site.request(count)
        other = Site(options)
        other.use_cookie(str(site.cookie))

        def page(session: Any) -> None:
            session.get("n")
            other.request(lambda session: (session.update(b=2), session.save()))
            session.regenerate_id()
            session.delete()

        site.request(page)
        assert stored_sessions(dynamodb) == []

    def test_raises_a_conflict_if_asked_and_another_request_has_changed_it(
        self, options: dict[str, Any], dynamodb: Any, wire: Wire
    ) -> None:
        site = Site({**options, "on_conflict": "raise"})
        site.request(count)
        old = str(site.cookie)
        other = Site(options)
        other.use_cookie(old)

        def moved(session: Any) -> None:
            session.get("n")
            before_the_marker(wire, partial(other.request, count))
            regenerate_id(session)

        with pytest.raises(ConflictError):
            site.request(moved)
        assert len(stored_sessions(dynamodb)) == 1
        site.use_cookie(old)
        assert site.request(read) == 2

    def test_stays_ended_if_another_request_has_ended_it(
        self, site: Site, options: dict[str, Any], dynamodb: Any
    ) -> None:
        site.request(count)
        other = Site(options)
        other.use_cookie(str(site.cookie))

        def ended_meanwhile(session: Any) -> None:
            session.get("n")
            other.request(log_out)
            regenerate_id(session)

        site.request(ended_meanwhile)
        assert stored_sessions(dynamodb) == []
        assert site.request(read) is None

    def test_does_not_end_a_newer_session_under_it(
        self, site: Site, options: dict[str, Any], dynamodb: Any, clock: Any
    ) -> None:
        site.request(count)
        other = Site(options)
        other.use_cookie(str(site.cookie))

        def begun_again(session: Any) -> None:
            session.get("n")
            other.request(log_out)
            clock.advance(1)
            other.use_cookie(session.id)
            other.request(lambda session: (session.update(user="bob"), session.save()))
            regenerate_id(session)

        old = site.cookie
        site.request(begun_again)
        other.use_cookie(str(old))
        assert other.request(lambda session: session.get("user")) == "bob"
        assert len(stored_sessions(dynamodb)) == 1

    def test_replaced_twice_opens_nothing_if_the_session_is_emptied_too(
        self, site: Site, dynamodb: Any
    ) -> None:
        def page(session: Any) -> None:
            session.regenerate_id()
            session.regenerate_id()
            del session["n"]
            session.save()

        site.request(count)
        old = str(site.cookie)
        site.request(page)
        assert len(stored_sessions(dynamodb)) == 1
        assert site.request(lambda session: (session.is_new, read(session))) == (False, None)
        site.use_cookie(old)
        assert site.request(lambda session: session.is_new)

    def test_keeps_its_session_if_the_new_one_cannot_be_stored(
        self, site: Site, wire: Wire
    ) -> None:
        site.request(count)
        old = str(site.cookie)
        wire.fail_next("PutItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable):
            site.request(regenerate_id)
        site.use_cookie(old)
        assert site.request(read) == 1

    def test_opens_nothing_after_a_timeout(self, options: dict[str, Any], clock: Any) -> None:
        site = Site({**options, "timeout": 60})
        site.request(count)
        old = str(site.cookie)
        clock.advance(61)
        assert site.request(read) is None
        assert site.cookie != old

    def test_is_ended_by_invalidate_at_the_price_of_a_logout(self, site: Site, wire: Wire) -> None:
        site.request(count)
        with wire.expect("GetItem", "PutItem"):
            site.request(lambda session: (session.get("n"), session.invalidate()))

    @pytest.mark.parametrize("consistent_read", [True, False])
    def test_is_followed_by_a_new_session_without_a_read(
        self, options: dict[str, Any], wire: Wire, consistent_read: bool
    ) -> None:
        site = Site(options, consistent_read=consistent_read)
        site.request(count)

        def page(session: Any) -> None:
            session.get("n")
            wire.clear()
            session.invalidate()
            session["n"] = 5
            session.save()
            session.persist()
            session.load()
            assert session["n"] == 5

        site.request(page)
        assert wire.operations[:2] == ["PutItem", "PutItem"]
        assert site.request(read) == 5

    def test_of_a_new_session_needs_no_call(self, site: Site, wire: Wire) -> None:
        with wire.expect():
            site.request(lambda session: session.invalidate())


class TestAFailedLoad:
    @pytest.mark.parametrize("invalidate_corrupt", [True, False])
    def test_in_an_outage_is_an_error(
        self, options: dict[str, Any], wire: Wire, invalidate_corrupt: bool
    ) -> None:
        site = Site({**options, "invalidate_corrupt": invalidate_corrupt})
        site.request(count)
        cookie = site.cookie
        wire.fail_next("GetItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable):
            site.request(read)
        assert site.cookie == cookie
        assert site.request(read) == 1

    @pytest.mark.parametrize("code", ["AccessDeniedException", "SomethingNewException"])
    def test_that_dynamodb_refuses_is_an_error(self, site: Site, wire: Wire, code: str) -> None:
        site.request(count)
        cookie = site.cookie
        wire.fail_next("GetItem", (400, code))
        with wire.expect("GetItem"), pytest.raises(BeakerDynamoDBError, match=code):
            site.request(read)
        assert (site.request(read), site.cookie) == (1, cookie)

    def test_of_a_corrupt_item_costs_one_session_and_keeps_the_item(
        self, site: Site, dynamodb: Any
    ) -> None:
        site.request(count)
        cookie = str(site.cookie)
        [row] = stored_sessions(dynamodb)
        row.data, whole = b"\xff", row.data
        row.save()
        with pytest.warns(BeakerWarning, match="Invalidating corrupt session") as caught:
            assert site.request(read) is None
        assert [row.data for row in stored_sessions(dynamodb)] == [b"\xff"]
        row.data = whole
        row.save()
        site.use_cookie(cookie)
        assert site.request(read) == 1
        assert cookie[:9] not in str(caught[0].message)

    def test_of_a_corrupt_item_is_an_error_if_asked(
        self, options: dict[str, Any], dynamodb: Any
    ) -> None:
        site = Site({**options, "invalidate_corrupt": False})
        site.request(count)
        [row] = stored_sessions(dynamodb)
        row.data = b"\xff"
        row.save()
        with pytest.raises(CorruptItem):
            site.request(read)


class TestTheAgeOfTheCookie:
    def test_is_the_life_of_the_session(self, dynamodb: Any, clock: Any) -> None:
        age = timedelta(hours=2)
        Site({**dynamodb.options, "session_class": DynamoDBSession}, cookie_expires=age).request(
            count
        )
        [row] = stored_sessions(dynamodb)
        assert row.expires.timestamp() == clock.now + 7200

    def test_gives_way_to_ttl(self, dynamodb: Any, clock: Any) -> None:
        age = timedelta(hours=2)
        options = {**dynamodb.options, "session_class": DynamoDBSession, "ttl": 60}
        Site(options, cookie_expires=age).request(count)
        assert stored_sessions(dynamodb)[0].expires.timestamp() == clock.now + 60


def test_an_id_by_position_is_taken(dynamodb: Any) -> None:
    options = {"type": "ext:dynamodb", "use_cookies": False, **dynamodb.options}
    session = DynamoDBSession({}, "f" * 32, **options)
    session["user"] = "alice"
    session.save()
    assert DynamoDBSession({}, "f" * 32, **options)["user"] == "alice"
