"""Sessions: what is stored, and what never returns."""

import logging
import math
from typing import Any, ClassVar

import pytest
from beaker.middleware import SessionMiddleware
from webtest import TestApp

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBNamespaceManager,
    StoreUnavailable,
    session_model,
)
from beaker_dynamodb.testing.site import Site
from tests.support.internals import Backend, Row, RowKey, parse_options
from tests.support.pages import count, log_out, read, save
from tests.support.tables import stored_items, stored_sessions
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


def another_browser(site: Site, dynamodb: Any, **options: Any) -> Site:
    """The same session in a second browser, for two overlapping requests."""
    other = Site(dynamodb.options, max_retries=0, **options)
    assert site.cookie
    other.use_cookie(site.cookie)
    return other


class TestWhatIsStored:
    def test_the_id_is_hashed(self, site: Site, dynamodb: Any) -> None:
        site.request(count)
        [row] = stored_sessions(dynamodb)
        assert row.item == "session"
        assert site.cookie not in row.id

    def test_the_item_expires_with_the_session(self, dynamodb: Any, clock: Any) -> None:
        Site(dynamodb.options, ttl=3600).request(count)
        [row] = stored_sessions(dynamodb)
        assert 0 <= row.expires.timestamp() - (clock.now + 3600) < 1

    def test_with_beakers_timeout_the_item_expires_two_minutes_later(
        self, dynamodb: Any, clock: Any
    ) -> None:
        Site(dynamodb.options, timeout=600).request(count)
        [row] = stored_sessions(dynamodb)
        assert 0 <= row.expires.timestamp() - (clock.now + 720) < 1

    def test_with_ttl_0_the_item_never_expires(self, dynamodb: Any, clock: Any) -> None:
        site = Site(dynamodb.options, ttl=0)
        site.request(count)
        clock.advance(10 * 365 * 86_400)
        assert stored_sessions(dynamodb)[0].expires is None
        assert site.request(read) == 1

    def test_the_version_changes_with_the_content_and_not_with_a_touch(
        self, site: Site, dynamodb: Any, clock: Any
    ) -> None:
        site.request(count)
        created = stored_sessions(dynamodb)[0]
        clock.advance(31)
        site.request(read)
        touched = stored_sessions(dynamodb)[0]
        site.request(count)
        changed = stored_sessions(dynamodb)[0]
        assert touched.version == created.version
        assert touched.touched == pytest.approx(created.touched + 31)
        assert changed.version != created.version

    def test_compression_can_change_at_any_time(self, site: Site, dynamodb: Any) -> None:
        site.request(lambda session: (session.update(n="x" * 5000), session.save()))
        plain = another_browser(site, dynamodb, compression="none")
        assert plain.request(read) == "x" * 5000
        plain.request(lambda session: (session.update(m=1), session.save()))
        assert len(stored_sessions(dynamodb)[0].data) > 5000
        assert site.request(read) == "x" * 5000

    def test_applications_with_different_prefixes_share_a_table(self, dynamodb: Any) -> None:
        shop, blog = (Site(dynamodb.options, key_prefix=prefix) for prefix in ("shop:", "blog:"))
        shop.request(count)
        assert shop.cookie
        blog.use_cookie(shop.cookie)
        assert blog.request(read) is None
        assert stored_sessions(dynamodb)[0].id.startswith("shop:")


