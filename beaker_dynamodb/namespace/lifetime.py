"""How long a session's row lives, and from when on it is renewed."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..options import Options
from ..snapshot import Session
from ..store import Row, now


class Lifetime(NamedTuple):
    """The times of a session, in seconds.

    Attributes:
        idle: since the last touch; None for ever.
        longest: since its creation; None for ever.
        touch_after: age of the last touch from which a mere renewal is written.
    """

    idle: int | None
    longest: int | None
    touch_after: float

    @classmethod
    def of(cls, options: Options, cookie_age: int | None) -> Lifetime:
        """What the options say.

        Args:
            options: of the backend.
            cookie_age: seconds that the session's cookie lives, where that is known.

        Raises:
            ConfigurationError: `touch_interval` is not shorter than the cookie's age.
        """
        life, touch_after = options.session_life(cookie_age), options.touch_after(cookie_age)
        return cls(life, options.max_lifetime, touch_after)

    def is_over(self, row: Row) -> bool:
        """Whether a row counts as missing, removed by DynamoDB's TTL or not."""
        return min(row.ends, self._latest_end(row.created)) <= now()

    def created(self, session: Session | None, before: float | None) -> float | None:
        """When a session was created, as its row keeps it; None where no limit asks for it.

        Args:
            session: what is saved; Beaker's creation time in it outlives a change of the id.
            before: what the row has kept so far; it outlives the application's `clear`.
        """
        if self.longest is None:
            return None
        moment = now()
        told = (session or {}).get("_creation_time")
        times = [moment if before is None else min(moment, before)]
        if isinstance(told, (int, float)) and 0 <= told <= moment:
            times.append(told)
        return min(times)

    def life(self, touched: float, created: float | None) -> int | None:
        """Seconds that a row lives when it is touched at a time; 0 or less where it is over."""
        left = self._latest_end(created) - touched
        lives = [self.idle] if left == math.inf else [self.idle, math.floor(left)]
        return min((life for life in lives if life is not None), default=None)

    def _latest_end(self, created: float | None) -> float:
        if self.longest is None or created is None:
            return math.inf
        return created + self.longest
