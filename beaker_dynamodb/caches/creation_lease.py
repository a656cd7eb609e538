"""The lease under which one thread on one machine creates a missing cache value."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import LockTimeout, StoreUnavailable
from ..options import Options
from ..rows import ACQUIRE_TRIES, Leases, StoredVersion, new_token, now
from ..table import RowKey
from .entry import MISSING, CacheEntry, EntryReader

logger = logging.getLogger("beaker_dynamodb.caches")


@dataclass
class HeldLease:
    """A lease that a thread holds, and how often it has acquired the creation lock.

    Attributes:
        token: of the lease; None if DynamoDB did not answer and `on_outage` is miss: the value is
            then created without a lease, and not stored.
        stored: the row that the lease is on; None if there is no row.
        depth: how often the thread has acquired the lock.
        process: id of the process.
    """

    token: str | None
    stored: StoredVersion | None
    depth: int = 1
    process: int = field(default_factory=os.getpid)


class ThreadState(threading.local):
    """What one thread knows of a namespace.

    Attributes:
        reading: how many read locks it holds.
        writing: how many write locks it holds.
        values: what it has read under a read lock, or when it acquired a lease.
        last_read: the entry that it read last.
        leases: the leases that it holds.
    """

    def __init__(self) -> None:
        self.reading = 0
        self.writing = 0
        self.values: dict[RowKey, Any] = {}
        self.last_read: CacheEntry | None = None
        self.leases: dict[RowKey, HeldLease] = {}

    def held_lease(self, key: RowKey) -> HeldLease | None:
        """The lease that this thread holds, if any; a forked worker holds none of its parent's."""
        held = self.leases.get(key)
        return held if held and held.process == os.getpid() else None


class CreationLease:
    """One thread's lease for the creation of the value under a key.

    Args:
        leases: of the table.
        reader: of cache entries.
        options: of the backend.
        thread: what this thread knows of the namespace.
        key: of the value's row.
    """

    def __init__(
        self,
        leases: Leases,
        reader: EntryReader,
        options: Options,
        thread: ThreadState,
        key: RowKey,
    ) -> None:
        self._leases = leases
        self._reader = reader
        self._options = options
        self._thread = thread
        self._key = key
        last = thread.last_read
        #: Beaker has just read the value: that read is not repeated.
        self._first = last if last and last.key == key else CacheEntry(key)

    def acquire(self) -> bool:
        """Acquire the lease by a write; also True if another has stored the value meanwhile."""
        return self._acquire_again() or self._acquire(lambda: self._first)

    def acquire_if_free(self) -> bool:
        """As `acquire`, but with a read first, which costs less than a refused write."""
        return self._acquire_again() or self._acquire(
            lambda: self._reader.read(self._key, consistent=True)
        )

    def release(self) -> None:
        """Release the lease once; if the value was stored, that has released it already."""
        self._thread.values.pop(self._key, None)
        held = self._thread.held_lease(self._key)
        if held is None:
            return
        held.depth -= 1
        if held.depth == 0:
            del self._thread.leases[self._key]
            if held.token is not None:
                self._leases.release(self._key, held.token, held.stored)

    def timeout(self) -> LockTimeout:
        """The error for a wait that took too long."""
        return self._leases.table.error(
            LockTimeout,
            f"a cache value was being made for {self._options.lock_wait:g} s: "
            "look at its creation function, or raise lock_wait",
        )

    def _acquire_again(self) -> bool:
        held = self._thread.held_lease(self._key)
        if held:
            held.depth += 1
        return held is not None

    def _acquire(self, read: Callable[[], CacheEntry]) -> bool:
        # If DynamoDB did not answer the last read, another wait for it would only cost time.
        if self._first.is_answered:
            try:
                return self._acquire_from(read())
            except StoreUnavailable as error:
                if self._options.on_outage == "raise":
                    raise
                logger.warning("%s is created without a lease: %s", self._key, error)
        self._thread.leases[self._key] = HeldLease(None, None)
        self._thread.values[self._key] = MISSING
        return True

    def _acquire_from(self, entry: CacheEntry) -> bool:
        for _ in range(ACQUIRE_TRIES):
            if self._is_created(entry):
                self._thread.values[self._key] = entry.value
                return True
            if entry.is_leased:
                return False
            refusal = self._try_acquire(entry)
            if refusal is None:
                return True
            entry = refusal
        return False

    def _try_acquire(self, entry: CacheEntry) -> CacheEntry | None:
        """Acquire the lease on what was read; returns None, or what is stored if refused."""
        token, until = new_token(), now() + self._options.lock_timeout
        slot = self._leases.acquire(self._key, token, until, entry.stored)
        if slot is not None:
            return self._reader.entry(self._key, slot)
        self._thread.leases[self._key] = HeldLease(token, entry.stored)
        self._thread.values[self._key] = entry.value
        return None

    def _is_created(self, entry: CacheEntry) -> bool:
        """Whether another has stored the value since this thread first read it."""
        return entry.value is not MISSING and entry.stored != self._first.stored
