"""The page "In production": its first sections are repeated, and print what the page says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb import StoreUnavailable, create_table, statistics
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.startup import prepare_sessions
from beaker_dynamodb.testing.site import Site
from tests.support.internals import forget_connections

PAGE = (Path(__file__).parents[2] / "docs" / "production.md").read_text(encoding="utf-8")
SECTIONS = PAGE.split("\n## ")

pytestmark = pytest.mark.parametrize("dynamodb", ["moto"], indirect=True)


def blocks(language: str, title: str) -> list[str]:
    [section] = [section for section in SECTIONS if section.startswith(f"{title}\n")]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def commands(title: str) -> list[tuple[str, str]]:
    """The calls of this package's command in a section, each with its output."""
    parts = "".join(blocks("console", title)).split("$ ")
    pairs = [part.partition("\n")[::2] for part in parts]
    return [(line, output) for line, output in pairs if line.startswith("beaker-dynamodb")]


def run(line: str) -> str:
    return CliRunner().invoke(command, shlex.split(line)[1:], prog_name="beaker-dynamodb").output


def without_times(output: str) -> str:
    """The output without what differs from run to run, and the width of a table's column."""
    return re.sub(r"[\d.]+ ms", "some ms", re.sub(r"[━ ]+", " ", output))


@pytest.fixture
def folder(dynamodb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the page's ini file, and credentials in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    [ini] = blocks("ini", "Create the table")
    table = dynamodb.options["table_name"]
    (tmp_path / "production.ini").write_text(ini.replace("= sessions\n", f"= {table}\n"))
    forget_connections()
    # The page is not about how busy this machine is.
    monkeypatch.setattr("beaker_dynamodb.admin.doctor.SLOW_READ", 60)
    yield tmp_path
    forget_connections()  # which have these credentials


def test_its_commands_print_what_it_says(dynamodb: Any, folder: Path) -> None:
    for line, output in [*commands("Create the table"), *commands("Check it")]:
        printed = run(line).replace(dynamodb.options["table_name"], "sessions")
        expected = [without_times(part) for part in output.split("...\n")]
        assert all(part in without_times(printed) for part in expected), printed


def test_its_program_prints_the_findings(
    dynamodb: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [program] = blocks("python", "Check it at each start")
    program = program.replace('"sessions"', repr(dynamodb.options["table_name"]))
    exec(compile(program, "docs/production.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[2].startswith("warning table table")


def test_its_table_names_each_finding(dynamodb: Any, folder: Path) -> None:
    for line, _ in commands("Create the table"):
        run(line)
    [section] = [section for section in SECTIONS if section.startswith("Check it\n")]
    named = re.findall(r"^\| `([a-z ]+)` \|", section, re.MULTILINE)
    printed = run("beaker-dynamodb doctor --ini production.ini")
    assert set(named) - {"cipher", "index"} == set(re.findall(r"│ ok +│ ([a-z ]+?) +│", printed))


def test_its_program_logs_a_user_out_everywhere(dynamodb: Any, folder: Path) -> None:
    options = {**dynamodb.options, "index_keys": "user_id"}
    create_table(**options)
    site = Site(options)
    here, there = (site.visitor(user_id=42) for _ in range(2))
    [program] = blocks("python", "Log a user out everywhere")
    url = f"us-east-1/{dynamodb.options['table_name']}?"
    program = program.replace("eu-west-1/sessions?", url)
    here.visit(lambda session: exec(program, {"session": session}))
    assert here.read() == {"user_id": 42}
    assert there.read() == {}


def test_its_counters_are_all_and_in_order(dynamodb: Any) -> None:
    shown = "".join(blocks("python", "Watch"))
    assert tuple(re.findall(r"'(\w+)':", shown)) == tuple(statistics())
    [section] = [section for section in SECTIONS if section.startswith("Watch\n")]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(statistics())


def test_its_function_receives_an_error(
    dynamodb: Any, folder: Path, wire: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    create_table(**dynamodb.options)
    [program] = [block for block in blocks("python", "Watch") if "def note" in block]
    names: dict[str, Any] = {}
    exec(program, names)
    site = Site(dynamodb.options, max_retries=0, on_error=names["note"])
    visitor = site.visitor(user_id=42)
    wire.fail_next("GetItem", (503, "ServiceUnavailable"))
    with pytest.raises(StoreUnavailable):
        visitor.read()
    assert capsys.readouterr().out.startswith(
        "StoreUnavailable ServiceUnavailable DynamoDB refused"
    )


def test_its_settings_of_a_fallback_are_accepted(dynamodb: Any) -> None:
    [ini] = blocks("ini", "Migrate")
    pairs = [line.split(" = ") for line in ini.split("\n   ") if " = " in line]
    prepare_sessions({name.strip(): value.strip() for name, value in pairs})


def test_its_policy_is_printed(dynamodb: Any, folder: Path) -> None:
    [(line, output), (_, _)] = commands("Policies and templates")
    assert run(line).replace(dynamodb.options["table_name"], "sessions") == output
