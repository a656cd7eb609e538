"""The documents have the figures of the run that is kept in benchmarks/results."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.documents import DOCUMENTS, TABLES, with_tables
from benchmarks.peers.results import REQUEST_TIMES, kept

ROOT = Path(__file__).parents[2]
RAW = "https://raw.githubusercontent.com/beaker-dynamodb/beaker-dynamodb/main/"
RESULTS = kept()
STORES: dict[str, dict[str, Any]] = {store["name"]: store for store in RESULTS["stores"]}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_the_tables_of_the_results(name: str) -> None:
    text = text_of(name)
    assert text == with_tables(text, RESULTS), "run: python -m benchmarks.peers --draw"


def test_each_table_is_in_a_document() -> None:
    names = re.findall(r"<!-- benchmark: (\w+) -->", "".join(map(text_of, DOCUMENTS)))
    assert sorted(names) == sorted(TABLES)


def test_each_plot_of_a_document_is_there() -> None:
    for name in ("README.md", *DOCUMENTS):
        plots = re.findall(r"!\[[^\]]*\]\(([^)]+\.svg)\)", text_of(name))
        assert [plot for plot in plots if not plot_of(name, plot).exists()] == []


def plot_of(document: str, plot: str) -> Path:
    """The file of a plot. README names it by a URL, because PyPI shows README alone."""
    if plot.startswith(RAW):
        return ROOT / plot.removeprefix(RAW)
    return (ROOT / document).parent / plot


@pytest.mark.parametrize(("reads", "most"), [("", 0.21), (", eventual", 0.15)])
def test_the_trace_costs_what_was_promised(reads: str, most: float) -> None:
    store = STORES[f"ext:dynamodb, dictionary = auto{reads}"]
    assert store["usd_per_million_requests"] <= most


def test_the_cost_is_that_of_the_units() -> None:
    price, requests = RESULTS["dollars_per_million"], RESULTS["trace"]["requests"]
    for store in STORES.values():
        dollars = store["read_units"] * price["read unit"]
        dollars += store["write_units"] * price["write unit"]
        assert store["usd_per_million_requests"] == pytest.approx(dollars / requests, abs=1e-4)


def test_the_cpu_time_is_that_of_the_requests() -> None:
    times: dict[str, list[int]] = {}
    with REQUEST_TIMES.open(encoding="utf-8") as file:
        for name, _, *of_user in list(csv.reader(file))[1:]:
            times.setdefault(name, []).extend(map(int, of_user))
    assert times.keys() == STORES.keys()
    for name, each in times.items():
        assert len(each) == RESULTS["trace"]["requests"]
        assert STORES[name]["cpu_microseconds"]["mean"] == round(sum(each) / len(each))
