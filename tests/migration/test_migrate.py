"""migrate(): the sessions of another backend, without logging anyone out."""

import pickle
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest
from beaker.cache import CacheManager

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBSession,
    StoreUnavailable,
    TableError,
    create_table,
    migrate,
    sessions_of,
)
from beaker_dynamodb.testing.site import Site, Visitor
from tests.support.dictionaries import content, needs_zstd, work_at_once
from tests.support.internals import trainer
from tests.support.pages import KEYS, OwnSerializer
from tests.support.tables import stored_items, stored_sessions

from .conftest import OldBackend, id_of, on_dynamodb_local

pytestmark = [pytest.mark.usefixtures("create_table"), on_dynamodb_local]

one_backend = pytest.mark.parametrize("old_backend", ["redis"], indirect=True)
in_files = pytest.mark.parametrize("old_backend", ["file"], indirect=True)

KINDS: dict[str, dict[str, Any]] = {
    "pickle": {},
    "json": {"data_serializer": "json"},
    "encrypted": KEYS,
    "own serializer": {"data_serializer": OwnSerializer()},
}


def arrives(visitor: Visitor, site: Site) -> Visitor:
    """The same browser on another site."""
    same = site.visitor()
    same.use_cookie(id_of(visitor))
    return same


def counts(migration: Any) -> dict[str, int]:
    return {name: count for name, count in migration._asdict().items() if count}


@pytest.fixture
def new_site(dynamodb: Any) -> Callable[..., Site]:
    def make(**options: Any) -> Site:
        return Site(dynamodb.options, session_class=DynamoDBSession, **options)

    return make


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_migrated_session_has_its_id_and_its_content(
    old_backend: OldBackend, dynamodb: Any, new_site: Any, kind: dict[str, Any]
) -> None:
    users = [old_backend.site(**kind).visitor(user=name) for name in ("alice", "bob")]
    done = migrate(**old_backend.fallback, **dynamodb.options)
    assert (done.read, done.stored) == (2, 2)
    same = [arrives(user, new_site(**kind)) for user in users]
    assert [user.read() for user in same] == [{"user": "alice"}, {"user": "bob"}]
    assert [user.read_id() for user in same] == [id_of(user) for user in users]


def test_a_migrated_session_has_the_life_that_it_has_left(
    old_backend: OldBackend, dynamodb: Any, new_site: Any, clock: Any
) -> None:
    options: dict[str, Any] = {"timeout": 3600}
    early = old_backend.site(**options).visitor(user="alice")
    clock.advance(3000)
    late = old_backend.site(**options).visitor(user="bob")
    migrate(**old_backend.fallback, **dynamodb.options, **options)
    ends = sorted(int(item.expires.timestamp() - clock.now) for item in stored_sessions(dynamodb))
    assert ends == [3720 - 3000, 3720]
    clock.advance(1000)
    site = new_site(**options)
    assert [arrives(user, site).read() for user in (early, late)] == [{}, {"user": "bob"}]


def test_an_encrypted_session_has_the_life_that_the_old_backend_knows(
    old_backend: OldBackend, dynamodb: Any
) -> None:
    old_backend.site(**KEYS, timeout=3600).visitor(user="alice")
    time.sleep(0.2)
    moment = time.time()
    migrate(**old_backend.fallback, **dynamodb.options, timeout=3600)
    (item,) = stored_sessions(dynamodb)
    is_known = old_backend.name != "mongodb"
    assert (item.touched < moment) == is_known


@one_backend
def test_an_expired_session_is_left_out(old_backend: OldBackend, dynamodb: Any, clock: Any) -> None:
    old_backend.site().visitor(user="alice")
    clock.advance(86_401)
    done = migrate(**old_backend.fallback, **dynamodb.options)
    assert counts(done) == {"entries": 1, "read": 1, "expired": 1}
    assert stored_items(dynamodb) == []


@one_backend
def test_a_dry_run_stores_nothing(old_backend: OldBackend, dynamodb: Any) -> None:
    old_backend.site().visitor(user="alice")
    done = migrate(dry_run=True, **old_backend.fallback, **dynamodb.options)
    assert counts(done) == {"entries": 1, "read": 1, "stored": 1}
    assert stored_items(dynamodb) == []


