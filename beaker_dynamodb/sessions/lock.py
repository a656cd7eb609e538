"""The lock of a session, across threads, processes and machines: a lease, and the wait for it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TypeAlias
from weakref import WeakValueDictionary

from ..errors import LockTimeout
from ..options import Options
from ..rows import ACQUIRE_TRIES, Lease, Leases, OwnTokens, StoredVersion, now
from ..table import LONGEST_PAUSE, RowKey, lock_key, wait_until

logger = logging.getLogger("beaker_dynamodb.sessions")


#: A client that waits marks the lock as wanted after this many reads, each time with a write.
READS_BEFORE_MARK = 4

#: Of a lock in this process.
LockName: TypeAlias = tuple[object, ...]


@dataclass
class HeldLock:
    """A lease that an owner holds.

    Attributes:
        leases: of the table.
        key: of the lock's item.
        lease: on that item.
        depth: how often the owner has acquired the lock; 0 once it is released.
        process: that holds it: a forked worker has a copy, and holds none of its parent's locks.
    """

    leases: Leases
    key: RowKey
    lease: Lease
    depth: int = 1
    process: int = field(default_factory=os.getpid)

    def __del__(self) -> None:
        # No call to DynamoDB: Python collects garbage inside any other call.
        if self.depth:
            _abandoned.put(self)

    @property
    def has_expired(self) -> bool:
        """Whether another may hold the lock."""
        return self.lease.until <= now()

    def release(self) -> bool:
        """Release the lease; returns whether others wait for it."""
        self.depth = 0
        return self.process == os.getpid() and self.leases.release(self.key, self.lease)


#: Locks of owners that are gone. Its `put` may be called by a finalizer (library reference).
_abandoned: SimpleQueue[HeldLock] = SimpleQueue()


def release_abandoned() -> None:
    """Release the locks of this process whose owners are gone without a release."""
    while True:
        try:
            held = _abandoned.get_nowait()
        except Empty:
            return
        held.release()


class LockOwner:
    """The owner of a session's locks: the session object, under all of its ids.

    Beaker's own session class passes nothing of itself on: there one owner stands for all that
    uses a session in one thread, as long as one of its namespace managers is in use.

    Attributes:
        losses: how often the lease of a lock had expired when that was released.
    """

    def __init__(self) -> None:
        self.losses: Counter[LockName] = Counter()
        self._held: dict[LockName, HeldLock] = {}

    def held(self, name: LockName) -> HeldLock | None:
        """The lock that it holds under a name, even after the lease has expired."""
        return self._held.get(name)

    def hold(self, name: LockName, held: HeldLock) -> None:
        """Keep a lock that was acquired."""
        self._held[name] = held

    def is_left_behind(self, grace: float) -> bool:
        """Whether each of its leases has expired more than some seconds ago."""
        held = self._held.values()
        return bool(held) and all(each.lease.until + grace <= now() for each in held)

    def release_last(self) -> None:
        """Release once what it has acquired last; nothing happens if it holds nothing.

        `Session.unlock` releases the lock of the session's current id, but the lock was acquired
        under the old one if `invalidate` or `regenerate_id` came between (beaker/session.py).
        """
        if not self._held:
            return
        name, held = next(reversed(self._held.items()))
        held.depth -= 1
        if held.depth:
            return
        del self._held[name]
        if held.has_expired:
            self.losses[name] += 1
            logger.warning(
                "%s: held longer than lock_timeout: another request may have held it too", held.key
            )
        if held.release():
            _thread.yielded = name, time.monotonic() + 2 * LONGEST_PAUSE

    def release_all(self) -> None:
        """Release what it still holds, however often it has acquired it."""
        for held in self._held.values():
            logger.warning("%s: still locked when its request ended: released", held.key)
            held.depth = 1
        while self._held:
            self.release_last()

    @property
    def holds_any(self) -> bool:
        """Whether it holds any lock, even one whose lease has expired."""
        return bool(self._held)

    @property
    def is_in_use(self) -> bool:
        """Whether it holds a lock, or has lost one: most requests use none, at no cost."""
        return bool(self._held or self.losses)


class _Thread(threading.local):
    def __init__(self) -> None:
        #: Of sessions of Beaker's own class, while they are in use.
        self.owners: WeakValueDictionary[LockName, LockOwner] = WeakValueDictionary()
        #: The lock that others waited for when this thread released it, and until when it waits.
        self.yielded: tuple[LockName, float] | None = None


_thread = _Thread()


def has_shared_locks() -> bool:
    """Whether this thread has locked a session of Beaker's own class that is still in use."""
    return any(owner.is_in_use for owner in _thread.owners.values())


