"""The shop in each framework, in this process, with its settings as they are."""

import importlib
import re
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from beaker.cache import region_invalidate
from paste.deploy import loadapp
from webtest import TestApp

from beaker_dynamodb import StoreUnavailable, session_model
from tests.examples.conftest import EXAMPLES, OWN, PRICES, SESSIONS, Copy
from tests.support.wire import Wire

#: The shops' cookies are secure, and WebTest sends such a cookie over https alone.
HTTPS = {"wsgi.url_scheme": "https"}
COOKIE = "beaker.session.id"


def with_ini_file(folder: Path) -> Any:
    return loadapp(f"config:{folder / 'site.ini'}")


def with_main(folder: Path) -> Any:
    return importlib.import_module(f"{folder.name}_shop").main(folder / "site.ini")


def with_name(folder: Path) -> Any:
    return importlib.import_module(f"{folder.name}_shop").app


MAKERS = {
    "pyramid": with_ini_file,
    "turbogears": with_main,
    "bottle": with_main,
    "flask": with_name,
    "wsgi": with_ini_file,
}


class Browser:
    """A visitor of a shop, who follows each redirect."""

    def __init__(self, application: Any) -> None:
        self.app = TestApp(application, extra_environ=HTTPS)

    def see(self) -> str:
        """What the shop's page says."""
        return said(self.app.get("/"))

    def post(self, path: str, **form: str) -> str:
        """As `see`, after a change."""
        return said(self.app.post(path, form).follow())

    @property
    def cookie(self) -> str:
        return self.app.cookies[COOKIE].strip('"')

    def use_cookie(self, value: str) -> None:
        self.app.reset()
        self.app.set_cookie(COOKIE, value)


def said(response: Any) -> str:
    """The page's first paragraph."""
    return str(re.findall(r"<p>(.*)</p>", response.text)[0])


@pytest.fixture(params=MAKERS)
def application(
    request: pytest.FixtureRequest,
    environment: None,
    copy: Copy,
    importable: Callable[[Path], None],
) -> Any:
    folder = copy(request.param)
    importable(folder)
    return MAKERS[request.param](folder)


@pytest.fixture
def browser(application: Any) -> Browser:
    return Browser(application)


@pytest.fixture
def ada(browser: Browser) -> Browser:
    """A visitor who has logged in and put an apple into the basket."""
    browser.post("/login", name=f"ada-{uuid.uuid4().hex}")
    browser.post("/put", article="apple")
    return browser


def basket(page: str) -> str:
    return page.partition("basket: ")[2]


def test_a_visitor_fills_a_basket_logs_in_and_logs_out(browser: Browser) -> None:
    assert browser.see() == "stranger, your basket: empty"
    assert browser.post("/put", article="apple") == "stranger, your basket: 1 apple, 1.20 in all"
    assert browser.post("/login", name="<ada>").startswith("&lt;ada&gt;, your basket: 1 apple")
    browser.post("/put", article="bread")
    assert basket(browser.post("/put", article="apple")) == "2 apple, 1 bread, 5.80 in all"
    assert basket(browser.post("/put", article="no such thing")) == "2 apple, 1 bread, 5.80 in all"
    assert browser.post("/logout") == "stranger, your basket: empty"
    assert browser.see() == "stranger, your basket: empty"


def test_a_page_reads_the_session_and_the_prices_and_writes_nothing(
    ada: Browser, wire: Wire
) -> None:
    with wire.expect("GetItem", "GetItem"):
        ada.see()


def test_two_visitors_are_kept_apart(ada: Browser, application: Any) -> None:
    bob = Browser(application)
    bob.post("/put", article="cheese")
    assert basket(ada.see()) == "1 apple, 1.20 in all"
    assert basket(bob.see()) == "1 cheese, 5.60 in all"


def test_what_overlapping_requests_put_into_a_basket_is_kept(
    ada: Browser, application: Any, wire: Wire
) -> None:
    other = Browser(application)
    other.use_cookie(ada.cookie)

    def put_cheese() -> None:  # in a thread: a request of its own to the framework
        with ThreadPoolExecutor() as pool:
            pool.submit(other.post, "/put", article="cheese").result()

    wire.before_next("PutItem", put_cheese)
    assert basket(ada.post("/put", article="bread")) == "1 apple, 1 cheese, 1 bread, 10.20 in all"


def test_an_old_cookie_opens_nothing_after_the_logout(ada: Browser, application: Any) -> None:
    thief = Browser(application)
    thief.use_cookie(ada.cookie)
    assert basket(thief.see()) == "1 apple, 1.20 in all"
    ada.post("/logout")
    assert thief.see() == "stranger, your basket: empty"


def test_a_login_takes_a_new_id(browser: Browser, application: Any) -> None:
    browser.post("/put", article="apple")
    thief = Browser(application)
    thief.use_cookie(browser.cookie)
    assert basket(browser.post("/login", name="ada")) == "1 apple, 1.20 in all"
    assert thief.see() == "stranger, your basket: empty"


def test_a_logout_everywhere_ends_the_sessions_of_other_browsers(
    browser: Browser, application: Any
) -> None:
    phone, other = Browser(application), Browser(application)
    name = f"ada-{uuid.uuid4().hex}"
    for visitor in (browser, phone):
        visitor.post("/login", name=name)
    other.post("/login", name=f"bob-{name}")
    assert browser.post("/logout-everywhere") == "stranger, your basket: empty"
    assert phone.see() == "stranger, your basket: empty"
    assert other.see().startswith("bob-")