@needs_zstd
@in_files
@pytest.mark.parametrize("dry_run", [True, False])
def test_trains_a_dictionary_unless_it_is_a_dry_run(
    old_backend: OldBackend, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    monkeypatch.setattr(trainer, "ENOUGH", 40)
    work_at_once(monkeypatch)
    for number in range(41):
        old_backend.site().visitor(**content(number))
    auto: dict[str, Any] = {"compression": "zstd", "dictionary": "auto"}
    migrate(dry_run=dry_run, **auto, **old_backend.fallback, **dynamodb.options)
    stored = [item.item for item in stored_items(dynamodb)]
    assert ("session dictionary" in stored) is not dry_run


@one_backend
@pytest.mark.parametrize(("value", "found"), [("alice", 1), (["a list"], 0)])
def test_a_migrated_session_is_in_the_index(
    old_backend: OldBackend, dynamodb: Any, value: Any, found: int
) -> None:
    name = f"test-{uuid.uuid4().hex}"
    options = {**dynamodb.options, "table_name": name, "index_keys": "user"}
    create_table(**options)
    old_backend.site().visitor(user=value)
    assert migrate(**old_backend.fallback, **options).stored == 1
    assert len(sessions_of("user", "alice", **options)) == found


class TestASessionThatTheTableHas:
    pytestmark = one_backend

    def test_is_not_overwritten(
        self, old_backend: OldBackend, dynamodb: Any, new_site: Any
    ) -> None:
        user = old_backend.site().visitor(user="alice")
        migrate(**old_backend.fallback, **dynamodb.options)
        here = arrives(user, new_site())
        here.put(cart=1)
        done = migrate(**old_backend.fallback, **dynamodb.options)
        assert counts(done) == {"entries": 1, "read": 1, "present": 1}
        assert here.read() == {"user": "alice", "cart": 1}

    def test_is_not_overwritten_if_it_comes_between(
        self, old_backend: OldBackend, dynamodb: Any, new_site: Any, wire: Any
    ) -> None:
        user = old_backend.site().visitor(user="alice")
        here = arrives(user, new_site())
        wire.before_next("PutItem", lambda: here.put(user="bob"))
        done = migrate(**old_backend.fallback, **dynamodb.options)
        assert counts(done) == {"entries": 1, "read": 1, "present": 1}
        assert here.read() == {"user": "bob"}

    def test_does_not_return_after_a_logout(
        self, old_backend: OldBackend, dynamodb: Any, new_site: Any, clock: Any
    ) -> None:
        user = old_backend.site().visitor(user="alice")
        migrate(**old_backend.fallback, **dynamodb.options)
        arrives(user, new_site()).change(lambda session: session.invalidate())
        clock.advance(1000)
        done = migrate(**old_backend.fallback, **dynamodb.options)
        assert counts(done) == {"entries": 1, "read": 1, "present": 1}
        assert arrives(user, new_site()).read() == {}


class TestAnInterruptedMigration:
    pytestmark = one_backend

    @pytest.fixture
    def users(self, old_backend: OldBackend) -> list[Visitor]:
        site = old_backend.site()
        return [site.visitor(number=number) for number in range(130)]

    def test_goes_on_if_it_is_called_again(
        self, users: list[Visitor], old_backend: OldBackend, dynamodb: Any, new_site: Any
    ) -> None:
        def interrupt(state: Any) -> None:
            if state.stored:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            migrate(interrupt, **old_backend.fallback, **dynamodb.options)
        first = len(stored_sessions(dynamodb))
        done = migrate(**old_backend.fallback, **dynamodb.options)
        assert 0 < first < 130
        assert (done.read, done.present, done.stored) == (130, first, 130 - first)
        site = new_site()
        numbers = [arrives(user, site).read() for user in users]
        assert numbers == [{"number": number} for number in range(130)]

    def test_loses_nothing_in_an_outage(
        self, users: list[Visitor], old_backend: OldBackend, dynamodb: Any, wire: Any
    ) -> None:
        options = {**old_backend.fallback, **dynamodb.options, "max_retries": 0}
        wire.fail_next("PutItem", (503, "ServiceUnavailable"))
        with pytest.raises(StoreUnavailable):
            migrate(**options)
        migrate(**options)
        assert len(stored_sessions(dynamodb)) == len(users)

    def test_is_interrupted_by_ctrl_c_although_a_session_has_failed(
        self,
        users: list[Visitor],
        old_backend: OldBackend,
        dynamodb: Any,
        wire: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def wait_until_ctrl_c(begun: Any, **_: Any) -> None:
            wait(begun)
            raise KeyboardInterrupt

        monkeypatch.setattr("beaker_dynamodb.admin.migrate.wait", wait_until_ctrl_c)
        wire.fail_next("PutItem", (503, "ServiceUnavailable"))
        options = {**old_backend.fallback, **dynamodb.options, "max_retries": 0}
        states: list[Any] = []
        with pytest.raises(KeyboardInterrupt):
            migrate(states.append, **options)
        assert states[-1].stored == len(stored_sessions(dynamodb)) == 99

    def test_counts_a_write_once_whose_answer_was_lost(
        self, users: list[Visitor], old_backend: OldBackend, dynamodb: Any, wire: Any
    ) -> None:
        wire.lose_answer_of("PutItem")
        done = migrate(**old_backend.fallback, **dynamodb.options)
        assert (done.stored, done.present) == (130, 0)

    def test_reports_its_progress(
        self, users: list[Visitor], old_backend: OldBackend, dynamodb: Any
    ) -> None:
        states: list[Any] = []
        migrate(states.append, **old_backend.fallback, **dynamodb.options)
        assert states[0] == (130, 0, 0, 0, 0, 0, 0)
        assert states[-1][:3] == (130, 130, 130)
        assert len(states) == 3


class Bomb:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("exploded"),))


