"""Whose session a row is: a birth decides, and a marker says that a session has ended."""

from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBNamespaceManager,
    SessionMiddleware,
    StoreUnavailable,
    session_model,
)
from beaker_dynamodb.testing.site import Site, unknown_id
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    PICKLED,
    Page,
    begin_by_clear,
    begin_by_delete,
    browsers,
    clear,
    contents,
    delete,
    drop,
    invalidate,
    kinds,
    log_in_under,
    put,
    renew,
    save,
    session_items,
    while_loaded,
)
from tests.support.pages import KEYS, OwnSerializer, read
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

BEGINNINGS: dict[str, Callable[..., Page]] = {"clear": begin_by_clear, "delete": begin_by_delete}
ENDINGS: dict[str, Page] = {"delete": delete, "clear": clear, "invalidate": invalidate}


class Outer:
    """A class with a class inside, which Beaker's pickle names by a call of getattr."""

    class Inner:
        """What an application stores."""

        def __init__(self, owner: str) -> None:
            self.owner = owner


@pytest.fixture(params=kinds(*EVERY_KIND))
def options(request: pytest.FixtureRequest, dynamodb: Any) -> dict[str, Any]:
    return {**dynamodb.options, **EVERY_KIND[request.param], "max_retries": 0}


@pytest.fixture(params=kinds(*OWN_CLASS))
def own_options(request: pytest.FixtureRequest, dynamodb: Any) -> dict[str, Any]:
    return {**dynamodb.options, **EVERY_KIND[request.param], "max_retries": 0}


@pytest.fixture
def sites(options: dict[str, Any]) -> list[Site]:
    return browsers(options)


@pytest.fixture
def own_sites(own_options: dict[str, Any]) -> list[Site]:
    return browsers(own_options)


class TestAnotherUsersSession:
    @pytest.mark.parametrize("kind", PICKLED)
    def test_under_the_same_id_is_not_replaced_by_a_page_that_reads(
        self, dynamodb: Any, kind: str
    ) -> None:
        one, other = browsers(dynamodb.options, **EVERY_KIND[kind], touch_interval=0)
        one.request(put(inner=Outer.Inner("alice")))
        switch = partial(log_in_under, other, str(one.cookie), "bob")
        one.request(while_loaded(switch, save))
        assert contents(other) == {"user": "bob"}

    @pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)
    def test_begun_by_clear_or_delete_gets_no_change_of_an_older_request(
        self, sites: list[Site], begin: Any
    ) -> None:
        one, other = sites
        one.request(while_loaded(partial(other.request, begin(user="bob")), put(cart=1)))
        assert contents(other) == {"user": "bob"}

    @pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)
    def test_begun_after_a_logout_gets_no_change_of_an_older_request(
        self, sites: list[Site], begin: Any
    ) -> None:
        one, other = sites
        session_id = str(one.cookie)

        def switch() -> None:
            other.request(delete)
            other.use_cookie(session_id)
            other.request(begin(user="bob"))

        one.request(while_loaded(switch, put(cart=1)))
        assert contents(other) == {"user": "bob"}

    @pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
    @pytest.mark.parametrize("begin", [*BEGINNINGS, "logout"])
    def test_is_not_ended_by_an_older_request(
        self, sites: list[Site], end: Any, begin: str
    ) -> None:
        one, other = sites
        session_id = str(one.cookie)

        def switch() -> None:
            if begin in BEGINNINGS:
                other.request(BEGINNINGS[begin](user="bob"))
            else:
                log_in_under(other, session_id, "bob")

        one.request(while_loaded(switch, end))
        other.use_cookie(session_id)
        assert contents(other) == {"user": "bob"}

    def test_is_not_renamed_by_an_older_request(self, sites: list[Site]) -> None:
        one, other = sites
        session_id = str(one.cookie)
        switch = partial(log_in_under, other, session_id, "bob")
        one.request(while_loaded(switch, renew))
        other.use_cookie(session_id)
        assert contents(other) == {"user": "bob"}
        if one.cookie != session_id:
            assert contents(one) in ({}, {"user": "alice"})

    @pytest.mark.parametrize("policy", ["merge", "overwrite", "raise"])
    def test_is_not_touched_by_an_older_request(self, options: dict[str, Any], policy: str) -> None:
        one, other = browsers(options, on_conflict=policy, touch_interval=0)
        switch = partial(log_in_under, other, str(one.cookie), "bob")
        one.request(while_loaded(switch, save))
        assert contents(other) == {"user": "bob"}

    @pytest.mark.parametrize("policy", ["merge", "overwrite", "raise"])
    def test_is_not_overwritten_by_an_older_request(
        self, options: dict[str, Any], policy: str
    ) -> None:
        one, other = browsers(options, on_conflict=policy)
        one.request(while_loaded(partial(other.request, begin_by_clear(user="bob")), put(a=1)))
        assert contents(other) == {"user": "bob"}

    def test_of_another_application_is_not_opened_by_a_cookie_with_its_prefix(
        self, dynamodb: Any
    ) -> None:
        theirs = Site(dynamodb.options, key_prefix="B:", hash_ids=False)
        theirs.request(put(user="alice"))
        mine = Site(dynamodb.options, hash_ids=False)
        mine.use_cookie(f"B:{theirs.cookie}")
        assert contents(mine) == {}
        mine.request(put(user="mallory"))
        assert contents(theirs) == {"user": "alice"}

    def test_with_ids_of_the_applications_own_cannot_be_opened_through_a_prefix(
        self, dynamodb: Any
    ) -> None:
        theirs = Site(dynamodb.options, key_prefix="B:", hash_ids=False)
        for session_id in ("own-id", "a" * 32, "x:" + "a" * 30):
            theirs.use_cookie(session_id)
            theirs.request(put(user="alice"))
            mine = Site(dynamodb.options, hash_ids=False)
            mine.use_cookie(f"B:{session_id}")
            assert contents(mine) == {}


