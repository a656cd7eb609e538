"""Two overlapping requests, step by step: no update is lost, and an ended session stays ended."""

import math
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from beaker_dynamodb import ConflictError
from beaker_dynamodb.testing.site import Site
from tests.support.internals import Row, Rows, new_token, saving
from tests.support.pages import KINDS, log_out
from tests.support.tables import stored_sessions
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

Page = Callable[[Any], object]


@pytest.fixture(params=KINDS)
def sites(dynamodb: Any, request: pytest.FixtureRequest) -> Callable[..., list[Site]]:
    """Browsers that share one session."""

    def make(count: int = 2, **options: Any) -> list[Site]:
        options = {**KINDS[request.param], **options}
        first, *others = (Site(dynamodb.options, **options) for _ in range(count))
        first.request(put(kept=1, common=[0]))
        for other in others:
            other.use_cookie(str(first.cookie))
        return [first, *others]

    return make


def put(**values: object) -> Page:
    def page(session: Any) -> None:
        session.update(values)
        session.save()

    return page


def drop(key: str) -> Page:
    def page(session: Any) -> None:
        del session[key]
        session.save()

    return page


def while_loaded(happens: Callable[[], object], then: Page) -> Page:
    """A slow request: it loads the session, something happens, then it changes the session."""

    def page(session: Any) -> None:
        session.get("kept")
        happens()
        then(session)

    return page


def contents(session: Any) -> dict[str, object]:
    return {key: value for key, value in session.items() if not key.startswith("_")}


class TestMerging:
    def test_keeps_what_both_have_added(self, sites: Any) -> None:
        one, other = sites()
        one.request(while_loaded(lambda: other.request(put(b=2)), put(a=1)))
        assert other.request(contents) == {"kept": 1, "common": [0], "a": 1, "b": 2}

    def test_keeps_what_one_has_changed_and_the_other_removed(self, sites: Any) -> None:
        one, other = sites()
        one.request(while_loaded(lambda: other.request(drop("common")), put(kept=2)))
        assert other.request(contents) == {"kept": 2}

    def test_keeps_what_one_has_removed(self, sites: Any) -> None:
        one, other = sites()
        one.request(while_loaded(lambda: other.request(put(b=2)), drop("kept")))
        assert other.request(contents) == {"common": [0], "b": 2}

    def test_of_two_changes_of_one_key_keeps_this_requests_change(self, sites: Any) -> None:
        one, other = sites()
        one.request(while_loaded(lambda: other.request(put(kept="theirs")), put(kept="mine")))
        assert other.request(contents) == {"kept": "mine", "common": [0]}

    def test_sees_what_was_changed_in_place(self, sites: Any) -> None:
        def append(session: Any) -> None:
            session["common"].append(1)
            session.save()

        one, other = sites()
        one.request(while_loaded(lambda: other.request(put(b=2)), append))
        assert other.request(contents) == {"kept": 1, "common": [0, 1], "b": 2}

    def test_does_not_undo_a_change_to_a_key_it_left_alone(self, sites: Any) -> None:
        one, other = sites()
        one.request(while_loaded(lambda: other.request(put(common=[1])), put(a=1)))
        assert other.request(contents) == {"kept": 1, "common": [1], "a": 1}

    def test_tries_again_when_a_third_request_writes_first(self, sites: Any, wire: Wire) -> None:
        one, other, third = sites(3)

        def both() -> None:
            other.request(put(b=2))
            third.request(put(c=3))

        one.request(while_loaded(both, put(a=1)))
        assert other.request(contents) == {"kept": 1, "common": [0], "a": 1, "b": 2, "c": 3}

    def test_costs_one_more_write(self, sites: Any, wire: Wire) -> None:
        one, other = sites()

        def conflict_and_forget() -> None:
            other.request(put(b=2))
            wire.clear()

        one.request(while_loaded(conflict_and_forget, put(a=1)))
        assert wire.operations == ["PutItem", "PutItem"]

    def test_is_kept_by_a_later_save_in_the_request(self, sites: Any) -> None:
        one, other = sites()

        def save_twice(session: Any) -> None:
            session.get("kept")
            other.request(put(b=2))
            session["a"] = 1
            session._session().save()
            session["c"] = 3
            session.save()

        one.request(save_twice)
        assert other.request(contents) == {"kept": 1, "common": [0], "a": 1, "b": 2, "c": 3}

    def test_is_kept_by_a_later_touch_in_the_request(self, sites: Any) -> None:
        one, other = sites(touch_interval=0)

        def save_and_touch(session: Any) -> None:
            session.get("kept")
            other.request(put(b=2))
            session["a"] = 1
            session._session().save()
            session.save()

        one.request(save_and_touch)
        assert other.request(contents) == {"kept": 1, "common": [0], "a": 1, "b": 2}

    def test_joins_two_requests_that_create_the_session_at_once(self, dynamodb: Any) -> None:
        one, other = (Site(dynamodb.options) for _ in range(2))
        for site in (one, other):
            site.use_cookie("unknown")
        one.request(while_loaded(lambda: other.request(put(b=2)), put(a=1)))
        assert other.request(contents) == {"a": 1, "b": 2}

    def test_works_after_two_requests_have_created_the_session(
        self, dynamodb: Any, clock: Any
    ) -> None:
        one, other = (Site(dynamodb.options) for _ in range(2))
        for site in (one, other):
            site.use_cookie("unknown")

        def begun_by_another(session: Any) -> None:
            session.get("a")
            clock.advance(1)
            other.request(put(b=2))
            session["a"] = 1
            session._session().save()
            other.request(put(b=3))
            session["c"] = 1
            session.save()

        one.request(begun_by_another)
        assert other.request(contents) == {"a": 1, "b": 3, "c": 1}


