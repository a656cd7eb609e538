"""Lifetime: the times of a session from the options, and its creation time."""

import math
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, Options, session_model
from beaker_dynamodb.options import LONGEST_LIFE
from beaker_dynamodb.sessions.lifetime import Lifetime
from beaker_dynamodb.testing.site import Site
from tests.support.internals import Row
from tests.support.pages import KINDS, count, read

BEAKER_MARGIN = 120


def idle_life(cookie_age: int | None = None, **options: Any) -> int | None:
    return Lifetime.of(Options(**options), cookie_age).idle


def test_a_session_lives_one_day_by_default() -> None:
    assert idle_life() == 86_400


def test_a_session_lives_for_beakers_timeout_and_the_margin_that_beaker_adds() -> None:
    assert idle_life(timeout=1800 + BEAKER_MARGIN) == 1920


def test_ttl_takes_precedence_over_beakers_timeout() -> None:
    assert idle_life(ttl=60, timeout=1800 + BEAKER_MARGIN) == 60


def test_a_session_lives_as_long_as_its_cookie_if_no_option_sets_its_life() -> None:
    assert idle_life(3600) == 3600
    assert idle_life(3600, timeout=1800 + BEAKER_MARGIN) == 1920
    assert idle_life(3600, ttl=60) == 60


@pytest.mark.parametrize("cookie_age", [0, -1])
def test_a_cookie_age_of_a_deleted_cookie_is_ignored(cookie_age: int) -> None:
    assert idle_life(cookie_age) == 86_400


def test_a_cookie_age_is_limited_as_ttl_is() -> None:
    assert idle_life(10**12) == LONGEST_LIFE


def test_a_session_with_ttl_0_never_expires() -> None:
    assert idle_life(ttl=0) is None


@pytest.mark.parametrize(
    ("options", "cookie_age", "touch_after"),
    [
        ({}, None, 30),
        ({}, 100, 10),
        ({"ttl": 0}, None, 30),
        ({"ttl": 100}, None, 10),
        ({"timeout": 4 + BEAKER_MARGIN}, None, 0.4),
        ({"ttl": 3600, "timeout": 50 + BEAKER_MARGIN}, None, 5),
        ({"touch_interval": 0}, None, 0),
        ({"touch_interval": 300}, None, 300),
    ],
)
def test_the_life_of_a_session_sets_how_often_it_is_touched(
    options: dict[str, Any], cookie_age: int | None, touch_after: float
) -> None:
    lifetime = Lifetime.of(Options(**options), cookie_age)
    assert lifetime.touch_after == pytest.approx(touch_after)


LIVES = [
    {"ttl": 60},
    {"timeout": 60 + BEAKER_MARGIN},
    {"ttl": 600, "timeout": 60 + BEAKER_MARGIN},
]


@pytest.mark.parametrize("life", LIVES)
def test_touch_interval_must_be_shorter_than_the_life_of_a_session(life: dict[str, Any]) -> None:
    assert Lifetime.of(Options(touch_interval=59, **life), None)
    with pytest.raises(ConfigurationError, match=r"touch_interval \(60 s\) must be shorter"):
        Lifetime.of(Options(touch_interval=60, **life), None)


def test_touch_interval_must_be_shorter_than_the_cookies_age() -> None:
    with pytest.raises(ConfigurationError, match=r"touch_interval \(60 s\) must be shorter"):
        Lifetime.of(Options(touch_interval=60), 60)


@pytest.mark.parametrize("life", LIVES)
def test_a_touch_interval_that_is_too_long_fails_when_beaker_builds_the_manager(
    life: dict[str, int],
) -> None:
    assert DynamoDBNamespaceManager("id", touch_interval="59", **life)
    with pytest.raises(ConfigurationError, match=r"touch_interval \(60 s\) must be shorter"):
        DynamoDBNamespaceManager("id", touch_interval="60", **life)


WRONG_TIMES: list[Any] = [
    False,
    True,
    None,
    "0",
    [],
    -1,
    -0.5,
    math.nan,
    math.inf,
    -math.inf,
    10**400,
]


class TestTheCreationTimeOfASession:
    @pytest.fixture
    def lifetime(self) -> Lifetime:
        return Lifetime.of(Options(max_lifetime=3600), None)

    @pytest.mark.parametrize("wrong", [*WRONG_TIMES, 10**10])
    def test_is_now_if_the_session_has_no_past_time(
        self, lifetime: Lifetime, clock: Any, wrong: object
    ) -> None:
        created = lifetime.created({"_creation_time": wrong}, None)
        assert created == pytest.approx(clock.now, abs=0.001)
        assert type(created) is float

    @pytest.mark.parametrize(
        ("time", "created"), [(0, 0.0), (-0.0, 0.0), (1e-300, 0.0), (7, 7.0), (7.0019, 7.001)]
    )
    def test_is_a_float_in_whole_milliseconds(
        self, lifetime: Lifetime, time: float, created: float
    ) -> None:
        kept = lifetime.created({"_creation_time": time}, None)
        assert repr(kept) == repr(created)

    def test_is_the_earliest_that_is_known(self, lifetime: Lifetime, clock: Any) -> None:
        earlier, later = clock.now - 20, clock.now - 10
        for session, row in [(earlier, later), (later, earlier)]:
            before = Row(b"", "a-version", clock.now, 60, row)
            kept = lifetime.created({"_creation_time": session}, before)
            assert kept == pytest.approx(earlier, abs=0.001)


def save_with(creation_time: object) -> Any:
    def page(session: Any) -> None:
        session["_creation_time"] = creation_time
        session.save()

    return page


@pytest.mark.usefixtures("create_table")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [False, True, -1, math.nan, math.inf, 10**400])
def test_a_session_with_a_wrong_creation_time_is_saved(
    dynamodb: Any, clock: Any, kind: str, wrong: object
) -> None:
    site = Site(dynamodb.options, max_lifetime=3600, **KINDS[kind])
    site.request(count)
    clock.advance(100)
    site.request(save_with(wrong))
    assert site.request(read) == 1
    [row] = session_model(**dynamodb.options).scan()
    assert type(row.created) is not bool
    assert row.created <= clock.now - 100
