"""What this process has done so far: counters for `statistics()`."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

#: What is counted.
NAMES = (
    "reads",
    "writes",
    "touches_done",
    "touches_skipped",
    "conflicts_merged",
    "outages",
    "bytes_before_compression",
    "bytes_after_compression",
)


class Counters:
    """Counters that any number of threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(NAMES, 0)

    def add(self, **counts: int) -> None:
        """Add to some counters."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count

    def values(self) -> Mapping[str, int]:
        """All counters, as they are at one moment."""
        with self._lock:
            return dict(self._counts)

    def reset(self) -> None:
        """Begin at zero; a forked worker has a new lock, which no thread of its parent holds."""
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(NAMES, 0)


counters = Counters()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=counters.reset)


def statistics() -> dict[str, int]:
    """What this process has done since it began, or since it was forked.

    Costs no call. A counter never decreases: for a rate, take the difference of two results.

    Returns:
        By name: `reads` and `writes`, calls to DynamoDB that read or write items, answered or not;
        `touches_done` and `touches_skipped`, saves of unchanged sessions that were written or not
        necessary; `conflicts_merged`, changes that were merged with those of another request;
        `outages`, calls that had no usable answer after the last retry; and
        `bytes_before_compression` and `bytes_after_compression` of the sessions that were encoded.
    """
    return dict(counters.values())
