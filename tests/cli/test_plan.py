"""`plan`: its options, its tables, its JSON and its advice."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from beaker_dynamodb.cli.commands import command

PAGE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
SHORT = ("--hours", "0.1")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(command, ["plan", *SHORT, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def read(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").output)


def test_prints_calls_bills_and_partitions() -> None:
    lines = run("--rate", "500", "--compression", "dictionary").output.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert ["session reads", "500", "500", "0"] in rows
    assert ["all", "717", "500", "217"] in rows
    assert ["on demand", "164.25", "355.88", "0.00", "520.13"] in rows
    assert "3.2 MB stored; 1 partition, the busiest at 38% of its limits" in lines
    assert lines[-1] == "throttled: nothing"
    assert not any("served units" in line for line in lines)


def test_prints_json() -> None:
    found = read("--rate", "500", "--eventual", "--changes", "0.2", "--active", "0")
    assert found["units"] == {"read": 250, "write": 200}
    assert found["uses"][1]["calls"] == 100
    assert found["on_demand"]["total"] == pytest.approx(sum(list(found["on_demand"].values())[:3]))
    assert found["ramp"]["moments"][0]["served"] == {"read": 250, "write": 200}


def test_stored_sessions_are_those_in_use_unless_given() -> None:
    assert read("--rate", "100", "--stored", "750")["size"] == 1_000_000
    assert read("--rate", "1", "--stored", "750", "--sessions", "5000000")["size"] == 5e9


def test_a_hot_cache_needs_shards() -> None:
    cache = "prices,hits=2500,creations=10,size=10000"
    result = run("--rate", "100", "--cache", cache)
    assert "cache prices: set shards = 4" in result.output.splitlines()
    calm = run("--rate", "100", "--cache", f"{cache},shards=4").output
    assert "set shards" not in calm


def test_a_hot_key_needs_another_place() -> None:
    lines = run("--rate", "100", "--cache", "one,hits=4000,keys=1").output.splitlines()
    assert lines[-1].startswith("cache one: too few keys for shards")


def test_a_new_table_should_be_warm_before_a_launch() -> None:
    lines = run("--rate", "100000").output.splitlines()
    assert any(line.startswith("│ 5.0 min │") for line in lines)
    [warm] = [line for line in lines if "--warm-throughput" in line]
    assert "--table-name beaker " in warm
    assert "ReadUnitsPerSecond=100000,WriteUnitsPerSecond=86667" in warm
    assert lines[-1].startswith("ask AWS for a higher quota")
    ready = run("--rate", "100000", "--warm", "100000:86667").output
    assert "throttled: nothing" in ready
    assert "--warm-throughput" not in ready


def test_a_provisioned_table() -> None:
    arguments = ("--rate", "5000", "--billing", "provisioned")
    assert "throttled: nothing" in run(*arguments).output
    small = run(*arguments, "--provisioned", "100:100").output
    assert "provisioned table that begins with 100 read and 100 write units" in small
    assert "still at the end" in small


def test_a_global_table_costs_a_write_in_each_region() -> None:
    one, three = (read("--rate", "10", "--regions", regions) for regions in ("1", "3"))
    assert three["on_demand"]["writes"] == pytest.approx(3 * one["on_demand"]["writes"])
    assert "1 partition in each of 3 regions" in run("--rate", "10", "--regions", "3").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--rate'"),
        (("--rate", "1", "--changes", "2"), "'--changes'"),
        (("--rate", "1", "--warm", "12000"), "the form is READS:WRITES"),
        (("--rate", "1", "--warm", "0:1"), "the form is READS:WRITES"),
        (("--rate", "1", "--cache", "prices,hits"), "the form is NAME,hits=2500"),
        (("--rate", "1", "--cache", "prices,hits=many"), "the form is NAME,hits=2500"),
        (("--rate", "1", "--cache", "prices,misses=1"), "the form is NAME,hits=2500"),
        (("--rate", "1", "--cache", "prices,shards=0"), "at least one shard"),
        (("--rate", "1", "--cache", "prices,hits=-50"), "hits must be a finite number"),
        (("--rate", "1", "--cache", "prices,size=-9"), "size must be a finite number"),
        (("--rate", "1", "--cache", "prices,hits=nan"), "hits must be a finite number"),
        (("--rate", "nan"), "nan is not a finite number"),
        (("--rate", "inf"), "inf is not a finite number"),
        (("--rate", "1", "--warm", "nan:5"), "the form is READS:WRITES"),
        (("--rate", "1", "--provisioned", "5:5"), "needs --billing provisioned"),
        (("--rate", "1", "--billing", "provisioned", "--warm", "5:5"), "for on-demand tables"),
    ],
)
def test_a_wrong_option_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    [line] = result.output.splitlines()
    assert message in line


class TestThePage:
    """docs/scale.md shows what the command prints."""

    @pytest.mark.parametrize(
        ("line", "output"), re.findall(r"```console\n\$ beaker-dynamodb (.*)\n([^`]*)```", PAGE)
    )
    def test_its_output(self, line: str, output: str) -> None:
        assert CliRunner().invoke(command, shlex.split(line)).output == output

    def test_its_figures(self) -> None:
        rows = re.findall(r"^\| ([\d,]+) \| (.*) \|$", PAGE, re.MULTILINE)
        assert rows[4][0] == "1,000,000"
        for rate, figures in rows[:5]:
            assert figures == " | ".join(figures_of(rate.replace(",", "")))


def figures_of(rate: str) -> list[str]:
    """A line of the page's table."""
    dictionary = ("--rate", rate, "--compression", "dictionary")
    plan = read(*dictionary, "--hours", "5")
    zlib, eventual = read("--rate", rate), read(*dictionary, "--eventual")
    bills = (zlib["on_demand"], plan["on_demand"], eventual["on_demand"], plan["provisioned"])
    figures = (plan["units"]["read"], plan["units"]["write"], *(bill["total"] for bill in bills))
    shown = [f"{figure:,.0f}" for figure in figures]
    return [*shown, f"{plan['partitions']}", in_words(plan["ramp"]["full"])]


def in_words(seconds: float) -> str:
    if not seconds:
        return "never"
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"
