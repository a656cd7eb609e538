"""The lock of a session, across threads, processes and machines: a lease, and the wait for it."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from ..errors import LockTimeout
from ..options import Options
from ..rows import ACQUIRE_TRIES, Lease, Leases, OwnTokens, StoredVersion, now
from ..table import LONGEST_PAUSE, RowKey, lock_key, wait_until

logger = logging.getLogger("beaker_dynamodb.sessions")


#: A thread that waits marks the lock as wanted after this many reads, each time with a write.
READS_BEFORE_MARK = 4


@dataclass
class HeldLock:
    """A lease that this thread holds, and how often it has acquired the lock.

    Attributes:
        lock: that was acquired.
        lease: on the lock's item.
        depth: how often the thread has acquired the lock.
        reported_until: until when each save reports that the lease has expired; None before the
            first one does.
    """

    lock: SessionLock
    lease: Lease
    depth: int = 1
    reported_until: float | None = None


class _HeldByThread(threading.local):
    def __init__(self) -> None:
        self.locks: dict[tuple[Any, ...], HeldLock] = {}
        #: The lock that others waited for when this thread released it, and until when it waits.
        self.yielded: tuple[tuple[Any, ...], float] | None = None


_held = _HeldByThread()


def holds_any_lock() -> bool:
    """Whether this thread holds the lock of any session: most hold none, and save at no cost."""
    return bool(_held.locks)


class SessionLock:
    """What `session.lock()` acquires: one thread on one machine holds it at a time.

    The lease is an item of its own beside the session. A thread that holds it may acquire it
    again, also through another object: Beaker builds a new one at each load.

    Args:
        leases: of the table.
        session: key of the session.
        options: of the backend.
    """

    def __init__(self, leases: Leases, session: RowKey, options: Options) -> None:
        self._leases = leases
        self._key = lock_key(session)
        self._options = options
        self._reads = 0
        self._tokens = OwnTokens()
        # With the process id: a forked worker holds none of its parent's locks.
        self._name = (os.getpid(), *options.place(), self._key)

    def acquire(self) -> None:
        """Acquire the lock, for at most `lock_timeout`.

        Raises:
            LockTimeout: another has held it for all of `lock_wait`.
        """
        if self.is_held:
            self.acquire_again()
            return
        wait = self._options.lock_wait
        self._yield_to_others()
        if self._try_acquire() or wait_until(self._try_acquire_if_free, wait):
            return
        raise self._leases.table.error(
            LockTimeout,
            f"a session was locked for {wait:g} s: look for what holds it, or raise lock_wait",
        )

    def acquire_again(self) -> None:
        """Acquire the lock once more if this thread holds it; otherwise nothing happens.

        Raises:
            LockTimeout: as `verify`.
        """
        self.verify()
        held = _held.locks.get(self._name)
        if held is not None:
            held.depth += 1

    def verify(self) -> None:
        """Check that the lease of a lock that this thread holds has not expired.

        Raises:
            LockTimeout: it has expired, so another may have changed the session.
        """
        held = _held.locks.get(self._name)
        if held is None or self.is_held:
            return
        if held.reported_until and held.reported_until <= now():
            # An earlier request of this thread has left the lock behind.
            del _held.locks[self._name]
            return
        held.reported_until = held.reported_until or now() + self._options.lock_timeout
        raise self._leases.table.error(
            LockTimeout,
            f"a session's lock was held for more than lock_timeout ({self._options.lock_timeout} "
            "s), and another may have changed the session: load it again under the lock, or raise "
            "lock_timeout",
        )

    def release_own_or_last(self) -> None:
        """Release the lock once or, if this thread does not hold it, the one it acquired last.

        `Session.unlock` releases the lock of the session's current id, but the lock was acquired
        under the old one if `invalidate` or `regenerate_id` came between (beaker/session.py).
        """
        if self._name in _held.locks:
            self.release()
        elif _held.locks:
            next(reversed(_held.locks.values())).lock.release()

    def release(self) -> None:
        """Release the lock once; nothing happens if this thread does not hold it."""
        held = _held.locks.get(self._name)
        if held is None:
            return
        held.depth -= 1
        if held.depth == 0:
            del _held.locks[self._name]
            if self._leases.release(self._key, held.lease):
                _held.yielded = self._name, time.monotonic() + 2 * LONGEST_PAUSE
            if held.lease.until <= now():
                logger.warning("%s: held past lock_timeout, another may have held it", self._key)

    def _try_acquire(self) -> bool:
        stored = None
        for _ in range(ACQUIRE_TRIES):
            length = self._options.lock_timeout
            found = self._leases.acquire(self._key, self._tokens, length, stored)
            if isinstance(found, Lease):
                # Otherwise the answer took longer than the lease.
                if found.until > now():
                    _held.locks[self._name] = HeldLock(self, found)
                    return True
            elif found.is_leased:
                break
            else:
                # This package stores no row under a lock's key: the lease replaces a foreign one.
                stored = StoredVersion(found.row.version, is_usable=False) if found.row else None
        return False

    def _try_acquire_if_free(self) -> bool:
        # A read costs less than a refused write.
        slot = self._leases.read(self._key, consistent=True)
        if not slot.is_leased or slot.owner in self._tokens:
            return self._try_acquire()
        self._reads += 1
        if self._reads % READS_BEFORE_MARK == 0:
            self._leases.mark_wanted(self._key, now() + READS_BEFORE_MARK * LONGEST_PAUSE)
        return False

    def _yield_to_others(self) -> None:
        """Let those who wait read the lock once before this thread acquires it again."""
        yielded, _held.yielded = _held.yielded, None
        if yielded and yielded[0] == self._name:
            time.sleep(max(0.0, yielded[1] - time.monotonic()))

    @property
    def is_held(self) -> bool:
        """Whether this thread holds the lock, and its lease has not expired."""
        held = _held.locks.get(self._name)
        return held is not None and held.lease.until > now()
