"""Rename a session: store it under its new id, and leave a marker under the old one."""

from __future__ import annotations

import time

from ..codec import SavedSession
from ..errors import ConflictError, CorruptItem, LockTimeout
from ..rows import Marker, Row, Successor, now
from ..table import SESSION, RowKey, retry_pauses
from .attempt import Attempt, Baseline
from .conflict import over_stored, resolve_conflict
from .saving import LONGEST_CONFLICT, UNREADABLE, save
from .session_row import SessionRow


def rename(old: SessionRow, new: SessionRow, saved: SavedSession) -> bool:
    """Store a session under a new id, and end it under the old one.

    What other requests have changed under the old id goes with it. If they have ended it, it stays
    ended. If they have renamed it, as when a login is submitted twice, it continues under both ids.

    Args:
        old: the session under the id that was given up.
        new: the session under its new id.
        saved: the session as this request saves it.

    Returns:
        False if the session has ended under the old id since it was loaded; it is then not stored.

    Raises:
        ConflictError: other requests have changed it again and again, or `on_conflict` is raise,
            or what is stored under the old id cannot be read.
    """
    baseline, saved = old.baseline, old.latest(saved)
    if old.has_given_up(saved):
        return False
    if baseline is None:
        save(new, saved)
        old.end_unanswered()
        return True
    if saved.is_cleared or saved.begins_another(baseline.session):
        new.give_up(baseline.session)
        save(new, saved)
        old.end()
        return True
    if not old.is_stored:
        # Stored as it is, and not as this request has changed it: another may know the old id.
        save(old, baseline.session)
    old.old_copy.delete()
    return _Renaming(old, new, saved, old.baseline or baseline).run()


class _Renaming:
    """One session on its way from an old id to a new one."""

    def __init__(
        self, old: SessionRow, new: SessionRow, saved: SavedSession, baseline: Baseline
    ) -> None:
        self._old = old
        self._new = new
        self._saved = saved
        self._baseline = baseline
        self._is_changed = saved.has_changed(baseline.session)
        birth = new.baseline.row.identity if new.baseline else new.birth
        self._successor = Successor(new.key.partition, birth)

    def run(self) -> bool:
        """Store the new row, then exchange the old one for a marker; again if that has changed.

        old row: read --> stored under the new id, with this request's changes --> a marker in its
        place, if its version is the one that was read; else with what is stored there now

        A session that expires meanwhile continues, as with a change: its user is active.
        """
        stored = self._read_old()
        for pause in retry_pauses(LONGEST_CONFLICT):
            time.sleep(pause)
            is_renamed, stored = self._try(stored)
            if is_renamed is not None:
                return is_renamed
        self._withdraw()
        raise self._old.conflict(
            "other requests have changed the session, so its id was not changed: try again"
        )

    def _read_old(self) -> Row | Marker | None:
        """What is stored under the old id, expired or not.

        Raises:
            ConflictError: it cannot be read.
        """
        try:
            return self._old.rows.get(self._old.key, consistent=True)
        except CorruptItem as error:
            raise self._old.conflict(UNREADABLE) from error

    def _try(self, stored: Row | Marker | None) -> tuple[bool | None, Row | Marker | None]:
        """Whether the session is renamed, None for not yet; and what is stored then."""
        self._verify_lock()
        if self._is_done(stored):
            save(self._new, self._saved)
            return True, stored
        if stored is None or not self._is_same_session(stored):
            self._withdraw()
            return False, stored
        found = self._successor_row(stored) if isinstance(stored, Marker) else stored
        if found is None or not self._store(self._session_over(found), found):
            self._withdraw()
            return False, stored
        # Storing the new row may have taken longer than the lease.
        self._verify_lock_or_withdraw()
        marker = self._marker(stored)
        now_stored = self._exchange(stored, marker)
        return (True if now_stored == marker else None), now_stored

    def _verify_lock(self) -> None:
        # Without a change, nothing of another request is overwritten.
        if self._is_changed:
            self._new.verify_lock()

    def _verify_lock_or_withdraw(self) -> None:
        try:
            self._verify_lock()
        except LockTimeout:
            self._withdraw()
            raise

    def _is_done(self, stored: Row | Marker | None) -> bool:
        """Whether an earlier save has renamed the session, and its answer was lost."""
        return isinstance(stored, Marker) and self._successor in stored.successors

    def _exchange(self, stored: Row | Marker, marker: Marker) -> Row | Marker | None:
        """Put the marker in the place of what was read; returns what is stored then."""
        rows = self._old.rows
        result = rows.write(self._old.key, marker, rows.if_version(stored))
        return marker if result.done else result.found

    def _is_same_session(self, stored: Row | Marker) -> bool:
        loaded = self._baseline.row
        if isinstance(stored, Marker):
            is_live = stored.is_renamed and not stored.has_expired
            return is_live and stored.birth == loaded.identity
        is_unchanged = stored.version == loaded.version
        return stored.identity == loaded.identity and self._may_go_on(stored, is_known=is_unchanged)

    def _may_go_on(self, row: Row, *, is_known: bool) -> bool:
        """Whether a row is live, or has expired while this request ran.

        A request that finds an expired row deletes it, unless `keep_expired` says otherwise.

        Args:
            row: that is stored.
            is_known: whether the session was live in it when this request began.
        """
        is_expired = self._old.lifetime.has_ended(row)
        return not is_expired or (is_known and not self._old.options.keep_expired)

    def _session_over(self, found: Row) -> SavedSession:
        """What to store under the new id, with what other requests have stored."""
        if found.version == self._baseline.row.version:
            return over_stored(self._old, self._saved, self._baseline)
        try:
            return resolve_conflict(self._old, self._saved, found)
        except ConflictError:
            # Nobody has the new id yet.
            self._withdraw()
            raise

    def _successor_row(self, marker: Marker) -> Row | None:
        """The row in which the session continues, as it was renamed last; None if it has ended."""
        for successor in reversed(marker.successors):
            key = RowKey(successor.partition, SESSION)
            found = self._old.rows.get(key, consistent=True)
            if isinstance(found, Marker) and found.birth == successor.birth:
                found = self._successor_row(found)
            elif isinstance(found, Row) and not self._is_going_on(found, successor.birth):
                found = None
            if isinstance(found, Row):
                return found
        return None

    def _is_going_on(self, row: Row, birth: str) -> bool:
        # The session was renamed, and so was live, while this request ran.
        return row.identity == birth and self._may_go_on(row, is_known=True)

    def _store(self, session: SavedSession, before: Row) -> bool:
        """Write the new row, which continues another; False if it is another session's."""
        known, rows = self._new.baseline, self._new.rows
        condition = rows.if_unchanged(known.row) if known else rows.if_absent(now())
        attempt = Attempt(session, self._successor.birth, condition, before)
        result = self._new.write(self._saved, attempt)
        found = result.found
        if isinstance(found, Row) and found.identity == attempt.birth:
            # An earlier save of this request has written it, and got no answer.
            attempt = attempt._replace(condition=rows.if_unchanged(found))
            result = self._new.write(self._saved, attempt)
        return result.done

    def _marker(self, stored: Row | Marker) -> Marker:
        others = stored.successors if isinstance(stored, Marker) else ()
        return self._old.rows.marker(self._baseline.row.identity, *others, self._successor)

    def _withdraw(self) -> None:
        if self._new.baseline is not None:
            self._new.end()
