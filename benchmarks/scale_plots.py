"""Draw what scale costs: docs/scale.svg from `beaker-dynamodb plan`, docs/growth.svg from a run.

    python benchmarks/scale_plots.py [--only scale,growth] [--format svg] [--folder docs]
    python benchmarks/scale_plots.py --tables    print the growth as tables of docs/scale.md

The growth is that of benchmarks/results/growth.json, which `growth.py` has written. The sessions of
the other plot have 2.4 KB; one request in ten changes one, and each is used every ten seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from beaker_dynamodb.admin.capacity import Moment, TableState, simulate
from beaker_dynamodb.admin.plan import HOUR, capacity_plan
from beaker_dynamodb.admin.traffic import CacheTraffic, Traffic, demand_of

ROOT = Path(__file__).parent.parent
RATES = [10 ** (number / 4) for number in range(4, 25)]
SETTINGS: dict[str, dict[str, Any]] = {
    "zlib": {"compression": "zlib"},
    "dictionary": {"compression": "dictionary"},
    "dictionary, eventual reads": {"compression": "dictionary", "is_consistent": False},
}
MILLION = Traffic(1e6, active=1e7, compression="dictionary")

# The same file after each run, with texts as texts.
mpl.rcParams["svg.hashsalt"] = "beaker-dynamodb"
mpl.rcParams["svg.fonttype"] = "none"


def traffic_of(rate: float, settings: dict[str, Any]) -> Traffic:
    return Traffic(rate, active=10 * rate, sessions=10 * rate, **settings)


def draw_scale(figure: Figure) -> None:
    cost, partitions, ramp, shards = figure.subplots(2, 2).flat
    draw_cost(cost)
    draw_partitions(partitions)
    draw_ramp(ramp)
    draw_shards(shards)


def draw_cost(axes: Axes) -> None:
    def bills(name: str) -> list[Any]:
        traffic = (traffic_of(rate, SETTINGS[name]) for rate in RATES)
        return [capacity_plan(each, TableState(), seconds=1) for each in traffic]

    for name in SETTINGS:
        axes.loglog(RATES, [plan.on_demand.total for plan in bills(name)], label=name)
    provisioned = [plan.provisioned.total for plan in bills("dictionary")]
    axes.loglog(RATES, provisioned, "--", label="dictionary, provisioned")
    finish(axes, "cost", "requests a second", "USD a month")


def draw_partitions(axes: Axes) -> None:
    for name, settings in SETTINGS.items():
        traffic = (traffic_of(rate, settings) for rate in RATES)
        plans = [capacity_plan(each, TableState(), seconds=1) for each in traffic]
        axes.loglog(RATES, [plan.partitions for plan in plans], label=name)
    finish(axes, "partitions that the traffic needs", "requests a second", "partitions")


def draw_ramp(axes: Axes) -> None:
    demand = demand_of(MILLION)
    for name, table, ramp in (
        ("a new table, all at once", TableState(), 0),
        ("a new table, over five hours", TableState(), 5 * HOUR),
        ("a warm table, all at once", TableState(warm=demand.total), 0),
    ):
        moments = list(simulate(demand, table, 5 * HOUR, ramp))[::60]
        draw_served(axes, name, moments, HOUR, 1e6)
    finish(axes, "1,000,000 requests a second, on demand", "hours", "million units served a second")


def draw_shards(axes: Axes) -> None:
    for count in (1, 2, 4):
        cache = CacheTraffic("prices", hits=2500, size=10_000, shards=count)
        demand = demand_of(Traffic(0, caches=(cache,)))
        moments = list(simulate(demand, TableState(), HOUR))[::5]
        draw_served(axes, f"shards = {count}", moments, 60)
    axes.set_ylim(bottom=0)
    finish(axes, "2,500 hits of 10 KB in a cache namespace", "minutes", "units served a second")


def draw_served(
    axes: Axes, name: str, moments: Iterable[Moment], time: float, units: float = 1
) -> None:
    seen = [(moment.second / time, sum(moment.served) / units) for moment in moments]
    axes.plot(*zip(*seen, strict=True), label=name)


def growth() -> dict[str, list[dict[str, Any]]]:
    return json.loads((ROOT / "benchmarks/results/growth.json").read_text(encoding="utf-8"))


def draw_growth(figure: Figure) -> None:
    found = growth()
    rows, sizes, threads, memory = figure.subplots(2, 2).flat
    label = "CPU, a GetItem of botocore = 1"
    draw_ratios(rows, "rows", found["rows"], {"read": "reads a session", "change": "changes one"})
    finish(rows, "requests, by sessions in the table", "rows", label, bottom=0)
    draw_ratios(threads, "threads", found["threads"], {"read": "reads a session"})
    finish(threads, "requests, by threads of the process", "threads", label, bottom=0)
    for name in ("read", "write"):
        milliseconds = [each["cpu"][name] * 1000 for each in found["values"]]
        sizes.loglog([each["size"] for each in found["values"]], milliseconds, "o-", label=name)
    finish(sizes, "cache values that do not compress", "bytes", "CPU, ms")
    for name in ("tables", "renewals"):
        counts = [each["count"] for each in found[name]]
        memory.plot(counts, [each["memory"] / 2**20 for each in found[name]], "o-", label=name)
    finish(memory, "tables or renewed credentials", "used in one process", "MiB", bottom=0)


def draw_ratios(axes: Axes, name: str, found: list[dict[str, Any]], shown: dict[str, str]) -> None:
    for key, label in shown.items():
        ratios = [each["cpu"][key] / each["cpu"]["raw"] for each in found]
        axes.semilogx([each[name] for each in found], ratios, "o-", label=label)


def finish(axes: Axes, title: str, x: str, y: str, *, bottom: float | None = None) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    if bottom is not None:
        axes.set_ylim(bottom, axes.get_ylim()[1] * 1.1)


def print_tables() -> None:
    found = growth()
    print(found["machine"])
    print("| rows | read | change | `stats`, rows/s | units | `purge`, rows/s | units |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for each in found["rows"]:
        print(" | ".join(["|", *row_cells(each), "|"]))
    for each in found["values"]:
        read, write = (each["cpu"][name] * 1000 for name in ("read", "write"))
        print(f"| {each['size']:,} | {read:.2f} ms | {write:.2f} ms |")
    for each in found["threads"]:
        print(f"| {each['threads']} | {each['cpu']['read'] / each['cpu']['raw']:.2f} |")
    for name in ("tables", "renewals"):
        for each in found[name]:
            megabytes = each["memory"] / 2**20
            print(f"| {each['count']:,} {name} | {each['sockets']} | {megabytes:.0f} MiB |")


def row_cells(found: dict[str, Any]) -> list[str]:
    cpu = found["cpu"]
    cells = [
        f"{found['rows']:,}",
        *(f"{cpu[name] / cpu['raw']:.2f}" for name in ("read", "change")),
    ]
    # A run that was stopped lacks these.
    for part in (found[name] for name in ("stats", "purge") if name in found):
        rate, writes = part["rows"] / part["seconds"], part.get("write_units", 0)
        cells += [f"{rate:,.0f}", f"{part['read_units']:,.0f} read, {writes:,.0f} write"]
    return cells


PLOTS: dict[str, Callable[[Figure], None]] = {"scale": draw_scale, "growth": draw_growth}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PLOTS), help="plots, with commas")
    parser.add_argument("--tables", action="store_true", help="print tables, draw nothing")
    parser.add_argument("--format", default="svg")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs")
    arguments = parser.parse_args()
    if arguments.tables:
        print_tables()
        return
    for name in arguments.only.split(","):
        figure = Figure(figsize=(10, 7), layout="constrained")
        PLOTS[name](figure)
        kept = {"metadata": {"Date": None}} if arguments.format == "svg" else {"dpi": 80}
        figure.savefig(arguments.folder / f"{name}.{arguments.format}", **kept)


if __name__ == "__main__":
    main()
