"""Pauses that double and vary, and the waiting that is done in them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

#: In seconds.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5


def pauses() -> Iterator[float]:
    """Endless pauses in seconds: they double up to a bound, with jitter."""
    pause = FIRST_PAUSE
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311  # jitter, no secret
        pause = min(2 * pause, LONGEST_PAUSE)


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