class TestAnEndedSession:
    def test_leaves_only_a_marker_for_15_minutes(
        self, site: Site, dynamodb: Any, clock: Any
    ) -> None:
        site.request(count)
        [before] = stored_items(dynamodb)
        site.request(log_out)
        [marker] = stored_items(dynamodb)
        assert (marker.id, marker.item) == (before.id, before.item)
        assert before.birth in marker.ended
        assert marker.expires.timestamp() == math.ceil(clock.now) + 900
        content = marker.attribute_values.keys() - {"id", "item", "ended", "expires"}
        assert content == set()

    def test_stays_ended_when_a_slow_request_that_read_it_ends(
        self, site: Site, dynamodb: Any, clock: Any
    ) -> None:
        site.request(count)
        slow = another_browser(site, dynamodb)

        def log_out_meanwhile(session: Any) -> None:
            assert read(session) == 1
            clock.advance(60)
            site.request(log_out)

        slow.request(log_out_meanwhile)
        assert stored_sessions(dynamodb) == []

    def test_stays_ended_when_a_slow_request_that_changed_it_ends(
        self, site: Site, dynamodb: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        site.request(count)
        slow = another_browser(site, dynamodb)

        def log_out_meanwhile(session: Any) -> None:
            count(session)
            site.request(log_out)

        with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
            slow.request(log_out_meanwhile)
        assert stored_sessions(dynamodb) == []
        assert "it ended or got a new id while the request ran" in caplog.text

    def test_can_be_followed_by_a_new_one_in_the_same_request(
        self, site: Site, dynamodb: Any
    ) -> None:
        def end_and_begin(session: Any) -> None:
            session.delete()
            session._session().save()
            session["n"] = 7
            session.save()

        site.request(count)
        session_id = site.cookie
        site.request(end_and_begin)
        assert len(stored_sessions(dynamodb)) == 1
        site.use_cookie(session_id or "")
        assert site.request(read) == 7


class TestATouch:
    def test_never_undoes_another_requests_change(
        self, site: Site, dynamodb: Any, clock: Any
    ) -> None:
        site.request(count)
        slow = another_browser(site, dynamodb)

        def change_meanwhile(session: Any) -> None:
            read(session)
            clock.advance(60)
            site.request(count)

        slow.request(change_meanwhile)
        assert site.request(read) == 2

    def test_that_fails_is_no_error(
        self, site: Site, wire: Wire, clock: Any, outage: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        site.request(count)
        clock.advance(60)
        wire.fail_next("PutItem", outage)
        with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
            assert site.request(read) == 1
        assert "was not touched" in caplog.text
        assert site.request(read) == 1


class TestALostRace:
    def test_of_two_changes_of_one_key_keeps_the_later_one(self, site: Site, dynamodb: Any) -> None:
        site.request(count)
        slow = another_browser(site, dynamodb)

        def change_meanwhile(session: Any) -> None:
            site.request(count)
            session["n"] = 100
            session.save()

        slow.request(change_meanwhile)
        assert site.request(read) == 100

    def test_of_two_creations_keeps_the_later_one(self, dynamodb: Any) -> None:
        one, other = (Site(dynamodb.options) for _ in range(2))
        for site in (one, other):
            site.use_cookie("the-same-unknown-id")

        def create_meanwhile(session: Any) -> None:
            session["n"] = 100
            one.request(count)
            session.save()

        other.request(create_meanwhile)
        assert one.request(read) == 100
        assert len(stored_sessions(dynamodb)) == 1


class TestALostAnswer:
    """DynamoDB has executed the write, but the client library retries."""

    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_to_a_creation_is_a_success(self, dynamodb: Any, wire: Wire) -> None:
        site = Site(dynamodb.options, max_retries=2)
        wire.lose_answer_of("PutItem")
        site.request(count)
        assert site.request(count) == 2

    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_to_a_change_is_a_success(self, dynamodb: Any, wire: Wire) -> None:
        site = Site(dynamodb.options, max_retries=2)
        site.request(count)
        wire.lose_answer_of("PutItem")
        assert site.request(count) == 2
        assert site.request(count) == 3


class TestExpiry:
    def test_an_expired_item_is_never_served_and_is_deleted_by_the_next_read(
        self, dynamodb: Any, wire: Wire, clock: Any
    ) -> None:
        site = Site(dynamodb.options, ttl=60)
        site.request(count)
        clock.advance(61)
        with wire.expect("GetItem", "DeleteItem"):
            assert site.request(read) is None
        assert stored_sessions(dynamodb) == []

    def test_an_expired_item_is_left_to_the_ttl_if_asked(
        self, dynamodb: Any, wire: Wire, clock: Any
    ) -> None:
        site = Site(dynamodb.options, ttl=60, keep_expired=True)
        site.request(count)
        clock.advance(61)
        with wire.expect("GetItem"):
            assert site.request(read) is None
        assert len(stored_sessions(dynamodb)) == 1

    def test_a_kept_expired_item_can_be_replaced(self, dynamodb: Any, clock: Any) -> None:
        site = Site(dynamodb.options, ttl=60, keep_expired=True)
        site.request(count)
        clock.advance(60.5)
        assert site.request(count) == 1
        assert site.request(read) == 1

    def test_a_failing_delete_of_an_expired_item_is_no_error(
        self, dynamodb: Any, wire: Wire, clock: Any, outage: Any
    ) -> None:
        site = Site(dynamodb.options, ttl=60, max_retries=0)
        site.request(count)
        clock.advance(61)
        wire.fail_next("DeleteItem", outage)
        assert site.request(read) is None

    def test_a_touch_before_the_delete_wins(self, dynamodb: Any, clock: Any) -> None:
        site = Site(dynamodb.options, ttl=60)
        site.request(count)
        [row] = stored_sessions(dynamodb)
        clock.advance(61)
        model = session_model(**dynamodb.options)
        rows = Backend.of(parse_options(dynamodb.options)).rows
        expired = rows.get(key_of(row), consistent=True)
        assert isinstance(expired, Row)
        row.touched = clock.now
        row.save()
        assert rows.delete_expired(key_of(row), expired) is False
        assert len(list(model.scan())) == 1

    def test_a_session_never_outlives_its_ttl(self, dynamodb: Any, clock: Any) -> None:
        site = Site(dynamodb.options, ttl=60)
        site.request(count)
        clock.advance(59.9)
        assert site.request(read) == 1
        clock.advance(60.1)
        assert site.request(read) is None


def key_of(row: Any) -> Any:
    return RowKey(row.id, row.item)


class TestEventuallyConsistentReads:
    def test_are_repeated_before_a_session_counts_as_missing(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        site = Site(dynamodb.options, consistent_read=False)
        site.use_cookie("unknown")
        with wire.expect("GetItem", "GetItem"):
            assert site.request(read) is None
        assert [call.body.get("ConsistentRead", False) for call in wire.calls] == [False, True]

    def test_report_an_outage_of_the_second_read_as_an_error(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        site = Site(dynamodb.options, consistent_read=False, max_retries=0)
        site.use_cookie("unknown")
        wire.before_next("GetItem", lambda: wire.fail_next("GetItem", (500, "InternalServerError")))
        with pytest.raises(StoreUnavailable):
            site.request(read)

    def test_read_an_existing_session_once(self, dynamodb: Any, wire: Wire) -> None:
        site = Site(dynamodb.options, consistent_read=False)
        site.request(count)
        with wire.expect("GetItem"):
            assert site.request(read) == 1


class TestOpaqueSessions:
    """Sessions that are encrypted, or written by the application's own serializer."""

    KEYS: ClassVar = {
        "encrypt_key": "e" * 32,
        "validate_key": "v" * 32,
        "opaque_sessions": True,
    }

    def test_are_refused_unless_the_options_accept_them(self, dynamodb: Any) -> None:
        site = Site(dynamodb.options, **{**self.KEYS, "opaque_sessions": False})
        with pytest.raises(ConfigurationError, match="opaque_sessions = true"):
            site.request(count)
        assert stored_items(dynamodb) == []

    def test_are_stored_whole(self, dynamodb: Any, wire: Wire) -> None:
        site = Site(dynamodb.options, **self.KEYS)
        site.request(count)
        with wire.expect("GetItem", "PutItem"):
            assert site.request(read) == 1
        assert site.request(count) == 2

    def test_are_never_stored_if_the_item_is_gone(self, site: Site, dynamodb: Any) -> None:
        one = Site(dynamodb.options, **self.KEYS)
        one.request(count)
        slow = another_browser(one, dynamodb, **self.KEYS)

        def gone_meanwhile(session: Any) -> None:
            count(session)
            stored_sessions(dynamodb)[0].delete()

        slow.request(gone_meanwhile)
        assert stored_sessions(dynamodb) == []


class TestIdsFromCookies:
    @pytest.mark.parametrize(
        "session_id",
        ["", "x" * 100_000, "\xe9\xff", '"', "a%00b"],
        ids=["empty", "long", "latin-1", "quote", "nul"],
    )
    @pytest.mark.parametrize("hash_ids", [True, False])
    def test_can_be_any_text(self, dynamodb: Any, session_id: str, hash_ids: bool) -> None:
        def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            found = count(environ["beaker.session"])
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(found).encode()]

        options = {**dynamodb.options, "type": "ext:dynamodb", "hash_ids": hash_ids}
        browser = TestApp(SessionMiddleware(page, **options))
        headers = {"Cookie": f"beaker.session.id={session_id}"}
        assert browser.get("/", headers=headers).status_int == 200


def test_only_text_is_stored_as_a_session(dynamodb: Any) -> None:
    with pytest.raises(TypeError, match="holds the text of a session, not int"):
        DynamoDBNamespaceManager("x", **dynamodb.options)["session"] = 5


def test_saving_without_a_change_keeps_the_stored_session(site: Site) -> None:
    site.request(count)
    site.request(save)
    assert site.request(read) == 1
