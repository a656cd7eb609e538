"""The values of one cache namespace, shared by all threads."""

from __future__ import annotations

import logging
import math
import re
from itertools import chain
from typing import Any
from zlib import crc32

from ..codec import encode_value
from ..errors import ItemTooLarge, StoreUnavailable
from ..options import LONGEST_LIFE, Options
from ..rows import Leases, Listing, Row, Rows, new_token, now
from ..table import RowKey, counters, original_key, partition_key, value_key
from .creation import CreationLock
from .creation_lease import CreationLease, ThreadState
from .entry import MISSING, CacheEntry, EntryReader, has_beakers_form, has_expired

logger = logging.getLogger("beaker_dynamodb.caches")

#: A value has at most 400 KB in its own item: `keys` holds this many in memory at once.
KEYS_PER_READ = 25
_SHARD = re.compile(r"(?P<namespace>.*)\x1f[0-9]+ of (?P<count>[0-9]+)", re.DOTALL)


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
        self._partitions = _partitions(options, namespace)
        self._reader = EntryReader(rows, leases, options)
        self._thread = thread

    def get(self, key: str | bytes) -> Any:
        """The value under a key, or MISSING.

        A row that cannot be read is a miss, and logged: it costs one creation, not the page.
        """
        row_key = self._key(key)
        # A removal (Beaker looks first, under a write lock) must not miss what is stored now.
        is_removal = self._thread.writing > 0
        if row_key in self._thread.values and not is_removal:
            return self._thread.values[row_key]
        is_consistent = self._options.consistent_read or is_removal
        try:
            self._verify_no_outage(is_removal=is_removal)
            entry = self._reader.read(row_key, consistent=is_consistent)
        except StoreUnavailable as error:
            # As a miss, the value would stay: Beaker removes only what it finds.
            if self._options.on_outage == "raise" or is_removal:
                raise
            logger.warning("%s counts as missing: %s", row_key, error)
            self._rows.table.report(error)
            entry = CacheEntry(row_key, is_answered=False)
        self._thread.last_read = entry._replace(value=MISSING)
        if self._thread.reading:
            self._thread.values[row_key] = entry.value
        return entry.value

    def is_being_removed(self, key: str | bytes) -> bool:
        """Whether this thread is about to remove a key under which something else is stored.

        Beaker removes only what it finds (beaker/container.py, Value.clear_value). While another
        is creating the value there is only a lease, and after it, for a slow creator, its chain:
        that value is out of date. What this client cannot read, another may serve.
        """
        entry = self._thread.last_read
        if entry is None or not self._thread.writing:
            return False
        return entry.is_stored and entry.key == self._key(key)

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
        row_key = self._key(key)
        row = Row(self._data(value), new_token(), now(), self._life(expire))
        if not self._lease(row_key).store(row):
            self._rows.write(row_key, row, None)
        self._thread.values.pop(row_key, None)

    def delete(self, key: str | bytes) -> None:
        """Delete a value with its lease and chain; nothing happens if there is none."""
        row_key = self._key(key)
        self._rows.delete(row_key)
        self._thread.values.pop(row_key, None)

    def clear(self) -> None:
        """Delete all values of the namespace."""
        for partition in self._partitions:
            self._listing.clear(partition)
        self._thread.values.clear()

    def keys(self) -> list[bytes]:
        """The keys that `in` finds in a `Cache`, in bytes as it passes them.

        Each value is read, as for `in`: only its content says whether it can be read, and when
        Beaker counts it as expired.
        """
        rows = chain.from_iterable(map(self._listing.keys, self._partitions))
        listed = list(filter(None, map(self._listed_key, rows)))
        batches = (listed[at : at + KEYS_PER_READ] for at in range(0, len(listed), KEYS_PER_READ))
        entries = chain.from_iterable(map(self._reader.read_batch, batches))
        return [
            original_key(entry.key.sort, entry.key.original)
            for entry in entries
            if entry.value is not MISSING and not has_expired(entry.value)
        ]

    def creation_lock(self, key: str | bytes) -> CreationLock:
        """The lock under which a missing value is created."""
        return CreationLock(self._lease(self._key(key)), self._options.lock_wait)

    def _key(self, key: str | bytes) -> RowKey:
        partitions = self._partitions
        if len(partitions) == 1:
            return value_key(partitions[0], key)
        data = key if isinstance(key, bytes) else key.encode("utf-8", "surrogatepass")
        return value_key(partitions[crc32(data) % len(partitions)], key)

    def _verify_no_outage(self, *, is_removal: bool) -> None:
        if self._options.on_outage == "miss" and not is_removal:
            self._rows.table.verify_no_outage()

    def _lease(self, key: RowKey) -> CreationLease:
        return CreationLease(self._leases, self._reader, self._options, self._thread, key)

    def _listed_key(self, listed: RowKey) -> RowKey | None:
        """The key under which `in` finds a listed row; None if no cache key leads to it."""
        place = listed.partition, listed.sort
        originals: tuple[str | bytes, ...] = (
            listed.sort,
            original_key(listed.sort, listed.original),
        )
        found = map(self._key, originals)
        return next((key for key in found if (key.partition, key.sort) == place), None)

    def _data(self, value: object) -> bytes:
        options = self._options
        if options.serializer == "json" and not has_beakers_form(value):
            raise TypeError("with serializer = json, only Beaker's Cache can store values")
        try:
            encoded = encode_value(
                value, options.serializer, options.compression, options.max_value_size
            )
        except ItemTooLarge as error:
            raise self._rows.table.located(error) from error
        counters.count_bytes(encoded.size, len(encoded.data))
        return encoded.data

    def _life(self, expire: float | None) -> int | None:
        """Seconds that a row lives: as long as the value is fresh, and may be served stale."""
        fresh = (self._options.timeout or math.inf) if expire is None else expire
        return math.ceil(fresh) + self._options.stale_ttl if fresh <= LONGEST_LIFE else None


def _partitions(options: Options, namespace: str) -> tuple[str, ...]:
    """The partitions of a namespace; with one shard, that of its name.

    The number of shards is part of each name: a partition holds exactly the keys that lead to it.
    """
    count = options.shards
    shards = (f"{namespace}\x1f{shard} of {count}" for shard in range(count))
    names = (namespace,) if count == 1 else shards
    return tuple(partition_key(options.key_prefix, name) for name in names)


def namespace_and_shards(name: str) -> tuple[str, int]:
    """The namespace that a partition belongs to, and the number of its shards.

    Args:
        name: the partition key without the prefix.
    """
    shard = _SHARD.fullmatch(name)
    return (shard["namespace"], int(shard["count"])) if shard else (name, 1)
