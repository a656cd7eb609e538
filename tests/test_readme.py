"""README says what the code says."""

import configparser
import re
from typing import Any

import pytest
from beaker.middleware import SessionMiddleware
from webtest import TestApp

from beaker_dynamodb.options import parse_options
from tests.support.option_table import README, table, table_in

TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_its_table_of_options_is_the_options() -> None:
    assert table_in(TEXT) == table(), "run: python -m tests.support.option_table"


@pytest.mark.parametrize("block", blocks("ini"), ids=range(len(blocks("ini"))))
def test_its_ini_lines_are_accepted(block: str) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(block if block.startswith("[") else f"[app:main]\n{block}")
    lines = [line for section in parser.sections() for line in parser.items(section)]
    for name, value in lines:
        _, _, option = re.sub(r"^(cache|session)\.(short\.)?", r"\1 ", name).partition(" ")
        if option not in {"use", "expire"}:
            assert parse_options({option: value})


def test_its_program_runs(engine: Any) -> None:
    [program] = [block for block in blocks("python") if "SessionMiddleware(" in block]
    names: dict[str, Any] = {}
    exec(compile(program.split("if __name__")[0], "README.md", "exec"), names)
    settings = {f"session.{name}": value for name, value in engine.options.items()}
    browser = TestApp(SessionMiddleware(names["application"], {**names["settings"], **settings}))
    assert [browser.get("/").text for _ in range(2)] == ["visit 1\n", "visit 2\n"]
