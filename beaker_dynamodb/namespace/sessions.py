"""One session's row through one request: what was loaded decides what is written."""

from __future__ import annotations

import logging
from functools import cache
from typing import NamedTuple

from .. import snapshot
from ..codec import SessionText
from ..errors import BeakerDynamoDBError, CorruptItem
from ..options import Options
from ..store import Row, RowKey, Store, new_version, now

logger = logging.getLogger("beaker_dynamodb.namespace")


class Loaded(NamedTuple):
    """The row as this request last saw or wrote it."""

    payload: bytes
    version: str
    touched: float


class SessionRow:
    """Loads and saves one session, and writes no more than must be written.

    Built anew for each request; not shared between threads.
    """

    def __init__(self, store: Store, options: Options, key: RowKey) -> None:
        self._store = store
        self._options = options
        self._key = key
        self._loaded: Loaded | None = None
        self._asked = False

    def load(self) -> str | None:
        """The text that Beaker has saved; None where the session is missing or expired.

        Raises:
            CorruptItem: what is stored cannot be read.
            StoreUnavailable: the engine did not answer; never taken for a missing session.
        """
        row = self._live_row()
        self._asked = True
        if row is None:
            self._loaded = None
            return None
        stored = self._stored(row)
        self._loaded = Loaded(stored.payload, row.version, row.touched)
        return stored.text

    def save(self, text: str) -> None:
        """Store what Beaker saves, as far as it must be stored.

        Args:
            text: the session as Beaker has serialized it, base64 as a rule.
        """
        saved = SessionText.of(text)
        known = snapshot.recognise(saved.payload)
        if known is None:
            _warn_of_opaque_sessions()
            self._write(saved)
        elif snapshot.is_cleared(known[1]):
            self._end()
        elif self._loaded is None:
            self._create_unless_empty(saved, known[1])
        elif self._has_changed(self._loaded, known):
            self._replace(saved)
        else:
            self._renew_if_due(saved, self._loaded)

    def delete(self) -> None:
        """End the session: its row is removed, whoever has written to it meanwhile."""
        self._store.delete(self._key)
        self._loaded = None

    def _end(self) -> None:
        # Neither asked for nor stored: the id is new, and no row can be under it.
        if self._asked or self._loaded:
            self.delete()

    def _live_row(self) -> Row | None:
        consistent = self._options.consistent_read
        row = self._store.get(self._key, consistent)
        if _is_missing(row) and not consistent:
            # A read that may be a second old has not seen a login or a renewal of this moment.
            row = self._store.get(self._key, True)
        if row is not None and _is_missing(row):
            self._drop_expired(row)
            return None
        return row

    def _drop_expired(self, row: Row) -> None:
        if self._options.keep_expired:
            return
        try:
            self._store.delete_expired(self._key, row)
        except BeakerDynamoDBError as error:
            # The row counts as missing all the same, and DynamoDB's TTL removes it later.
            logger.warning("an expired session was not removed: %s", error)

    def _stored(self, row: Row) -> SessionText:
        try:
            return SessionText.stored_as(row.data)
        except CorruptItem as error:
            raise self._store.corrupt(error) from error

    def _has_changed(self, loaded: Loaded, known: tuple[snapshot.Reader, snapshot.Session]) -> bool:
        reader, after = known
        before = snapshot.read(loaded.payload, reader)
        return before is None or snapshot.has_changed(before, after)

    def _create_unless_empty(self, saved: SessionText, session: snapshot.Session) -> None:
        if snapshot.is_empty(session) and not self._options.save_empty:
            logger.debug("%s: new session is empty, not stored", self._key)
        else:
            self._create(saved)

    def _write(self, saved: SessionText) -> None:
        if self._loaded is None:
            self._create(saved)
        else:
            self._replace(saved)

    def _create(self, saved: SessionText) -> None:
        """Store a session that was not there.

        Where it is there by now, either the answer to our own write was lost and the client
        library sent it again, or another request was faster. Both end with this one's content.
        """
        row = self._row(saved, new_version(), now())
        if self._store.create(self._key, row) or self._store.replace(self._key, row):
            self._loaded = Loaded(saved.payload, row.version, row.touched)

    def _replace(self, saved: SessionText) -> None:
        row = self._row(saved, new_version(), now())
        if self._store.replace(self._key, row):
            self._loaded = Loaded(saved.payload, row.version, row.touched)
        else:
            logger.warning("%s: ended while a request ran, its changes are dropped", self._key)

    def _renew_if_due(self, saved: SessionText, loaded: Loaded) -> None:
        touched = now()
        age = touched - loaded.touched
        if age < self._options.touch_after:
            logger.debug("%s: touched %.1f s ago, nothing to write", self._key, age)
        elif self._renew(self._row(saved, loaded.version, touched)):
            self._loaded = Loaded(saved.payload, loaded.version, touched)

    def _renew(self, row: Row) -> bool:
        try:
            renewed = self._store.renew(self._key, row)
        except BeakerDynamoDBError as error:
            # A page is worth more than a touch: the next request touches again.
            logger.warning("a session was not renewed: %s", error)
            return False
        if not renewed:
            logger.info("%s: changed or ended meanwhile, not renewed", self._key)
        return renewed

    def _row(self, saved: SessionText, version: str, touched: float) -> Row:
        data = saved.data(self._options.compression)
        return Row(data, version, touched, self._options.session_life)


def _is_missing(row: Row | None) -> bool:
    return row is None or row.ends <= now()


@cache
def _warn_of_opaque_sessions() -> None:
    """Say once in a process that each request will write."""
    logger.warning(
        "sessions are encrypted or have a serializer of their own, so that changes cannot be "
        "told from touches: each request that uses a session writes it"
    )
