"""The page "Test your site": its programs run in a project of their own, and pass."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from beaker_dynamodb.testing import contract

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with README's site, the shop in Pyramid, and the tests of the page."""
    programs = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    [site] = [program for program in programs if "make_server" in program]
    for name, text in {**FILES, "app.py": site}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for example in ("pyramid/pyramid_shop.py", "shop/shop.py"):
        shutil.copy(ROOT / "examples" / example, tmp_path)
    return tmp_path


def run(project: Path, *arguments: str, **environment: str) -> str:
    options = ["-q", "-p", "no:cacheprovider", "-W", "error::pytest.PytestWarning"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def passed(output: str) -> int:
    number = re.search(r"^(\d+) passed(, \d+ \w+)* in ", output, re.MULTILINE)
    assert number, output
    return int(number[1])


@pytest.mark.exhaustive
def test_its_programs_pass_on_moto(project: Path) -> None:
    [printed] = set(re.findall(r"^(\d+) passed$", PAGE, re.MULTILINE))
    assert passed(run(project, "test_app.py")) == int(printed)
    assert passed(run(project, "test_pyramid_shop.py", "test_cache.py", "test_items.py")) == 3
    assert passed(run(project, "test_contract.py", "-k", "created or revert")) > 10


def test_its_programs_pass_on_dynamodb_local(project: Path, dynamodb_local: str) -> None:
    endpoint = {"BEAKER_DYNAMODB_TEST_ENDPOINT": dynamodb_local}
    files = ["test_app.py", "test_cache.py", "test_items.py"]
    assert passed(run(project, *files, **endpoint)) == 5


@pytest.mark.parametrize(
    ("library", "file", "hint"),
    [
        ("moto", "test_app.py", "the fixture dynamodb_table needs moto: pip install moto;"),
        ("webtest", "test_contract.py", "these tests need WebTest: pip install webtest"),
    ],
)
def test_a_missing_library_is_an_error_that_says_what_to_install(
    project: Path, library: str, file: str, hint: str
) -> None:
    (project / "sitecustomize.py").write_text(f"import sys; sys.modules[{library!r}] = None\n")
    assert hint in run(project, file, PYTHONPATH=f"{project}{os.pathsep}{ROOT}")


def test_its_table_names_each_class() -> None:
    named = set(re.findall(r"`(\w+Contract)`", PAGE))
    assert named == set(contract.__all__) - {"Contract"}