class SessionLock:
    """What `session.lock()` acquires: one owner on one machine holds it at a time.

    The lease is an item of its own beside the session. Its owner may acquire it again.

    Args:
        leases: of the table.
        session: key of the session.
        options: of the backend.
        owner: the session object; None for the one that shares the session in this thread.
    """

    def __init__(
        self, leases: Leases, session: RowKey, options: Options, owner: LockOwner | None
    ) -> None:
        self._leases = leases
        self._key = lock_key(session)
        self._options = options
        self._reads = 0
        self._tokens = OwnTokens()
        self._place = options.place()
        self._owner = owner or self._shared_owner()
        #: As of the load of the session: what was loaded before a loss may be out of date.
        self._losses = self._owner.losses[self._name]

    def acquire(self) -> None:
        """Acquire the lock, for at most `lock_timeout`.

        Raises:
            LockTimeout: another has held it for all of `lock_wait`, or this owner has held it for
                more than `lock_timeout`.
        """
        release_abandoned()
        held = self._owner.held(self._name)
        if held is not None:
            self._verify(held)
            held.depth += 1
            return
        # A forked worker has the tokens of its parent, and is another owner.
        self._reads, self._tokens = 0, OwnTokens()
        wait = self._options.lock_wait
        self._yield_to_others()
        if self._try_acquire() or wait_until(self._try_acquire_if_free, wait):
            return
        raise self._leases.table.error(
            LockTimeout,
            f"a session's lock was not free for {wait:g} s: find what holds it, or raise lock_wait",
        )

    def verify(self) -> None:
        """Check that no lease under which the session was loaded has expired.

        Raises:
            LockTimeout: one has expired, so another may have changed the session. It is raised
                until the session is unlocked and loaded again.
        """
        self._verify(self._owner.held(self._name))

    def release(self) -> None:
        """Release once what the owner has acquired last, and what other owners have left."""
        self._owner.release_last()
        release_abandoned()

    @property
    def is_held(self) -> bool:
        """Whether the owner holds the lock, even if its lease has expired."""
        return self._owner.held(self._name) is not None

    @property
    def _name(self) -> LockName:
        # With the process id: a forked worker holds none of its parent's locks.
        return (os.getpid(), *self._place, self._key)

    def _shared_owner(self) -> LockOwner:
        """The owner that this thread's managers of the session share, as long as one is in use."""
        owner = _thread.owners.get(self._name)
        if owner is None or owner.is_left_behind(self._options.lock_timeout):
            owner = _thread.owners[self._name] = LockOwner()
        return owner

    def _verify(self, held: HeldLock | None) -> None:
        is_lost = held is not None and held.has_expired
        if is_lost or self._losses != self._owner.losses[self._name]:
            raise self._leases.table.error(
                LockTimeout,
                "a session's lock was held for more than lock_timeout "
                f"({self._options.lock_timeout} s), so another may have changed the session: "
                "unlock it, then lock and load it again, or raise lock_timeout",
            )

    def _try_acquire(self) -> bool:
        stored = None
        for _ in range(ACQUIRE_TRIES):
            length = self._options.lock_timeout
            found = self._leases.acquire(self._key, self._tokens, length, stored)
            if isinstance(found, Lease):
                # Otherwise the answer took longer than the lease.
                if found.until > now():
                    self._owner.hold(self._name, HeldLock(self._leases, self._key, found))
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
        yielded, _thread.yielded = _thread.yielded, None
        if yielded and yielded[0] == self._name:
            time.sleep(max(0.0, yielded[1] - time.monotonic()))
