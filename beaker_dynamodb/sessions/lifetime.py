"""The times of a session: how long it lives, and how often it is renewed."""

from __future__ import annotations

import logging
import math
from functools import cache
from typing import Any, NamedTuple

from ..codec import CREATION_TIME, SessionContent
from ..errors import ConfigurationError
from ..options import LONGEST_LIFE, ONE_DAY, Options
from ..rows import Row, now

#: Beaker adds this to `timeout` before it passes it on (beaker/session.py, Session.__init__).
BEAKER_TIMEOUT_MARGIN = 120
DEFAULT_TOUCH_INTERVAL = 30.0
#: In seconds. A touch is stored a little later than the access that Beaker counts.
SLACK = 10.0


logger = logging.getLogger("beaker_dynamodb.sessions")


class Lifetime(NamedTuple):
    """The times of a session, in seconds.

    Attributes:
        idle: life after the last touch; None for ever.
        max_lifetime: life after the creation; None for ever.
        touch_after: age of the last touch from which a save without changes is written.
        timeout: Beaker's own; infinite if there is none.
        keeps_longer: whether a stored session keeps a longer life than `idle`: it got that life
            from its cookie's age, which other requests do not know.
    """

    idle: int | None
    max_lifetime: int | None
    touch_after: float
    timeout: float = math.inf
    keeps_longer: bool = False

    @classmethod
    def of(cls, options: Options, cookie_age: int | None) -> Lifetime:
        """The times that the options give.

        Args:
            options: of the backend.
            cookie_age: seconds that the session's cookie lives; None if that is not known.

        Raises:
            ConfigurationError: `touch_interval` is not shorter than the session's life.
        """
        timeout = _session_timeout(options)
        if timeout and options.ttl and options.ttl < timeout:
            _warn_of_short_ttl(options.ttl, timeout)
        idle = _idle_life(options, timeout, cookie_age)
        touch_after = _touch_after(options.touch_interval, timeout, idle)
        keeps_longer = (options.ttl, timeout, cookie_age) == (None, None, None)
        return cls(idle, options.max_lifetime, touch_after, timeout or math.inf, keeps_longer)

    def is_near_its_end(self, row: Row) -> bool:
        """Whether a row is close to an end, its own or that by Beaker's `timeout`."""
        return self.end(row) - self.touch_after - SLACK <= now()

    def end(self, row: Row) -> float:
        """When a session ends unless it is used again: its row, by its age, or for Beaker."""
        return min(row.ends, self._latest_end(row.created), row.touched + self.timeout)

    def is_touch_due(self, row: Row) -> bool:
        """Whether a row was last touched long ago, or would live much longer after a touch.

        A login may give an unchanged session a cookie that lives longer.
        """
        moment = now()
        if moment - row.touched >= self.touch_after:
            return True
        life = self.life(moment, row.created, row)
        ends = math.inf if life is None else moment + life
        return ends > row.ends + 2 * SLACK + self.touch_after

    def has_ended(self, row: Row) -> bool:
        """Whether a row counts as missing, even if DynamoDB's TTL has not removed it yet."""
        return min(row.ends, self._latest_end(row.created)) <= now()

    def created(self, session: SessionContent | None, before: Row | None) -> float | None:
        """When a session was created, in seconds since the epoch; None without `max_lifetime`.

        Args:
            session: what is saved; Beaker's creation time in it survives a change of the id.
            before: the session's row so far; None if it begins now.
        """
        if self.max_lifetime is None:
            return None
        moment = now()
        stored = past_time((session or {}).get(CREATION_TIME), moment)
        times = (moment, before.created if before else None, stored)
        return min(time for time in times if time is not None)

    def life(self, touched: float, created: float | None, before: Row | None) -> int | None:
        """Seconds that a row lives if it is touched at a time; 0 or less if it has expired.

        Args:
            touched: that time, in seconds since the epoch.
            created: when the session was created, if that limits its life.
            before: the session's row so far; None if it begins now.
        """
        idle = self.idle
        if before and self.keeps_longer:
            idle = None if idle is None or before.life is None else max(idle, before.life)
        left = self._latest_end(created) - touched
        lives = [idle] if left == math.inf else [idle, math.floor(left)]
        return min((life for life in lives if life is not None), default=None)

    def _latest_end(self, created: float | None) -> float:
        if self.max_lifetime is None or created is None:
            return math.inf
        return created + self.max_lifetime


@cache
def _warn_of_short_ttl(ttl: int, timeout: int) -> None:
    """Log once per process that Beaker's `timeout` has no effect."""
    logger.warning(
        "sessions end after ttl = %d s, so timeout = %d s has no effect: raise ttl, or remove it",
        ttl,
        timeout,
    )


def _session_timeout(options: Options) -> int | None:
    """Beaker's idle time as the application gave it; None if it gave none."""
    if options.timeout is None or options.timeout <= BEAKER_TIMEOUT_MARGIN:
        return None
    return options.timeout - BEAKER_TIMEOUT_MARGIN


def _idle_life(options: Options, timeout: int | None, cookie_age: int | None) -> int | None:
    if options.ttl is not None:
        return options.ttl or None
    if timeout:
        return options.timeout
    if cookie_age is None or cookie_age <= 0:
        return ONE_DAY
    # An end after the year 9999 is no datetime.
    return min(cookie_age, LONGEST_LIFE)


def _touch_after(interval: float | None, timeout: int | None, idle: int | None) -> float:
    shortest = min((life for life in (timeout, idle) if life), default=math.inf)
    if interval is None:
        return min(DEFAULT_TOUCH_INTERVAL, shortest / 10)
    if interval and interval >= shortest:
        raise ConfigurationError(
            f"touch_interval ({interval:g} s) must be shorter than a session's life "
            f"({shortest} s), or sessions expire while their users are active: lower it, or raise "
            "timeout or ttl"
        )
    return interval


def past_time(value: Any, moment: float) -> float | None:
    """A time from a session, in whole milliseconds as `now` gives it; None if it is none.

    An application can store anything there. A bool is an int in Python, but no number in
    DynamoDB; a number closer to 0 than 1E-130 is refused by DynamoDB.
    """
    # Not isinstance, which accepts a bool. The comparison is false for NaN and infinity.
    if type(value) not in {int, float} or not 0 <= value <= moment:
        return None
    milliseconds: int = math.floor(value * 1000)
    return milliseconds / 1000
