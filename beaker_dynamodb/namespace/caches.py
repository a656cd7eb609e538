"""The values of one cache namespace, shared by all threads."""

from __future__ import annotations

import logging
import math
from typing import Any

from .. import codec
from ..errors import ItemTooLarge, StoreUnavailable
from ..lock import CreationLock
from ..options import LONGEST_LIFE, Options
from ..store import Leases, Listing, Row, RowKey, new_version, now, partition_key, value_key
from .claims import Claimed, ThreadState, ValueClaim
from .reading import MISSING, Looked, ValueReader, is_beakers

logger = logging.getLogger("beaker_dynamodb.namespace")


class CacheRows:
    """Reads and writes the values of one cache namespace."""

    def __init__(self, leases: Leases, options: Options, namespace: str) -> None:
        self._leases = leases
        self._options = options
        self._partition = partition_key(options.key_prefix, namespace)
        self._reader = ValueReader(leases, options)
        self._thread = ThreadState()

    def acquire_read_lock(self) -> None:
        """Keep what is read from now on, in this thread: Beaker asks `in` and then `[]`."""
        self._thread.depth += 1

    def release_read_lock(self) -> None:
        """Forget what was read, once the outermost read lock is released."""
        # Beaker releases once too often where a write inside has failed (container.py, _get_value).
        self._thread.depth = max(0, self._thread.depth - 1)
        if self._thread.depth == 0:
            self._thread.values.clear()

    def acquire_write_lock(self) -> None:
        """Begin what `Cache.remove_value` does; `holds` tells why."""
        self._thread.writing += 1

    def release_write_lock(self) -> None:
        """End what `acquire_write_lock` began."""
        self._thread.writing = max(0, self._thread.writing - 1)

    def holds(self, key: str | bytes) -> bool:
        """Whether there is something under a key.

        For who is about to remove it, that somebody makes the value is something, too: Beaker asks
        before it removes (beaker/container.py, Value.clear_value), and what is being made now is
        made of what is out of date.
        """
        if self.get(key) is not MISSING:
            return True
        looked = self._thread.looked
        is_made = looked is not None and looked.key == self.row_key(key) and looked.is_leased
        return is_made and self._thread.writing > 0

    def row_key(self, key: str | bytes) -> RowKey:
        """The row of a key; text and its bytes are one key."""
        return value_key(self._partition, key)

    def get(self, key: str | bytes) -> Any:
        """The value under a key, or MISSING.

        A row that cannot be read is a miss, and logged: it costs one creation, not the page.
        """
        row_key = self.row_key(key)
        if row_key in self._thread.values:
            return self._thread.values[row_key]
        looked = self._look(row_key)
        self._thread.looked = looked
        if self._thread.depth:
            self._thread.values[row_key] = looked.value
        return looked.value

    def put(self, key: str | bytes, value: object, expire: float | None) -> None:
        """Store a value; where this thread has claimed to make it, only if nobody else has by now.

        Args:
            key: as given to Beaker.
            value: Beaker's tuple of time stored, expiry and value.
            expire: seconds until it counts as missing; None = for ever, or Beaker's `timeout`.

        Raises:
            ItemTooLarge: the value takes more than `max_value_size`.
            TypeError: with `serializer` json, for anything but such a tuple.
        """
        row_key = self.row_key(key)
        row = Row(self._data(value), new_version(), now(), self._life(expire))
        claim = self._thread.claim(row_key)
        if claim is None:
            self._leases.put(row_key, row)
        else:
            self._fulfil(row_key, row, claim)
        self._thread.values.pop(row_key, None)

    def delete(self, key: str | bytes) -> None:
        """Remove a value; nothing happens where there is none."""
        row_key = self.row_key(key)
        self._leases.delete(row_key)
        self._thread.values.pop(row_key, None)

    def clear(self) -> None:
        """Remove all values of the namespace."""
        Listing(self._options).clear(self._partition)
        self._thread.values.clear()

    def keys(self) -> list[bytes]:
        """The keys of all live values, as Beaker's `Cache` gives them: in bytes."""
        moment = now() + self._options.stale_ttl
        return [
            key for key, ends in Listing(self._options).values(self._partition) if ends > moment
        ]

    def creation_lock(self, key: str | bytes) -> CreationLock:
        """The lock under which a missing value is made."""
        row_key, options = self.row_key(key), self._options
        claim = ValueClaim(self._leases, self._reader, options, self._thread, row_key)
        table = (options.endpoint_url, options.region, options.table_name)
        return CreationLock((*table, row_key), claim, options.lock_wait)

    def _data(self, value: object) -> bytes:
        options = self._options
        if options.serializer == "json" and not is_beakers(value):
            raise TypeError("with serializer = json a cache holds what Beaker's Cache stores")
        try:
            return codec.encode_value(
                value, options.serializer, options.compression, options.max_value_size
            )
        except ItemTooLarge as error:
            raise self._leases.located(error) from error

    def _look(self, row_key: RowKey) -> Looked:
        try:
            return self._reader.look(row_key, self._options.consistent_read)
        except StoreUnavailable as error:
            # What is to be removed must be gone: Beaker removes only what it finds.
            if self._options.on_outage == "raise" or self._thread.writing:
                raise
            logger.warning("%s counts as missing: %s", row_key, error)
            return Looked(row_key, is_answered=False)

    def _fulfil(self, row_key: RowKey, row: Row, claim: Claimed) -> None:
        if claim.token is None:
            logger.warning("%s: made in an outage, not stored", row_key)
        elif not self._is_stored(row_key, row, claim.token):
            logger.info("%s: made by another meanwhile, or removed; not stored", row_key)
        del self._thread.claims[row_key]

    def _is_stored(self, row_key: RowKey, row: Row, token: str) -> bool:
        try:
            return self._leases.fulfil(row_key, row, token)
        except StoreUnavailable as error:
            if self._options.on_outage == "raise":
                raise
            logger.warning("%s: %s", row_key, error)
            return False

    def _life(self, expire: float | None) -> int | None:
        if expire is None:
            return self._options.timeout or None
        return math.ceil(expire) + self._options.stale_ttl if expire <= LONGEST_LIFE else None
