"""The times of a session: they only move forward, and a session always has them."""

import logging
import time
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb.testing.site import Site
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    begin_by_clear,
    begin_by_delete,
    browsers,
    contents,
    delete,
    kinds,
    put,
    renew,
    save,
    session_items,
    while_loaded,
)
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

ONE_DAY = 86_400


@pytest.fixture(
    params=kinds("pickle", "json", "encrypted", "own serializer"),
)
def kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


@pytest.fixture(params=kinds(*OWN_CLASS))
def own_kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


def times(session: Any) -> tuple[Any, Any]:
    return session.get("_creation_time"), session.get("_accessed_time")


def life(dynamodb: Any) -> float:
    """Seconds that the only session lives from its last touch."""
    [row] = session_items(dynamodb)
    return float(row.expires.timestamp()) - float(row.touched)


class TestALoginByClear:
    @pytest.mark.parametrize("begin", [begin_by_clear, begin_by_delete], ids=["clear", "delete"])
    def test_stores_valid_times(
        self, dynamodb: Any, kind: dict[str, Any], begin: Any, clock: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, timeout=600)
        clock.advance(100)
        one.request(begin(user="bob"))
        assert other.request(times) == (clock.now, clock.now)

    def test_merged_with_a_change_stores_valid_times(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, timeout=600)

        def page(session: Any) -> None:
            session.clear()
            session["user"] = "bob"
            session._session().save()
            clock.advance(5)
            other.request(put(theirs=1))
            session["mine"] = 1
            session.save()

        one.request(page)
        created, accessed = other.request(times)
        assert created == clock.now - 5
        assert accessed == clock.now
        assert contents(one) == {"user": "bob", "theirs": 1, "mine": 1}

    def test_is_timed_out_after_an_idle_time(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind, timeout=600)
        one.request(begin_by_clear(user="bob"))
        clock.advance(601)
        assert contents(one) == {}

    def test_is_alive_until_its_timeout(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind, timeout=600)
        one.request(begin_by_clear(user="bob"))
        for _ in range(4):
            clock.advance(500)
            assert contents(one) == {"user": "bob"}

    def test_begins_the_longest_life_again(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind, max_lifetime=1000)
        clock.advance(900)
        one.request(begin_by_clear(user="bob"))
        clock.advance(900)
        assert contents(one) == {"user": "bob"}
        clock.advance(101)
        assert contents(one) == {}


