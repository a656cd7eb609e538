"""CacheEntry: what is stored under a cache key, and how it is read."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeGuard

from ..codec import decode_value
from ..errors import CorruptItem
from ..options import Options
from ..rows import READ_TRIES, Leases, Row, Rows, Slot, StoredVersion, now
from ..table import RowKey

logger = logging.getLogger("beaker_dynamodb.caches")

#: Beaker adds times up (beaker/container.py, Value._is_expired), and a larger int fits no float.
LATEST = 1e300
#: What a key without a value reads as; None is a value.
MISSING = object()


class CacheEntry(NamedTuple):
    """What is stored under a cache key.

    Attributes:
        key: of the row.
        value: to serve, or MISSING.
        stored: version of the row, usable or not; None if there is no row.
        owner: token of the creator of the value; None if there is none.
        is_stored: whether there is any item, though it be only what is left of a lease.
        is_whole: False if parts of a large value are missing.
        is_answered: False if DynamoDB did not answer, which `on_outage` makes a miss.
    """

    key: RowKey
    value: Any = MISSING
    stored: StoredVersion | None = None
    owner: str | None = None
    is_stored: bool = False
    is_whole: bool = True
    is_answered: bool = True

    def __repr__(self) -> str:
        return f"<cache entry {self.key}>"

    @property
    def version(self) -> str | None:
        """The version of the row; None if there is no row."""
        return self.stored.version if self.stored else None


class EntryReader:
    """Reads the cache entries of a table.

    Args:
        rows: of the table.
        leases: of the table.
        options: of the backend.
    """

    def __init__(self, rows: Rows, leases: Leases, options: Options) -> None:
        self._rows = rows
        self._leases = leases
        self._serializer = options.serializer
        self._max_size = options.max_value_size
        self._stale_ttl = options.stale_ttl

    def read(self, key: RowKey, *, consistent: bool, first: CacheEntry | None = None) -> CacheEntry:
        """What is stored under a key.

        What cannot be read counts as missing, and is logged: it costs one creation, not the page.

        Args:
            key: of the row.
            consistent: whether to read strongly consistently.
            first: what this caller has read before; see `entry`.
        """
        last = CacheEntry(key)
        for _ in range(READ_TRIES):
            try:
                slot = self._leases.read(key, consistent=consistent)
            except CorruptItem as error:
                _log_unreadable(key, error)
                self._rows.table.report(error)
                return CacheEntry(key, is_stored=True)
            entry = self.entry(key, slot, first)
            if entry.is_whole:
                return entry
            if entry.version == last.version:
                break
            # Another value replaced this one and removed its parts; or the parts are lost.
            last, consistent = entry, True
        logger.warning("%s: parts of the value are missing, so it counts as missing", key)
        return last

    def read_batch(self, keys: Sequence[RowKey]) -> Iterator[CacheEntry]:
        """What is stored under at most 100 keys, without those that have no readable item."""
        for key, slot in self._leases.read_batch(keys):
            entry = self.entry(key, slot)
            yield entry if entry.is_whole else self.read(key, consistent=True)

    def entry(self, key: RowKey, slot: Slot, first: CacheEntry | None = None) -> CacheEntry:
        """The entry in a slot.

        Args:
            key: of the row.
            slot: as read.
            first: what this caller has read before it waited: a value that was stored since is
                served even if it has expired, as with `expire = 0`.
        """
        row, owner = slot.row, slot.owner if slot.is_leased else None
        if row is None:
            return CacheEntry(key, owner=owner, is_stored=slot.is_stored)
        unusable = CacheEntry(key, MISSING, _unusable(row), owner, is_stored=True)
        is_new = first is not None and first.version != row.version
        if row.ends <= now() and not is_new:
            return unusable
        try:
            whole = self._rows.assemble(key, row)
            value = self._value(whole, is_new=is_new) if whole else MISSING
        except CorruptItem as error:
            _log_unreadable(key, error)
            self._rows.table.report(error)
            return unusable
        if whole is None or value is MISSING:
            return unusable._replace(is_whole=whole is not None)
        stored = StoredVersion(row.version, True, expires=row.expires)
        return unusable._replace(value=value, stored=stored)

    def _value(self, row: Row, *, is_new: bool) -> Any:
        value = decode_value(row.data, self._serializer, self._max_size)
        # A client that can choose a pickle can do anything, so only JSON is checked.
        if self._serializer == "json" and not has_beakers_form(value):
            raise self._rows.table.error(
                CorruptItem, "a cache value does not have the form that Beaker stores"
            )
        # Only Beaker can serve an expired value, and it needs the value's own expiry for that.
        is_stale = row.ends - self._stale_ttl <= now() and not is_new
        return MISSING if is_stale and not _has_expiry(value) else value


def has_beakers_form(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is what `Cache` stores: time stored, life or None, and the value itself."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:  # noqa: PLR2004
        return False
    stored, life, _ = value
    return _is_time(stored) and (life is None or _is_time(life))


def has_expired(value: object) -> bool:
    """Whether Beaker counts a value as expired (beaker/container.py, Value._is_expired)."""
    if not has_beakers_form(value):
        return False
    stored, life, _ = value
    return life is not None and time.time() >= stored + life


def made_while_waiting(value: Any) -> Any:
    """A value that another has made while this caller waited: Beaker serves it once at least."""
    if not has_beakers_form(value):
        return value
    stored, _, made = value
    return stored, None, made


def _unusable(row: Row) -> StoredVersion:
    return StoredVersion(row.version, False, row.parts if row.life is None else None)


def _has_expiry(value: object) -> bool:
    return has_beakers_form(value) and value[1] is not None


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and (abs(value) < LATEST or value == math.inf)


def _log_unreadable(key: RowKey, error: CorruptItem) -> None:
    logger.warning("%s cannot be read and counts as missing: %s", key, error)