def test_a_stranger_may_log_out_everywhere(browser: Browser) -> None:
    assert browser.post("/logout-everywhere") == "stranger, your basket: empty"


@pytest.mark.parametrize("path", ["/login?name=eve", "/put?article=apple", "/logout"])
def test_a_link_changes_nothing(ada: Browser, path: str) -> None:
    ada.app.get(path, status=[404, 405])
    assert ada.see().startswith("ada-")
    assert basket(ada.see()) == "1 apple, 1.20 in all"


def test_the_cookie_is_protected(browser: Browser) -> None:
    cookies = browser.app.post("/login", {"name": "ada"}).headers.getall("Set-Cookie")
    [cookie] = [cookie for cookie in cookies if COOKIE in cookie]
    parts = {part.strip() for part in cookie.lower().split(";")}
    assert {"secure", "httponly", "samesite=lax"} <= parts


@pytest.mark.parametrize(
    "settings",
    [
        *EXAMPLES.glob("*/site.ini"),
        *EXAMPLES.glob("flask/*.py"),
        EXAMPLES / "lambda/lambda_shop.py",
    ],
    ids=lambda path: path.parent.name,
)
def test_the_settings_set_all_four_of_the_cookie(settings: Path) -> None:
    text = settings.read_text(encoding="utf-8")
    for name in ("secure", "httponly", "samesite", "secret"):
        assert re.search(rf"^[ \"]*(session\.)?{name}\"?(:| =) ", text, re.MULTILINE)


def test_an_id_that_an_attacker_has_chosen_is_not_adopted(browser: Browser) -> None:
    browser.use_cookie("a" * 32)
    browser.post("/put", article="apple")
    assert "a" * 32 not in browser.cookie


def test_the_price_list_is_made_once(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = sys.modules["shop"]
    region_invalidate(shop.price_list, "short", "prices")
    slept: list[float] = []
    monkeypatch.setattr(shop.time, "sleep", slept.append)
    for _ in range(3):
        assert browser.see() == "stranger, your basket: empty"
    assert slept == [0.3]


def test_an_outage_is_an_error_and_keeps_the_cookie(ada: Browser, wire: Wire) -> None:
    for _ in range(3):
        wire.fail_next("GetItem", (500, "InternalServerError"))
    outcome = outcome_of(ada.app)
    assert outcome in {"raised", "500 Internal Server Error", "503 SERVICE UNAVAILABLE"}
    assert basket(ada.see()) == "1 apple, 1.20 in all"


def outcome_of(app: TestApp) -> str:
    try:
        answer = app.get("/", expect_errors=True)
    except StoreUnavailable:
        return "raised"
    assert "Set-Cookie" not in answer.headers
    return str(answer.status)


def test_sessions_and_prices_have_a_table_each(ada: Browser) -> None:
    ada.see()
    assert {row.item for row in session_model(url=SESSIONS).scan()} == {"session"}
    assert "session" not in {row.item for row in session_model(url=PRICES).scan()}


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_the_settings_can_name_a_stand_in(
    dynamodb: Any, copy: Copy, importable: Callable[[Path], None]
) -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^((?:session|cache\.short)\.url) = (.*)$", text, re.MULTILINE)
    assert len(lines) == 2
    folder = copy("bottle")
    ini_file = folder / "site.ini"
    for name, url in lines:
        [old] = re.findall(rf"^{re.escape(name)} = .*$", ini_file.read_text(), re.MULTILINE)
        own = url.replace("shop-", f"{OWN}-").replace(
            "http://127.0.0.1:8000", dynamodb.options["endpoint_url"]
        )
        ini_file.write_text(ini_file.read_text().replace(old, f"{name} = {own}"))
    importable(folder)
    browser = Browser(with_main(folder))
    browser.post("/login", name="ada")
    assert browser.post("/put", article="apple") == "ada, your basket: 1 apple, 1.20 in all"
    assert browser.post("/logout-everywhere") == "stranger, your basket: empty"


def test_no_two_sites_listen_at_one_port() -> None:
    """The demo listens at 8080, and DynamoDB Local at 8000."""
    files = [
        *EXAMPLES.glob("*/*_shop.py"),
        *EXAMPLES.glob("*/site.ini"),
        EXAMPLES / "flask" / "README.md",
        EXAMPLES.parent / "README.md",
    ]
    listening = re.compile(r"(?:port=|listen ?= ?\"?127\.0\.0\.1:|--port |\"127\.0\.0\.1\", )(\d+)")
    ports = [port for path in files for port in listening.findall(path.read_text())]
    assert len({*ports, "8000", "8080"}) == len(ports) + 2 == 8


@pytest.fixture
def flask_shop(environment: None, copy: Copy, importable: Callable[[Path], None]) -> Browser:
    folder = copy("flask")
    importable(folder)
    return Browser(with_name(folder))


class TestFlask:
    def test_keeps_its_own_session_beside_the_one_in_dynamodb(self, flask_shop: Browser) -> None:
        welcome = flask_shop.app.post("/login", {"name": "ada"})
        assert {"session", COOKIE} <= set(flask_shop.app.cookies)
        welcome.follow().mustcontain("ada, your basket: empty", "<p>welcome</p>")
        flask_shop.app.get("/").mustcontain("ada, your basket: empty", no="welcome")

    def test_has_a_page_for_an_outage(self, flask_shop: Browser, wire: Wire) -> None:
        flask_shop.post("/login", name="ada")
        for _ in range(3):
            wire.fail_next("GetItem", (500, "InternalServerError"))
        assert flask_shop.app.get("/", status=503).text == "Please try again in a minute.\n"
