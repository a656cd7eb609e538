"""Plots of the results, as SVG files that look the same after each run with the same figures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from .results import Results
from .stores import OURS, RAW_FAMILY

FOLDER = Path(__file__).parents[2] / "docs" / "images"

INK, MUTED, RULE, PAPER = "#1f2328", "#59636e", "#d1d9e0", "#ffffff"
ACCENT, PALE_ACCENT, OTHER, PALE_OTHER = "#0969da", "#80b4ec", "#8c959f", "#c5cad0"
#: The same colours on a dark page.
DARK = {
    INK: "#f0f6fc",
    MUTED: "#9198a1",
    RULE: "#3d444d",
    PAPER: "#0d1117",
    ACCENT: "#388bfd",
    PALE_ACCENT: "#1f4f8f",
    OTHER: "#7d8590",
    PALE_OTHER: "#4a5159",
}
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "beaker-dynamodb",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xaxis.labellocation": "left",
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "grid.color": RULE,
    "legend.frameon": False,
    "xtick.color": MUTED,
    "ytick.color": INK,
}

Draw = Callable[[Axes, Results], None]


def draw_all(results: Results, suffix: str = "svg") -> None:
    """Write each plot into docs/images."""
    FOLDER.mkdir(exist_ok=True)
    for name, (draw, height, title) in PLOTS.items():
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(8, height), layout="constrained")
            figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
            draw(figure.subplots(), results)
            path = FOLDER / f"{name}.{suffix}"
            figure.savefig(path, metadata={"Date": None, "Creator": None})
        if suffix == "svg":
            path.write_text(for_dark_pages(path.read_text(encoding="utf-8")), encoding="utf-8")


def for_dark_pages(svg: str) -> str:
    """The image with other colours if the reader prefers dark pages."""
    rules = [
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    ]
    style = f"<style>@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"
    return re.sub(r"(<svg[^>]*>)", lambda tag: f"{tag[1]}\n {style}", svg, count=1)


def draw_cost(axes: Axes, results: Results) -> None:
    stores = [each for each in results["stores"] if each["read_units"] and is_shown(each)]
    stores.sort(key=lambda store: (store["usd_per_million_requests"], store["name"]), reverse=True)
    price, requests = results["dollars_per_million"], results["trace"]["requests"]
    names = [store["name"] for store in stores]
    writes = [store["write_units"] * price["write unit"] / requests for store in stores]
    reads = [store["read_units"] * price["read unit"] / requests for store in stores]
    axes.barh(names, writes, color=[color_of(store) for store in stores], height=0.7)
    pale = [color_of(store, PALE_ACCENT, PALE_OTHER) for store in stores]
    axes.barh(names, reads, left=writes, color=pale, height=0.7)
    for row, store in enumerate(stores):
        dollars = store["usd_per_million_requests"]
        label(axes, dollars, row, f"{dollars:.3f}", store)
    axes.set_xlabel("USD: writes (dark) and reads (pale). Blue: this package")
    bars_only(axes)


def draw_cpu(axes: Axes, results: Results) -> None:
    stores = sorted(results["stores"], key=lambda store: -store["cpu_ratio"])
    names = [store["name"] for store in stores]
    ratios = [store["cpu_ratio"] for store in stores]
    axes.barh(names, ratios, color=[color_of(store) for store in stores], height=0.7)
    for row, store in enumerate(stores):
        label(axes, store["cpu_ratio"], row, f"{store['cpu_ratio']:.2f}", store)
    axes.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlabel("multiples of one GetItem of botocore (dashed). Blue: this package")
    bars_only(axes)


def draw_touch(axes: Axes, results: Results) -> None:
    for words, color in (("zlib", OTHER), ("dictionary = auto, eventual", ACCENT)):
        points = [each for each in results["touch_interval"] if each["settings"] == words]
        x = range(len(points))
        y = [each["usd"] for each in points]
        axes.plot(x, y, color=color, marker="o", linewidth=2, label=words)
        axes.set_xticks(x, [f"{each['touch_interval']}" for each in points])
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    axes.legend()
    axes.set_xlabel("touch_interval in seconds, with 20 seconds between two requests of a user")


def draw_size(axes: Axes, results: Results) -> None:
    sizes = results["bytes_of_a_session"]
    before = [each["pickle"] for each in sizes]
    looks: dict[str, dict[str, Any]] = {
        "pickle": {"color": MUTED, "linestyle": ":"},
        "zlib": {"color": OTHER, "marker": "o"},
        "zstd": {"color": PALE_ACCENT, "marker": "s", "linestyle": "--"},
        "zstd, dictionary": {"color": ACCENT, "marker": "o"},
    }
    for name, look in looks.items():
        axes.plot(before, [each[name] for each in sizes], label=name, linewidth=2, **look)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    as_kb = FuncFormatter(lambda size, _: f"{size / 1024:g} KB")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(as_kb)
    axes.grid()
    axes.legend()
    axes.set_xlabel("before compression, as a pickle")


def is_shown(store: dict[str, Any]) -> bool:
    """Whether the plot of costs shows it: not the raw client, and no settings of equal cost."""
    settings = store["settings"]
    has_own_cost = "client" not in settings and settings.get("dictionary") != "none"
    return store["family"] != RAW_FAMILY and has_own_cost


def color_of(store: dict[str, Any], ours: str = ACCENT, others: str = OTHER) -> str:
    return ours if store["family"] == OURS else others


def label(axes: Axes, x: float, row: int, text: str, store: dict[str, Any]) -> None:
    weight = "bold" if store["family"] == OURS else "normal"
    axes.annotate(
        text,
        (x, row),
        (5, 0),
        textcoords="offset points",
        va="center",
        fontweight=weight,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
    )


def bars_only(axes: Axes) -> None:
    """Leave out what a bar with its figure does not need."""
    axes.margins(x=0.1, y=0.02)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([])


#: Each plot, its height in inches, and its title.
PLOTS: dict[str, tuple[Draw, float, str]] = {
    "cost": (draw_cost, 3.6, "DynamoDB's price of a million requests, sessions of 2.4 KB"),
    "cpu": (draw_cpu, 5.2, "CPU time of the server for a request"),
    "touch": (draw_touch, 3.6, "USD per million requests, by touch_interval"),
    "size": (draw_size, 4.2, "Stored bytes of a session, by its size before compression"),
}
