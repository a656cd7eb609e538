"""The command: its options, what it prints, and how it fails."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import beaker_dynamodb
from beaker_dynamodb import __main__, session_model
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.options import names_of
from beaker_dynamodb.table import TableDefinition

Ini = Callable[[str], Path]


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def lines_of(result: Result) -> list[str]:
    return result.output.splitlines()


@pytest.fixture
def credentials(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment: no option takes them."""
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        monkeypatch.setenv(name.upper(), dynamodb.options[name])


@pytest.fixture
def place(dynamodb: Any, credentials: None) -> dict[str, str]:
    """The options that name the test's table."""
    return {
        name: value for name, value in dynamodb.options.items() if name not in names_of("secret")
    }


@pytest.fixture
def ini(tmp_path: Path) -> Ini:
    """Writes an ini file."""

    def write(content: str) -> Path:
        path = tmp_path / "site.ini"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def arguments(options: dict[str, str]) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]


def section(options: dict[str, str], prefix: str = "session.") -> str:
    lines = [f"{prefix}{name} = {value}" for name, value in options.items()]
    return "\n".join(["[app:main]", f"{prefix}type = ext:dynamodb", *lines, ""])


class TestCreateTable:
    def test_creates_the_table_and_says_so(self, place: dict[str, str]) -> None:
        result = run("create-table", *arguments(place))
        assert result.exit_code == 0
        assert lines_of(result) == [
            "table created",
            "TTL switched on",
            f"table {place['table_name']} in us-east-1 is ready: created",
        ]

    def test_says_that_the_table_was_there(self, place: dict[str, str]) -> None:
        run("create-table", *arguments(place))
        result = run("create-table", *arguments(place))
        assert result.exit_code == 0
        assert lines_of(result)[-1].endswith("is ready: it existed")

    def test_takes_the_names_and_units_of_the_table(self, dynamodb: Any, place: Any) -> None:
        names = {"hash_key": "pk", "range_key": "sk", "ttl_attribute": "until"}
        units = {"read_capacity_units": "3", "write_capacity_units": "2"}
        assert run("create-table", *arguments({**place, **names, **units})).exit_code == 0
        model = session_model(**dynamodb.options, **names)
        table = model.describe_table()
        state = TableDefinition(model).describe()
        assert state is not None
        assert state.keys == (("pk", "S"), ("sk", "S"))
        assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
        assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 2

    def test_takes_a_url(self, place: dict[str, str]) -> None:
        url = f"dynamodb://{place['region']}/{place['table_name']}"
        if "endpoint_url" in place:
            url += f"?endpoint_url={place['endpoint_url']}"
        result = run("create-table", "--url", url)
        assert lines_of(result)[-1].startswith(f"table {place['table_name']} in us-east-1 is ready")

    @pytest.mark.parametrize("prefix", ["session.", "beaker.session."])
    def test_takes_an_ini_file(self, place: dict[str, str], ini: Ini, prefix: str) -> None:
        result = run("create-table", "--ini", ini(section(place, prefix)))
        assert lines_of(result)[-1].startswith(f"table {place['table_name']} in us-east-1 is ready")

    def test_takes_credentials_from_an_ini_file(self, dynamodb: Any, ini: Ini) -> None:
        result = run("create-table", "--ini", ini(section(dynamodb.options)))
        assert result.exit_code == 0

    def test_lets_the_command_line_win(self, place: dict[str, str], ini: Ini) -> None:
        config = ini(section({**place, "table_name": "another"}))
        table = place["table_name"]
        result = run("create-table", "--ini", config, "--table-name", table)
        assert lines_of(result)[-1].startswith(f"table {table} in")

    def test_prints_an_error_in_one_line(self, place: dict[str, str]) -> None:
        run("create-table", *arguments(place))
        result = run("create-table", *arguments(place), "--hash-key", "pk")
        assert result.exit_code == 1
        assert lines_of(result)[-1].startswith("Error: the table has the keys id (S)")


