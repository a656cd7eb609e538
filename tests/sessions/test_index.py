"""Sessions by a user: the index, what it costs, and "log out everywhere"."""

from typing import Any

import pytest

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBSession,
    TableError,
    create_table,
    end_sessions,
    session_model,
    sessions_of,
)
from beaker_dynamodb.testing.site import Site, Visitor
from tests.support.large import noise
from tests.support.pages import KINDS, log_out, read, save
from tests.support.wire import Wire


@pytest.fixture
def options(dynamodb: Any) -> dict[str, Any]:
    """The options of a table with an index by `user_id`."""
    options = {**dynamodb.options, "index_keys": "user_id"}
    create_table(**options)
    return options


@pytest.fixture
def site(options: dict[str, Any]) -> Site:
    return Site(options, session_class=DynamoDBSession)


def log_in(site: Site, user: Any, **values: Any) -> Visitor:
    return site.visitor(user_id=user, **values)


def index_units(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The units that each later write consumes in the index."""
    connection: Any = session_model(**options).table_connection().connection
    units: list[float] = []
    call = connection._make_api_call

    def with_indexes(operation: str, arguments: dict[str, Any]) -> Any:
        answer = call(operation, {**arguments, "ReturnConsumedCapacity": "INDEXES"})
        indexes = answer.get("ConsumedCapacity", {}).get("GlobalSecondaryIndexes", {})
        if operation == "PutItem":
            units.append(sum(each["CapacityUnits"] for each in indexes.values()))
        return answer

    monkeypatch.setattr(connection, "_make_api_call", with_indexes)
    return units


class TestTheIndex:
    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_costs_a_write_unit_only_if_the_user_changes(
        self,
        options: dict[str, Any],
        site: Site,
        clock: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        units = index_units(options, monkeypatch)
        ada = site.visitor(n=1)
        assert units == [0]  # no user yet
        ada.put(user_id=42)
        assert units == [0, 1]  # the login
        ada.put(n=2)
        clock.advance(40)
        ada.visit(save)
        assert units == [0, 1, 0, 0]  # a change, a touch
        ada.put(user_id=43)
        ada.visit(log_out)
        assert units == [0, 1, 0, 0, 2, 1]  # another user: out of one entry, into another; an end

    def test_has_only_sessions_with_the_key(self, options: dict[str, Any], site: Site) -> None:
        site.visitor(n=1)
        site.visitor(user_id=None)
        site.visitor(user_id="")
        log_in(site, 42)
        items = [item.attribute_values for item in stored_items_of(options)]
        assert sorted(str(item.get("index:user_id")) for item in items) == ["42", *["None"] * 3]

    @pytest.mark.parametrize("kind", KINDS)
    def test_finds_every_kind_of_session(self, options: dict[str, Any], kind: str) -> None:
        log_in(Site(options, **KINDS[kind]), "ada")
        assert len(sessions_of("user_id", "ada", **options)) == 1

    def test_keeps_a_large_session_findable(self, options: dict[str, Any], site: Site) -> None:
        log_in(site, 42, large=noise(600_000))
        items = [item.attribute_values for item in stored_items_of(options)]
        assert len(items) == 3
        # A part in the index would cost a write unit there.
        assert sum("index:user_id" in item for item in items) == 1
        assert len(sessions_of("user_id", 42, **options)) == 1
        assert len(end_sessions("user_id", 42, **options)) == 1

    @pytest.mark.parametrize("value", [True, 1.5, b"ada", "a" * 257, ("a",), "\ud800"])
    def test_refuses_what_it_cannot_find_again(self, site: Site, value: Any) -> None:
        with pytest.raises(ConfigurationError, match="a session's user_id is neither"):
            log_in(site, value)


class TestSessionsOf:
    def test_are_the_live_ones_of_that_user(
        self, options: dict[str, Any], site: Site, clock: Any
    ) -> None:
        first = log_in(site, 42)
        clock.advance(1)
        log_in(site, 42)
        log_in(site, 43)
        gone = log_in(site, 42)
        gone.visit(log_out)
        found = sessions_of("user_id", 42, **options)
        assert len(found) == 2
        assert found[0].touched > found[1].touched
        assert found[0].expires == found[0].touched + 86_400
        assert sessions_of("user_id", "42", **options) == found
        assert first.read_id() not in str(found)

    def test_do_not_include_expired_ones(
        self, options: dict[str, Any], site: Site, clock: Any
    ) -> None:
        log_in(site, 42)
        clock.advance(86_401)
        assert sessions_of("user_id", 42, **options) == []

    def test_follow_a_session_to_its_new_id(self, options: dict[str, Any], site: Site) -> None:
        ada = log_in(site, 42)

        def renew(session: Any) -> None:
            session.regenerate_id()
            session.save()

        ada.visit(renew)
        assert len(sessions_of("user_id", 42, **options)) == 1

    def test_of_another_application_are_its_own(self, options: dict[str, Any], site: Site) -> None:
        log_in(site, 42)
        assert sessions_of("user_id", 42, **options, key_prefix="other:") == []

    @pytest.mark.parametrize("hash_ids", [True, False])
    def test_are_their_own_if_one_prefix_begins_another(
        self, options: dict[str, Any], hash_ids: bool
    ) -> None:
        shop, forum = (
            {**options, "key_prefix": each, "hash_ids": hash_ids} for each in ("a", "ab")
        )
        log_in(Site(forum), "1")
        mine = log_in(Site(shop), "b1")
        assert len(end_sessions("user_id", "b1", **shop)) == 1
        assert mine.read() == {}
        assert len(sessions_of("user_id", "1", **forum)) == 1

    @pytest.mark.parametrize(
        ("key", "message"),
        [("user", "set index_keys = user_id,user, and run"), ("data", "have the name data")],
    )
    def test_need_an_indexed_key(self, options: dict[str, Any], key: str, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            sessions_of(key, 42, **options)

    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_need_the_index_in_the_table(self, dynamodb: Any) -> None:
        create_table(**dynamodb.options)
        with pytest.raises(TableError, match="create-table --dry-run --index-keys user_id"):
            sessions_of("user_id", 42, **dynamodb.options, index_keys="user_id")

    def test_fill_many_pages(self, options: dict[str, Any], site: Site) -> None:
        for _ in range(103):
            log_in(site, 42)
        assert len(sessions_of("user_id", 42, **options)) == 103


class TestEndSessions:
    def test_logs_a_user_out_everywhere(self, options: dict[str, Any], site: Site) -> None:
        devices = [log_in(site, 42) for _ in range(3)]
        bob = log_in(site, 43)
        assert len(end_sessions("user_id", 42, **options)) == 3
        assert [device.read() for device in devices] == [{}, {}, {}]
        assert bob.read() == {"user_id": 43}
        assert end_sessions("user_id", 42, **options) == []

    def test_keeps_the_session_in_which_the_user_clicks(
        self, options: dict[str, Any], site: Site
    ) -> None:
        here, there = log_in(site, 42), log_in(site, 42)
        assert len(end_sessions("user_id", 42, [here.read_id()], **options)) == 1
        assert here.read() == {"user_id": 42}
        assert there.read() == {}

    def test_wins_over_a_request_that_runs(self, options: dict[str, Any], site: Site) -> None:
        ada = log_in(site, 42)

        def slow(session: Any) -> None:
            session["n"] = 1
            end_sessions("user_id", 42, **options)
            session.save()

        ada.visit(slow)
        assert ada.visit(read) is None
        assert sessions_of("user_id", 42, **options) == []

    def test_spares_a_session_that_has_another_user_since(
        self, options: dict[str, Any], site: Site, wire: Wire
    ) -> None:
        ada = log_in(site, 42)

        def become_bob() -> None:
            wire.forget_prepared()
            ada.put(user_id=43)

        # The index still lists the session under 42.
        wire.before_next("BatchGetItem", become_bob)
        assert end_sessions("user_id", 42, **options) == []
        assert ada.read() == {"user_id": 43}

    def test_follows_a_session_that_is_renamed_meanwhile(
        self, options: dict[str, Any], site: Site, wire: Wire
    ) -> None:
        ada = log_in(site, 42)

        def renew(session: Any) -> None:
            session.regenerate_id()
            session.save()

        wire.before_next("BatchGetItem", lambda: ada.visit(renew))
        assert len(end_sessions("user_id", 42, **options)) == 1
        assert ada.read() == {}


def stored_items_of(options: dict[str, Any]) -> list[Any]:
    return list(session_model(**options).scan())
