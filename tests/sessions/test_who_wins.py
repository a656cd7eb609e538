"""README's table of timeout, ttl, cookie_expires and max_lifetime, checked row by row."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from webtest import TestApp

from beaker_dynamodb import SessionMiddleware
from tests.support.option_table import README

pytestmark = pytest.mark.usefixtures("create_table")

DAY = 86_400


class Row(NamedTuple):
    settings: dict[str, str]
    end: str

    @property
    def seconds(self) -> int:
        return int(self.end.split()[0])


def rows() -> list[Row]:
    text = README.read_text(encoding="utf-8")
    table = text.split("<!-- lifetimes -->")[1].split("<!-- end of lifetimes -->")[0]
    lines = [line.strip("| ").split(" | ") for line in table.strip().splitlines()[2:]]
    return [Row(dict(re.findall(r"(\w+) = (\d+)", line[0])), line[1]) for line in lines]


def ids(found: list[Row]) -> list[str]:
    return [", ".join(f"{name}={value}" for name, value in row.settings.items()) for row in found]


IDLE = [row for row in rows() if row.end.endswith("without a request")]
ENDLESS = [row for row in rows() if row.end == "never"]
IN_USE = [row for row in rows() if row.end.endswith("in use")]


@pytest.fixture
def begin(dynamodb: Any) -> Callable[[Row], Callable[[], bool]]:
    """Begins a session; what it returns makes a request, and returns whether it is alive."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        session = environ["beaker.session"]
        answer = b"alive" if "user" in session else b"gone"
        if environ["PATH_INFO"] == "/login":
            session["user"] = "alice"
            session.save()
        start_response("200 OK", [])
        return [answer]

    def begin_session(row: Row) -> Callable[[], bool]:
        options = {**dynamodb.options, **row.settings}
        site = SessionMiddleware(application, {f"session.{key}": options[key] for key in options})
        header = TestApp(site).get("/login").headers["Set-Cookie"].partition(";")[0]
        # The browser may have forgotten the cookie: what counts here is the table.
        return lambda: bool(TestApp(site).get("/", headers={"Cookie": header}).text == "alive")

    return begin_session


def test_each_row_is_of_a_known_kind() -> None:
    assert len(IDLE) + len(ENDLESS) + len(IN_USE) == len(rows()) == 14


@pytest.mark.parametrize("row", IDLE, ids=ids(IDLE))
def test_an_idle_session_ends_as_the_table_says(row: Row, begin: Any, clock: Any) -> None:
    early, late = begin(row), begin(row)
    clock.advance(row.seconds - 5)
    assert early()
    clock.advance(7)
    assert not late()


@pytest.mark.parametrize("row", ENDLESS, ids=ids(ENDLESS))
def test_an_endless_session_never_ends(row: Row, begin: Any, clock: Any) -> None:
    is_alive = begin(row)
    clock.advance(400 * DAY)
    assert is_alive()


@pytest.mark.parametrize("row", IN_USE, ids=ids(IN_USE))
def test_a_session_in_use_ends_as_the_table_says(row: Row, begin: Any, clock: Any) -> None:
    is_alive = begin(row)
    for _ in range(19):
        clock.advance(row.seconds / 20)
        assert is_alive()
    clock.advance(row.seconds / 20 + 2)
    assert not is_alive()