class TestAnEndedSession:
    def test_is_not_written_into_a_newer_session_under_its_id(
        self, dynamodb: Any, clock: Any
    ) -> None:
        one, other = (Site(dynamodb.options) for _ in range(2))
        one.request(put(user="alice", kept=1))
        session_id = str(one.cookie)
        other.use_cookie(session_id)

        def log_out_and_in_as_another() -> None:
            other.request(log_out)
            clock.advance(1)
            other.use_cookie(session_id)
            other.request(put(user="bob"))

        one.request(while_loaded(log_out_and_in_as_another, put(cart=1)))
        other.use_cookie(session_id)
        assert other.request(contents) == {"user": "bob"}

    @pytest.mark.parametrize("policy", ["merge", "overwrite", "raise"])
    def test_is_never_written_again(self, sites: Any, dynamodb: Any, policy: str) -> None:
        one, other = sites(on_conflict=policy)
        one.request(while_loaded(lambda: other.request(log_out), put(a=1)))
        assert stored_sessions(dynamodb) == []


class TestOtherPolicies:
    def test_overwrite_stores_the_later_session_whole(self, sites: Any) -> None:
        one, other = sites(on_conflict="overwrite")
        one.request(while_loaded(lambda: other.request(put(b=2)), put(a=1)))
        assert other.request(contents) == {"kept": 1, "common": [0], "a": 1}

    def test_raise_keeps_the_earlier_session_and_raises(self, sites: Any, dynamodb: Any) -> None:
        one, other = sites(on_conflict="raise")
        with pytest.raises(ConflictError, match="another request has changed") as caught:
            one.request(while_loaded(lambda: other.request(put(b=2)), put(a=1)))
        assert caught.value.table == dynamodb.options["table_name"]
        assert other.request(contents) == {"kept": 1, "common": [0], "b": 2}

    def test_a_save_gives_up_if_the_session_changes_again_and_again(
        self, sites: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = Rows.write

        def overtaken(self: Rows, key: Any, row: Any, condition: Any) -> Any:
            found = self.get(key, consistent=True)
            assert isinstance(found, Row)
            write(self, key, found._replace(version=new_token()), None)
            return write(self, key, row, condition)

        one, _ = sites()
        monkeypatch.setattr(Rows, "write", overtaken)
        monkeypatch.setattr(saving, "LONGEST_CONFLICT", 0.5)
        with pytest.raises(ConflictError, match=r"for 0\.5 s, so it was not saved"):
            one.request(put(a=1))


class TestALostAnswer:
    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_is_recognised_by_the_version_that_the_request_wrote(
        self, sites: Any, wire: Wire
    ) -> None:
        one, other = sites()
        wire.lose_answer_of("PutItem")
        wire.clear()
        one.request(put(a=1))
        assert wire.operations == ["GetItem", "PutItem", "PutItem"]
        assert other.request(contents) == {"kept": 1, "common": [0], "a": 1}


class Plain:
    """A class without __eq__."""

    def __init__(self) -> None:
        self.n = 1


@pytest.mark.parametrize("kind", ["pickle", "encrypted"])
def test_unchanged_values_that_are_hard_to_compare_are_merged(
    dynamodb: Any, wire: Wire, kind: str
) -> None:
    hard = {
        "nan": float("nan"),
        "object": Plain(),
        "array": np.arange(5),
        "set": {"a", "b", 1, frozenset({2})},
        "time": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "nested": {"list": [1, True, 1.0, ({"a": [None]},)]},
    }
    one, other = (Site(dynamodb.options, **KINDS[kind]) for _ in range(2))
    one.request(put(**hard))
    other.use_cookie(str(one.cookie))

    def change_one(session: Any) -> None:
        session["nested"]["list"][3][0]["a"].append(2)
        session.save()

    one.request(while_loaded(lambda: other.request(put(n=1)), change_one))
    found = other.request(contents)
    assert found["nested"] == {"list": [1, True, 1.0, ({"a": [None, 2]},)]}
    assert [type(value) for value in found["nested"]["list"][:3]] == [int, bool, float]
    assert math.isnan(found["nan"])
    assert found["object"].n == found["n"] == 1
    assert found["array"].tolist() == [0, 1, 2, 3, 4]
    assert (found["set"], found["time"]) == (hard["set"], hard["time"])
    with wire.expect("GetItem"):
        one.request(put())


def test_an_item_that_this_serializer_cannot_read_is_a_conflict(dynamodb: Any) -> None:
    one = Site(dynamodb.options, data_serializer="json")
    one.request(put(kept=1))

    def as_pickle() -> None:
        [row] = stored_sessions(dynamodb)
        row.data, row.version = b"\x20\x80\x02}q\x00.", "another"
        row.save()

    with pytest.raises(ConflictError, match="this release cannot read"):
        one.request(while_loaded(as_pickle, put(a=1)))
    assert [row.version for row in stored_sessions(dynamodb)] == ["another"]
