"""The heartbeat: a thread that extends the leases of creations that take long."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..rows import LONGEST_CREATION

logger = logging.getLogger("beaker_dynamodb.caches")

#: In seconds. The thread ends when nothing was created for so long.
LONGEST_IDLE = 60.0


@dataclass(eq=False)
class Beat:
    """One lease that the heartbeat extends.

    Attributes:
        extend: extends the lease; returns False if there is nothing to extend any more.
        interval: between two extensions, in seconds.
        due: time of the next extension, by the heartbeat's clock.
        last: time after which the lease is not extended, by the heartbeat's clock.
    """

    extend: Callable[[], bool]
    interval: float
    due: float
    last: float


class Heartbeat:
    """Extends leases while their creators run, in one daemon thread for the whole process.

    The thread starts with the first creation, and sleeps until an extension is due: a creation
    that is quicker than that neither starts nor wakes it, apart from the first after a pause.

    Args:
        clock: returns the time in seconds.
        start: runs a function in another thread.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._clock = clock
        self._start = start or _start_daemon
        self.forget()

    def forget(self) -> None:
        """Forget all leases: a forked worker has neither its parent's thread nor its creations."""
        self._changed = threading.Condition()
        self._beats: set[Beat] = set()
        self._is_running = False
        self._wakes = 0.0

    def begin(self, extend: Callable[[], bool], interval: float) -> Beat:
        """Extend a lease at intervals, in seconds, until `end`."""
        moment = self._clock()
        beat = Beat(extend, interval, moment + interval, moment + LONGEST_CREATION)
        with self._changed:
            self._beats.add(beat)
            if not self._is_running:
                self._run_in_thread()
            elif beat.due < self._wakes:
                self._changed.notify()
        return beat

    def end(self, beat: Beat) -> None:
        """Stop extending a lease."""
        with self._changed:
            self._beats.discard(beat)

    def extend_due(self) -> None:
        """Extend the leases whose time has come."""
        moment = self._clock()
        with self._changed:
            due = [beat for beat in self._beats if beat.due <= moment]
        for beat in due:
            beat.due = moment + beat.interval
            if moment > beat.last or not beat.extend():
                self.end(beat)

    def _run_in_thread(self) -> None:
        try:
            self._start(self._run)
            self._is_running = True
        except RuntimeError as error:
            # At its exit the interpreter starts no thread; a limit of the machine is met.
            logger.warning("leases are not extended, because no thread can start: %s", error)

    def _run(self) -> None:
        try:
            while self._sleep():
                self.extend_due()
        except BaseException:
            # The next creation starts another thread.
            self._is_running = False
            raise

    def _sleep(self) -> bool:
        """Sleep until an extension may be due; False if there was no creation for long."""
        with self._changed:
            was_idle = not self._beats
            self._wakes = self._next_due()
            self._changed.wait(max(0.0, self._wakes - self._clock()))
            # Ends under the lock: a creation that begins now starts another thread.
            self._is_running = bool(self._beats) or not was_idle
            return self._is_running

    def _next_due(self) -> float:
        return min((beat.due for beat in self._beats), default=self._clock() + LONGEST_IDLE)


def _start_daemon(run: Callable[[], None]) -> None:
    threading.Thread(target=run, name="beaker-dynamodb heartbeat", daemon=True).start()


#: The process's own.
HEARTBEAT = Heartbeat()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=HEARTBEAT.forget)