class TestABeginning:
    def test_costs_one_write_over_a_loaded_session(self, sites: list[Site], wire: Wire) -> None:
        with wire.expect("GetItem", "PutItem"):
            sites[0].request(while_loaded(lambda: None, begin_by_clear(user="bob")))
        assert contents(sites[1]) == {"user": "bob"}

    def test_under_an_id_just_logged_out_is_one_read_and_one_write(
        self, sites: list[Site], wire: Wire
    ) -> None:
        session_id = str(sites[0].cookie)
        sites[1].request(delete)
        sites[1].use_cookie(session_id)
        with wire.expect("GetItem", "PutItem"):
            sites[1].request(put(user="bob"))
        assert contents(sites[1]) == {"user": "bob"}

    def test_twice_in_one_request_leaves_the_last(self, sites: list[Site]) -> None:
        def page(session: Any) -> None:
            for user in ("bob", "carol"):
                session.clear()
                session["user"] = user
                session._session().save()
                session["seen"] = user
                session.save()

        sites[0].request(page)
        assert contents(sites[1]) == {"user": "carol", "seen": "carol"}

    @pytest.mark.parametrize("begin", ["clear", "new id"])
    def test_is_not_undone_by_the_save_at_the_end_of_the_request(
        self, sites: list[Site], begin: str
    ) -> None:
        one, other = sites

        def page(session: Any) -> None:
            if begin == "new id":
                session.regenerate_id()
            session.clear()
            session["user"] = "bob"
            session._session().save()

        one.request(page)
        assert contents(one if begin == "new id" else other) == {"user": "bob"}

    def test_is_not_undone_by_a_revert(self, sites: list[Site]) -> None:
        def page(session: Any) -> None:
            session.clear()
            session["user"] = "bob"
            session._session().save()
            session.revert()
            session.save()

        sites[0].request(page)
        assert contents(sites[1]) == {"user": "bob"}

    def test_saved_twice_keeps_what_the_new_user_changes_meanwhile(self, sites: list[Site]) -> None:
        one, other = sites

        def page(session: Any) -> None:
            session.clear()
            session["user"] = "bob"
            session._session().save()
            other.request(put(theirs=1))
            session["mine"] = 1
            session.save()

        one.request(page)
        assert contents(other) == {"user": "bob", "theirs": 1, "mine": 1}

    def test_after_an_end_and_a_save_in_one_request_is_a_new_session(
        self, sites: list[Site]
    ) -> None:
        one, other = sites

        def page(session: Any) -> None:
            session.clear()
            session._session().save()
            session["user"] = "bob"
            session._session().save()
            session["n"] = 1
            session.save()

        def slow(session: Any) -> None:
            session.get("user")
            one.request(page)
            put(cart=1)(session)

        other.request(slow)
        assert contents(one) == {"user": "bob", "n": 1}

    def test_stays_ended_if_the_new_session_ends_in_the_same_request(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        def page(session: Any) -> None:
            session.clear()
            session["user"] = "bob"
            session._session().save()
            session.delete()
            session.save()

        sites[0].request(page)
        assert session_items(dynamodb) == []
        assert contents(sites[1]) == {}

    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_whose_answer_is_lost_is_recognised(
        self, dynamodb: Any, options: dict[str, Any], wire: Wire
    ) -> None:
        one, other = browsers({**options, "max_retries": 3})
        wire.lose_answer_of("PutItem")
        one.request(begin_by_clear(user="bob"))
        assert contents(other) == {"user": "bob"}


class TestALogout:
    @pytest.mark.parametrize(
        "end",
        [
            lambda session: session.namespace.remove(),
            lambda session: session.namespace.do_remove(),
            lambda session: session.namespace.__delitem__("session"),
        ],
        ids=["remove", "do_remove", "del"],
    )
    def test_through_the_namespace_ends_the_session(
        self, sites: list[Site], dynamodb: Any, end: Page
    ) -> None:
        one, other = sites
        one.request(while_loaded(lambda: None, lambda session: end(session._session())))
        assert contents(other) == {}
        assert session_items(dynamodb) == []

    @pytest.mark.parametrize("then", [save, put(cart=1), renew], ids=["save", "change", "renew"])
    def test_through_the_namespace_is_not_undone_by_the_same_request(
        self, sites: list[Site], dynamodb: Any, then: Page
    ) -> None:
        def page(session: Any) -> None:
            session.namespace.remove()
            then(session)

        if then is renew and "session_class" not in sites[0].application.options:
            pytest.skip("under Beaker's own class a new id is another session")
        sites[0].request(page)
        assert session_items(dynamodb) == []

    def test_through_the_namespace_may_be_followed_by_a_login(self, sites: list[Site]) -> None:
        def page(session: Any) -> None:
            session.namespace.remove()
            begin_by_clear(user="bob")(session)

        sites[0].request(page)
        assert contents(sites[1]) == {"user": "bob"}

    @pytest.mark.parametrize("end", ["remove", "do_remove"])
    def test_by_id_from_the_back_channel_ends_the_session(
        self, sites: list[Site], dynamodb: Any, end: str
    ) -> None:
        manager = DynamoDBNamespaceManager(str(sites[0].cookie), **dynamodb.options)
        getattr(manager, end)()
        assert contents(sites[1]) == {}

    def test_from_the_back_channel_is_not_undone_by_a_slow_page(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        one, other = sites
        manager = DynamoDBNamespaceManager(str(one.cookie), **dynamodb.options)
        one.request(while_loaded(manager.do_remove, put(cart=1)))
        assert contents(other) == {}

    def test_from_the_back_channel_ends_a_renamed_session(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        if "session_class" not in sites[0].application.options:
            pytest.skip("under Beaker's own class a new id is another session")
        old = str(sites[0].cookie)
        sites[0].request(renew)
        DynamoDBNamespaceManager(old, **dynamodb.options).do_remove()
        assert contents(sites[0]) == {}

    @pytest.mark.parametrize("end", ENDINGS)
    def test_is_one_write(self, own_sites: list[Site], wire: Wire, end: str) -> None:
        # Nothing is read under the new id after `invalidate`.
        with wire.expect("GetItem", "PutItem"):
            own_sites[0].request(while_loaded(lambda: None, ENDINGS[end]))

    def test_twice_writes_no_more(self, sites: list[Site], wire: Wire) -> None:
        session_id = str(sites[0].cookie)
        sites[0].request(delete)
        sites[0].use_cookie(session_id)
        with wire.expect("GetItem"):
            sites[0].request(while_loaded(lambda: None, delete))

    def test_by_two_requests_at_once_ends_the_session(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        one, other = sites
        one.request(while_loaded(partial(other.request, delete), delete))
        assert session_items(dynamodb) == []

    @pytest.mark.parametrize("then", [save, put(cart=1), drop("user"), clear, delete, renew])
    def test_is_final_for_a_slow_page(self, sites: list[Site], dynamodb: Any, then: Page) -> None:
        one, other = sites
        session_id = str(one.cookie)
        one.request(while_loaded(partial(other.request, delete), then))
        other.use_cookie(session_id)
        assert contents(other) == {}

    @pytest.mark.parametrize("policy", ["overwrite", "raise"])
    def test_is_final_under_the_other_policies(
        self, options: dict[str, Any], dynamodb: Any, policy: str
    ) -> None:
        one, other = browsers(options, on_conflict=policy, touch_interval=0)
        one.request(while_loaded(partial(other.request, delete), put(cart=1)))
        assert session_items(dynamodb) == []

    def test_is_final_for_a_session_of_many_parts(
        self, dynamodb: Any, options: dict[str, Any]
    ) -> None:
        one, other = browsers(options, compression="none")
        one.request(put(large="x" * 500_000))
        one.request(while_loaded(partial(other.request, delete), put(cart=1)))
        assert [item.ended is not None for item in stored_items(dynamodb)] == [True]

    def test_is_final_with_a_signing_key(self, options: dict[str, Any], dynamodb: Any) -> None:
        one, other = browsers({**options, "signing_key": "s" * 32})
        session_id = str(one.cookie)
        one.request(while_loaded(partial(other.request, delete), put(cart=1)))
        other.use_cookie(session_id)
        other.request(put(user="bob"))
        assert contents(other) == {"user": "bob"}

    def test_is_final_while_renewed_by_another_request(self, own_sites: list[Site]) -> None:
        one, other = own_sites
        one.request(while_loaded(partial(other.request, renew), delete))
        assert contents(other) == {}

    @pytest.mark.parametrize("calls", [1, 2])
    def test_between_the_writes_of_a_rename_is_final(
        self, own_sites: list[Site], dynamodb: Any, wire: Wire, calls: int
    ) -> None:
        one, other = own_sites

        def renewed(session: Any) -> None:
            session.get("user")
            for _ in range(calls - 1):
                wire.before_next("PutItem", lambda: None)
            wire.before_next("PutItem", partial(other.request, delete))
            renew(session)

        one.request(renewed)
        assert session_items(dynamodb) == []

    @pytest.mark.parametrize("operation", ["GetItem", "PutItem"])
    def test_during_which_another_request_renews_the_id_is_final(
        self, own_sites: list[Site], dynamodb: Any, wire: Wire, operation: str
    ) -> None:
        one, other = own_sites

        def page(session: Any) -> None:
            session.get("user")
            wire.before_next(operation, partial(other.request, renew))
            session.delete()

        one.request(page)
        wire.forget_prepared()
        assert session_items(dynamodb) == [] or operation == "GetItem"

    def test_after_two_renewals_ends_every_id(
        self, own_options: dict[str, Any], dynamodb: Any
    ) -> None:
        one, other, third = browsers(own_options, 3)

        def page(session: Any) -> None:
            session.get("user")
            other.request(while_loaded(partial(third.request, renew), renew))
            other.request(renew)
            session.delete()

        one.request(page)
        assert session_items(dynamodb) == []

    def test_is_final_after_the_marker_has_expired_for_new_requests(
        self, dynamodb: Any, options: dict[str, Any], clock: Any
    ) -> None:
        one, other = browsers(options)
        session_id = str(one.cookie)
        one.request(delete)
        clock.advance(901)
        other.use_cookie(session_id)
        assert contents(other) == {}
        other.request(put(user="bob"))
        assert contents(other) == {"user": "bob"}

    def test_is_final_for_a_page_that_began_before_if_ttl_removes_the_marker(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        def end_and_remove() -> None:
            sites[1].request(delete)
            for item in stored_items(dynamodb):
                item.delete()

        sites[0].request(while_loaded(end_and_remove, put(cart=1)))
        assert stored_items(dynamodb) == []

    @pytest.mark.parametrize("kind", ["encrypt", "serializer"])
    def test_that_beakers_class_would_hide_is_refused(self, dynamodb: Any, kind: str) -> None:
        hidden = KEYS if kind == "encrypt" else {"data_serializer": OwnSerializer()}
        with pytest.raises(ConfigurationError, match="DynamoDBSession"):
            Site(dynamodb.options, **hidden).request(put(user="alice"))
        assert stored_items(dynamodb) == []


class TestALatePacket:
    @pytest.mark.parametrize("end", ["delete", "back-channel"])
    def test_that_begins_a_session_does_not_undo_its_logout(
        self, dynamodb: Any, options: dict[str, Any], wire: Wire, end: str
    ) -> None:
        site = Site({**options, "max_retries": 3})
        deliver = wire.hold_back("PutItem")
        site.request(put(user="alice"))
        session_id = str(site.cookie)
        if end == "delete":
            site.request(delete)
        else:
            DynamoDBNamespaceManager(session_id, **dynamodb.options).do_remove()
        deliver()
        site.use_cookie(session_id)
        assert contents(site) == {}

    @pytest.mark.parametrize("page", [put(cart=1), begin_by_clear(user="bob"), renew])
    def test_of_any_write_does_not_undo_a_logout(
        self, options: dict[str, Any], dynamodb: Any, wire: Wire, page: Page
    ) -> None:
        one, other = browsers({**options, "max_retries": 3})
        deliver = wire.hold_back("PutItem")
        one.request(page)
        one.request(delete)
        other.request(delete)
        deliver()
        assert contents(other) == {}

    def test_of_a_touch_does_not_undo_a_logout(
        self, options: dict[str, Any], dynamodb: Any, wire: Wire
    ) -> None:
        one, other = browsers(options, touch_interval=0)
        deliver = wire.hold_back("PutItem")
        one.request(while_loaded(lambda: None, save))
        other.request(delete)
        deliver()
        assert session_items(dynamodb) == []

    @pytest.mark.parametrize("end", [delete, clear], ids=["delete", "clear"])
    def test_of_a_logout_does_not_end_a_later_login(
        self, options: dict[str, Any], wire: Wire, end: Page
    ) -> None:
        one, other = browsers({**options, "max_retries": 3})
        session_id = str(one.cookie)
        deliver = wire.hold_back("PutItem")
        one.request(end)
        one.use_cookie(session_id)
        one.request(put(user="bob"))
        deliver()
        assert contents(other) == {"user": "bob"}

    def test_of_a_back_channel_logout_does_not_end_a_later_login(
        self, options: dict[str, Any], dynamodb: Any, wire: Wire
    ) -> None:
        one, other = browsers(options)
        session_id = str(one.cookie)
        deliver = wire.hold_back("PutItem")
        manager = DynamoDBNamespaceManager(session_id, **{**dynamodb.options, "max_retries": 0})
        with pytest.raises(StoreUnavailable):
            manager.do_remove()
        log_in_under(other, session_id, "bob")
        deliver()
        assert contents(other) == {"user": "bob"}


class TestARowWithoutABirth:
    """Written by a release before births."""

    @pytest.fixture
    def sites(self, options: dict[str, Any], dynamodb: Any) -> list[Site]:
        sites = browsers(options, 3)
        for item in stored_items(dynamodb):
            item.birth = None
            item.save()
        return sites

    def test_is_read_changed_and_ended(self, sites: list[Site], dynamodb: Any) -> None:
        one, other, _ = sites
        assert contents(one) == {"user": "alice"}
        one.request(put(a=1))
        assert contents(other) == {"user": "alice", "a": 1}
        one.request(delete)
        assert session_items(dynamodb) == []

    def test_merges_the_changes_of_three_requests(self, sites: list[Site]) -> None:
        one, other, third = sites
        inner = while_loaded(partial(third.request, put(c=1)), put(b=1))
        one.request(while_loaded(partial(other.request, inner), put(a=1)))
        assert contents(one) == {"user": "alice", "a": 1, "b": 1, "c": 1}

    @pytest.mark.parametrize("then", [save, put(cart=1), delete, renew])
    def test_gets_nothing_from_an_older_request_after_a_login(
        self, sites: list[Site], then: Page
    ) -> None:
        one, other, _ = sites
        session_id = str(one.cookie)
        switch = partial(log_in_under, other, session_id, "bob")
        one.request(while_loaded(switch, then))
        other.use_cookie(session_id)
        assert contents(other) == {"user": "bob"}

    def test_that_is_changed_twice_is_ended_by_a_request_that_loaded_it_first(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        one, other, _ = sites

        def change_twice() -> None:
            other.request(put(a=1))
            other.request(put(a=2))

        one.request(while_loaded(change_twice, delete))
        assert session_items(dynamodb) == []

    def test_is_ended_from_the_back_channel(self, sites: list[Site], dynamodb: Any) -> None:
        DynamoDBNamespaceManager(str(sites[0].cookie), **dynamodb.options).do_remove()
        assert session_items(dynamodb) == []


class TestAMarker:
    def test_that_this_package_did_not_write_opens_nothing_and_is_not_overwritten(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        session_id = str(sites[0].cookie)
        sites[0].request(delete)
        [marker] = stored_items(dynamodb)
        marker.ended = "[1]"
        marker.save()
        sites[1].use_cookie(session_id)
        with pytest.warns(match="corrupt"):
            assert contents(sites[1]) == {}

    def test_keeps_no_data_and_expires_after_fifteen_minutes(
        self, clock: Any, sites: list[Site], dynamodb: Any
    ) -> None:
        sites[0].request(delete)
        [marker] = stored_items(dynamodb)
        assert (marker.data, marker.version, marker.birth) == (None, None, None)
        assert marker.expires == datetime.fromtimestamp(clock.now + 900, timezone.utc)

    def test_of_another_session_is_replaced_by_a_beginning_in_a_slow_request(
        self, dynamodb: Any, options: dict[str, Any]
    ) -> None:
        one, other = Site(options), Site(options)
        session_id = unknown_id()
        for site in (one, other):
            site.use_cookie(session_id)

        def begin_and_end() -> None:
            other.request(put(user="bob"))
            other.request(delete)

        one.request(while_loaded(begin_and_end, put(user="alice")))
        assert contents(one) == {"user": "alice"}


class TestGetById:
    @pytest.mark.parametrize("kind", OWN_CLASS)
    def test_merges_the_change_of_an_administrator(self, dynamodb: Any, kind: str) -> None:
        options = {**EVERY_KIND[kind]}
        options.pop("session_class")
        site = Site(dynamodb.options, **EVERY_KIND[kind])
        settings = {f"session.{name}": value for name, value in dynamodb.options.items()}
        settings["session.type"] = "ext:dynamodb"
        site.application = SessionMiddleware(site._respond, settings, **options)
        user, admin = site.visitor(user="alice"), site.visitor()
        session_id = user.read_id()

        def page(session: Any) -> None:
            found = session.get_by_id(session_id)
            user.put(theirs=1)
            found["mine"] = 1
            found.save()

        admin.visit(page)
        assert user.read() == {"user": "alice", "theirs": 1, "mine": 1}

    def test_of_an_ended_session_is_none(self, dynamodb: Any) -> None:
        settings = {f"session.{name}": value for name, value in dynamodb.options.items()}
        site = Site(dynamodb.options)
        site.application = SessionMiddleware(site._respond, settings)
        user = site.visitor(user="alice")
        session_id = user.read_id()
        user.change(delete)
        assert site.visitor().visit(lambda session: session.get_by_id(session_id)) is None


def test_a_page_that_reads_an_ended_session_writes_nothing(
    sites: list[Site], dynamodb: Any, wire: Wire
) -> None:
    session_id = str(sites[0].cookie)
    sites[0].request(delete)
    sites[1].use_cookie(session_id)
    with wire.expect("GetItem"):
        assert sites[1].request(read) is None
    assert session_model(**dynamodb.options).count() == 1
