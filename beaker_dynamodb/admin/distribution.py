"""Distributions of sizes and times that take the same memory for any number of values."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

#: Steps within a factor of two: a quantile is right to within a tenth.
STEPS = 4


@dataclass(frozen=True)
class Summary:
    """A distribution in few figures; the quantiles are right to within a tenth.

    Attributes:
        count: number of values.
        mean: of all values.
        median: half of the values are smaller.
        p90: nine of ten values are smaller.
        largest: of all values.
        doublings: number of values from 2**n to below 2**(n+1), by n; those below 1 by -1.
    """

    count: int
    mean: float
    median: float
    p90: float
    largest: float
    doublings: dict[int, int]


class Distribution:
    """Counts positive values."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._sum = 0.0
        self._largest = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        step = math.floor(STEPS * math.log2(value)) if value >= 1 else -1
        self._counts[step] += 1
        self._sum += value
        self._largest = max(self._largest, value)

    def summary(self) -> Summary | None:
        """The distribution; None without a value."""
        count = self._counts.total()
        if not count:
            return None
        doublings: Counter[int] = Counter()
        for step, number in self._counts.items():
            doublings[step // STEPS] += number
        quantiles = (self._quantile(count / 2), self._quantile(count * 0.9))
        return Summary(
            count, self._sum / count, *quantiles, self._largest, dict(sorted(doublings.items()))
        )

    def _quantile(self, rank: float) -> float:
        seen = 0
        for step in sorted(self._counts):
            seen += self._counts[step]
            if seen >= rank:
                # The middle of the step.
                return min(self._largest, 2 ** ((step + 0.5) / STEPS)) if step >= 0 else 0.0
        return self._largest
