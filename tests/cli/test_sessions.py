"""`show`, `delete`, `sessions` and `end-sessions`."""

import json
import re
import uuid
from typing import Any

import pytest
from click.testing import CliRunner, Result

from beaker_dynamodb import DynamoDBSession, create_table
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.options import names_of
from beaker_dynamodb.testing.site import Site
from tests.support.large import noise
from tests.support.pages import KEYS, log_out
from tests.support.wire import Wire


@pytest.fixture
def options(dynamodb: Any) -> dict[str, Any]:
    options = {**dynamodb.options, "index_keys": "user_id"}
    create_table(**options)
    return options


@pytest.fixture
def site(options: dict[str, Any]) -> Site:
    return Site(options, session_class=DynamoDBSession)


@pytest.fixture
def place(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        monkeypatch.setenv(name.upper(), options[name])
    pairs = {name: value for name, value in options.items() if name not in names_of("secret")}
    return [f"--{name.replace('_', '-')}={value}" for name, value in pairs.items()]


def run(*arguments: str, answer: str | None = None, code: int = 0) -> Result:
    result = CliRunner().invoke(command, arguments, input=answer)
    assert result.exit_code == code, result.output
    return result


def rows_of(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


class TestShow:
    def test_shows_keys_and_types_but_no_id(self, place: list[str], site: Site) -> None:
        ada = site.visitor(user_id=42, cart=["apple"], token=uuid.UUID(int=1))
        shown = run("show", *place, ada.read_id()).output
        assert ": live\n" in shown
        assert "indexed: user_id = 42" in shown
        rows = rows_of(shown)
        assert ["'cart'", "list"] in rows
        assert ["'token'", "uuid.UUID"] in rows
        assert "apple" not in shown
        assert ada.read_id()[:8] not in shown

    def test_shows_values_if_asked(self, place: list[str], site: Site) -> None:
        ada = site.visitor(cart=["apple", {"n": 1}], token=uuid.UUID(int=1))
        rows = rows_of(run("show", *place, ada.read_id(), "--values").output)
        assert ["'cart'", "list", "list('apple', {'n': 1})"] in rows
        assert ["'token'", "uuid.UUID", "<uuid.UUID>"] in rows

    def test_takes_the_cookie_of_a_site_that_signs_it(
        self, place: list[str], options: dict[str, Any]
    ) -> None:
        ada = Site(options, secret="a secret").visitor(n=1)
        assert ada.cookie_value
        assert len(ada.cookie_value) == 72
        assert ": live\n" in run("show", *place, ada.cookie_value).output

    def test_reads_the_id_from_standard_input_or_asks(self, place: list[str], site: Site) -> None:
        session_id = site.visitor(n=1).read_id()
        assert ": live\n" in run("show", *place, "-", answer=f"{session_id}\n").output
        asked = run("show", *place, answer=f"{session_id}\n").output
        assert ": live\n" in asked
        assert session_id not in asked

    def test_needs_an_id_on_standard_input(self, place: list[str]) -> None:
        error = run("show", *place, answer="", code=2).output
        assert "no session id on standard input" in error
        assert len(error.splitlines()) == 1

    def test_prints_json(self, place: list[str], site: Site) -> None:
        ada = site.visitor(user_id="ada", large=noise(600_000))
        details = json.loads(run("show", *place, ada.read_id(), "--json").output)
        assert details["state"] == "live"
        assert details["parts"] == 2
        assert details["indexed"] == {"user_id": "ada"}
        assert {"name": "'large'", "type": "bytes", "value": None} in details["keys"]

    def test_says_if_only_the_application_can_read_it(
        self, place: list[str], options: dict[str, Any]
    ) -> None:
        ada = Site(options, session_class=DynamoDBSession, **KEYS).visitor(n=1)
        assert "only the application can read it" in run("show", *place, ada.read_id()).output

    def test_shows_what_became_of_a_session(
        self, place: list[str], options: dict[str, Any], clock: Any
    ) -> None:
        site = Site(options, session_class=DynamoDBSession, ttl=1000)
        gone, renamed, old = (site.visitor(n=1) for _ in range(3))
        ids = [each.read_id() for each in (gone, renamed, old)]
        gone.visit(log_out)
        renamed.change(lambda session: session.regenerate_id())
        assert ": ended\n" in run("show", *place, ids[0]).output
        assert ": renamed\n" in run("show", *place, ids[1]).output
        clock.advance(1000)
        assert ": expired\n" in run("show", *place, ids[2]).output

    def test_shows_the_ends_of_the_session_and_of_its_row(
        self, place: list[str], options: dict[str, Any], clock: Any
    ) -> None:
        beakers = {"timeout": 600, "max_lifetime": 900}
        ada = Site(options, session_class=DynamoDBSession, **beakers).visitor(user_id=42)
        session_id = ada.read_id()
        clock.advance(60)
        known = (*place, "--timeout=600", "--max-lifetime=900")
        details = json.loads(run("show", *known, session_id, "--json").output)
        # Beaker gives a row two minutes more than its session.
        assert details["ends"] - details["touched"] == 600
        assert details["expires"] - details["touched"] == 720
        shown = run("show", *known, session_id).output
        assert re.search(r"^session ends: in 9\.0 min$", shown, re.MULTILINE)
        assert re.search(r"^its row expires: in 11\.0 min$", shown, re.MULTILINE)
        [listed] = json.loads(run("sessions", *known[:-1], "--user-id=42", "--json").output)
        assert listed["expires"] == details["ends"]
        clock.advance(541)
        assert ": expired\n" in run("show", *known, session_id).output
        assert "no live session" in run("sessions", *known[:-1], "--user-id=42").output
        without = run("show", *place, session_id).output
        assert "session ends, and its row expires: in 2.0 min" in without

    def test_fails_for_an_unknown_id(self, place: list[str]) -> None:
        assert "nothing is stored" in run("show", *place, "unknown", code=1).output


class TestDelete:
    def test_asks_and_ends_the_session(self, place: list[str], site: Site) -> None:
        ada = site.visitor(n=1)
        refused = run("delete", *place, ada.read_id(), answer="n\n", code=1)
        assert ada.read_id() not in refused.output
        assert ada.read() == {"n": 1}
        assert "has ended" in run("delete", *place, ada.read_id(), answer="y\n").output
        assert ada.read() == {}

    def test_wins_over_a_request_that_runs(self, place: list[str], site: Site) -> None:
        ada = site.visitor(n=1)

        def slow(session: Any) -> None:
            session["n"] = 2
            run("delete", *place, session.id, "--yes")
            session.save()

        ada.visit(slow)
        assert ada.read() == {}

    def test_fails_if_there_is_no_session(self, place: list[str], wire: Wire) -> None:
        assert "missing" in run("delete", *place, "unknown", "--yes", code=1).output
        assert set(wire.operations) == {"GetItem"}


class TestSessions:
    @pytest.mark.parametrize("who", [["--user-id", "42"], ["--user-id=42"], ["--user_id", "42"]])
    def test_are_listed_without_an_id(self, place: list[str], site: Site, who: list[str]) -> None:
        ids = [site.visitor(user_id=42).read_id() for _ in range(2)]
        site.visitor(user_id=43)
        shown = run("sessions", *place, *who).output
        assert len(rows_of(shown)) == 2
        assert not any(each[:12] in shown for each in ids)
        assert len(json.loads(run("sessions", *place, *who, "--json").output)) == 2

    def test_may_be_none(self, place: list[str]) -> None:
        assert run("sessions", *place, "--user-id", "42").output == "no live session\n"

    @pytest.mark.parametrize(
        "who", [["--user", "42"], ["42"], ["--user-id"], ["--user-id", "1", "2"], ["--colour"]]
    )
    def test_need_an_indexed_key_and_a_value(self, place: list[str], who: list[str]) -> None:
        error = run("sessions", *place, *who, code=2).output
        assert "give one of --user-id VALUE" in error
        assert len(error.splitlines()) == 1

    def test_need_index_keys(self, place: list[str]) -> None:
        without = [word for word in place if not word.startswith("--index-keys")]
        error = run("sessions", *without, "--user-id", "42", code=2).output
        assert "set index_keys = user_id" in error
        name = next(word for word in place if word.startswith("--table-name")).partition("=")[2]
        assert f"run `beaker-dynamodb create-table --table-name {name} --region" in error
        assert "--index-keys user_id`" in error


class TestEndSessions:
    def test_asks_with_the_number_of_sessions(self, place: list[str], site: Site) -> None:
        devices = [site.visitor(user_id=42) for _ in range(2)]
        asked = run("end-sessions", *place, "--user-id", "42", answer="n\n", code=1).output
        assert "End 2 sessions with user_id = 42?" in asked
        assert devices[0].read() == {"user_id": 42}
        ended = run("end-sessions", *place, "--user-id", "42", answer="y\n").output
        assert ended.endswith("2 sessions ended\n")
        assert [device.read() for device in devices] == [{}, {}]

    def test_does_not_ask_with_yes_or_without_sessions(self, place: list[str], site: Site) -> None:
        assert "no live session" in run("end-sessions", *place, "--user-id", "42").output
        site.visitor(user_id=42)
        ended = json.loads(run("end-sessions", *place, "--user-id=42", "--yes", "--json").output)
        assert len(ended) == 1
