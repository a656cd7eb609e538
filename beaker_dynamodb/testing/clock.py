"""A time that tests control."""

from __future__ import annotations

import time


class Clock:
    """A time that stands still until it is advanced.

    It starts ahead, on a whole second: DynamoDB Local removes expired items by its own clock, and
    would do so while this one stands still. Half a day is less than the lifetime of a session
    that was begun before the fixture.

    Attributes:
        now: seconds since the epoch.
    """

    def __init__(self) -> None:
        self.now = float(int(time.time()) + 43_200)

    def advance(self, seconds: float) -> None:
        """Let seconds pass."""
        self.now += seconds
