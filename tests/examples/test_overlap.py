"""The example that shows the races, and the table of them in the docs."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugin import DynamoDB

ROOT = Path(__file__).parent.parent.parent
BEGIN, END = "<!-- cases -->\n", "<!-- end of cases -->\n"


@pytest.fixture
def overlap(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "overlap"))
    return importlib.import_module("overlap")


def test_dynamodb_wins_every_race(overlap: Any, dynamodb: DynamoDB, create_table: None) -> None:
    backend = overlap.Backend("ext:dynamodb")
    backend.options = dynamodb.options
    assert overlap.outcomes(backend) == [well for well, _ in overlap.RACES.values()]


def test_memory_loses_every_race(overlap: Any) -> None:
    assert overlap.outcomes(overlap.Backend("memory")) == [ill for _, ill in overlap.RACES.values()]


def test_the_docs_show_its_output(overlap: Any, capsys: pytest.CaptureFixture[str]) -> None:
    overlap.main([])
    docs = (ROOT / "docs" / "overlap.md").read_text(encoding="utf-8")
    shown = docs.partition(BEGIN)[2].partition(END)[0]
    assert shown == capsys.readouterr().out
