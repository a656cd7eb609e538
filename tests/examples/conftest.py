"""The examples in a folder of the test's own, with tables of their own."""

import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from beaker import cache

from beaker_dynamodb import create_table
from tests.support.internals import forget_connections

EXAMPLES = Path(__file__).parents[2] / "examples"
OWN = uuid.uuid4().hex[:8]
SESSIONS = f"dynamodb://eu-west-1/sessions-{OWN}?index_keys=user"
PRICES = f"dynamodb://eu-west-1/prices-{OWN}"

#: Copies an example and the shop; returns the example's folder.
Copy = Callable[..., Path]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    def copy_example(framework: str, **replaced: str) -> Path:
        for name in (framework, "shop"):
            shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns(".*"))
        texts = {"shop-sessions": f"sessions-{OWN}", "shop-prices": f"prices-{OWN}", **replaced}
        for path in tmp_path.rglob("*.*"):
            if path.suffix in {".py", ".ini", ".md"}:
                path.write_text(with_texts(path.read_text(encoding="utf-8"), texts))
        return tmp_path / framework

    return copy_example


def with_texts(text: str, replaced: dict[str, str]) -> str:
    for old, new in replaced.items():
        text = text.replace(old, new)
    return text


@pytest.fixture
def environment(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment leads to the test's DynamoDB, as the README of the examples describes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("SESSION_SECRET", "only-for-this-test")
    if "endpoint_url" in dynamodb.options:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.options["endpoint_url"])
    forget_connections()
    # DynamoDB Local answers its first call late on a busy machine.
    create_table(url=SESSIONS, read_timeout=60)
    create_table(url=PRICES, read_timeout=60)
    yield
    forget_connections()


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Lets a test import the modules of a copied example, and those of the shop."""

    def make_importable(folder: Path) -> None:
        monkeypatch.setattr(cache, "cache_managers", {})
        monkeypatch.setattr(cache, "cache_regions", {})
        for path in (folder.parent / "shop", folder):
            monkeypatch.syspath_prepend(path)
            for module in path.glob("*.py"):
                # Imported again: a cached function keeps the first region that it finds.
                monkeypatch.delitem(sys.modules, module.stem, raising=False)

    return make_importable
