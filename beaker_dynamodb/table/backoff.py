"""Pauses that double and vary, and the waiting that is done in them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

#: In seconds.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5
#: Attempts without a pause before them.
QUICK_ATTEMPTS = 2


def pauses() -> Iterator[float]:
    """Endless pauses in seconds: they double up to a bound, with jitter."""
    pause = FIRST_PAUSE
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311  # jitter, no secret
        pause = min(2 * pause, LONGEST_PAUSE)


def retry_pauses(limit: float) -> Iterator[float]:
    """Pauses before each attempt at something that others compete for, in seconds.

    The first attempts follow each other at once: most conflicts are between two.

    Args:
        limit: seconds after which no attempt begins.
    """
    deadline = time.monotonic() + limit
    yield from (0.0,) * QUICK_ATTEMPTS
    for pause in pauses():
        if time.monotonic() + pause > deadline:
            return
        yield pause


def wait_until(is_done: Callable[[], bool], limit: float) -> bool:
    """Check again and again until something is done.

    Args:
        is_done: the check; called for the first time after a pause.
        limit: longest wait in seconds.

    Returns:
        False if it is not done within the limit.
    """
    deadline = time.monotonic() + limit
    for pause in pauses():
        left = deadline - time.monotonic()
        if left <= 0:
            break
        time.sleep(min(left, pause))
        if is_done():
            return True
    return False
