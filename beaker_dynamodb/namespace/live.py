"""A session's row as it is read: what has expired is missing."""

from __future__ import annotations

import logging

from ..codec import SessionText
from ..errors import BeakerDynamoDBError, CorruptItem
from ..options import Options
from ..store import Row, RowKey, Store
from .lifetime import Lifetime

logger = logging.getLogger("beaker_dynamodb.namespace")


class LiveRow:
    """Reads one session's row."""

    def __init__(self, store: Store, options: Options, key: RowKey, lifetime: Lifetime) -> None:
        self._store = store
        self._options = options
        self._key = key
        self._lifetime = lifetime

    def read(self) -> Row | None:
        """The row; None where it is missing or has expired."""
        consistent = self._options.consistent_read
        row = self._store.get(self._key, consistent)
        if not consistent and (row is None or self._lifetime.is_over(row)):
            # A read that may be a second old has not seen a login or a renewal of this moment.
            row = self._store.get(self._key, True)
        if row is not None and self._lifetime.is_over(row):
            self._drop_expired(row)
            return None
        return row

    def text(self, row: Row) -> str:
        """The text of a row, as Beaker has saved it.

        Raises:
            CorruptItem: what is stored cannot be read.
        """
        try:
            return SessionText.stored_as(row.data).text
        except CorruptItem as error:
            raise self._store.corrupt(error) from error

    def _drop_expired(self, row: Row) -> None:
        if self._options.keep_expired:
            return
        try:
            self._store.delete_expired(self._key, row)
        except BeakerDynamoDBError as error:
            # The row counts as missing all the same, and DynamoDB's TTL removes it later.
            logger.warning("an expired session was not removed: %s", error)
