"""Changes of one session are merged, whatever its keys, its classes and its serializer."""

import hmac
import json
import pickle
import sys
import uuid
from collections import namedtuple
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial
from typing import Any

import pytest
from beaker.util import PickleSerializer

from beaker_dynamodb import ConflictError, DynamoDBSession
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    PICKLED,
    browsers,
    contents,
    delete,
    drop,
    kinds,
    put,
    put_items,
    renew,
    save,
    while_loaded,
)
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


class Color(Enum):
    """A key."""

    RED = 1


class Name(str, Enum):
    """A key that is a text, too."""

    USER = "name"


class Number(IntEnum):
    """A key that is a number, too."""

    ONE = 41


class Text(str):
    """A subclass of str."""

    __slots__ = ()


Point = namedtuple("Point", "x y")  # noqa: PYI024  # applications have untyped ones

KEYS: dict[str, Any] = {
    "enum": Color.RED,
    "str enum": Name.USER,
    "int enum": Number.ONE,
    "bytes": b"key",
    "UUID": uuid.UUID(int=7),
    "date": date(2026, 1, 1),
    "datetime": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "Decimal": Decimal("1.50"),
    "frozenset": frozenset({"a", "b"}),
    "namedtuple": Point(1, 2),
    "str subclass": Text("text"),
    "tuple": (1, ("a", Color.RED, date(2026, 1, 1))),
    "None": None,
    "bool": True,
    "float": 1.5,
    "int": 10**30,
    "complex": 1j,
    "range": range(3),
    "type": dict,
    "function": len,
}


