"""The circuit breaker: an outage of DynamoDB is remembered for a moment."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ..errors import BeakerDynamoDBError, StoreUnavailable
from .retry import OF_ONE_ITEM

logger = logging.getLogger("beaker_dynamodb.table")

Clock = Callable[[], float]

#: How long calls are refused after a failure, in seconds; it doubles with each failed probe.
FIRST_REST = 0.5
LONGEST_REST = 10.0


class Breaker:
    """Whether DynamoDB answers, as the calls of one client in this process have found it.

    After a call without an answer, `allows_call` is False for a while. Then it lets one call
    through, the probe: if that fails, the next while is twice as long, up to `LONGEST_REST`. Any
    answer, to whichever call, ends the outage. Throttling is no outage: it may concern one
    partition alone.

    Args:
        longest_probe: seconds after which a probe without a result makes room for another.
        clock: returns a time in seconds, from any starting point; None = `time.monotonic`.
    """

    def __init__(self, longest_probe: float, clock: Clock | None = None) -> None:
        self._longest_probe = longest_probe
        self._clock = clock or time.monotonic
        self._lock = threading.Lock()
        self._failures = 0
        #: Until when calls are refused, and until when a probe is waited for.
        self._rest_ends = 0.0
        self._probe_ends = 0.0

    def allows_call(self) -> bool:
        """Whether a call that can be done without may be made; in an outage, True for a probe."""
        if not self._failures:
            return True
        with self._lock:
            now = self._clock()
            if now < self._rest_ends or now < self._probe_ends:
                return False
            self._probe_ends = now + self._longest_probe
            return True

    def note_answer(self) -> None:
        """Record that DynamoDB has answered a call."""
        if self._failures:
            with self._lock:
                self._failures = 0
                self._rest_ends = self._probe_ends = 0.0
            logger.info("DynamoDB answers again")

    def note_error(self, error: BeakerDynamoDBError) -> None:
        """Record that a call has failed: without an answer, or with one that reports an error."""
        if isinstance(error, StoreUnavailable) and error.code not in OF_ONE_ITEM:
            self._note_outage(error)
        else:
            self.note_answer()

    def _note_outage(self, error: StoreUnavailable) -> None:
        with self._lock:
            now = self._clock()
            if self._failures and now < self._rest_ends:
                # Of calls that were made at the same time, the first counts.
                return
            rest = min(FIRST_REST * (1 << min(self._failures, 10)), LONGEST_REST)
            self._failures += 1
            self._rest_ends, self._probe_ends = now + rest, 0.0
        # Each lookup that misses is a warning already, and a command prints the error itself.
        logger.info(
            "DynamoDB does not answer: caches with on_outage = miss make no call for %g s: %s",
            rest,
            error,
        )
