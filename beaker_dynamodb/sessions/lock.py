"""The lock of a session, across threads, processes and machines: a lease, and the wait for it."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from typing import Any

from ..errors import LockTimeout
from ..options import Options
from ..rows import ACQUIRE_TRIES, Leases, StoredVersion, new_version, now
from ..table import RowKey, lock_key, wait_until

logger = logging.getLogger("beaker_dynamodb.sessions")


@dataclass
class HeldLock:
    """A lease that this thread holds, and how often it has acquired the lock."""

    token: str
    until: float
    depth: int = 1


class _HeldByThread(threading.local):
    def __init__(self) -> None:
        self.locks: dict[tuple[Any, ...], HeldLock] = {}


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
        # With the process id: a forked worker holds none of its parent's locks.
        self._name = (os.getpid(), *options.place(), self._key)

    def acquire(self) -> None:
        """Acquire the lock, for at most `lock_timeout`.

        Raises:
            LockTimeout: another has held it for all of `lock_wait`.
        """
        if self._is_held():
            self.acquire_again()
            return
        wait = self._options.lock_wait
        if self._try_acquire() or wait_until(self._try_acquire_if_free, wait):
            return
        raise self._leases.table.error(
            LockTimeout,
            f"a session was locked for {wait:g} s: look for what holds it, or raise lock_wait",
        )

    def acquire_again(self) -> None:
        """Acquire the lock once more if this thread holds it; otherwise nothing happens."""
        if self._is_held():
            _held.locks[self._name].depth += 1

    def release(self) -> None:
        """Release the lock once; nothing happens if this thread does not hold it."""
        held = _held.locks.get(self._name)
        if held is None:
            return
        held.depth -= 1
        if held.depth == 0:
            del _held.locks[self._name]
            self._leases.release(self._key, held.token)
            if held.until <= now():
                logger.warning("%s: held past lock_timeout, another may have held it", self._key)

    def _try_acquire(self) -> bool:
        token, until = new_version(), now() + self._options.lock_timeout
        stored = None
        for _ in range(ACQUIRE_TRIES):
            slot = self._leases.acquire(self._key, token, until, stored)
            if slot is None:
                _held.locks[self._name] = HeldLock(token, until)
                return True
            if slot.is_leased:
                break
            # This package stores no row under a lock's key: the lease replaces a foreign one.
            stored = StoredVersion(slot.row.version, is_usable=False) if slot.row else None
        return False

    def _try_acquire_if_free(self) -> bool:
        # A read costs less than a refused write.
        return not self._leases.read(self._key, consistent=True).is_leased and self._try_acquire()

    def _is_held(self) -> bool:
        held = _held.locks.get(self._name)
        return held is not None and held.until > now()
