"""fallback_type: a session that the table lacks is read from the old backend."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import redis
from beaker.cache import clsmap

from beaker_dynamodb import (
    BeakerDynamoDBError,
    ConfigurationError,
    DynamoDBNamespaceManager,
    DynamoDBSession,
    StoreUnavailable,
    create_table,
    end_sessions,
)
from beaker_dynamodb.testing.site import Site, Visitor
from tests.support.pages import KEYS

from .conftest import OldBackend, id_of, on_dynamodb_local

pytestmark = [pytest.mark.usefixtures("create_table"), on_dynamodb_local]

in_files = pytest.mark.parametrize("old_backend", ["file"], indirect=True)
in_two = pytest.mark.parametrize("old_backend", ["sqlite", "redis"], indirect=True)
in_redis = pytest.mark.parametrize("old_backend", ["redis"], indirect=True)


class Move:
    """A site that has moved to DynamoDB, and one that still runs on the old backend."""

    def __init__(self, old_backend: OldBackend, options: dict[str, Any], **both: Any) -> None:
        self.old = old_backend.site(**both)
        own = {**options, **old_backend.fallback, "session_class": DynamoDBSession}
        self.new = Site(own, **both)
        self.without = Site({**options, "session_class": DynamoDBSession}, **both)

    def user(self, **values: Any) -> Visitor:
        """A browser that has logged in on the old site and now comes to the new one."""
        return self.arrives(self.old.visitor(**values))

    def arrives(self, visitor: Visitor, site: Site | None = None) -> Visitor:
        """A second tab of a browser, on the new site unless another is given."""
        same = (site or self.new).visitor()
        same.use_cookie(id_of(visitor))
        return same


@pytest.fixture
def move(old_backend: OldBackend, dynamodb: Any) -> Move:
    return Move(old_backend, dynamodb.options)


@pytest.mark.parametrize("both", [{}, KEYS], ids=["plain", "encrypted"])
def test_a_session_that_the_table_lacks_is_found(
    old_backend: OldBackend, dynamodb: Any, both: dict[str, Any]
) -> None:
    move = Move(old_backend, dynamodb.options, **both)
    user = move.user(user="alice")
    assert user.read() == {"user": "alice"}
    user.put(cart=1)
    assert move.arrives(user, move.without).read() == {"user": "alice", "cart": 1}
    assert user.read_id() == id_of(user)


@pytest.mark.parametrize(
    "log_out",
    [
        lambda session: session.delete(),
        lambda session: session.invalidate(),
        lambda session: session.clear(),
        lambda session: session.namespace.do_remove(),
    ],
    ids=["delete", "invalidate", "clear", "do_remove"],
)
class TestALogout:
    @in_two
    @pytest.mark.parametrize("is_moved", [False, True])
    def test_ends_the_session_in_both(
        self, move: Move, clock: Any, log_out: Any, is_moved: bool
    ) -> None:
        user = move.user(user="alice")
        tab = move.arrives(user)
        if is_moved:
            user.put(cart=1)
        user.change(log_out)
        assert tab.read() == {}
        clock.advance(1000)  # the marker has expired
        assert tab.read() == {}

    @in_redis
    def test_is_not_undone_by_a_slower_request(self, move: Move, log_out: Any) -> None:
        user = move.user(user="alice")
        tab = move.arrives(user)

        def slow_page(session: Any) -> None:
            session["cart"] = 1
            user.change(log_out)

        tab.change(slow_page)
        assert move.arrives(tab).read() == {}

    @in_redis
    def test_fails_if_the_fallback_does_not_answer(
        self, move: Move, log_out: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = move.user(user="alice")
        user.put(cart=1)
        with monkeypatch.context() as patch:
            patch.setattr(redis.Redis, "delete", fail)
            with pytest.raises(StoreUnavailable, match="fallback"):
                user.change(log_out)
        assert move.arrives(user).read() == {"user": "alice", "cart": 1}


def fail(*_: Any, **__: Any) -> Any:
    raise redis.ConnectionError("redis://:secret@host is down")


def test_a_back_channel_logout_ends_the_session_in_both(
    move: Move, old_backend: OldBackend, dynamodb: Any, clock: Any
) -> None:
    user = move.user(user="alice")
    options = {**dynamodb.options, **old_backend.fallback}
    DynamoDBNamespaceManager(id_of(user), **options).do_remove()
    assert user.read() == {}
    clock.advance(1000)
    assert user.read() == {}


class TestANewId:
    def test_moves_the_session(self, move: Move, clock: Any) -> None:
        user = move.user(user="alice")
        tab = move.arrives(user)

        def renew(session: Any) -> None:
            session.regenerate_id()
            session["role"] = "admin"

        user.change(renew)
        assert user.read() == {"user": "alice", "role": "admin"}
        assert tab.read() == {}
        clock.advance(1000)
        assert tab.read() == {}

    @in_redis
    def test_never_shows_the_change_under_the_old_id(self, move: Move, wire: Any) -> None:
        user = move.user(user="alice")
        tab = move.arrives(user, move.without)
        seen: list[Any] = []

        def renew(session: Any) -> None:
            session.regenerate_id()
            session["role"] = "admin"
            # The session is stored under its old id, and read there again.
            wire.before_next("GetItem", lambda: seen.append(tab.read()))

        user.change(renew)
        assert seen == [{"user": "alice"}]

    @in_redis
    def test_goes_on_under_both_ids_of_a_double_submit(self, move: Move) -> None:
        user = move.user(user="alice")
        tab = move.arrives(user)

        def renew(session: Any) -> None:
            session.regenerate_id()

        def renew_twice(session: Any) -> None:
            assert session["user"] == "alice"
            user.change(renew)
            renew(session)

        tab.change(renew_twice)
        assert [user.read(), tab.read()] == [{"user": "alice"}] * 2


@in_two
def test_a_login_by_clear_replaces_the_old_session(move: Move, clock: Any) -> None:
    user = move.user(user="alice", cart=1)

    def log_in(session: Any) -> None:
        session.clear()
        session["user"] = "bob"

    user.change(log_in)
    assert user.read() == {"user": "bob"}
    assert move.arrives(user, move.old).read() == {}
    user.change(lambda session: session.delete())
    clock.advance(1000)
    assert user.read() == {}


@in_redis
class TestTwoRequests:
    def test_that_read_the_old_session_keep_both_changes(self, move: Move) -> None:
        user = move.user(user="alice", a=1)
        tab = move.arrives(user)

        def slow_page(session: Any) -> None:
            session["slow"] = 1
            user.put(fast=1)

        tab.change(slow_page)
        assert user.read() == {"user": "alice", "a": 1, "fast": 1, "slow": 1}

    def test_one_of_which_meets_what_the_other_has_moved(self, move: Move, wire: Any) -> None:
        user = move.user(user="alice")
        tab = move.arrives(user)
        wire.before_next("PutItem", lambda: tab.put(tab=1))
        user.put(cart=1)
        assert user.read() == {"user": "alice", "tab": 1, "cart": 1}


@in_redis
def test_a_session_that_was_ended_by_its_user_does_not_return(
    old_backend: OldBackend, dynamodb: Any, clock: Any
) -> None:
    name = f"test-{uuid.uuid4().hex}"
    options = {**dynamodb.options, "table_name": name, "index_keys": "user", "ttl": 3600}
    create_table(**options)
    user = Move(old_backend, options).user(user="alice")
    user.read()
    end_sessions("user", "alice", **old_backend.fallback, **options)
    assert user.read() == {}
    clock.advance(1000)
    assert user.read() == {}


@in_two
class TestCost:
    def test_of_the_first_save_is_one_write(self, move: Move, wire: Any) -> None:
        user = move.user(user="alice")
        with wire.expect("GetItem", "PutItem"):
            user.put(cart=1)

    def test_of_a_page_that_only_reads_is_one_write(self, move: Move, wire: Any) -> None:
        user = move.user(user="alice")
        with wire.expect("GetItem", "PutItem"):
            user.read()
        with wire.expect("GetItem"):
            user.read()

    def test_of_a_session_in_the_table_is_no_call_of_the_fallback(
        self, move: Move, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = move.user(user="alice")
        user.put(cart=1)
        monkeypatch.setattr(redis.Redis, "get", fail)
        assert user.read() == {"user": "alice", "cart": 1}


def test_an_old_session_has_the_life_that_it_has_left(
    old_backend: OldBackend, dynamodb: Any, clock: Any
) -> None:
    move = Move(old_backend, {**dynamodb.options, "ttl": 3600})
    early, late = move.user(user="alice"), move.user(user="bob")
    clock.advance(3000)
    late.read()
    clock.advance(1000)
    assert [early.read(), late.read()] == [{}, {"user": "bob"}]


@in_redis
class TestAFallbackThatDoesNotAnswer:
    def test_is_an_error_and_never_a_logout(
        self, move: Move, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = move.user(user="alice")
        cookie = user.cookie_value
        with monkeypatch.context() as patch:
            patch.setattr(redis.Redis, "get", fail)
            with pytest.raises(StoreUnavailable, match="the fallback, ext:redis, did") as caught:
                user.read()
        assert "secret" not in str(caught.value)
        assert user.read() == {"user": "alice"}
        assert user.cookie_value == cookie

    def test_is_an_error_under_beakers_own_class(
        self, old_backend: OldBackend, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = Site({**dynamodb.options, **old_backend.fallback})
        user = site.visitor()
        user.use_cookie(id_of(old_backend.site().visitor(user="alice")))
        with monkeypatch.context() as patch:
            patch.setattr(redis.Redis, "get", fail)
            with pytest.raises(BeakerDynamoDBError):
                user.read()
        assert user.read() == {"user": "alice"}


class TestAnId:
    @in_redis
    @pytest.mark.parametrize("pattern", ["*", "?" * 32, "[0-9a-f]*"])
    def test_that_is_a_pattern_ends_no_other_session(self, move: Move, pattern: str) -> None:
        user = move.user(user="alice")
        attacker = move.new.visitor()
        attacker.use_cookie(pattern)
        attacker.change(lambda session: session.invalidate())
        assert user.read() == {"user": "alice"}

    @in_two
    @pytest.mark.parametrize("session_id", ["", "x", "../../etc", "é" * 3, "a" * 2000])
    def test_of_any_form_is_a_new_session(self, move: Move, session_id: str) -> None:
        visitor = move.new.visitor()
        visitor.use_cookie(session_id)
        assert visitor.read() == {}


@in_files
@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x04}\x94\x8c\x07session\x94K\x01s."])
def test_a_corrupt_old_session_costs_one_session(
    old_backend: OldBackend, move: Move, content: bytes
) -> None:
    user = move.user(user="alice")
    (path,) = Path(old_backend.beakers["data_dir"], "container_file").glob("*/*/*.cache")
    path.write_bytes(content)
    assert user.read() == {}
    user.put(user="bob")
    assert user.read() == {"user": "bob"}


class TestAWrongOption:
    @pytest.mark.parametrize(
        ("fallback", "message"),
        [
            ({"fallback_type": "ext:radish"}, "fallback_type = ext:radish is not a Beaker backend"),
            ({"fallback_type": "ext:dynamodb"}, "fallback_type = ext:dynamodb: name the backend"),
            ({"fallback_type": "file", "fallback_data_dir": "/nowhere"}, "fallback_data_dir"),
        ],
    )
    def test_is_named(self, dynamodb: Any, fallback: dict[str, str], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            DynamoDBNamespaceManager("x", **dynamodb.options, **fallback)

    def test_is_an_error_of_each_request(self, dynamodb: Any) -> None:
        site = Site({**dynamodb.options, "fallback_type": "ext:redis", "fallback_url": "no url"})
        visitor = site.visitor()
        visitor.use_cookie("0" * 32)
        with pytest.raises(StoreUnavailable, match="fallback"):
            visitor.read()


def test_a_site_without_a_fallback_never_opens_one(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(clsmap), "__getitem__", lambda *_: pytest.fail("opened"))
    site = Site({**dynamodb.options}, namespace_class=DynamoDBNamespaceManager)
    assert site.visitor(user="alice").read() == {"user": "alice"}
