"""The values of one cache namespace, shared by all threads."""

from __future__ import annotations

import logging
import math
from typing import Any

from ..codec import encode_value
from ..errors import ItemTooLarge, StoreUnavailable
from ..options import LONGEST_LIFE, Options
from ..rows import Leases, Listing, Row, Rows, new_token, now
from ..table import RowKey, partition_key, value_key
from .creation import CreationLock
from .creation_lease import CreationLease, HeldLease, ThreadState
from .entry import CacheEntry, EntryReader, has_beakers_form

logger = logging.getLogger("beaker_dynamodb.caches")


class CacheValues:
    """Reads and writes the values of one cache namespace.

    Args:
        rows: of the table.
        leases: of the table.
        listing: of the table.
        options: of the backend.
        namespace: name of the cache.
        thread: what each thread knows of the namespace.
    """

    def __init__(
        self,
        rows: Rows,
        leases: Leases,
        listing: Listing,
        options: Options,
        namespace: str,
        thread: ThreadState,
    ) -> None:
        self._rows = rows
        self._leases = leases
        self._listing = listing
        self._options = options
        self._partition = partition_key(options.key_prefix, namespace)
        self._reader = EntryReader(rows, leases, options)
        self._thread = thread

    def get(self, key: str | bytes) -> Any:
        """The value under a key, or MISSING.

        A row that cannot be read is a miss, and logged: it costs one creation, not the page.
        """
        row_key = value_key(self._partition, key)
        if row_key in self._thread.values:
            return self._thread.values[row_key]
        try:
            entry = self._read(row_key)
        except StoreUnavailable as error:
            # As a miss, the value would stay: Beaker removes only what it finds.
            if self._options.on_outage == "raise" or self._thread.writing:
                raise
            logger.warning("%s counts as missing: %s", row_key, error)
            entry = CacheEntry(row_key, is_answered=False)
        self._thread.last_read = entry
        if self._thread.reading:
            self._thread.values[row_key] = entry.value
        return entry.value

    def is_being_removed(self, key: str | bytes) -> bool:
        """Whether this thread is about to remove a value that another is creating.

        Beaker removes only what it finds (beaker/container.py, Value.clear_value), and the value
        that is being created is out of date.
        """
        entry = self._thread.last_read
        if entry is None or not self._thread.writing:
            return False
        return entry.is_leased and entry.key == value_key(self._partition, key)

    def put(self, key: str | bytes, value: object, expire: float | None) -> None:
        """Store a value; if this thread holds the lease for its creation, only under that lease.

        Args:
            key: as passed to Beaker.
            value: Beaker's tuple of time stored, expiry and value.
            expire: seconds until it counts as missing; None = Beaker's `timeout`, or never.

        Raises:
            ItemTooLarge: the value takes more than `max_value_size`.
            TypeError: with `serializer` json, for anything but such a tuple.
        """
        row_key = value_key(self._partition, key)
        row = Row(self._data(value), new_token(), now(), self._life(expire))
        held = self._thread.held_lease(row_key)
        if held is None:
            self._rows.write(row_key, row, None)
        else:
            self._store(row_key, row, held)
        self._thread.values.pop(row_key, None)

    def delete(self, key: str | bytes) -> None:
        """Delete a value; nothing happens if there is none."""
        row_key = value_key(self._partition, key)
        self._rows.delete(row_key)
        self._thread.values.pop(row_key, None)

    def clear(self) -> None:
        """Delete all values of the namespace."""
        self._listing.clear(self._partition)
        self._thread.values.clear()

    def keys(self) -> list[bytes]:
        """The keys of all live values, in bytes as Beaker's `Cache` passes them."""
        moment = now() + self._options.stale_ttl
        return [row.key for row in self._listing.values(self._partition) if row.ends > moment]

    def creation_lock(self, key: str | bytes) -> CreationLock:
        """The lock under which a missing value is created."""
        row_key, options = value_key(self._partition, key), self._options
        lease = CreationLease(self._leases, self._reader, options, self._thread, row_key)
        return CreationLock((*options.place(), row_key), lease, options.lock_wait)

    def _read(self, row_key: RowKey) -> CacheEntry:
        if self._options.on_outage == "miss" and not self._thread.writing:
            self._rows.table.verify_no_outage()
        return self._reader.read(row_key, consistent=self._options.consistent_read)

    def _data(self, value: object) -> bytes:
        options = self._options
        if options.serializer == "json" and not has_beakers_form(value):
            raise TypeError("with serializer = json a cache holds what Beaker's Cache stores")
        try:
            return encode_value(
                value, options.serializer, options.compression, options.max_value_size
            )
        except ItemTooLarge as error:
            raise self._rows.table.located(error) from error

    def _store(self, row_key: RowKey, row: Row, held: HeldLease) -> None:
        if held.token is None:
            logger.warning("%s: made in an outage, not stored", row_key)
        elif not self._is_stored(row_key, row, held.token):
            logger.info("%s: another has made or removed it since, not stored", row_key)
        del self._thread.leases[row_key]

    def _is_stored(self, row_key: RowKey, row: Row, token: str) -> bool:
        try:
            return self._leases.store(row_key, row, token)
        except StoreUnavailable as error:
            if self._options.on_outage == "raise":
                raise
            logger.warning("%s: %s", row_key, error)
            return False

    def _life(self, expire: float | None) -> int | None:
        """Seconds that a row lives: as long as the value is fresh, and may be served stale."""
        fresh = (self._options.timeout or math.inf) if expire is None else expire
        return math.ceil(fresh) + self._options.stale_ttl if fresh <= LONGEST_LIFE else None
