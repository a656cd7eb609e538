"""One session's row through one request: load it, write it, touch it, end it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from ..codec import PLAIN, Encoding, SavedSession
from ..dictionaries import SessionCodec
from ..errors import BeakerDynamoDBError, ConflictError
from ..options import Options
from ..rows import Marker, Row, Rows, WriteResult, new_token, now
from ..table import Condition, RowKey
from .attempt import WHOLE, Attempt, Baseline, Unanswered
from .ending import end
from .index import indexed_values
from .lifetime import Lifetime
from .old_copy import NoCopy, OldCopy, first_row

logger = logging.getLogger("beaker_dynamodb.sessions")


class SessionRow:
    """Loads and saves one session, and writes no more than necessary.

    Lives for one request, in one thread.

    Args:
        rows: of the table.
        options: of the backend.
        key: of the session.
        lifetime: how long the session lives, and when it is touched.
        codec: encodes sessions as item data.
        encoding: how the session becomes text.
        old_copy: the session in the backend that the site comes from, if it comes from one.
    """

    def __init__(
        self,
        rows: Rows,
        options: Options,
        key: RowKey,
        lifetime: Lifetime,
        codec: SessionCodec,
        encoding: Encoding = PLAIN,
        old_copy: OldCopy | None = None,
    ) -> None:
        self.rows = rows
        self.key = key
        #: The cookie's age, and so the lifetime, may change during a request.
        self.lifetime = lifetime
        #: Raises LockTimeout if the request holds the session's lock past its lease.
        self.verify_lock: Callable[[], None] = _hold_nothing
        self.options = options
        self._codec = codec
        self._encoding = encoding
        self.old_copy = old_copy or NoCopy()
        #: Whether the table had what was loaded, and not only the old backend.
        self.is_stored = True
        self._baseline: Baseline | None = None
        self._marker: Marker | None = None
        self._is_read = False
        #: Whether the next save only renews the access time; None if Beaker's class does not say.
        self.is_access_only: bool | None = None
        self._has_saved = False
        #: The sessions that this request has ended or replaced; None for one it has not loaded.
        self._given_up: list[SavedSession | None] = []
        self._birth: str | None = None
        #: The writes without an answer, by the version of each.
        self._unanswered: dict[str, Unanswered] = {}

    @property
    def baseline(self) -> Baseline | None:
        """The session as this request last read or wrote it; None if it knows of none."""
        return self._baseline

    @property
    def marker(self) -> Marker | None:
        """The marker that this request last read or wrote in place of a row."""
        return self._marker

    @property
    def is_read(self) -> bool:
        """Whether this request has read what is stored under the id."""
        return self._is_read

    @property
    def is_renamed(self) -> bool:
        """Whether the session that was to be loaded continues under another id."""
        return self._marker is not None and self._marker.is_renamed

    def load(self, *, consistent: bool) -> str | None:
        """The text that Beaker has saved; None if the session is missing, or has ended.

        Raises:
            CorruptItem: what is stored cannot be read.
            StoreUnavailable: DynamoDB did not answer.
        """
        stored = self.read(consistent=consistent)
        self._forget(stored if isinstance(stored, Marker) else None)
        self._has_saved, self._given_up = False, []
        if not isinstance(stored, Row):
            return self._load_old_copy() if stored is None else None
        session = self.decode(stored)
        self.remember(session, session, stored)
        return session.text

    def _load_old_copy(self) -> str | None:
        """The text in the backend that the site comes from; None if it has none, or has expired."""
        text = self.old_copy.read()
        if text is None:
            return None
        session = SavedSession.from_text(text, self._encoding)
        row = first_row(self.key, session, self.lifetime)
        if self.lifetime.has_ended(row):
            return None
        self.remember(session, session, row)
        self.is_stored = False
        return text

    def if_loaded(self, row: Row) -> Condition:
        """The condition that what was loaded is unchanged."""
        return self.rows.if_unchanged(row) if self.is_stored else self.rows.if_absent(now())

    def if_same_session(self, identity: str) -> Condition:
        """The condition that what is stored belongs to the session that was loaded."""
        condition = self.rows.if_session(identity)
        return condition if self.is_stored else condition | self.rows.if_absent(now())

    def read(self, *, consistent: bool) -> Row | Marker | None:
        """The row or the marker; None if there is none, or it has expired."""
        stored = self.rows.get(self.key, consistent=consistent)
        if not consistent and not self._is_surely_live(stored):
            # An eventually consistent read may miss a login or a touch of the last second.
            stored = self.rows.get(self.key, consistent=True)
        if isinstance(stored, Marker):
            return None if stored.has_expired else stored
        if stored is not None and self.lifetime.has_ended(stored):
            self._delete_expired(stored)
            return None
        return stored

    def decode(self, row: Row) -> SavedSession:
        """The session in a row.

        Raises:
            CorruptItem: it cannot be read.
        """
        return self._codec.decode(self.key, row, self._encoding)

    def end(self) -> None:
        """End the session that was loaded or, if this request has loaded none, what is stored."""
        self.end_unanswered()
        found = self._found_to_end()
        # Before the marker: if this fails, the request can be repeated.
        self.old_copy.delete()
        if isinstance(found, Row):
            condition = self.if_same_session(found.identity)
            marker = end(self.rows, self.key, found.identity, condition)
            self.give_up(self._baseline.session if self._baseline else None)
            self._forget(marker)
        elif found is not None and found.is_renamed:
            self._forget(end(self.rows, self.key, found.birth))

    def end_unanswered(self) -> None:
        """End the sessions that this request may have begun by a write without an answer.

        That write can still arrive. The marker replaces what the write would replace, too:
            the session has begun (if_session), or the condition of the write holds
        """
        loaded = self._baseline.row.identity if self._baseline else None
        begun = [each for each in self._unanswered.values() if each.attempt.birth != loaded]
        for saved, attempt in begun:
            has_begun = self.rows.if_session(attempt.birth)
            marker = self.rows.marker(attempt.birth)
            self.rows.write(self.key, marker, has_begun | attempt.condition)
            self.give_up(saved)
        if begun:
            # The next session that this request begins is another one.
            self._birth = None
            self._unanswered.clear()

    def _found_to_end(self) -> Row | Marker | None:
        found = None if self._is_read else self.read(consistent=True)
        if found is None and not self._is_read:
            self._load_old_copy()
        return found or (self._baseline.row if self._baseline else None)

    def give_up(self, session: SavedSession | None) -> None:
        """Store a session no more in this request.

        Args:
            session: as this request has loaded it; None if it has not.
        """
        self._given_up.append(session)

    def has_given_up(self, saved: SavedSession) -> bool:
        """Whether this request has ended the session that it saves, or begun another one.

        At the end of a request Beaker saves the session as it was loaded, if only to renew its
        access time (beaker/session.py, SessionObject.persist).

        Args:
            saved: the session as the application has it.
        """
        return any(saved.is_created_like(each) for each in self._given_up)

    def latest(self, saved: SavedSession) -> SavedSession:
        """The session to save: to renew its access time, Beaker saves it as it was loaded.

        Args:
            saved: the session as Beaker saves it.
        """
        if self.is_access_only and self._has_saved and self._baseline:
            return self._baseline.session
        return saved

    def end_if_unchanged(self) -> None:
        """End the session that was loaded, unless another request has written or touched it."""
        if self._baseline:
            row = self._baseline.row
            self.rows.write(self.key, self.rows.marker(row.identity), self.if_loaded(row))

    def remember(self, saved: SavedSession, stored: SavedSession, row: Row) -> None:
        """Take what was read or written as the baseline of this request.

        Args:
            saved: the session as the application has it.
            stored: as the row holds it.
            row: the row.
        """
        self._forget(None)
        self._baseline = Baseline(saved, stored, row._replace(data=b""))

    def new_row(self, saved: SavedSession, attempt: Attempt, version: str) -> Row:
        """The row to write now.

        Args:
            saved: the session as the application has it.
            attempt: what to write.
            version: of the row.
        """
        # The clock of the machine that wrote last may be ahead of this one's.
        touched = max(now(), attempt.before.touched if attempt.before else 0)
        created = self.lifetime.created(saved.content, attempt.before)
        life = self.lifetime.life(touched, created, attempt.before)
        return Row(
            self._codec.encode(self.key, attempt.session, life),
            version,
            touched,
            life,
            created,
            birth=attempt.birth,
            indexed=self._indexed(attempt.session),
        )

    @property
    def birth(self) -> str:
        """The birth of a session that begins here: the same for each attempt of this request."""
        self._birth = self._birth or new_token()
        return self._birth

    @property
    def unanswered(self) -> Mapping[str, Unanswered]:
        """The writes of earlier saves that got no answer, by the version of each."""
        return self._unanswered

    def has_begun(self, found: Row) -> bool:
        """Whether this request has begun the session of a row, by a write without an answer."""
        return self._birth is not None and found.birth in {self._birth, WHOLE + self._birth}

    def has_changed(self, saved: SavedSession) -> bool:
        """Whether a write is due: the application has changed the session, or no row has it yet."""
        baseline = self._baseline
        if baseline is None or self._unanswered or not self.is_stored:
            return True
        return saved.has_changed(baseline.session)

    def has_expired_meanwhile(self, baseline: Baseline) -> bool:
        """Whether the session has expired since it was loaded, and nobody deletes its row."""
        return self.options.keep_expired and self.lifetime.has_ended(baseline.row)

    def conflict(self, message: str) -> ConflictError:
        """The error for a session that other requests have changed."""
        return self.rows.table.error(ConflictError, message)

    def write(self, saved: SavedSession, attempt: Attempt) -> WriteResult:
        """Make one attempt, and take what is written as the baseline.

        Args:
            saved: the session as the application has it.
            attempt: what to write.
        """
        attempt = attempt._replace(session=attempt.session.accessed_at(now()))
        row = self.new_row(saved, attempt, new_token())
        self._unanswered[row.version] = Unanswered(saved, attempt)
        result = self.rows.write(self.key, row, attempt.condition)
        is_own = isinstance(result.found, Row) and result.found.version == row.version
        if result.done or is_own:
            self._give_up_replaced(row)
            self._has_saved |= not self.is_access_only
            self.remember(saved, attempt.session, row)
            return WriteResult(done=True)
        if not result.is_repeated:
            del self._unanswered[row.version]
        return result

    def _give_up_replaced(self, row: Row) -> None:
        """Give up the session that was loaded, if a row begins another one.

        Beaker's own class has loaded it under another id, if it has no row here.
        """
        replaced = self._baseline
        if replaced is not None and replaced.row.identity != row.identity:
            self.give_up(replaced.session)
        elif replaced is None and row.identity.startswith(WHOLE) and not self._given_up:
            self.give_up(None)

    def touch(self, saved: SavedSession, attempt: Attempt) -> bool:
        """Write a later end under the same version; False if another request has written since.

        Args:
            saved: the session as the application has it, unchanged.
            attempt: what to write.
        """
        attempt = attempt._replace(session=attempt.session.accessed_at(now()))
        row = self.new_row(saved, attempt, attempt.before.version if attempt.before else "")
        is_done = self.rows.write(self.key, row, attempt.condition).done
        if is_done:
            self.remember(saved, attempt.session, row)
        return is_done

    def _is_surely_live(self, stored: Row | Marker | None) -> bool:
        return isinstance(stored, Row) and not self.lifetime.is_near_its_end(stored)

    def _delete_expired(self, row: Row) -> None:
        if self.options.keep_expired:
            return
        try:
            self.rows.delete_expired(self.key, row)
        except BeakerDynamoDBError as error:
            # The row counts as missing all the same, and DynamoDB's TTL removes it.
            logger.warning("an expired session was not deleted: %s", error)
            self.rows.table.report(error)

    def _forget(self, marker: Marker | None) -> None:
        """Start from a place that was read, and holds a marker or nothing."""
        self._baseline, self._marker, self._is_read = None, marker, True
        self.is_stored = True
        self._birth = None
        self._unanswered.clear()

    def _indexed(self, session: SavedSession) -> tuple[tuple[str, str], ...]:
        if not self.options.index_keys:
            return ()
        return indexed_values(session.content or {}, self.options)


def _hold_nothing() -> None:
    """A request that holds no lock has none to lose."""
