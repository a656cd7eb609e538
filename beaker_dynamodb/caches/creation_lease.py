"""The lease under which one thread on one machine creates a missing cache value."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import BeakerDynamoDBError, LockTimeout, StoreUnavailable
from ..options import Options
from ..rows import ACQUIRE_TRIES, Lease, Leases, OwnTokens, Row, StoredVersion
from ..table import RowKey
from .entry import MISSING, CacheEntry, EntryReader, made_while_waiting
from .heartbeat import HEARTBEAT, Beat

logger = logging.getLogger("beaker_dynamodb.caches")

#: A lease is extended whenever this part of it has passed.
BEATS_PER_LEASE = 3

#: What distinguishes the values of all tables and namespaces in this process.
ValueName = tuple[Any, ...]


@dataclass
class HeldLease:
    """A lease that a thread holds, and how often it has acquired the creation lock.

    Attributes:
        lease: None if DynamoDB did not answer and `on_outage` is miss: the value is then created
            without a lease, and not stored.
        on: the row that the lease is on; None if there is no row.
        depth: how often the thread has acquired the lock.
        process: id of the process.
        beat: extends the lease; None without a lease.
        made: version of the value that the thread has stored under the lease, if any.
        has_ended: whether the thread has stored a value, which ends the lease, or was refused.
    """

    lease: Lease | None
    on: StoredVersion | None = None
    depth: int = 1
    process: int = field(default_factory=os.getpid)
    beat: Beat | None = None
    made: str | None = None
    has_ended: bool = False


class _HeldByThread(threading.local):
    def __init__(self) -> None:
        self.leases: dict[ValueName, HeldLease] = {}


_held = _HeldByThread()


def held_by_thread() -> dict[ValueName, HeldLease]:
    """The leases that this thread holds, whichever `Cache` object has acquired them."""
    return _held.leases


class ThreadState(threading.local):
    """What one thread knows of a namespace.

    Values are kept only while the thread has a lock: a value may have several megabytes, and a
    process many threads.

    Attributes:
        reading: how many read locks it holds.
        writing: how many write locks it holds.
        values: what it has read under a read lock, or when it acquired a lease.
        last_read: the entry that it read last, without its value.
    """

    def __init__(self) -> None:
        self.reading = 0
        self.writing = 0
        self.values: dict[RowKey, Any] = {}
        self.last_read: CacheEntry | None = None
        self.leases = held_by_thread()


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
        self._tokens = OwnTokens()
        self.name: ValueName = (*options.place(), key)
        last = thread.last_read
        #: Beaker has just read the value: that read is not repeated.
        self._first = last if last and last.key == key else None

    def acquire(self) -> bool:
        """Acquire the lease by a write; also True if another has stored the value meanwhile."""
        return self._acquire_again() or self._acquire(lambda: self._first or CacheEntry(self._key))

    def acquire_if_free(self) -> bool:
        """As `acquire`, but with a read first, which costs less than a refused write."""
        return self._acquire_again() or self._acquire(
            lambda: self._reader.read(self._key, consistent=True, first=self._first)
        )

    def store(self, row: Row) -> bool:
        """Store a value if this thread holds the lease; False if it does not.

        Once it has stored one under the lease, it replaces only that.
        """
        held = self._held()
        if held is None:
            return False
        if held.lease is None:
            logger.warning("%s: not stored: it was created in an outage", self._key)
        elif self._is_stored(row, held, held.lease):
            held.made = row.version
        else:
            logger.info(
                "%s: not stored: another client has stored or removed it meanwhile", self._key
            )
        held.has_ended = True
        return True

    def release(self) -> None:
        """Release the lease once; if the value was stored, that has released it already."""
        self._thread.values.pop(self._key, None)
        self._thread.last_read = None
        held = self._held()
        if held is None:
            return
        held.depth -= 1
        if held.depth == 0:
            del self._thread.leases[self.name]
            if held.beat:
                HEARTBEAT.end(held.beat)
            if held.lease and not held.has_ended:
                self._leases.release(self._key, held.lease, held.on)

    def timeout(self) -> LockTimeout:
        """The error for a wait that took too long."""
        return self._leases.table.error(
            LockTimeout,
            f"a cache value was not created within {self._options.lock_wait:g} s: "
            "check its creation function, or raise lock_wait",
        )

    def report(self, error: BeakerDynamoDBError) -> None:
        """Hand an error to `on_error`."""
        self._leases.table.report(error)

    def _held(self) -> HeldLease | None:
        """The lease that this thread holds, if any; a forked worker holds none of its parent's."""
        held = self._thread.leases.get(self.name)
        return held if held and held.process == os.getpid() else None

    def _acquire_again(self) -> bool:
        held = self._held()
        if held:
            held.depth += 1
        return held is not None

    def _acquire(self, read: Callable[[], CacheEntry]) -> bool:
        # If DynamoDB did not answer the last read, another wait for it would only cost time.
        if self._first is None or self._first.is_answered:
            try:
                return self._acquire_from(read())
            except StoreUnavailable as error:
                if self._options.on_outage == "raise":
                    raise
                logger.warning("%s is created without a lease: %s", self._key, error)
                self.report(error)
        self._hold(HeldLease(None))
        return True

    def _acquire_from(self, entry: CacheEntry) -> bool:
        for _ in range(ACQUIRE_TRIES):
            if self._is_created(entry):
                self._thread.values[self._key] = made_while_waiting(entry.value)
                return True
            if entry.owner is not None and entry.owner not in self._tokens:
                return False
            refusal = self._try_acquire(entry)
            if refusal is None:
                return True
            entry = refusal
        return False

    def _try_acquire(self, entry: CacheEntry) -> CacheEntry | None:
        """Acquire the lease on what was read; returns None, or what is stored if refused."""
        length = self._options.lock_timeout
        found = self._leases.acquire(self._key, self._tokens, length, entry.stored, has_chain=True)
        if not isinstance(found, Lease):
            return self._reader.entry(self._key, found, self._first)
        held = HeldLease(found, entry.stored)
        held.beat = HEARTBEAT.begin(lambda: self._extend(held), length / BEATS_PER_LEASE)
        self._hold(held)
        return None

    def _hold(self, held: HeldLease) -> None:
        self._thread.leases[self.name] = held
        # What Beaker has read is expired or missing: it does not read that again.
        self._thread.values[self._key] = MISSING

    def _extend(self, held: HeldLease) -> bool:
        """Extend a lease, in the heartbeat's thread; False if this thread holds it no more."""
        if held.lease is None or held.has_ended:
            return False
        length = self._options.lock_timeout
        try:
            return self._leases.extend(self._key, held.lease, length)
        except BeakerDynamoDBError as error:
            logger.warning("%s: the lease was not extended: %s", self._key, error)
            self.report(error)
            return True

    def _is_stored(self, row: Row, held: HeldLease, lease: Lease) -> bool:
        try:
            return self._leases.store(self._key, row, lease, held.made)
        except StoreUnavailable as error:
            if self._options.on_outage == "raise":
                raise
            logger.warning("%s: %s", self._key, error)
            self.report(error)
            return False

    def _is_created(self, entry: CacheEntry) -> bool:
        """Whether another has stored the value since this thread first read it."""
        seen = self._first.version if self._first else None
        return entry.value is not MISSING and entry.version != seen
