"""The demo: its page, the calls that it counts, and how it starts and ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from typing import Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.demo import server, visits, wording
from beaker_dynamodb.demo.calls import CallCounter
from beaker_dynamodb.demo.site import demo_application
from beaker_dynamodb.demo.table import TABLE, DemoTable, Endpoint, endpoint_at
from beaker_dynamodb.table import item_size
from tests.demo.visitor import DELETE, READ, WRITE, Visitor, ended, items, keys
from tests.support.wire import Wire


class TestAVisitor:
    def test_who_is_new_costs_one_write(self, visitor: Visitor, wire: Wire) -> None:
        visitor.view()
        assert wire.operations == [WRITE, READ]  # the read is the page's own
        assert visitor.log == [("view", [WRITE], "stored")]
        assert visitor.figures == {"Reads": "0", "Writes": "1", "Touches skipped": "0"}
        assert "You had no session" in visitor.text

    def test_who_comes_again_costs_one_read(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.view()
        assert visitor.log[0] == ("view", [READ], "nothing to write")
        assert visitor.figures == {"Reads": "1", "Writes": "1", "Touches skipped": "1"}
        assert "You have viewed this page twice since" in visitor.text

    def test_who_comes_after_the_interval_costs_a_renewal(
        self, visitor: Visitor, clock: Any
    ) -> None:
        visitor.view()
        clock.advance(9.9)
        visitor.view()
        clock.advance(0.2)
        visitor.view()
        assert visitor.log[0] == ("view", [READ, WRITE], "renewed")
        assert visitor.log[1] == ("view", [READ], "nothing to write")
        assert "this view renewed it" in visitor.text

    def test_who_changes_the_session_costs_one_read_and_one_write(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.add("apple")
        visitor.add("pear")
        assert visitor.log[:2] == [
            ("view", [READ], "nothing to write"),
            ("add", [READ, WRITE], "changed"),
        ]
        assert visitor.stored["basket"] == "['apple', 'pear']"
        assert "The session has changed" in visitor.text

    def test_who_adds_nothing_writes_nothing(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.add("  ")
        assert visitor.log[1] == ("add", [], "session not used")
        assert "basket" not in visitor.stored

    def test_who_fills_the_basket_keeps_the_latest(self, visitor: Visitor) -> None:
        for number in range(14):
            visitor.add(f"{number} " + "x" * 100)
        assert visitor.stored["basket"].startswith("['2 xxx")
        assert visitor.stored["basket"].count("x" * 37) == 12

    def test_who_logs_out_leaves_a_marker(self, visitor: Visitor, embedded: Endpoint) -> None:
        visitor.view()
        before = keys(embedded)
        assert len(before) == 1
        visitor.post("/logout")
        assert (keys(embedded), ended(embedded)) == ([], before)
        assert visitor.heading == "Goodbye"
        assert visitor.log[:2] == [
            ("goodbye", [], "session not used"),
            ("log out", [READ, WRITE], "ended"),
        ]
        assert "a marker without data replaces your row for 15 minutes" in visitor.text
        assert "bring the session back: one read and one marker." in visitor.text
        assert "The table has no session for you" in visitor.text
        visitor.view()
        assert visitor.log[0] == ("view", [WRITE], "stored")

    def test_who_has_not_logged_out_sees_no_farewell(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.page = visitor.browser.get("/goodbye").follow()
        assert visitor.heading.startswith("You are session")

    def test_who_renews_the_id_keeps_the_session(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.add("apple")
        before = visitor.session_id
        visitor.post("/renew")
        assert visitor.session_id != before
        assert visitor.stored["basket"] == "['apple']"
        assert visitor.log[1] == (
            "renew the id",
            [READ, READ, WRITE, WRITE],
            "moved to the new id",
        )
        assert "You have a new id" in visitor.text
        assert "replaces the row: two reads, one write and one marker." in visitor.text

    def test_who_renews_the_id_leaves_a_marker_under_the_old_one(
        self, visitor: Visitor, embedded: Endpoint
    ) -> None:
        visitor.view()
        before = keys(embedded)
        visitor.post("/renew")
        after = keys(embedded)
        assert len(before) == len(after) == 1
        assert before != after
        assert ended(embedded) == before

    def test_whose_session_has_expired_gets_another(
        self, visitor: Visitor, embedded: Endpoint, clock: Any
    ) -> None:
        visitor.view()
        clock.advance(901)
        visitor.view()
        assert "Your session had expired, so this view stored a new session" in visitor.text
        assert visitor.log[0] == ("view", [READ, DELETE, WRITE], "expired, new session")
        assert len(keys(embedded)) == 1

    def test_who_posts_after_the_session_has_expired_gets_another(
        self, visitor: Visitor, clock: Any
    ) -> None:
        visitor.view()
        clock.advance(901)
        visitor.add("apple")
        assert "The session had expired before “add” arrived" in visitor.text
        assert visitor.log[1] == ("add", [READ, DELETE, WRITE], "expired, new session")

    def test_whose_cookie_is_unknown_gets_a_session(self, visitor: Visitor) -> None:
        visitor.browser.set_cookie(TABLE, "0" * 32)
        visitor.view()
        assert visitor.log == [("view", [READ, WRITE], "stored")]
        assert "The table has no row for your cookie" in visitor.text

    @pytest.mark.parametrize("path", ["/add", "/renew", "/logout"])
    def test_may_post_first(self, visitor: Visitor, path: str) -> None:
        visitor.page = visitor.browser.post(path, {"item": "apple"}).follow()
        assert "You had no session" in visitor.text
        assert visitor.log[1][2] in {"stored", "nothing to end"}
        visitor.view()
        assert visitor.heading.startswith("You are session")

    def test_is_counted_alone(self, visitor: Visitor) -> None:
        other = Visitor(visitor.browser.app)
        visitor.view()
        visitor.view()
        other.view()
        assert other.figures == {"Reads": "0", "Writes": "1", "Touches skipped": "0"}


@pytest.fixture
def old_tab(visitor: Visitor) -> Visitor:
    """A browser that has logged out in one tab, and has the page still open in another."""
    visitor.view()
    visitor.post("/logout")
    return visitor


class TestATabWhoseSessionWasEndedInAnother:
    def test_adds_to_a_new_session(self, old_tab: Visitor, embedded: Endpoint) -> None:
        old_tab.add("apple")
        assert old_tab.log[1] == ("add", [WRITE], "ended elsewhere, new session")
        assert (
            "Another tab or browser ended the session before “add” arrived, so a new session is "
            "stored: one write."
        ) in old_tab.text
        assert old_tab.stored["basket"] == "['apple']"
        assert len(keys(embedded)) == 1

    def test_renews_the_id_of_a_new_session(self, old_tab: Visitor, embedded: Endpoint) -> None:
        old_tab.post("/renew")
        assert old_tab.log[1] == ("renew the id", [WRITE], "ended elsewhere, new session")
        assert "ended the session before “renew the id” arrived" in old_tab.text
        assert len(keys(embedded)) == 1

    def test_has_nothing_to_log_out_of(self, old_tab: Visitor, embedded: Endpoint) -> None:
        old_tab.post("/logout")
        assert old_tab.log[1] == ("log out", [READ], "ended elsewhere, nothing to end")
        assert "ended the session before you logged out" in old_tab.text
        assert "You are logged out" not in old_tab.text
        assert keys(embedded) == []

    def test_that_adds_nothing_begins_nothing(self, old_tab: Visitor) -> None:
        old_tab.page = old_tab.browser.post("/add", {"item": ""})
        old_tab.page = old_tab.browser.get("/goodbye")
        assert old_tab.log[1] == ("add", [], "session not used")
        assert old_tab.heading == "Goodbye"

    def test_begins_a_new_session_by_a_view(self, old_tab: Visitor) -> None:
        old_tab.view()
        assert old_tab.log[0] == ("view", [WRITE], "stored")

    def test_says_nothing_of_it_once_the_new_session_is_in_use(self, old_tab: Visitor) -> None:
        old_tab.add("apple")
        old_tab.add("pear")
        assert old_tab.log[1] == ("add", [READ, WRITE], "changed")
        assert "Another tab" not in old_tab.text


class TestASessionThatAnotherBrowserHasEnded:
    def test_is_begun_again_by_a_view(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.in_another_browser().post("/logout")
        visitor.view()
        assert visitor.log[0] == ("view", [READ, WRITE], "ended elsewhere, new session")
        assert "under the id in your cookie, the table had only a marker." in visitor.text

    def test_is_begun_again_by_an_addition(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.in_another_browser().post("/logout")
        visitor.add("apple")
        assert visitor.log[1] == ("add", [READ, WRITE], "ended elsewhere, new session")

    def test_is_begun_again_under_a_new_id(self, visitor: Visitor, embedded: Endpoint) -> None:
        visitor.view()
        before = visitor.session_id
        visitor.in_another_browser().post("/renew")
        visitor.post("/renew")
        assert visitor.session_id != before
        assert visitor.log[1][2] == "ended elsewhere, new session"
        assert len(keys(embedded)) == 2

    def test_cannot_be_logged_out_of(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.in_another_browser().post("/logout")
        visitor.post("/logout")
        assert visitor.log[1][2] == "ended elsewhere, nothing to end"

    def test_is_not_blamed_on_anybody_if_the_browser_has_lost_its_cookie(
        self, visitor: Visitor
    ) -> None:
        visitor.view()
        visitor.browser.cookiejar.clear("localhost.local", "/", TABLE)
        visitor.add("apple")
        assert visitor.log[1] == ("add", [WRITE], "stored")


class TestASessionThatIsEndedWhileARequestRuns:
    def test_is_not_written_by_an_addition(
        self, visitor: Visitor, wire: Wire, embedded: Endpoint
    ) -> None:
        visitor.view()
        other = visitor.in_another_browser()
        wire.before_next(WRITE, lambda: other.post("/logout"))
        answer = visitor.browser.post("/add", {"item": "apple"})
        assert keys(embedded) == []
        visitor.page = answer.follow()
        assert visitor.log[1] == ("add", [READ, WRITE], "ended elsewhere, nothing written")
        assert (
            "Another tab or browser ended the session while “add” ran, so nothing is stored: "
            "one read and one refused write."
        ) in visitor.text
        assert visitor.page.html.select("tbody tr")[1].select_one(".result").get_text() == "refused"
        assert "basket" not in visitor.stored

    def test_is_not_stored_under_a_new_id(
        self, visitor: Visitor, wire: Wire, embedded: Endpoint
    ) -> None:
        visitor.view()
        other = visitor.in_another_browser()
        # The first read loads the session, the second one sees that it has ended.
        end = partial(other.post, "/logout")
        wire.before_next(READ, lambda: wire.before_next(READ, end))
        answer = visitor.browser.post("/renew")
        assert keys(embedded) == []
        visitor.page = answer.follow()
        assert visitor.log[1][2] == "ended elsewhere, nothing written"

    def test_is_not_kept_under_a_new_id(
        self, visitor: Visitor, wire: Wire, embedded: Endpoint
    ) -> None:
        visitor.view()
        other = visitor.in_another_browser()
        # The first write stores the session under its new id, the second one ends the old id.
        end = partial(other.post, "/logout")
        wire.before_next(WRITE, lambda: wire.before_next(WRITE, end))
        answer = visitor.browser.post("/renew")
        assert keys(embedded) == []
        visitor.page = answer.follow()
        assert visitor.log[1][1:] == (
            [READ, READ, WRITE, WRITE, WRITE],
            "ended elsewhere, nothing written",
        )
        assert "two reads, one write, one refused marker and one marker." in visitor.text

    def test_is_not_renewed(self, visitor: Visitor, wire: Wire, clock: Any) -> None:
        visitor.view()
        clock.advance(11)
        other = visitor.in_another_browser()
        wire.before_next(WRITE, lambda: other.post("/logout"))
        visitor.view()
        assert visitor.log[0] == ("view", [READ, WRITE], "not renewed")
        assert "the row was not renewed: one read and one refused write." in visitor.text
        assert "No session: another tab or browser has ended it." in visitor.text


class TestARenewalThatFails:
    def test_is_not_blamed_on_another_request(
        self, visitor: Visitor, wire: Wire, clock: Any
    ) -> None:
        visitor.view()
        clock.advance(11)
        for _ in range(3):
            wire.fail_next(WRITE, (503, "ServiceUnavailable"))
        visitor.view()
        assert visitor.log[0] == ("view", [READ, WRITE, WRITE, WRITE], "renewal failed")
        assert "all the same: one read and three failed writes." in visitor.text


class TestTheKeyboardFocus:
    def test_is_nowhere_at_first(self, visitor: Visitor) -> None:
        visitor.view()
        assert visitor.focused == []

    def test_stays_where_it_was(self, visitor: Visitor) -> None:
        visitor.add("apple")
        assert visitor.focused == ["item"]
        visitor.post("/renew")
        assert visitor.focused == ["Renew the id"]
        visitor.page = visitor.page.click("View again")
        assert visitor.focused == ["View again"]

    def test_is_on_the_only_control_after_a_logout(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.post("/logout")
        assert visitor.focused == ["Start again"]
        visitor.page = visitor.page.click("Start again")
        assert visitor.focused == ["View again"]

    def test_is_nowhere_for_a_control_that_does_not_exist(self, visitor: Visitor) -> None:
        visitor.page = visitor.browser.get("/?focus=<script>")
        assert visitor.focused == []
        assert "<script" not in visitor.page.text


class TestThePage:
    def test_shows_eight_characters_of_the_id_and_no_more(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.view()
        session_id = visitor.session_id
        assert session_id is not None
        assert visitor.heading == f"You are session {session_id[:8]}…"
        assert session_id[:9] not in visitor.page.text
        assert sha256(session_id.encode()).hexdigest()[:9] not in visitor.page.text

    def test_escapes_values(self, visitor: Visitor) -> None:
        visitor.add("<script>&\"'")
        assert "<script>" not in visitor.page.text
        assert visitor.stored["basket"] == repr(["<script>&\"'"])

    def test_escapes_an_id_that_the_visitor_made_up(self, visitor: Visitor) -> None:
        visitor.browser.set_cookie(TABLE, "<b>$id")
        visitor.view()
        assert visitor.heading == "You are session <b>$id…"

    def test_shows_what_is_stored_and_until_when(
        self, visitor: Visitor, embedded: Endpoint, clock: Any
    ) -> None:
        visitor.view()
        clock.advance(4)
        visitor.view()
        (item,) = items(embedded)
        assert visitor.stored["version"].startswith(item.version)
        assert visitor.stored["data"].startswith(f"{len(item.data)} bytes compressed from")
        assert visitor.stored["touched"].endswith("4 s ago")
        assert visitor.stored["expires"].endswith("in 14 min 56 s")
        assert f"The item takes {item_size(item.serialize())} bytes" in visitor.text

    def test_says_when_the_next_renewal_is_due(self, visitor: Visitor, clock: Any) -> None:
        visitor.view()
        clock.advance(4)
        visitor.view()
        assert "The row was last written 4 s ago. The next renewal is due in 6 s." in visitor.text

    def test_counts_the_writes_of_other_backends(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.view()
        visitor.post("/logout")
        assert "other backends: 3 writes" in visitor.text

    def test_shows_the_lines_in_use(self, visitor: Visitor) -> None:
        visitor.view()
        assert visitor.page.html.pre.get_text().splitlines() == [
            "session.type = ext:dynamodb",
            "session.table_name = beaker-demo",
            "session.region = us-east-1",
            "session.ttl = 900",
            "session.touch_interval = 10",
            "session.key = beaker-demo",
            "session.httponly = true",
        ]

    def test_keeps_a_short_log(self, visitor: Visitor) -> None:
        for _ in range(visits.LOG_LENGTH + 3):
            visitor.view()
        assert len(visitor.log) == visits.LOG_LENGTH

    def test_needs_nothing_from_elsewhere(self, visitor: Visitor) -> None:
        visitor.view()
        assert not re.findall(r"https?://|url\(|<script", visitor.page.text)
        assert "default-src 'none'" in visitor.page.headers["Content-Security-Policy"]

    def test_sets_cookies_that_other_sites_cannot_use(self, visitor: Visitor) -> None:
        visitor.view()
        cookies = visitor.page.headers.getall("Set-Cookie")
        assert len(cookies) == 2
        assert all("SameSite=Lax" in cookie and "HttpOnly" in cookie for cookie in cookies)

    @pytest.mark.parametrize("path", ["/favicon.ico", "/add"])
    def test_is_one_of_a_few(self, visitor: Visitor, wire: Wire, path: str) -> None:
        with wire.expect():
            visitor.browser.get(path, status=404)

    @pytest.mark.parametrize("operation", [READ, WRITE])
    def test_reports_an_outage(self, visitor: Visitor, wire: Wire, operation: str) -> None:
        visitor.view()
        for _ in range(3):
            wire.fail_next(operation, (503, "ServiceUnavailable"))
        answer = visitor.browser.post("/add", {"item": "apple"}, status=503)
        assert answer.text.startswith("StoreUnavailable: ")

    def test_reports_an_outage_of_its_own_read(self, visitor: Visitor, wire: Wire) -> None:
        for _ in range(3):
            wire.fail_next(READ, (503, "ServiceUnavailable"))
        assert visitor.browser.get("/", status=503).text.startswith("StoreUnavailable")


def visitor_at(endpoint: Endpoint) -> Visitor:
    DemoTable(endpoint).create()
    return Visitor(demo_application(endpoint))


class TestAnEndpoint:
    @pytest.mark.dynamodb_local
    def test_is_shown_with_the_units_that_it_reports(self, dynamodb_local: str) -> None:
        visitor = visitor_at(endpoint_at(dynamodb_local))
        visitor.view()
        visitor.view()
        visitor.add("apple")
        assert visitor.figures["Read units"] == "3"
        assert visitor.figures["Write units"] == "2"
        assert f"DynamoDB: {dynamodb_local}" in visitor.text

    @pytest.mark.dynamodb_local
    def test_gets_dummy_credentials_that_are_not_shown(self, dynamodb_local: str) -> None:
        endpoint = endpoint_at(dynamodb_local)
        visitor = visitor_at(endpoint)
        visitor.view()
        assert endpoint.options["aws_secret_access_key"] == "demo"
        assert endpoint.options["region"] == "us-east-1"
        assert "aws_" not in visitor.page.text

    def test_is_used_with_the_credentials_of_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        endpoint = endpoint_at("http://127.0.0.1:9")
        assert endpoint.options == {"endpoint_url": "http://127.0.0.1:9"}

    def test_with_a_profile_that_is_missing_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(ConfigurationError, match="nobody"):
            endpoint_at("http://127.0.0.1:9")

    def test_that_does_not_answer_is_an_error_in_one_line(self) -> None:
        result = CliRunner().invoke(command, ["demo", "--endpoint-url", "http://127.0.0.1:9"])
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
        assert "127.0.0.1:9" in result.output
        assert len(result.output.splitlines()) == 1


class TestMotoInProcess:
    def test_knows_nothing_of_this_machines_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with server.moto_in_process() as endpoint:
            visitor_at(endpoint).view()
            assert "AWS_PROFILE" not in os.environ
        assert os.environ["AWS_PROFILE"] == "nobody"

    def test_forgets_all_when_it_ends(self, embedded: Endpoint) -> None:
        Visitor(demo_application(embedded)).view()
        assert len(keys(embedded)) == 1


@pytest.fixture
def running_demo() -> Iterator[subprocess.Popen[str]]:
    """The demo in a process of its own, at a free port."""
    # Where the tests run in the background, their children would ignore the signal.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from beaker_dynamodb.__main__ import main; main()"
    )
    arguments = [sys.executable, "-c", code, "demo", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        process.kill()


class TestTheServer:
    @pytest.mark.parametrize("library", ["jinja2", "moto", "waitress"])
    def test_names_the_extra_if_a_library_is_missing(
        self, monkeypatch: pytest.MonkeyPatch, library: str
    ) -> None:
        for name in [name for name in sys.modules if name.startswith("beaker_dynamodb.demo.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, library, None)
        result = CliRunner().invoke(command, ["demo"])
        assert result.exit_code == 1
        assert result.output == (
            f"Error: the demo needs {library}: pip install 'beaker-dynamodb[demo]'\n"
        )

    def test_hides_no_other_missing_module(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "beaker_dynamodb.demo.server")
        monkeypatch.setitem(sys.modules, "beaker_dynamodb.demo.site", None)
        result = CliRunner().invoke(command, ["demo"])
        assert isinstance(result.exception, ModuleNotFoundError)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--help"],
            ["demo", "--help"],
            ["create-table", "--endpoint-url=http://127.0.0.1:9", "--max-retries=0"],
        ],
    )
    def test_is_imported_by_its_own_command_only(self, arguments: list[str]) -> None:
        code = (
            "import atexit, sys; from beaker_dynamodb.__main__ import main; "
            "atexit.register(lambda: print('\\n', *sys.modules)); main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        imported = set(done.stdout.splitlines()[-1].split())
        assert "beaker_dynamodb.cli.commands" in imported
        assert not imported & {"beaker_dynamodb.demo", "jinja2", "moto", "waitress"}

    def test_reports_that_its_port_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = CliRunner().invoke(command, ["demo", "--port", str(port)])
        assert result.exit_code == 1
        assert len(result.output.splitlines()) == 1
        assert f"cannot listen at 127.0.0.1, port {port}" in result.output

    def test_serves_the_page_and_ends_with_ctrl_c(
        self, running_demo: subprocess.Popen[str]
    ) -> None:
        assert running_demo.stdout is not None
        address = running_demo.stdout.readline().split()[4]
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert b"You are session" in answer.read()
        running_demo.send_signal(signal.SIGINT)
        printed, errors = running_demo.communicate(timeout=20)
        assert running_demo.returncode == 0
        assert printed.splitlines()[-1] == "The demo has ended"
        assert errors == ""

    @pytest.mark.parametrize(
        ("listening", "address"),
        [(("127.0.0.1", 8080), "http://127.0.0.1:8080/"), (("::1", 80), "http://[::1]:80/")],
    )
    def test_prints_an_address_to_click_on(self, listening: tuple[str, int], address: str) -> None:
        class Server:
            effective_listen = (listening,)

        assert server.address(Server()) == address


class TestVisits:
    def test_beyond_the_limit_the_oldest_is_forgotten(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(visits, "MOST_VISITS", 2)
        known = visits.Visits("visit")
        first, second, third = (known.find("") for _ in range(3))
        assert known.find(f"visit={third.token}") is third
        assert known.find(f"visit={second.token}") is second
        assert known.find(f"visit={first.token}") is not first

    @pytest.mark.parametrize("cookies", ["", "a=b", "a@[=]", "\x00", "visit="])
    def test_a_cookie_that_names_none_begins_one(self, cookies: str) -> None:
        assert visits.Visits("visit").find(cookies).log == visits.Visits("visit").find("").log


class TestWording:
    @pytest.mark.parametrize(
        ("seconds", "expected"),
        [
            (-1, "0 s"),
            (0.9, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (896, "14 min 56 s"),
            (3660, "1 h 1 min"),
            (86_400 + 59, "1 d"),
        ],
    )
    def test_of_a_duration(self, seconds: float, expected: str) -> None:
        assert wording.duration(seconds) == expected

    def test_tell_the_date_of_another_day(self, clock: Any) -> None:
        assert re.fullmatch(r"\d\d:\d\d:\d\d", wording.clock_time(clock.now))
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", wording.clock_time(clock.now + 2 * wording.DAY)
        )

    def test_tell_how_often(self) -> None:
        assert [wording.times(number) for number in (1, 2, 3)] == ["once", "twice", "3 times"]


def test_calls_are_counted_in_words() -> None:
    assert wording.calls_in_words(CallCounter()) == "no call to DynamoDB"


def test_an_items_size_counts_names_and_values() -> None:
    attributes: dict[str, dict[str, Any]] = {
        "id": {"S": "ä"},
        "data": {"B": b"123"},
        "touched": {"N": "1795453553.12"},
    }
    assert item_size(attributes) == (2 + 2) + (4 + 3) + (7 + 6 + 1)
