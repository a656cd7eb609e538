"""What is stored as a session's times, with slow clocks, and values that an application sets."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb.testing.site import Site
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    browsers,
    contents,
    drop,
    kinds,
    put,
    renew,
    save,
    session_items,
    while_loaded,
)

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture(params=kinds(*EVERY_KIND))
def kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


@pytest.fixture(params=kinds(*OWN_CLASS))
def own_kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


def key_of(site: Site, key: str) -> Any:
    return site.request(lambda session: session[key])


def last_accessed(site: Site) -> float:
    """The access time that the row has; a load replaces it in the session."""
    return float(site.request(lambda session: session.last_accessed))


def row_end(dynamodb: Any) -> float:
    [row] = session_items(dynamodb)
    return float(row.expires.timestamp())


class TestASlowClock:
    """One machine's clock is 50 s behind that of another."""

    @pytest.mark.parametrize("page", [put(y=1), save], ids=["change", "touch"])
    def test_moves_no_time_back(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any, page: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, timeout=600, touch_interval=0)
        clock.advance(90)
        one.request(put(x=1))
        accessed, end = clock.now, row_end(dynamodb)
        clock.advance(-50)
        other.request(page)
        assert row_end(dynamodb) >= end
        assert last_accessed(one) >= accessed

    def test_moves_no_time_back_under_a_new_id(
        self, dynamodb: Any, own_kind: dict[str, Any], clock: Any
    ) -> None:
        one, _ = browsers(dynamodb.options, **own_kind, timeout=600)
        clock.advance(90)
        one.request(put(x=1))
        accessed, end = clock.now, row_end(dynamodb)
        clock.advance(-50)
        one.request(renew)
        assert row_end(dynamodb) >= end
        assert last_accessed(one) >= accessed

    @pytest.mark.parametrize("policy", ["merge", "overwrite"])
    def test_moves_no_time_back_over_another_requests_change(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any, policy: str
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, timeout=600, on_conflict=policy)

        def faster() -> None:
            clock.advance(50)
            other.request(put(x=1))
            clock.advance(-50)

        one.request(while_loaded(faster, put(y=1)))
        clock.advance(50)
        assert last_accessed(one) >= clock.now

    def test_does_not_time_out_an_active_user(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, timeout=100)
        clock.advance(90)
        one.request(put(x=1))
        clock.advance(-50)
        other.request(put(y=1))
        clock.advance(50 + 60)
        assert contents(one) == {"user": "alice", "x": 1, "y": 1}


@pytest.mark.parametrize("policy", ["merge", "overwrite"])
def test_a_conflict_within_a_second_moves_the_access_time_forward(
    dynamodb: Any, kind: dict[str, Any], clock: Any, policy: str
) -> None:
    one, other = browsers(dynamodb.options, **kind, on_conflict=policy)

    def half_a_second_later() -> None:
        clock.advance(0.5)
        other.request(put(x=1))

    one.request(while_loaded(half_a_second_later, put(y=1)))
    assert last_accessed(one) == pytest.approx(clock.now, abs=0.01)


INVALID: dict[str, Any] = {
    "nothing": None,
    "a text": "1",
    "a bool": True,
    "infinity": math.inf,
    "NaN": math.nan,
}


@pytest.mark.parametrize("value", INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("key", ["_creation_time", "_accessed_time"])
class TestAnInvalidTime:
    def test_is_replaced_by_what_is_stored(
        self, dynamodb: Any, kind: dict[str, Any], key: str, value: Any
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind, timeout=600)
        created = key_of(one, "_creation_time")
        one.request(put(**{key: value}, x=1))
        assert key_of(one, "_creation_time") == created
        assert contents(one) == {"user": "alice", "x": 1}

    def test_is_replaced_in_a_merge(
        self, dynamodb: Any, kind: dict[str, Any], key: str, value: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, timeout=600)
        created = key_of(one, "_creation_time")
        page = put(**{key: value}, x=1)
        one.request(while_loaded(partial(other.request, put(y=1)), page))
        assert key_of(one, "_creation_time") == created
        assert contents(one) == {"user": "alice", "x": 1, "y": 1}

    def test_is_replaced_in_a_new_session(
        self, dynamodb: Any, kind: dict[str, Any], key: str, value: Any, clock: Any
    ) -> None:
        site = Site(dynamodb.options, **kind, timeout=600)
        site.request(put(**{key: value}, x=1))
        assert key_of(site, "_creation_time") == clock.now
        assert contents(site) == {"x": 1}


class TestACreationTime:
    @pytest.mark.parametrize("is_merged", [False, True], ids=["alone", "merged"])
    def test_that_an_application_sets_is_stored(
        self, dynamodb: Any, kind: dict[str, Any], clock: Any, is_merged: bool
    ) -> None:
        one, other = browsers(dynamodb.options, **kind)
        meanwhile: Callable[[], object] = partial(other.request, put(x=1)) if is_merged else list
        one.request(while_loaded(meanwhile, put(_creation_time=clock.now - 5)))
        assert key_of(one, "_creation_time") == clock.now - 5

    def test_that_is_removed_alone_begins_no_session(
        self, dynamodb: Any, kind: dict[str, Any]
    ) -> None:
        one, other = browsers(dynamodb.options, **kind)
        created = key_of(one, "_creation_time")
        one.request(while_loaded(partial(other.request, put(x=1)), drop("_creation_time")))
        assert contents(one) == {"user": "alice", "x": 1}
        assert key_of(one, "_creation_time") == created


class TestTwoRequestsThatBeginOneSession:
    @pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
    @pytest.mark.parametrize(
        ("key", "value"), [("_path", "/app"), ("_domain", "example.org")], ids=["path", "domain"]
    )
    def test_keep_what_one_has_set_for_the_cookie(
        self, dynamodb: Any, kind: dict[str, Any], key: str, value: str, is_first: bool
    ) -> None:
        one, other = (Site(dynamodb.options, **kind) for _ in range(2))
        for site in (one, other):
            site.use_cookie("unknown")
        own, plain = put(**{key: value}, x=1), put(y=1)
        first, second = (own, plain) if is_first else (plain, own)
        one.request(while_loaded(partial(other.request, first), second))
        one.use_cookie("unknown")
        assert key_of(one, key) == value
        assert contents(one) == {"x": 1, "y": 1}
