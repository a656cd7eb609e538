"""README agrees with the code."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
from beaker.cache import Cache
from webtest import TestApp

from beaker_dynamodb import DynamoDBSession
from beaker_dynamodb.testing.site import Site
from tests.support.internals import options_in
from tests.support.option_table import README, table, table_in
from tests.support.pages import count, log_out
from tests.support.wire import Wire

TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_its_table_of_options_matches_the_options() -> None:
    assert table_in(TEXT) == table(), "run: python -m tests.support.option_table"


@pytest.mark.parametrize("block", blocks("ini"), ids=range(len(blocks("ini"))))
def test_its_ini_lines_are_accepted(block: str, tmp_path: Path) -> None:
    path = tmp_path / "site.ini"
    path.write_text(block if block.startswith("[") else f"[app:main]\n{block}")
    assert options_in(path)
    if "cache.regions" in block:
        assert options_in(path, "short")


@pytest.mark.parametrize("block", blocks("ini"), ids=range(len(blocks("ini"))))
def test_its_ini_lines_protect_the_cookie(block: str) -> None:
    for name in ("secure", "httponly", "samesite", "secret"):
        assert re.search(rf"^(session\.)?{name} = ", block, re.MULTILINE)


def test_its_list_of_permissions_matches_the_calls(dynamodb: Any, wire: Wire) -> None:
    permissions = set(
        re.findall(
            r"`([A-Z][A-Za-z]+)`",
            TEXT.split("credentials need permission for")[1].split("Without the last two")[0],
        )
    )
    site = Site(dynamodb.options, session_class=DynamoDBSession)
    site.request(count)
    site.request(hold)
    site.request(log_out)
    cache = Cache("cache", type="ext:dynamodb", **dynamodb.options)
    cache.get("large", createfunc=lambda: random.Random(1).randbytes(500_000))
    cache.get("large")
    cache.clear()
    assert permissions == set(wire.operations)


def test_its_lock_is_held(dynamodb: Any, create_table: None) -> None:
    [block] = [block for block in blocks("python") if "session.lock()" in block]
    site = Site(dynamodb.options, session_class=DynamoDBSession)
    for _ in range(2):
        site.request(lambda session: exec(block, {"session": session}))
    assert site.request(lambda session: session["seats"]) == 8


def hold(session: Any) -> None:
    session.lock()
    session.unlock()


def test_its_program_runs(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SECRET", "a-secret-of-my-own")
    [program] = [block for block in blocks("python") if "make_server" in block]
    names: dict[str, Any] = {}
    exec(compile(program.split("if __name__")[0], "README.md", "exec"), names)
    settings = {f"session.{name}": value for name, value in dynamodb.options.items()}
    site = names["SessionMiddleware"](names["application"], {**names["settings"], **settings})
    browser = TestApp(site, extra_environ={"wsgi.url_scheme": "https"})
    assert [browser.get("/").text for _ in range(2)] == ["visit 1\n", "visit 2\n"]
