"""A session's row and the text that Beaker saves; what has expired is missing."""

from __future__ import annotations

import logging
from functools import cache
from typing import NamedTuple

from ..codec import SessionText
from ..errors import BeakerDynamoDBError, CorruptItem, ItemTooLarge
from ..options import Options
from ..store import Row, RowKey, Store
from .lifetime import Lifetime

logger = logging.getLogger("beaker_dynamodb.namespace")


class Loaded(NamedTuple):
    """The row as this request last saw or wrote it.

    `text` is the session as the application has it, and `stored` what the row holds: after a
    merge that is more.
    """

    text: str
    stored: str
    version: str
    touched: float
    created: float | None

    def __repr__(self) -> str:
        return f"<session as loaded, touched at {self.touched}>"


class LiveRow:
    """Reads one session's row, and what Beaker saves into the data of one."""

    def __init__(self, store: Store, options: Options, key: RowKey, lifetime: Lifetime) -> None:
        self._store = store
        self._options = options
        self._key = key
        self._lifetime = lifetime

    def read(self, consistently: bool = False) -> Row | None:  # noqa: FBT002
        """The row; None where it is missing or has expired."""
        consistent = consistently or self._options.consistent_read
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
            return SessionText.stored_as(row.data, self._options.max_value_size).text
        except CorruptItem as error:
            raise self._store.located(error) from error

    def readable_text(self, row: Row) -> str:
        """As `text`; nothing, which holds no session, where what is stored cannot be read."""
        try:
            return self.text(row)
        except CorruptItem as error:
            logger.warning("%s: cannot be read: %s", self._key, error)
            return ""

    def data(self, text: str) -> bytes:
        """A row's data for the text that Beaker saves.

        Raises:
            ItemTooLarge: it is longer than `max_value_size`.
        """
        options = self._options
        try:
            return SessionText.of(text).data(options.compression, options.max_value_size)
        except ItemTooLarge as error:
            raise self._store.located(error) from error

    def _drop_expired(self, row: Row) -> None:
        if self._options.keep_expired:
            return
        try:
            self._store.delete_expired(self._key, row)
        except BeakerDynamoDBError as error:
            # The row counts as missing all the same, and DynamoDB's TTL removes it later.
            logger.warning("an expired session was not removed: %s", error)


@cache
def warn_of_opaque_sessions() -> None:
    """Say once in a process that each request will write."""
    logger.warning(
        "sessions cannot be read here, so each request writes its session whole and the later of "
        "two wins; if they are encrypted or have a serializer of your own, let "
        "beaker_dynamodb.DynamoDBSession be their session_class"
    )
