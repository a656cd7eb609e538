"""The programs in the pages of docs run."""

import configparser
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from beaker import cache
from beaker.util import parse_cache_config_options
from webtest import TestApp

from beaker_dynamodb import SessionMiddleware
from tests.support.wire import Wire

DOCS = Path(__file__).parent.parent.parent / "docs"


def blocks(language: str, page: str = "caches.md") -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


class SlowService(ModuleType):
    """The module of a page's program; it records the calls of the slow service."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("page")
        self.calls: list[str] = []
        monkeypatch.setitem(sys.modules, "page", self)

    def run(self, block: str) -> None:
        vars(self)["ask_the_slow_service"] = self._answer
        exec(compile(block, "docs/caches.md", "exec"), vars(self))

    def _answer(self, article: str) -> float:
        self.calls.append(article)
        return 1.5


def test_the_page_for_an_outage(dynamodb: Any, create_table: None, wire: Wire) -> None:
    [block] = blocks("python", "reliability.md")
    page: dict[str, Any] = {}
    exec(compile(block, "docs/reliability.md", "exec"), page)

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["beaker.session"]["n"] = 1
        environ["beaker.session"].save()
        start_response("200 OK", [])
        return [b"page"]

    options = {**dynamodb.options, "type": "ext:dynamodb", "max_retries": 0}
    settings = {f"session.{name}": value for name, value in options.items()}
    site = TestApp(page["OutagePage"](SessionMiddleware(application, settings)))
    assert site.get("/").text == "page"
    wire.fail_next("GetItem", (500, "InternalServerError"))
    assert site.get("/", status=503).text == "Please try again in a minute."
    assert site.get("/").text == "page"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> SlowService:
    monkeypatch.setattr(cache, "cache_regions", {})
    monkeypatch.setattr(cache, "cache_managers", {})
    return SlowService(monkeypatch)


def test_the_decorated_function(
    service: SlowService, dynamodb: Any, create_table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = blocks("python")[0].replace('"beaker-example"', repr(dynamodb.options["table_name"]))
    others = {name: value for name, value in dynamodb.options.items() if name != "table_name"}
    lines = "".join(f'settings["cache.{name}"] = {value!r}\n' for name, value in others.items())
    service.run(block.replace("cache = Cache", f"{lines}cache = Cache"))
    assert [service.price("apple") for _ in range(3)] == [1.5] * 3
    service.cache.invalidate(service.price, "prices", "apple")
    assert service.price("apple") == 1.5
    assert service.calls == ["apple", "apple"]


def test_the_region(service: SlowService, dynamodb: Any, create_table: None, wire: Wire) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(f"[app]\n{blocks('ini')[0]}")
    settings = {
        name: value.replace("beaker-example", dynamodb.options["table_name"])
        for name, value in parser.items("app")
    }
    others = {name: value for name, value in dynamodb.options.items() if name != "table_name"}
    settings |= {f"cache.short.{name}": value for name, value in others.items()}
    cache.CacheManager(**parse_cache_config_options(settings))
    service.run(blocks("python")[1])
    wire.clear()
    assert [service.price("apple") for _ in range(2)] == [1.5] * 2
    assert wire.operations == ["GetItem", "UpdateItem", "PutItem", "GetItem"]
    assert service.calls == ["apple"]
