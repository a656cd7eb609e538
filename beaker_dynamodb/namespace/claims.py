"""Who makes a cache value: one thread on one machine, which has claimed to."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import LockTimeout, StoreUnavailable
from ..lock import TRIES
from ..options import Options
from ..store import Leases, RowKey, Seen, new_version, now
from .reading import MISSING, Looked, ValueReader

logger = logging.getLogger("beaker_dynamodb.namespace")


@dataclass
class Claimed:
    """A lease that a thread has taken, on what it had seen; and how often it has the lock.

    There is no token where the engine has not answered, and that counts as a miss: the value is
    made without a lease, and not stored.
    """

    token: str | None
    seen: Seen | None
    depth: int = 1
    process: int = field(default_factory=os.getpid)


class ThreadState(threading.local):
    """What one thread knows of a namespace.

    Attributes:
        depth: how many read locks it holds.
        writing: how many write locks.
        values: what it has read inside of them, or learned with a claim.
        looked: what it has found last.
        claims: what it has claimed to make.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.writing = 0
        self.values: dict[RowKey, Any] = {}
        self.looked: Looked | None = None
        self.claims: dict[RowKey, Claimed] = {}

    def claim(self, key: RowKey) -> Claimed | None:
        """This thread's claim, if any; a forked worker has none of its parent's."""
        claim = self.claims.get(key)
        return claim if claim and claim.process == os.getpid() else None


class ValueClaim:
    """One thread's claim to make the value under a key; `lock.Claim`."""

    def __init__(
        self,
        leases: Leases,
        reader: ValueReader,
        options: Options,
        thread: ThreadState,
        key: RowKey,
    ) -> None:
        self._leases = leases
        self._reader = reader
        self._options = options
        self._thread = thread
        self._key = key
        looked = thread.looked
        #: Beaker has just asked for the value: on a miss that answer need not be asked for again.
        self._first = looked if looked and looked.key == key else Looked(key)

    def take(self) -> bool:
        """Take the lease; True also where the value is there by now."""
        return self._has_it_already() or self._claim(lambda: self._first)

    def look(self) -> bool:
        """As `take`, but asks by a read first: it costs less than a refused write."""
        return self._has_it_already() or self._claim(
            lambda: self._reader.look(self._key, consistent=True)
        )

    def drop(self) -> None:
        """Give the lease up, where the value was not stored."""
        self._thread.values.pop(self._key, None)
        claim = self._thread.claim(self._key)
        if claim is None:
            return
        claim.depth -= 1
        if claim.depth == 0:
            del self._thread.claims[self._key]
            if claim.token is not None:
                self._leases.drop(self._key, claim.token, claim.seen)

    def timeout(self) -> LockTimeout:
        """The error for who has waited for too long."""
        return self._leases.lock_timeout(
            f"a cache value was being made for {self._options.lock_wait:g} s: "
            "look for what makes it, or raise lock_wait"
        )

    def _has_it_already(self) -> bool:
        claim = self._thread.claim(self._key)
        if claim:
            claim.depth += 1
        return claim is not None

    def _claim(self, look: Callable[[], Looked]) -> bool:
        # An engine that has not answered a moment ago is not waited for again.
        if self._first.is_answered:
            try:
                return self._take(look())
            except StoreUnavailable as error:
                if self._options.on_outage == "raise":
                    raise
                logger.warning("%s is made without a lease: %s", self._key, error)
        self._thread.claims[self._key] = Claimed(None, None)
        self._thread.values[self._key] = MISSING
        return True

    def _take(self, looked: Looked) -> bool:
        for _ in range(TRIES):
            if self._is_made(looked):
                self._thread.values[self._key] = looked.value
                return True
            if looked.is_leased:
                return False
            in_the_way = self._take_lease(looked)
            if in_the_way is None:
                return True
            looked = in_the_way
        return False

    def _take_lease(self, looked: Looked) -> Looked | None:
        """What stands in the way of the lease; None where it is taken."""
        token, until = new_version(), now() + self._options.lock_timeout
        standing = self._leases.take(self._key, token, until, looked.seen)
        if standing is not None:
            return self._reader.found(self._key, standing)
        self._thread.claims[self._key] = Claimed(token, looked.seen)
        self._thread.values[self._key] = looked.value
        return None

    def _is_made(self, looked: Looked) -> bool:
        """Whether another has stored the value since this thread has asked for it first."""
        return looked.value is not MISSING and looked.seen != self._first.seen
