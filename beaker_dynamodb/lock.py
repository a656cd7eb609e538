"""Locks that hold across threads, processes and machines: leases, waited for."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakValueDictionary

from .errors import LockTimeout
from .options import Options
from .store import Leases, RowKey, Seen, lock_key, new_version, now, pauses

logger = logging.getLogger("beaker_dynamodb.lock")

#: A refused write tells what stands in its way; the next one takes that into account.
TRIES = 3


def wait_for(is_done: Callable[[], bool], limit: float) -> bool:
    """Look again and again until something is done.

    Args:
        is_done: looks; for the first time after a pause.
        limit: seconds to wait at most.

    Returns:
        False where it is not done within the limit.
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


@dataclass
class _Held:
    """A lease that this thread holds, and how often it has acquired the lock."""

    token: str
    until: float
    depth: int = 1


class _HeldByThread(threading.local):
    def __init__(self) -> None:
        self.leases: dict[tuple[Any, ...], _Held] = {}


_held = _HeldByThread()


def holds_any_lock() -> bool:
    """Whether this thread holds the lock of any session: most hold none, and save at no cost."""
    return bool(_held.leases)


class SessionLock:
    """What `session.lock()` acquires: one thread on one machine has it at a time.

    It stands beside the session in a row of its own. A thread that holds it may acquire it again,
    by another object, too: Beaker makes a new one at each load.
    """

    def __init__(self, leases: Leases, session: RowKey, options: Options) -> None:
        self._leases = leases
        self._key = lock_key(session)
        self._options = options
        # With the process's number: a forked worker holds none of its parent's.
        table = (options.endpoint_url, options.region, options.table_name)
        self._place = (os.getpid(), *table, self._key)

    def acquire(self) -> None:
        """Acquire the lock; for `lock_timeout` at most.

        Raises:
            LockTimeout: another has held it for all of `lock_wait`.
        """
        if self._is_held():
            self.acquire_again()
            return
        if self._take() or wait_for(self._take_once_free, self._options.lock_wait):
            return
        raise self._leases.lock_timeout(
            f"a session was locked for {self._options.lock_wait:g} s: "
            "look for what holds its lock, or raise lock_wait"
        )

    def acquire_again(self) -> None:
        """Acquire the lock once more where this thread holds it; nothing happens elsewhere."""
        if self._is_held():
            _held.leases[self._place].depth += 1

    def release(self) -> None:
        """Release what was acquired last; nothing happens where this thread holds nothing."""
        held = _held.leases.get(self._place)
        if held is None:
            return
        held.depth -= 1
        if held.depth == 0:
            del _held.leases[self._place]
            self._leases.drop(self._key, held.token)
            if held.until <= now():
                logger.warning("%s: held past lock_timeout, another may have had it", self._key)

    def _take(self) -> bool:
        token, until = new_version(), now() + self._options.lock_timeout
        seen = None
        for _ in range(TRIES):
            standing = self._leases.take(self._key, token, until, seen)
            if standing is None:
                _held.leases[self._place] = _Held(token, until)
                return True
            if standing.is_leased:
                break
            # Nothing is stored in a lock's place but by who can write to the table.
            seen = Seen(standing.row.version, is_kept=False) if standing.row else None
        return False

    def _take_once_free(self) -> bool:
        # Reads cost less than refused writes.
        return not self._leases.look(self._key, consistent=True).is_leased and self._take()

    def _is_held(self) -> bool:
        held = _held.leases.get(self._place)
        return held is not None and held.until > now()


class Claim(Protocol):
    """What a thread claims to make, alone on all machines."""

    def take(self) -> bool:
        """Take the lease; True also where the value is there by now. Asks by a write."""

    def look(self) -> bool:
        """As `take`, but asks by a read first."""

    def drop(self) -> None:
        """Give the lease up, where the value was not stored."""

    def timeout(self) -> LockTimeout:
        """The error for who has waited for too long."""


class _LocalLocks:
    """The locks among this process's threads, each kept while a thread has it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin with new ones: a forked worker has no thread that would release the parent's."""
        self._registry = threading.Lock()
        self._locks: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()

    def lock(self, name: tuple[Any, ...]) -> Any:
        """The re-entrant lock of a name."""
        with self._registry:
            return self._locks.setdefault(name, threading.RLock())


_local_locks = _LocalLocks()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_local_locks.forget)


class CreationLock:
    """What Beaker acquires around a creation function: a synchronizer of its kind.

    First among this process's threads, then among all machines. A thread that has it may acquire
    it again.
    """

    def __init__(self, name: tuple[Any, ...], claim: Claim, limit: float) -> None:
        self._local = _local_locks.lock(name)
        self._claim = claim
        self._limit = limit

    def acquire(self, wait: bool = True) -> bool:  # noqa: FBT002  # Beaker's signature
        """Acquire the lock.

        Args:
            wait: whether to wait for it.

        Returns:
            Whether it is acquired; without it Beaker serves the expired value.

        Raises:
            LockTimeout: it was not free within the limit. Beaker takes the lock for held as soon
                as a waiting call returns (beaker/container.py, Value.get_value).
        """
        deadline = time.monotonic() + self._limit
        is_free = self._local.acquire(blocking=False)
        if not is_free and not (wait and self._local.acquire(timeout=self._limit)):
            return self._refused(wait)
        try:
            ask = self._claim.take if is_free else self._claim.look
            if ask() or (wait and wait_for(self._claim.look, deadline - time.monotonic())):
                return True
        except BaseException:
            self._local.release()
            raise
        self._local.release()
        return self._refused(wait)

    def release(self) -> None:
        """Release the lock."""
        try:
            self._claim.drop()
        finally:
            self._local.release()

    def _refused(self, wait: bool) -> bool:
        if wait:
            raise self._claim.timeout()
        return False
