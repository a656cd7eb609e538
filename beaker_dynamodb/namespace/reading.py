"""What is found under a cache key: the value, and what stands in the way of making it anew."""

from __future__ import annotations

import logging
import math
from typing import Any, NamedTuple

from .. import codec
from ..errors import CorruptItem
from ..options import Options
from ..store import READ_TRIES, Leases, Row, RowKey, Seen, Standing, now

logger = logging.getLogger("beaker_dynamodb.namespace")

#: Beaker adds up times (beaker/container.py, Value._is_expired): a larger int fits no float.
LATEST = 1e300
#: What a key without a value reads as; None is a value.
MISSING = object()


class Looked(NamedTuple):
    """What was found under a key.

    Attributes:
        key: of the row.
        value: what is to be served, or MISSING.
        seen: the row that was there, of use or not.
        is_leased: whether somebody makes the value.
        is_whole: False where parts of a large value were not found.
        is_answered: False where the engine has not answered, and that counts as a miss.
    """

    key: RowKey
    value: Any = MISSING
    seen: Seen | None = None
    is_leased: bool = False
    is_whole: bool = True
    is_answered: bool = True

    def __repr__(self) -> str:
        return f"<what was found under {self.key}>"


class ValueReader:
    """Reads the values of a table."""

    def __init__(self, leases: Leases, options: Options) -> None:
        self._leases = leases
        self._serializer = options.serializer
        self._longest = options.max_value_size

    def look(self, key: RowKey, consistent: bool) -> Looked:
        """What is under a key.

        What cannot be read counts as missing, and is logged: it costs one creation, not the page.
        """
        last = Looked(key)
        for _ in range(READ_TRIES):
            looked = self._looked(key, consistent)
            if looked.is_whole:
                return looked
            if looked.seen == last.seen:
                break
            # Its parts are gone, since another value stands there by now; or for good.
            last, consistent = looked, True
        logger.warning("%s: parts of the value are missing, it counts as missing", key)
        return last

    def found(self, key: RowKey, standing: Standing) -> Looked:
        """What stands under a key, as `Leases` tells it."""
        row, is_leased = standing.row, standing.is_leased
        if row is None:
            return Looked(key, is_leased=is_leased)
        if row.ends <= now():
            return Looked(key, MISSING, Seen(row.version, False), is_leased)
        try:
            whole = self._leases.whole(key, row)
            value = self._value(whole) if whole else MISSING
        except CorruptItem as error:
            _log_unreadable(key, error)
            return Looked(key, MISSING, Seen(row.version, False), is_leased)
        seen = Seen(row.version, is_kept=value is not MISSING)
        return Looked(key, value, seen, is_leased, is_whole=whole is not None)

    def _looked(self, key: RowKey, consistent: bool) -> Looked:
        try:
            standing = self._leases.look(key, consistent)
        except CorruptItem as error:
            _log_unreadable(key, error)
            return Looked(key)
        return self.found(key, standing)

    def _value(self, row: Row) -> Any:
        value = codec.decode_value(row.data, self._serializer, self._longest)
        # Who can choose a pickle needs no other means.
        if self._serializer == "json" and not is_beakers(value):
            raise self._leases.located(CorruptItem("a cache value is not of Beaker's form"))
        return value


def is_beakers(value: object) -> bool:
    """Whether a value is as `Cache` stores it: time stored, life or None, and the value itself."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:  # noqa: PLR2004
        return False
    stored, life, _ = value
    return _is_time(stored) and (life is None or _is_time(life))


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and (abs(value) < LATEST or value == math.inf)


def _log_unreadable(key: RowKey, error: CorruptItem) -> None:
    logger.warning("%s cannot be read and counts as missing: %s", key, error)