@pytest.fixture(params=kinds(*PICKLED))
def pickled(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
class TestAKeyOfAnyKind:
    def test_is_removed_over_the_change_of_another_request(
        self, dynamodb: Any, pickled: dict[str, Any], key: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **pickled)
        one.request(lambda session: (session.update({key: 1}), session.save()))
        one.request(while_loaded(partial(other.request, put(theirs=1)), drop(key)))
        found = other.request(lambda session: {k: session[k] for k in session})
        assert key not in found
        assert found["theirs"] == 1

    def test_is_changed_and_added_over_the_change_of_another_request(
        self, dynamodb: Any, pickled: dict[str, Any], key: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **pickled)
        one.request(put_items({key: 1}))
        change = put_items({key: 2, ("new", key): 3})
        one.request(while_loaded(partial(other.request, put(theirs=1)), change))
        found = other.request(lambda session: {k: session[k] for k in session})
        assert (found[key], found["new", key], found["theirs"]) == (2, 3, 1)
        assert [type(k) for k in found if k == key] == [type(key)]

    def test_of_another_request_is_kept(
        self, dynamodb: Any, pickled: dict[str, Any], key: Any, wire: Wire
    ) -> None:
        one, other = browsers(dynamodb.options, **pickled)
        one.request(while_loaded(partial(other.request, put_items({key: 1})), put(mine=1)))
        found = other.request(lambda session: {k: session[k] for k in session})
        assert (found[key], found["mine"]) == (1, 1)
        with wire.expect("GetItem"):
            one.request(save)


class TestAMerge:
    @pytest.fixture(params=kinds(*EVERY_KIND))
    def kind(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return EVERY_KIND[request.param]

    @pytest.mark.parametrize("times", [1, 2])
    @pytest.mark.parametrize("own_kind", OWN_CLASS)
    def test_is_kept_by_a_renewal_later_in_the_request(
        self, dynamodb: Any, own_kind: str, times: int
    ) -> None:
        one, other = browsers(dynamodb.options, **EVERY_KIND[own_kind])

        def page(session: Any) -> None:
            session.get("user")
            other.request(put(theirs=1))
            session["mine"] = 1
            session._session().save()
            for n in range(times):
                session.regenerate_id()
                session["n"] = n
                session._session().save()
            session.save()

        one.request(page)
        assert contents(one) == {"user": "alice", "theirs": 1, "mine": 1, "n": times - 1}

    def test_is_kept_by_a_second_save_over_a_third_request(
        self, dynamodb: Any, kind: dict[str, Any]
    ) -> None:
        one, other, third = browsers(dynamodb.options, 3, **kind)

        def page(session: Any) -> None:
            session.get("user")
            other.request(put(theirs=1))
            session["mine"] = 1
            session._session().save()
            third.request(drop("theirs"))
            session["mine"] = 2
            session.save()

        one.request(page)
        assert contents(one) == {"user": "alice", "mine": 2}

    def test_of_nested_values_keeps_the_key_of_this_request(
        self, dynamodb: Any, kind: dict[str, Any]
    ) -> None:
        one, other = browsers(dynamodb.options, **kind)
        one.request(put(cart={"tea": 1}, seen=[1]))
        theirs = partial(other.request, put(seen=[1, 2]))
        one.request(while_loaded(theirs, put(cart={"tea": 2})))
        assert contents(one) == {"user": "alice", "cart": {"tea": 2}, "seen": [1, 2]}

    def test_of_two_removals_leaves_neither_key(self, dynamodb: Any, kind: dict[str, Any]) -> None:
        one, other = browsers(dynamodb.options, **kind)
        one.request(put(a=1, b=1))
        one.request(while_loaded(partial(other.request, drop("a")), drop("b")))
        assert contents(one) == {"user": "alice"}

    def test_after_a_lost_answer_keeps_the_change_of_another_request(
        self, dynamodb: Any, kind: dict[str, Any], wire: Wire
    ) -> None:
        one, other = browsers({**dynamodb.options, "max_retries": 0}, **kind)

        def page(session: Any) -> None:
            session["a"] = 1
            wire.lose_answer_of("PutItem")
            with pytest.raises(Exception, match="DynamoDB"):
                session._session().save()
            other.request(put(theirs=1))
            session["b"] = 1
            session.save()

        one.request(page)
        assert contents(other) == {"user": "alice", "a": 1, "b": 1, "theirs": 1}


class Secret:
    """What this release cannot read, once it is gone."""

    def __init__(self) -> None:
        self.value = 1


@pytest.fixture
def older_release() -> Iterator[pytest.MonkeyPatch]:
    """What this release lacks."""
    with pytest.MonkeyPatch.context() as lacking:
        yield lacking


class TestARollingDeploy:
    """The stored session holds a class that one of the releases lacks."""

    @pytest.mark.parametrize("kind", PICKLED)
    @pytest.mark.parametrize("policy", ["merge", "raise"])
    def test_raises_a_conflict_and_keeps_the_stored_session(
        self, dynamodb: Any, kind: str, policy: str, older_release: pytest.MonkeyPatch
    ) -> None:
        one, other = browsers(dynamodb.options, **EVERY_KIND[kind], on_conflict=policy)
        module = sys.modules[__name__]

        def newer_release() -> None:
            other.request(put(secret=Secret()))
            older_release.delattr(module, "Secret")

        with pytest.raises(ConflictError):
            one.request(while_loaded(newer_release, put(mine=1)))
        older_release.undo()
        found = contents(other)
        assert (found["secret"].value, "mine" in found) == (1, False)  # type: ignore[attr-defined]

    @pytest.mark.parametrize("kind", PICKLED)
    def test_raises_a_conflict_if_a_class_is_lost_after_a_merge(
        self, dynamodb: Any, kind: str, older_release: pytest.MonkeyPatch
    ) -> None:
        one, other = browsers(dynamodb.options, **EVERY_KIND[kind])

        def page(session: Any) -> None:
            session.get("user")
            other.request(put(secret=Secret()))
            session["mine"] = 1
            session._session().save()
            older_release.delattr(sys.modules[__name__], "Secret")
            session["mine"] = 2
            session.save()

        with pytest.raises(ConflictError):
            one.request(page)
        older_release.undo()
        found = contents(other)
        assert (found["secret"].value, found["mine"]) == (1, 1)  # type: ignore[attr-defined]

    @pytest.mark.parametrize("kind", PICKLED)
    def test_lets_the_older_release_log_out(
        self, dynamodb: Any, kind: str, older_release: pytest.MonkeyPatch
    ) -> None:
        one, other = browsers(dynamodb.options, **EVERY_KIND[kind])

        def newer_release() -> None:
            other.request(put(secret=Secret()))
            older_release.delattr(sys.modules[__name__], "Secret")

        one.request(while_loaded(newer_release, delete))
        older_release.undo()
        assert contents(other) == {}

    @pytest.mark.parametrize("kind", OWN_CLASS)
    def test_raises_a_conflict_if_the_id_is_renewed_meanwhile(
        self, dynamodb: Any, kind: str, older_release: pytest.MonkeyPatch
    ) -> None:
        if kind == "own serializer":
            pytest.skip("it names no class")
        one, other = browsers(dynamodb.options, **EVERY_KIND[kind])

        def newer_release() -> None:
            other.request(put(secret=Secret()))
            older_release.delattr(sys.modules[__name__], "Secret")

        with pytest.raises(ConflictError):
            one.request(while_loaded(newer_release, renew))
        older_release.undo()
        assert "secret" in contents(other)

    def test_raises_a_conflict_over_another_serializers_session(self, dynamodb: Any) -> None:
        one, _ = browsers(dynamodb.options, data_serializer="json")
        [mine] = stored_items(dynamodb)
        pickled, _ = browsers(dynamodb.options)
        [theirs] = [item for item in stored_items(dynamodb) if item.id != mine.id]

        def stored_by_another_serializer() -> None:
            mine.data, mine.version = theirs.data, "another"
            mine.save()

        with pytest.raises(ConflictError):
            one.request(while_loaded(stored_by_another_serializer, put(a=1)))
        assert contents(pickled) == {"user": "alice"}


class Restricted:
    """A serializer on Beaker's pickle, which reads a few classes only."""

    def __init__(self) -> None:
        self.reads = 0

    def dumps(self, session: dict[str, Any]) -> bytes:
        return pickle.dumps(session, 2)

    def loads(self, data: bytes) -> Any:
        self.reads += 1
        if b"posix" in data:
            raise ValueError("not allowed")
        return pickle.loads(data)


class Exploit:
    """What a forged row would run."""

    has_run = False

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import posix, tests.sessions.test_merging as m; m.Exploit.has_run = True",)


class Trailing:
    """A serializer that appends an HMAC."""

    @staticmethod
    def _code(data: bytes) -> bytes:
        return hmac.digest(b"key", data, "sha256")

    def dumps(self, session: dict[str, Any]) -> bytes:
        data = pickle.dumps(session, 2)
        return data + self._code(data)

    def loads(self, data: bytes) -> Any:
        content, code = data[:-32], data[-32:]
        if not hmac.compare_digest(code, self._code(content)):
            raise ValueError("the code is wrong")
        return pickle.loads(content)


class Unordered:
    """A serializer whose output is another each time."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        salt = uuid.uuid4().hex
        return json.dumps([salt, session]).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)[1]


class TestTheApplicationsSerializer:
    @pytest.mark.parametrize("serializer", [Restricted, Trailing, Unordered])
    def test_reads_what_is_merged(self, dynamodb: Any, serializer: Any, wire: Wire) -> None:
        one, other = browsers(
            dynamodb.options, session_class=DynamoDBSession, data_serializer=serializer()
        )
        one.request(while_loaded(partial(other.request, put(theirs=1)), put(mine=1)))
        assert contents(other) == {"user": "alice", "theirs": 1, "mine": 1}
        with wire.expect("GetItem"):
            other.request(save)

    @pytest.mark.parametrize("own", [True, False])
    def test_decides_what_a_merge_runs(self, dynamodb: Any, own: bool) -> None:
        kind: dict[str, Any] = (
            {"data_serializer": Restricted(), "session_class": DynamoDBSession} if own else {}
        )
        one, _ = browsers(dynamodb.options, **kind)
        Exploit.has_run = False

        def forge() -> None:
            [row] = stored_items(dynamodb)
            row.data = b"\x20" + pickle.dumps({"user": Exploit()}, 2)
            row.version = "forged"
            row.save()

        with pytest.raises(ConflictError) if own else nullcontext():
            one.request(while_loaded(forge, put(mine=1)))
        assert not Exploit.has_run

    def test_that_is_a_subclass_of_beakers_is_refused_or_read_by_itself(
        self, dynamodb: Any
    ) -> None:
        class Own(PickleSerializer):  # type: ignore[misc]
            reads = 0

            def loads(self, data: bytes) -> Any:
                Own.reads += 1
                return super().loads(data)

        one, other = browsers(
            dynamodb.options, session_class=DynamoDBSession, data_serializer=Own()
        )
        before = Own.reads
        one.request(while_loaded(partial(other.request, put(theirs=1)), put(mine=1)))
        assert Own.reads > before + 2
        assert contents(other) == {"user": "alice", "theirs": 1, "mine": 1}