class TestTheAccessTime:
    @pytest.mark.parametrize("then", [put(mine=1), save], ids=["change", "touch"])
    @pytest.mark.parametrize("meanwhile", [put(theirs=1), save], ids=["changed", "touched"])
    def test_is_not_moved_back_by_a_long_request(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any, then: Any, meanwhile: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, timeout=600, touch_interval=0)

        def active() -> None:
            clock.advance(500)
            other.request(meanwhile)

        one.request(while_loaded(active, then))
        clock.advance(300)
        assert contents(other)["user"] == "alice"

    def test_is_not_moved_back_by_a_renewal(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **own_kind, timeout=600, touch_interval=0)

        def active() -> None:
            clock.advance(500)
            other.request(save)

        one.request(while_loaded(active, renew))
        clock.advance(300)
        assert contents(one)["user"] == "alice"

    def test_is_not_moved_back_by_a_late_touch(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any, wire: Wire
    ) -> None:
        options = {**dynamodb.options, "max_retries": 0}
        one, other = browsers(options, **kind, timeout=600, touch_interval=0)
        deliver = wire.hold_back("PutItem")
        one.request(save)
        clock.advance(500)
        other.request(save)
        deliver()
        clock.advance(300)
        assert contents(other)["user"] == "alice"

    def test_is_stored_after_on_conflict_overwrite(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        options = {**dynamodb.options, "on_conflict": "overwrite", "touch_interval": 0}
        one, other = browsers(options, **kind, timeout=600)

        def active() -> None:
            clock.advance(500)
            other.request(put(theirs=1))

        one.request(while_loaded(active, put(mine=1)))
        clock.advance(300)
        assert contents(other)["user"] == "alice"

    @pytest.mark.parametrize("policy", ["merge", "overwrite", "raise"])
    def test_of_a_touch_meanwhile_is_no_conflict(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any, policy: str, wire: Wire
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, on_conflict=policy, touch_interval=0)

        def active() -> None:
            clock.advance(50)
            other.request(save)
            wire.clear()

        one.request(while_loaded(active, put(mine=1)))
        assert wire.operations == ["PutItem", "PutItem"]
        assert contents(other) == {"user": "alice", "mine": 1}

    def test_is_not_needed_by_a_site_that_saves_none(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any, wire: Wire
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind, save_accessed_time=False)
        clock.advance(3600)
        with wire.expect("GetItem"):
            assert contents(one) == {"user": "alice"}

    def test_of_the_future_in_a_session_does_no_harm(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind, timeout=600)
        clock.advance(-3600)
        assert contents(one) == {"user": "alice"}
        one.request(put(a=1))
        assert contents(one) == {"user": "alice", "a": 1}


class TestATimeout:
    def test_begins_a_session_that_an_older_request_does_not_change(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, timeout=600)

        def timed_out() -> None:
            clock.advance(601)
            other.request(put(user="bob"))

        one.request(while_loaded(timed_out, put(cart=1)))
        assert contents(other) == {"user": "bob"}

    def test_does_not_end_a_session_that_was_renewed_meanwhile(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any, wire: Wire
    ) -> None:
        options = {**dynamodb.options, "max_retries": 0}
        one, other = browsers(options, **kind, timeout=600)
        clock.advance(599)

        def renew_then_late() -> None:
            assert contents(other) == {"user": "alice"}
            clock.advance(2)

        wire.before_next("GetItem", renew_then_late)
        assert contents(one) == {"user": "alice"}

    def test_that_is_longer_than_ttl_is_warned_of(
        self, dynamodb: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        ttl = 101 + len(dynamodb.name)  # logged once per process
        with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
            Site(dynamodb.options, timeout=611, ttl=ttl).request(put(a=1))
        assert f"ttl = {ttl} s" in caplog.text
        assert "timeout = 611 s" in caplog.text

    def test_that_is_shorter_than_ttl_is_not_warned_of(
        self, dynamodb: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
            Site(dynamodb.options, timeout=613, ttl=613).request(put(a=1))
        assert "ttl" not in caplog.text


class TestRememberMe:
    """The login sets the cookie's age; the next pages do not know it."""

    @staticmethod
    def log_in(session: Any) -> None:
        session._session().cookie_expires = timedelta(days=30)
        session["user"] = "alice"
        session.save()

    @pytest.mark.parametrize("then", [put(a=1), save], ids=["change", "touch"])
    def test_keeps_its_life_in_the_next_pages(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any, then: Any
    ) -> None:
        site = Site(dynamodb.options, **own_kind)
        site.request(self.log_in)
        assert life(dynamodb) >= 30 * ONE_DAY
        clock.advance(2 * ONE_DAY)
        site.request(then)
        assert life(dynamodb) >= 30 * ONE_DAY
        clock.advance(29 * ONE_DAY)
        assert contents(site)["user"] == "alice"

    def test_keeps_its_life_under_a_new_id(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any
    ) -> None:
        site = Site(dynamodb.options, **own_kind)
        site.request(self.log_in)
        clock.advance(60)
        site.request(renew)
        clock.advance(29 * ONE_DAY)
        assert contents(site) == {"user": "alice"}

    def test_is_not_inherited_by_the_next_user(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any
    ) -> None:
        site = Site(dynamodb.options, **own_kind)
        site.request(self.log_in)
        site.request(begin_by_clear(user="bob"))
        assert life(dynamodb) <= ONE_DAY + 1
        clock.advance(ONE_DAY + 10)
        assert contents(site) == {}

    def test_in_a_renewal_gives_the_longer_life(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any
    ) -> None:
        site = Site(dynamodb.options, **own_kind)
        site.request(put(n=1))

        def page(session: Any) -> None:
            session.get("n")
            session.regenerate_id()
            self.log_in(session)

        site.request(page)
        assert life(dynamodb) >= 30 * ONE_DAY

    def test_gives_an_unchanged_session_the_longer_life(
        self, dynamodb: Any, own_kind: dict[str, Any]
    ) -> None:
        site = Site(dynamodb.options, **own_kind)
        site.request(put(user="alice"))
        site.request(self.log_in)
        assert life(dynamodb) >= 30 * ONE_DAY

    @pytest.mark.parametrize("then", [put(a=1), renew, save], ids=["change", "renew", "touch"])
    def test_is_not_cut_by_a_slow_page_that_began_before_the_login(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any, then: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **own_kind, touch_interval=0)
        clock.advance(60)
        one.request(while_loaded(partial(other.request, self.log_in), then))
        assert life(dynamodb) >= 30 * ONE_DAY

    def test_ends_with_ttl_or_timeout_if_there_is_one(
        self, dynamodb: Any, own_kind: dict[str, Any]
    ) -> None:
        site = Site(dynamodb.options, **own_kind, ttl=3600)
        site.request(self.log_in)
        assert life(dynamodb) <= 3601

    def test_of_a_cookie_that_never_expires_is_until_2038(
        self, dynamodb: Any, own_kind: dict[str, Any]
    ) -> None:
        site = Site(dynamodb.options, **own_kind, cookie_expires=False)
        site.request(put(a=1))
        assert life(dynamodb) > 365 * ONE_DAY

    @pytest.mark.parametrize("zone", [None, timezone.utc, timezone(timedelta(hours=-5))])
    def test_of_a_cookie_with_a_moment_is_until_then(
        self, dynamodb: Any, own_kind: dict[str, Any], zone: timezone | None
    ) -> None:
        moment = datetime.fromtimestamp(int(time.time()) + 90 * ONE_DAY, zone or timezone.utc)
        site = Site(
            dynamodb.options,
            **own_kind,
            cookie_expires=moment if zone else moment.replace(tzinfo=None),
        )
        site.request(put(a=1))
        assert abs(life(dynamodb) - 90 * ONE_DAY) < 5

    def test_of_a_cookie_that_has_expired_is_a_day(
        self, dynamodb: Any, own_kind: dict[str, Any]
    ) -> None:
        past = datetime(2020, 1, 1, tzinfo=timezone.utc)
        site = Site(dynamodb.options, **own_kind, cookie_expires=past)
        site.request(put(a=1))
        assert abs(life(dynamodb) - ONE_DAY) < 5


class TestExpiredRows:
    def test_are_kept_if_asked_and_begun_over(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, ttl=60, keep_expired=True)
        clock.advance(61)
        assert contents(one) == {}
        assert len(session_items(dynamodb)) == 1
        other.request(put(user="bob"))
        assert contents(one) == {"user": "bob"}

    @pytest.mark.parametrize("page", [put(a=1), save, renew], ids=["change", "touch", "rename"])
    def test_are_not_revived_by_a_request_that_loaded_them_alive(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any, page: Any
    ) -> None:
        options = {"ttl": 60, "touch_interval": 10, "keep_expired": True}
        one, other = browsers(dynamodb.options, **own_kind, **options)
        one.request(while_loaded(partial(clock.advance, 61), page))
        assert (contents(one), contents(other)) == ({}, {})

    def test_end_with_a_marker_by_a_late_logout(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, ttl=60, keep_expired=True)
        one.request(while_loaded(partial(clock.advance, 61), delete))
        assert contents(other) == {}

    def test_with_a_longest_life_end_under_a_new_id_too(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any
    ) -> None:
        one, _ = browsers(dynamodb.options, **own_kind, max_lifetime=1000)
        clock.advance(900)
        one.request(renew)
        clock.advance(101)
        assert contents(one) == {}


def test_a_marker_is_begun_over_after_it_has_expired(
    dynamodb: Any, kind: dict[str, Any], clock: Any
) -> None:
    one, other = browsers(dynamodb.options, **kind)
    session_id = str(one.cookie)
    one.request(delete)
    other.use_cookie(session_id)

    def expired(session: Any) -> None:
        session.get("user")
        clock.advance(1000)
        put(user="bob")(session)

    other.request(expired)
    assert contents(other) == {"user": "bob"}
    assert len(stored_items(dynamodb)) == 1