class TestItsOptions:
    def test_are_those_that_matter_to_a_table(self) -> None:
        given = {name for option in command.commands["create-table"].params for name in option.opts}
        names = {*names_of("table"), *names_of("client"), "host"} - {*names_of("secret")}
        words = {f"--{name.replace('_', '-')}" for name in names}
        settings = {"--point-in-time-recovery", "--deletion-protection", "--kms-key", "--tag"}
        assert given == words | settings | {"--url", "--ini", "--dry-run", "--json"}

    def test_include_no_secret(self) -> None:
        assert "aws" not in run("create-table", "--help").output.replace("the AWS chain", "")
        assert run("create-table", "--aws-secret-access-key", "x").exit_code == 2

    def test_have_their_meaning_and_default_in_the_help(self) -> None:
        words = " ".join(run("create-table", "--help").output.split())
        assert "name of the table's partition key attribute [default: id]" in words
        assert "--connect-timeout SECONDS how long one attempt waits" in words

    def test_are_checked_as_in_an_ini_file(self) -> None:
        result = run("create-table", "--read-capacity-units", "many")
        assert result.exit_code == 2
        assert lines_of(result) == [
            "Error: option read_capacity_units must be a whole number from 1 to 1000000, not 'many'"
        ]

    def test_are_given_by_a_file_or_a_url_but_not_both(self, ini: Ini) -> None:
        config = ini(section({}))
        result = run("create-table", "--ini", config, "--url", "dynamodb://eu-west-1/beaker")
        assert result.exit_code == 2
        assert "not both" in result.output


def test_an_ini_file_with_an_unknown_option_is_an_error_that_names_the_nearest(ini: Ini) -> None:
    result = run("create-table", "--ini", ini(section({"tabel_name": "a"})))
    assert result.exit_code == 2
    assert lines_of(result) == [
        "Error: unknown option session.tabel_name = 'a': did you mean session.table_name?"
    ]


def test_an_ini_file_that_is_missing_is_an_error() -> None:
    assert run("create-table", "--ini", "nowhere.ini").exit_code == 2


class TestTheCommand:
    def test_prints_its_version(self) -> None:
        assert run("--version").output == f"beaker-dynamodb {beaker_dynamodb.__version__}\n"

    @pytest.mark.parametrize(
        ("library", "module"), [("click", "commands"), ("rich.table", "output")]
    )
    def test_names_the_extra_if_a_library_is_missing(
        self, monkeypatch: pytest.MonkeyPatch, library: str, module: str
    ) -> None:
        monkeypatch.setitem(sys.modules, library.split(".", maxsplit=1)[0], None)
        monkeypatch.setitem(sys.modules, library, None)
        for name in ("commands", "create", module):
            monkeypatch.delitem(sys.modules, f"beaker_dynamodb.cli.{name}", raising=False)
        with pytest.raises(SystemExit, match=r"pip install 'beaker-dynamodb\[cli\]'"):
            __main__.main()

    def test_hides_no_other_missing_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "configparser", None)
        for name in ("configuration", "choice", "create", "commands"):
            monkeypatch.delitem(sys.modules, f"beaker_dynamodb.cli.{name}")
        with pytest.raises(ModuleNotFoundError, match="configparser"):
            __main__.main()

    def test_runs_as_a_module_and_prints_errors_to_stderr(self) -> None:
        arguments = ["create-table", "--region=eu-west-1", "--endpoint-url=http://127.0.0.1:9"]
        credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
        done = subprocess.run(
            [sys.executable, "-m", "beaker_dynamodb", *arguments, "--max-retries=0"],
            env={**os.environ, **credentials},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("Error: DynamoDB could not be reached")
        assert len(done.stderr.splitlines()) == 1


class TestHelp:
    """The capacity of a table has an effect only where a table is defined."""

    @pytest.mark.parametrize("name", ["create-table", "cloudformation", "terraform", "cdk"])
    def test_offers_a_capacity_where_a_table_is_defined(self, name: str) -> None:
        assert "--billing-mode" in run(name, "--help").output

    @pytest.mark.parametrize("name", ["doctor", "stats", "purge", "show", "migrate", "iam-policy"])
    def test_offers_no_capacity_elsewhere(self, name: str) -> None:
        result = run(name, "--billing-mode", "provisioned")
        assert result.exit_code == 2
        assert "No such option" in result.output