class TestWhatIsNoSession:
    def test_a_cache_is_left_out(self, old_backend: OldBackend, dynamodb: Any) -> None:
        cache = CacheManager(**old_backend.beakers).get_cache("menu")
        cache.put("today", "soup")
        done = migrate(**old_backend.fallback, **dynamodb.options)
        assert (done.entries, done.read) == (1, 0)

    @in_files
    @pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({"session": 1})])
    def test_is_counted_as_unreadable(
        self, old_backend: OldBackend, dynamodb: Any, content: bytes
    ) -> None:
        self.write(old_backend, content)
        done = migrate(**old_backend.fallback, **dynamodb.options)
        assert counts(done) == {"entries": 1, "read": 1, "unreadable": 1}

    @in_files
    def test_is_not_executed(
        self,
        old_backend: OldBackend,
        dynamodb: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        self.write(old_backend, pickle.dumps({"session": Bomb()}))
        migrate(**old_backend.fallback, **dynamodb.options)
        assert not Path("exploded").exists()

    def write(self, old_backend: OldBackend, content: bytes) -> None:
        """Put a file in the place of a session."""
        folder = Path(old_backend.beakers["data_dir"], "container_file", "a", "ab")
        folder.mkdir(parents=True)
        folder.joinpath(f"{'ab' * 16}.cache").write_bytes(content)


@one_backend
def test_a_session_that_is_too_large_is_counted(old_backend: OldBackend, dynamodb: Any) -> None:
    old_backend.site().visitor(text="x" * 2000)
    done = migrate(**old_backend.fallback, **dynamodb.options, max_value_size=1000)
    assert counts(done) == {"entries": 1, "read": 1, "too_large": 1}


class TestAnError:
    @one_backend
    def test_names_a_missing_table_and_creates_none(
        self, old_backend: OldBackend, dynamodb: Any
    ) -> None:
        old_backend.site().visitor(user="alice")
        elsewhere = {**dynamodb.options, "table_name": "missing"}
        with pytest.raises(TableError, match="create-table"):
            migrate(**old_backend.fallback, **elsewhere)

    @pytest.mark.parametrize(
        ("fallback", "message"),
        [
            ({}, "fallback_type names the backend to migrate from, .*: it is missing"),
            ({"fallback_type": "ext:memcached"}, "it is ext:memcached"),
            ({"fallback_type": "file"}, "needs fallback_data_dir"),
            ({"fallback_type": "file", "fallback_data_dir": "/nowhere"}, "no folder"),
            ({"fallback_type": "ext:redis"}, "needs fallback_url"),
            ({"fallback_type": "ext:redis", "fallback_url": "secret:word"}, "ext:redis can use"),
            ({"fallback_type": "ext:sqla", "fallback_url": "secret:word"}, "ext:database can use"),
            ({"fallback_type": "ext:mongodb", "fallback_url": "secret:word"}, "mongodb can use"),
        ],
    )
    def test_names_a_wrong_option(
        self, dynamodb: Any, fallback: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message) as caught:
            migrate(**fallback, **dynamodb.options)
        assert "secret" not in str(caught.value)

    def test_names_a_missing_library(self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "redis", None)
        with pytest.raises(ConfigurationError, match="pip install redis"):
            migrate(fallback_type="ext:redis", fallback_url="redis://x", **dynamodb.options)

    @pytest.mark.parametrize(
        ("kind", "url"),
        [
            ("ext:redis", "redis://:secret@127.0.0.1:1/0"),
            ("ext:database", "postgresql+psycopg://beaker:secret@127.0.0.1:1/x"),
            ("ext:mongodb", "mongodb://u:secret@127.0.0.1:1/x?serverSelectionTimeoutMS=100"),
        ],
    )
    def test_says_that_the_old_backend_did_not_answer(
        self, dynamodb: Any, kind: str, url: str
    ) -> None:
        with pytest.raises(StoreUnavailable, match=f"the old backend, {kind}, did not") as caught:
            migrate(fallback_type=kind, fallback_url=url, **dynamodb.options)
        assert "secret" not in str(caught.value)
