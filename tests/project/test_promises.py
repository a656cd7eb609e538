"""Every promise in CONTRIBUTING.md has a test that exists."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BEGIN, END = "<!-- promises -->", "<!-- end of promises -->"


def promises() -> dict[str, str]:
    """The test ids in CONTRIBUTING.md, by their promises."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = text.split(BEGIN)[1].split(END)[0].strip().splitlines()
    rows = [line.strip("|").split("|") for line in lines[2:]]
    return {promise.strip(): test.strip(" `") for promise, test in rows}


def names_in(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    definitions = (ast.ClassDef, ast.FunctionDef)
    return {node.name: node for node in body if isinstance(node, definitions)}


@pytest.mark.parametrize(("promise", "test"), promises().items(), ids=promises())
def test_a_promise_has_a_test_that_exists(promise: str, test: str) -> None:
    path, *names = test.split("::")
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    for name in names:
        found = names_in(body).get(name)
        assert found, f"{test} does not exist: {promise}"
        body = getattr(found, "body", [])
