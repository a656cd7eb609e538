"""The fixtures of `beaker_dynamodb.testing`, used as by a site."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from webtest import TestApp

from beaker_dynamodb import SessionMiddleware, session_model
from beaker_dynamodb.testing import FreshTable
from tests.support.internals import forget_connections

ROOT = Path(__file__).parents[2]


def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    session = environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(session["visits"]).encode()]


def visit(table: FreshTable, times: int = 1) -> list[str]:
    browser = TestApp(SessionMiddleware(page, table.settings()))
    return [browser.get("/").text for _ in range(times)]


def items(table: FreshTable) -> list[Any]:
    return list(session_model(**table.options).scan())


class TestATable:
    names: ClassVar[set[str]] = set()

    @pytest.mark.parametrize("run", [1, 2])
    def test_is_empty_and_of_the_test_alone(self, dynamodb_table: FreshTable, run: int) -> None:
        assert items(dynamodb_table) == []
        assert visit(dynamodb_table, 2) == ["1", "2"]
        assert len(items(dynamodb_table)) == 1
        assert dynamodb_table.options["table_name"] not in self.names
        self.names.add(dynamodb_table.options["table_name"])

    def test_may_be_deleted_by_the_test(self, dynamodb_table: FreshTable) -> None:
        session_model(**dynamodb_table.options).delete_table()

    def test_gives_settings_with_any_prefix(self, dynamodb_table: FreshTable) -> None:
        settings = dynamodb_table.settings("cache.short.")
        assert settings["cache.short.type"] == "ext:dynamodb"
        assert settings.keys() == {f"cache.short.{name}" for name in dynamodb_table.options}


@pytest.fixture
def developers_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_PROFILE", "a-profile-of-the-developer")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget_connections()  # which were made without these settings
    yield
    forget_connections()


@pytest.mark.usefixtures("developers_settings")
class TestTheDevelopersSettings:
    def test_do_not_lead_away_from_moto(self, dynamodb_table: FreshTable) -> None:
        assert visit(dynamodb_table) == ["1"]


def test_a_table_in_dynamodb_local_is_deleted_after_the_test(
    dynamodb_local: str, tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["beaker_dynamodb.testing"]\n')
    (tmp_path / "test_table.py").write_text(
        "def test(dynamodb_table):\n    print(dynamodb_table.options['table_name'])\n"
    )
    endpoint = {"BEAKER_DYNAMODB_TEST_ENDPOINT": dynamodb_local, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=tmp_path,
        env={**os.environ, **endpoint},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    name = done.stdout.splitlines()[0].strip()
    options = {"region": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "a"}
    model = session_model(**options, endpoint_url=dynamodb_local, table_name=name)
    assert name.startswith("test-")
    assert not model.exists()
