"""The values of one cache namespace, shared by all threads."""

from __future__ import annotations

import logging
import math
import threading
from typing import Any

from .. import codec
from ..errors import CorruptItem
from ..options import LONGEST_LIFE, Options
from ..store import Listing, Row, RowKey, Store, new_version, now, partition_key, value_key

logger = logging.getLogger("beaker_dynamodb.namespace")

#: What a key without a value reads as; None is a value.
MISSING = object()


class _ReadLock(threading.local):
    """What this thread has read inside the read lock that it holds, however often nested."""

    def __init__(self) -> None:
        self.depth = 0
        self.values: dict[RowKey, Any] = {}


class CacheRows:
    """Reads and writes the values of one cache namespace."""

    def __init__(self, store: Store, options: Options, namespace: str) -> None:
        self._store = store
        self._options = options
        self._partition = partition_key(options.key_prefix, namespace)
        self._lock = _ReadLock()

    def acquire_read_lock(self) -> None:
        """Keep what is read from now on, in this thread: Beaker asks `in` and then `[]`."""
        self._lock.depth += 1

    def release_read_lock(self) -> None:
        """Forget what was read, once the outermost read lock is released."""
        # Beaker releases once too often where a write inside has failed (container.py, _get_value).
        self._lock.depth = max(0, self._lock.depth - 1)
        if self._lock.depth == 0:
            self._lock.values.clear()

    def row_key(self, key: str | bytes) -> RowKey:
        """The row of a key; text and its bytes are one key."""
        return value_key(self._partition, key)

    def get(self, key: str | bytes) -> Any:
        """The live value under a key, or MISSING.

        A row that cannot be read is a miss, and logged: it costs one creation, not the page.
        """
        row_key = self.row_key(key)
        if row_key in self._lock.values:
            return self._lock.values[row_key]
        value = self._read(row_key)
        if self._lock.depth:
            self._lock.values[row_key] = value
        return value

    def put(self, key: str | bytes, value: object, expire: float | None) -> None:
        """Store a value.

        Args:
            key: as given to Beaker.
            value: Beaker's tuple of time stored, expiry and value.
            expire: seconds until it counts as missing; None = for ever, or Beaker's `timeout`.

        Raises:
            ItemTooLarge: the value takes more than 400 KB.
        """
        row_key = self.row_key(key)
        data = codec.encode_value(value, self._options.serializer, self._options.compression)
        self._store.put(row_key, Row(data, new_version(), now(), self._life(expire)))
        self._lock.values.pop(row_key, None)

    def delete(self, key: str | bytes) -> None:
        """Remove a value; nothing happens where there is none."""
        row_key = self.row_key(key)
        self._store.delete(row_key)
        self._lock.values.pop(row_key, None)

    def clear(self) -> None:
        """Remove all values of the namespace."""
        Listing(self._options).clear(self._partition)
        self._lock.values.clear()

    def keys(self) -> list[bytes]:
        """The keys of all live values, as Beaker's `Cache` gives them: in bytes."""
        moment = now()
        return [
            key for key, ends in Listing(self._options).values(self._partition) if ends > moment
        ]

    def _life(self, expire: float | None) -> int | None:
        if expire is None:
            return self._options.timeout or None
        return math.ceil(expire) if expire <= LONGEST_LIFE else None

    def _read(self, row_key: RowKey) -> Any:
        try:
            row = self._store.get(row_key, self._options.consistent_read)
            if row is None or row.ends <= now():
                return MISSING
            return codec.decode_value(row.data, self._options.serializer)
        except CorruptItem as error:
            logger.warning("%s cannot be read and counts as missing: %s", row_key, error)
            return MISSING
