"""Times and numbers in words."""

from __future__ import annotations

import time
from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86_400


def duration(seconds: float) -> str:
    """A time span in whole units, the two largest: `14 min 56 s`."""
    left = max(0, int(seconds))
    counts = [(left // DAY, "d"), (left % DAY // HOUR, "h")]
    counts += [(left % HOUR // MINUTE, "min"), (left % MINUTE, "s")]
    first = next((at for at, (number, _) in enumerate(counts) if number), len(counts) - 1)
    shown = [counts[first], *[pair for pair in counts[first + 1 : first + 2] if pair[0]]]
    return " ".join(f"{number} {unit}" for number, unit in shown)


def ago(seconds: float) -> str:
    """How long ago: `4 s ago`, `just now`."""
    return f"{duration(seconds)} ago" if seconds >= 1 else "just now"


def clock_time(moment: float) -> str:
    """The time of day where this process runs, with the date where that is another day."""
    then = datetime.fromtimestamp(moment).astimezone()
    now = datetime.fromtimestamp(time.time()).astimezone()
    return f"{then:%H:%M:%S}" if then.date() == now.date() else f"{then:%Y-%m-%d %H:%M:%S}"


def date_and_time(moment: float) -> str:
    """A moment where this process runs."""
    return f"{datetime.fromtimestamp(moment).astimezone():%Y-%m-%d %H:%M:%S}"


def count(number: int, one: str, many: str) -> str:
    """A number with its noun: `1 write`, `2 writes`."""
    return f"{number} {one if number == 1 else many}"


def times(number: int) -> str:
    """How often: `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
