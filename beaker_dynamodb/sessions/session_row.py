"""One session's row through one request: what was loaded decides what is written.

load    one read
save    unchanged, touched a moment ago ..... nothing
        unchanged, touched long ago ......... a touch: the same version, a later end
        changed ............................. a write: a new version; a merge on conflict
        cleared ............................. a delete
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from ..codec import CREATION_TIME, PLAIN, Encoding, Format, SavedSession
from ..errors import BeakerDynamoDBError, ConflictError, CorruptItem, ItemTooLarge
from ..options import Options
from ..rows import Row, Rows, WriteResult, new_version, now
from ..table import RowKey
from .lifetime import Lifetime

logger = logging.getLogger("beaker_dynamodb.sessions")

#: A conflict repeats only if yet another request writes between two attempts.
TRIES = 10


class Baseline(NamedTuple):
    """The session as this request last read or wrote it.

    Attributes:
        session: as the application has it.
        stored: what the row contains; after a merge it is more than `session`.
        version: of the row.
        touched: time of the row's last write, in seconds since the epoch.
        created: time of creation as the row keeps it.
    """

    session: SavedSession
    stored: SavedSession
    version: str
    touched: float
    created: float | None

    def __repr__(self) -> str:
        return f"<session as loaded, touched at {self.touched}>"


class Attempt(NamedTuple):
    """What to write, and under which condition."""

    session: SavedSession
    write: Callable[[RowKey, Row], WriteResult]


class HandOver(NamedTuple):
    """What a session's row hands over to the row under a new id.

    Attributes:
        session: to store there; None if the session has ended.
        version: of the row that was read; None if none was.
        is_missing: whether there is no row.
    """

    session: SavedSession | None
    version: str | None = None
    is_missing: bool = False


class SessionRow:
    """Loads and saves one session, and writes no more than necessary.

    Lives for one request, in one thread.

    Args:
        rows: of the table.
        options: of the backend.
        key: of the session.
        lifetime: how long the session lives, and when it is touched.
        encoding: how the session becomes text.
    """

    def __init__(
        self,
        rows: Rows,
        options: Options,
        key: RowKey,
        lifetime: Lifetime,
        encoding: Encoding = PLAIN,
    ) -> None:
        self._rows = rows
        self._options = options
        self._key = key
        self._lifetime = lifetime
        self._encoding = encoding
        self._baseline: Baseline | None = None
        #: What was saved, by the version of each write whose answer was lost.
        self._unanswered: dict[str, SavedSession] = {}

    @property
    def baseline(self) -> Baseline | None:
        """The session as this request last read or wrote it; None if it knows of none."""
        return self._baseline

    def load(self) -> str | None:
        """The text that Beaker has saved; None if the session is missing or has expired.

        Raises:
            CorruptItem: what is stored cannot be read.
            StoreUnavailable: DynamoDB did not answer.
        """
        row = self._read(consistent=self._options.consistent_read)
        if row is None:
            self._baseline = None
            return None
        session = self._decode(row)
        self._baseline = Baseline(session, session, row.version, row.touched, row.created)
        return session.text

    def save(self, saved: SavedSession) -> None:
        """Store what Beaker saves, as far as necessary."""
        if saved.format is None:
            _warn_of_opaque_sessions()
            self._write_changes(saved)
        elif saved.is_cleared:
            self.delete()
        elif self._baseline is None and saved.is_empty and not self._options.save_empty:
            logger.debug("%s: the new session is empty and not stored", self._key)
        elif self._has_changed(saved):
            self._write_changes(saved)
        else:
            self._touch_if_due(saved)

    def save_merged(self, merged: SavedSession, saved: SavedSession) -> None:
        """Store a session of which the application knows only a part.

        Args:
            merged: to store.
            saved: as the application has it.
        """
        if self._baseline:
            self._baseline = self._baseline._replace(session=self._baseline.stored)
        self.save(merged)
        if self._baseline:
            self._baseline = self._baseline._replace(session=saved)

    def delete(self) -> None:
        """End the session: delete its row, whoever has written to it since it was loaded."""
        self._rows.delete(self._key)
        self._baseline = None

    def delete_version(self, version: str) -> bool:
        """Delete the row of a version; False if another request has changed it since."""
        return self._rows.delete_version(self._key, version)

    def hand_over(self, saved: SavedSession) -> HandOver:
        """What to store under another id: this request's changes over what is stored now."""
        if self._baseline is None or saved.is_cleared:
            return HandOver(saved)
        try:
            row = self._read(consistent=True)
        except CorruptItem as error:
            logger.warning("%s: the new id gets what was loaded: %s", self._key, error)
            return HandOver(saved)
        if row is None:
            return HandOver(None, is_missing=True)
        if self._is_another_session(saved, row):
            return HandOver(None)
        is_unchanged = row.version == self._baseline.version
        session = saved if is_unchanged else self._resolve_conflict(saved, row).session
        return HandOver(session, row.version)

    def conflict(self, message: str) -> ConflictError:
        """The error for a session that other requests have changed."""
        return self._rows.table.error(ConflictError, message)

    def _read(self, *, consistent: bool) -> Row | None:
        """The row; None if it is missing or has expired."""
        row = self._rows.get(self._key, consistent=consistent)
        if not consistent and (row is None or self._lifetime.has_ended(row)):
            # An eventually consistent read may miss a login or a touch of the last second.
            row = self._rows.get(self._key, consistent=True)
        if row is not None and self._lifetime.has_ended(row):
            self._delete_expired(row)
            return None
        return row

    def _delete_expired(self, row: Row) -> None:
        if self._options.keep_expired:
            return
        try:
            self._rows.delete_expired(self._key, row)
        except BeakerDynamoDBError as error:
            # The row counts as missing all the same, and DynamoDB's TTL removes it.
            logger.warning("an expired session was not deleted: %s", error)

    def _decode(self, row: Row) -> SavedSession:
        try:
            return SavedSession.from_data(row.data, self._options.max_value_size, self._encoding)
        except CorruptItem as error:
            raise self._rows.table.located(error) from error

    def _decode_if_readable(self, row: Row) -> SavedSession | None:
        try:
            return self._decode(row)
        except CorruptItem as error:
            logger.warning("%s: cannot be read: %s", self._key, error)
            return None

    def _has_changed(self, saved: SavedSession) -> bool:
        baseline = self._baseline
        return baseline is None or bool(self._unanswered) or saved.has_changed(baseline.session)

    def _write_changes(self, saved: SavedSession) -> None:
        """Write what this request has changed, and resolve conflicts with other requests.

        version as loaded? -- yes --> written, with a new version
          | no: what is stored now?
          |-- nothing, an expired row, or another session under the same id
          |                         --> the session has ended: nothing is written
          |-- our own new version   --> an attempt whose answer was lost has written it
          '-- another version       --> merged, overwritten or raised; then the next attempt
        """
        attempt = self._first_attempt(saved)
        for _ in range(TRIES):
            row = self._row(attempt.session, saved, new_version(), now())
            self._unanswered[row.version] = saved
            result = attempt.write(self._key, row)
            if result.done or (result.found and result.found.version == row.version):
                self._remember(saved, attempt.session, row)
                self._unanswered.clear()
                return
            following = self._next_attempt(saved, result)
            if following is None:
                logger.warning("%s: ended while a request ran, not written", self._key)
                return
            attempt = following
        raise self.conflict(f"a session was changed {TRIES} times while it was saved")

    def _first_attempt(self, saved: SavedSession) -> Attempt:
        if self._baseline is None:
            return Attempt(saved, self._rows.create)
        return self._replacement(self._over_stored(saved, self._baseline), self._baseline)

    def _next_attempt(self, saved: SavedSession, result: WriteResult) -> Attempt | None:
        """What to write after a refusal; None if the session that was loaded has ended."""
        found = result.found
        if not result.is_readable:
            return self._resolve_conflict(saved, None)
        is_live = found is not None and not self._lifetime.has_ended(found)
        if found and is_live and not self._is_another_session(saved, found):
            return self._resolve_conflict(saved, found)
        if self._baseline:
            return None
        return self._replacement(saved, found) if found else Attempt(saved, self._rows.create)

    def _replacement(self, session: SavedSession, row: Row | Baseline) -> Attempt:
        return Attempt(session, partial(self._rows.replace, version=row.version))

    def _resolve_conflict(self, saved: SavedSession, found: Row | None) -> Attempt:
        """What to write over another request's change.

        Args:
            saved: by this request.
            found: the row that is stored; None if it cannot be read.
        """
        if self._options.on_conflict == "merge" and found:
            base = self._unanswered.get(found.version)
            merged = self._merged(saved, self._decode_if_readable(found), base)
            if merged is not None:
                return self._replacement(merged, found)
        if found and found.version in self._unanswered:
            # This request itself wrote it, got no answer, and saves again.
            return self._replacement(saved, found)
        if self._options.on_conflict == "raise":
            raise self.conflict("another request has changed the session: load it again")
        return Attempt(saved, self._rows.overwrite)

    def _merged(
        self, saved: SavedSession, stored: SavedSession | None, base: SavedSession | None
    ) -> SavedSession | None:
        if saved.format is None or stored is None:
            return None
        base = base or (self._baseline and self._baseline.session)
        merged = saved.merged_over(stored, base)
        if merged is None:
            logger.warning("%s: what another request has stored cannot be read", self._key)
        return merged

    def _over_stored(self, saved: SavedSession, baseline: Baseline) -> SavedSession:
        """What to store: after a merge, the row holds more than the application knows."""
        if saved.format is None or baseline.stored is baseline.session:
            return saved
        return saved.merged_over(baseline.stored, baseline.session) or saved

    def _is_another_session(self, saved: SavedSession, found: Row) -> bool:
        """Whether the session that was loaded has ended, and another one has its id."""
        if self._baseline is None or saved.format is None:
            return False
        stored = self._decode_if_readable(found)
        began_loaded = _creation_time(self._baseline.stored, saved.format)
        began_stored = _creation_time(stored, saved.format) if stored else None
        return None not in (began_loaded, began_stored) and began_loaded != began_stored

    def _touch_if_due(self, saved: SavedSession) -> None:
        baseline, touched = self._baseline, now()
        if baseline is None:
            return
        age = touched - baseline.touched
        if age < self._lifetime.touch_after:
            logger.debug("%s: touched %.1f s ago, nothing to write", self._key, age)
            return
        stored = self._over_stored(saved, baseline)
        row = self._row(stored, saved, baseline.version, touched)
        if self._touch(row):
            self._remember(saved, stored, row)

    def _touch(self, row: Row) -> bool:
        try:
            touched = self._rows.touch(self._key, row)
        except BeakerDynamoDBError as error:
            # A failed touch must not fail the page: the next request touches again.
            logger.warning("a session was not touched: %s", error)
            return False
        if not touched:
            logger.info("%s: changed or ended by another request, not touched", self._key)
        return touched

    def _row(self, stored: SavedSession, saved: SavedSession, version: str, touched: float) -> Row:
        before = self._baseline.created if self._baseline else None
        created = self._lifetime.created(saved.content, before)
        life = self._lifetime.life(touched, created)
        return Row(self._encode(stored), version, touched, life, created)

    def _encode(self, session: SavedSession) -> bytes:
        try:
            return session.data(self._options.compression, self._options.max_value_size)
        except ItemTooLarge as error:
            raise self._rows.table.located(error) from error

    def _remember(self, saved: SavedSession, stored: SavedSession, row: Row) -> None:
        self._baseline = Baseline(saved, stored, row.version, row.touched, row.created)


def _creation_time(session: SavedSession, known: Format) -> Any:
    return (session.read_as(known) or {}).get(CREATION_TIME)


@cache
def _warn_of_opaque_sessions() -> None:
    """Warn once in each process that every request writes."""
    logger.warning(
        "sessions cannot be read, so each request writes its session whole and the later of two "
        "wins; if they are encrypted, or have the application's own serializer, use "
        "beaker_dynamodb.DynamoDBSession as session_class"
    )
