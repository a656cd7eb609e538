"""The example applications, run with their ini files unchanged."""

import importlib
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from beaker import cache
from paste.deploy import loadapp
from webtest import TestApp

from beaker_dynamodb import StoreUnavailable, create_table, session_model
from tests.support.internals import forget_connections
from tests.support.wire import Wire

#: The sites' cookies are secure, and WebTest sends such a cookie over https alone.
HTTPS = {"wsgi.url_scheme": "https"}
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
TABLE = {"region": "eu-west-1", "table_name": "beaker-example"}


@pytest.fixture
def environment(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment leads to the test's DynamoDB, as README describes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    if "endpoint_url" in dynamodb.options:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.options["endpoint_url"])
    forget_connections()
    create_table(**dict[str, Any](TABLE))
    yield
    forget_connections()


@pytest.fixture(params=["pyramid", "turbogears", "bottle"])
def framework(
    request: pytest.FixtureRequest, environment: None, monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setattr(cache, "cache_managers", {})
    monkeypatch.setattr(cache, "cache_regions", {})
    monkeypatch.syspath_prepend(EXAMPLES / request.param)
    return str(request.param)


@pytest.fixture
def module(framework: str) -> Any:
    """Imported again: a cached function keeps the first region that it finds."""
    name = f"{framework}_site"
    loaded = importlib.import_module(name)
    return importlib.reload(loaded)


@pytest.fixture
def application(framework: str, module: Any) -> Any:
    ini_file = EXAMPLES / framework / "site.ini"
    return loadapp(f"config:{ini_file}") if framework == "pyramid" else module.main(ini_file)


@pytest.fixture
def browser(application: Any) -> TestApp:
    return TestApp(application, extra_environ=HTTPS)


def test_a_user_logs_in_returns_and_logs_out(browser: TestApp) -> None:
    assert browser.get("/").text == "nobody is logged in\n"
    assert browser.get("/login?name=alice").text == "welcome, alice\n"
    assert browser.get("/login?name=alice").text == "welcome, alice\n"
    assert browser.get("/").text == "alice, visits: 2\n"
    assert browser.get("/logout").text == "logged out\n"
    assert browser.get("/").text == "nobody is logged in\n"


def test_a_page_that_only_reads_is_one_read(browser: TestApp, wire: Wire) -> None:
    browser.get("/login?name=alice")
    with wire.expect("GetItem"):
        browser.get("/")


def test_two_users_are_kept_apart(application: Any) -> None:
    alice, bob = (TestApp(application, extra_environ=HTTPS) for _ in range(2))
    alice.get("/login?name=alice")
    bob.get("/login?name=bob")
    assert alice.get("/").text == "alice, visits: 1\n"
    assert bob.get("/").text == "bob, visits: 1\n"


def test_an_old_cookie_opens_nothing_after_the_logout(application: Any) -> None:
    browser, thief = (TestApp(application, extra_environ=HTTPS) for _ in range(2))
    browser.get("/login?name=alice")
    thief.set_cookie("beaker.session.id", browser.cookies["beaker.session.id"])
    assert thief.get("/").text == "alice, visits: 1\n"
    browser.get("/logout")
    assert thief.get("/").text == "nobody is logged in\n"


def test_the_cookie_is_protected(browser: TestApp) -> None:
    cookie = browser.get("/login?name=alice").headers["Set-Cookie"].lower()
    assert {"secure", "httponly", "samesite=lax"} <= {part.strip() for part in cookie.split(";")}


def test_an_id_that_an_attacker_has_chosen_is_not_adopted(browser: TestApp) -> None:
    browser.set_cookie("beaker.session.id", "a" * 32)
    browser.get("/login?name=alice")
    assert "a" * 32 not in browser.cookies["beaker.session.id"]


def test_a_slow_function_runs_once(
    browser: TestApp, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = uuid.uuid4().int
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    answers = [browser.get(f"/square?number={number}").text for _ in range(2)]
    assert answers == [f"{number * number}\n"] * 2
    assert slept == [0.1]


def test_an_outage_is_an_error_and_keeps_the_cookie(
    browser: TestApp, application: Any, wire: Wire
) -> None:
    browser.get("/login?name=alice")
    for _ in range(3):
        wire.fail_next("GetItem", (500, "InternalServerError"))
    outcome = outcome_of(browser)
    assert outcome in {"raised", "500 Internal Server Error"}
    assert browser.get("/").text == "alice, visits: 1\n"


def outcome_of(browser: TestApp) -> str:
    try:
        answer = browser.get("/", expect_errors=True)
    except StoreUnavailable:
        return "raised"
    assert "Set-Cookie" not in answer.headers
    return str(answer.status)


def test_sessions_and_caches_share_one_table(browser: TestApp, dynamodb: Any) -> None:
    browser.get("/login?name=alice")
    browser.get(f"/square?number={uuid.uuid4().int}")
    items = {row.item for row in session_model(**TABLE).scan()}
    assert "session" in items
    assert len(items) > 1


def test_no_two_sites_listen_at_one_port() -> None:
    """The demo listens at 8080, and DynamoDB Local at 8000."""
    files = [
        *EXAMPLES.glob("*/*_site.py"),
        EXAMPLES / "pyramid/site.ini",
        EXAMPLES / "../README.md",
    ]
    listening = re.compile(r"(?:port=|listen = 127\.0\.0\.1:|make_server\(\"127\.0\.0\.1\", )(\d+)")
    ports = [port for path in files for port in listening.findall(path.read_text())]
    assert len({*ports, "8000", "8080"}) == len(ports) + 2 == 6
