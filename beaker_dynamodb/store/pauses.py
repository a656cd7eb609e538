"""Pauses between two looks at what another does, or two tries of the same."""

from __future__ import annotations

import random
from collections.abc import Iterator

#: In seconds.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5


def pauses() -> Iterator[float]:
    """Pauses in seconds, without an end: they double, and vary, so that many do not ask at once."""
    pause = FIRST_PAUSE
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311  # no secret
        pause = min(2 * pause, LONGEST_PAUSE)
