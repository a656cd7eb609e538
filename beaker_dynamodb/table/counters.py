"""What this process has done so far: counters for `statistics()`."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

#: What is counted.
NAMES = (
    "reads",
    "writes",
    "touches_done",
    "touches_skipped",
    "conflicts_merged",
    "retries",
    "outages",
    "bytes_before_compression",
    "bytes_after_compression",
    "read_units",
    "write_units",
)
_READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})
_WRITES = frozenset({"BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem"})


class Counters:
    """Counters that any number of threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = dict.fromkeys(NAMES, 0)

    def add(self, **counts: float) -> None:
        """Add to some counters."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count

    def count_call(self, operation: str) -> None:
        """Count a call, if it reads or writes items."""
        if operation in _READS:
            self.add(reads=1)
        elif operation in _WRITES:
            self.add(writes=1)

    def count_units(self, operation: str, answer: Mapping[str, Any]) -> None:
        """Count the capacity units that an answer reports; a batch reports those of each table."""
        consumed = answer.get("ConsumedCapacity")
        if consumed:
            each = [consumed] if isinstance(consumed, dict) else consumed
            units = sum(one.get("CapacityUnits", 0) for one in each)
            self.add(**{"read_units" if operation in _READS else "write_units": units})

    def count_bytes(self, before: int, after: int) -> None:
        """Count the bytes of what was encoded, before and after compression."""
        self.add(bytes_before_compression=before, bytes_after_compression=after)

    def values(self) -> Mapping[str, float]:
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


def statistics() -> dict[str, float]:
    """What this process has done since it began, or since it was forked.

    Costs no call. A counter never decreases: for a rate, take the difference of two results.

    Returns:
        By name: `reads` and `writes`, calls to DynamoDB that read or write items, answered or not;
        `touches_done` and `touches_skipped`, saves of unchanged sessions that were written or not
        necessary; `conflicts_merged`, changes that were merged with those of another request;
        `retries`, attempts that followed a failed one after a pause; `outages`, calls that had no
        usable answer after the last retry; `bytes_before_compression` and
        `bytes_after_compression` of the sessions and cache values that were encoded; and
        `read_units` and `write_units`, the capacity units that DynamoDB has reported.
    """
    return dict(counters.values())
