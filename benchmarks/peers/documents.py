"""The tables of the results in the documents, each between two comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from .results import Results
from .stores import OURS, RAW_FAMILY

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("docs/cost.md", "docs/compression.md")
_TABLE = re.compile(r"(?<=<!-- benchmark: )(\w+) -->\n.*?(?=<!-- end of benchmark -->)", re.DOTALL)

Row = Sequence[object]


def with_tables(text: str, results: Results) -> str:
    """A document with the tables of these results."""
    return _TABLE.sub(lambda found: f"{found[1]} -->\n{TABLES[found[1]](results)}", text)


def write_tables(results: Results) -> None:
    """Bring the documents up to date."""
    for name in DOCUMENTS:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        path.write_text(with_tables(text, results), encoding="utf-8")


def table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def stores(results: Results) -> str:
    head = ["store", "calls", "read units", "write units", "USD per million", "bytes out", "in"]
    rows = sorted(results["stores"], key=_price)
    return table(head, [_cost_row(each) for each in rows if each["calls"] and is_store(each)])


def is_store(entry: dict[str, Any]) -> bool:
    """Whether it is one, not the raw client that CPU times are compared with."""
    return bool(entry["family"] != RAW_FAMILY)


def _cost_row(store: dict[str, Any]) -> Row:
    has_units = bool(store["read_units"])
    return [
        f"`{store['name']}`" if store["family"] == OURS else store["name"],
        f"{store['calls_per_request']:.2f}",
        f"{store['read_units']:g}" if has_units else "",
        f"{store['write_units']:g}" if has_units else "",
        f"{store['usd_per_million_requests']:.3f}" if has_units else "",
        f"{store['bytes_sent_per_request']:,}",
        f"{store['bytes_received_per_request']:,}",
    ]


def _price(store: dict[str, Any]) -> tuple[bool, float]:
    return not store["read_units"], store["usd_per_million_requests"]


def cpu(results: Results) -> str:
    head = ["store", "all requests", "those that only read", "median", "p90", "p99"]
    rows = sorted(results["stores"], key=lambda store: store["cpu_ratio"])
    return table(head, map(_cpu_row, rows))


def _cpu_row(store: dict[str, Any]) -> Row:
    times = store["cpu_microseconds"]
    spread = [f"{times[name] / 1000:.2f} ms" for name in ("median", "p90", "p99")]
    name = f"`{store['name']}`" if store["family"] == OURS else store["name"]
    ratios = [f"{store['cpu_ratio']:.2f}", f"{store['cpu_ratio_of_reads']:.2f}"]
    return [name, *ratios, *spread]


def compression(results: Results) -> str:
    head = ["setting", "read units", "write units", "USD per million requests"]
    ours = [store for store in results["stores"] if store["family"] == OURS]
    rows = [
        [
            store["name"].removeprefix(f"{OURS}, "),
            f"{store['read_units']:g}",
            f"{store['write_units']:g}",
            f"{store['usd_per_million_requests']:.3f}",
        ]
        for store in ours
        if store["settings"].get("client") != "botocore"
    ]
    return table(head, rows)


def sizes(results: Results) -> str:
    columns = results["bytes_of_a_session"]
    head, *rows = (
        [name, *(f"{each[name]:,.0f}" for each in columns)]
        for name in ("pickle", "zlib", "zstd", "zstd, dictionary")
    )
    return table(["before compression", *head[1:]], rows)


def codec(results: Results) -> str:
    times = results["codec_microseconds"]
    rows = [[name, f"{each['write']:.0f}", f"{each['read']:.0f}"] for name, each in times.items()]
    return table(["microseconds of CPU time", "write", "read"], rows)


def touch(results: Results) -> str:
    points = results["touch_interval"]
    intervals = sorted({each["touch_interval"] for each in points})
    costs = {(each["settings"], each["touch_interval"]): each["usd"] for each in points}
    rows = [
        [words, *(f"{costs[words, interval]:.3f}" for interval in intervals)]
        for words in dict.fromkeys(each["settings"] for each in points)
    ]
    return table(["`touch_interval`", *intervals], rows)


def run(results: Results) -> str:
    machine, versions = results["machine"], results["versions"]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    load = f"{machine['load before']} before and {machine['load after']} after"
    skipped = "; ".join(f"{name}: {why}" for name, why in results["skipped"].items())
    rows = [
        ["date", results["date"]],
        ["machine", f"{machine['cores']} cores, {machine['cpu']}, {machine['system']}"],
        ["load of the machine, with other work", load],
        ["versions", listed],
        ["skipped", skipped or "nothing"],
    ]
    return table(["this run", ""], rows)


TABLES: dict[str, Callable[[Results], str]] = {
    "codec": codec,
    "compression": compression,
    "cpu": cpu,
    "run": run,
    "sizes": sizes,
    "stores": stores,
    "touch": touch,
}
