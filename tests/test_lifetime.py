"""Lifetime: the times of a session."""

import math
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, Options
from beaker_dynamodb.namespace.lifetime import Lifetime
from beaker_dynamodb.options import LONGEST_LIFE

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
def test_touch_interval_must_be_shorter_than_the_life_of_a_session(life: dict[str, int]) -> None:
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
