"""Sizes and times in words, and the distribution of sizes as a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..admin.distribution import Summary
from .exits import Failure

#: In characters.
BAR = 50
_KILO = 1024


def histogram(summary: Summary) -> Iterator[str]:
    """Lines of a histogram: a bar for each doubling of the size."""
    most = max(summary.doublings.values())
    for doubling in range(min(summary.doublings), max(summary.doublings) + 1):
        count = summary.doublings.get(doubling, 0)
        bar = "█" * round(BAR * count / most) or ("▏" if count else "")
        yield f"  {in_bytes(2.0**doubling):>8} {bar} {count:,}"


def draw(charts: Mapping[str, Summary], file: Path) -> None:
    """Draw histograms into an image, one below the other.

    Args:
        charts: the distributions, by their titles.
        file: its name ends in .png, or in another form that matplotlib knows.
    """
    try:
        # Imported here: it is large, and only this function needs it.
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise Failure("--png needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(8, 1 + 2 * max(1, len(charts))), layout="constrained")
    every = {doubling for chart in charts.values() for doubling in chart.doublings}
    shown = range(min(every, default=0), max(every, default=0) + 1)
    for number, (title, chart) in enumerate(charts.items(), start=1):
        axes = figure.add_subplot(len(charts), 1, number)
        counts = [chart.doublings.get(doubling, 0) for doubling in shown]
        axes.bar([in_bytes(2.0**doubling) for doubling in shown], counts)
        axes.set_title(f"sizes of {title}", loc="left")
        axes.set_ylabel("items read")
    try:
        figure.savefig(file)
    except (OSError, ValueError) as error:
        raise Failure(f"{file} cannot be written: {error}") from error


def in_bytes(size: float) -> str:
    """A size in words."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < _KILO or unit == "GB":
            break
        size /= _KILO
    return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"


def in_seconds(seconds: float) -> str:
    """A time in words."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.0f} s"
