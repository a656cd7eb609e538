"""Single-flight: the lock that Beaker acquires around the creation of a missing cache value."""

from __future__ import annotations

import os
import threading
import time
from typing import Any
from weakref import WeakValueDictionary

from ..errors import BeakerDynamoDBError
from ..table import reported, wait_until
from .creation_lease import CreationLease


class _LocalLocks:
    """The locks among this process's threads; a lock exists while a thread refers to it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start with new locks: a forked worker has no thread to release those of its parent."""
        self._registry = threading.Lock()
        self._locks: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()

    def lock(self, name: tuple[Any, ...]) -> Any:
        """The re-entrant lock of a name."""
        with self._registry:
            return self._locks.setdefault(name, threading.RLock())


_local_locks = _LocalLocks()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_local_locks.forget)


class CreationLock:
    """The lock that Beaker acquires around a creation function, with its synchronizers' methods.

    It is acquired first among this process's threads, then among all machines, by a lease. The
    thread that holds it may acquire it again.

    Args:
        lease: on the value, across machines.
        limit: longest wait in seconds.
    """

    def __init__(self, lease: CreationLease, limit: float) -> None:
        self._local = _local_locks.lock(lease.name)
        self._lease = lease
        self._limit = limit

    @reported
    def acquire(self, wait: bool = True) -> bool:  # noqa: FBT002  # Beaker's signature
        """Acquire the lock.

        Args:
            wait: whether to wait for it.

        Returns:
            Whether it is acquired; if not, Beaker serves the expired value.

        Raises:
            LockTimeout: it was not free within the limit. Beaker ignores what a waiting call
                returns, and would continue without the lock (beaker/container.py, Value.get_value).
        """
        deadline = time.monotonic() + self._limit
        is_free = self._local.acquire(blocking=False)
        if not is_free and not (wait and self._local.acquire(timeout=self._limit)):
            return self._refuse(wait)
        lease = self._lease
        try:
            acquire = lease.acquire if is_free else lease.acquire_if_free
            left = deadline - time.monotonic()
            if acquire() or (wait and wait_until(lease.acquire_if_free, left)):
                return True
        except BaseException:
            self._local.release()
            raise
        self._local.release()
        return self._refuse(wait)

    @reported
    def release(self) -> None:
        """Release the lock."""
        try:
            self._lease.release()
        finally:
            self._local.release()

    def report(self, error: BeakerDynamoDBError) -> None:
        """Hand an error to `on_error`."""
        self._lease.report(error)

    def _refuse(self, wait: bool) -> bool:
        if wait:
            raise self._lease.timeout()
        return False
