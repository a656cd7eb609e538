"""Save a session: what was loaded decides what is written.

unchanged, touched a moment ago ..... nothing
unchanged, touched long ago ......... a touch: the same version, a later end
changed ............................. a change: a new version, merged on conflict
cleared, with new keys .............. a beginning: a new birth, nothing merged
cleared ............................. an end: a marker in place of the row
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from ..codec import SavedSession
from ..errors import BeakerDynamoDBError, ConfigurationError, CorruptItem
from ..rows import Marker, Row, now
from ..table import counters, retry_pauses
from .attempt import WHOLE, Attempt, Baseline
from .conflict import over_stored, resolve_conflict
from .ending import end_successors
from .session_row import SessionRow

logger = logging.getLogger("beaker_dynamodb.sessions")

#: In seconds. How long a save competes with other requests for one session.
LONGEST_CONFLICT = 10.0

UNREADABLE = "the stored session cannot be read: see the log for the reason, or end the session"

#: From what is stored, and whether an attempt may have been done, to the next attempt.
Next = Callable[[Row | Marker | None, bool], Attempt | None]


def save(row: SessionRow, saved: SavedSession) -> None:
    """Store what Beaker saves, as far as necessary.

    Args:
        row: of the session.
        saved: the session as the application has it.

    Raises:
        ConfigurationError: the session is opaque, and the options do not allow that.
        ConflictError: other requests have changed it again and again, or `on_conflict` is `raise`,
            or what is stored cannot be read, or another session has begun under the id meanwhile.
        ItemTooLarge: it takes more than `max_value_size`.
    """
    baseline = row.baseline
    _check_readable(row, saved)
    saved = row.latest(saved)
    if saved.is_cleared:
        row.end()
    elif reason := _reason_to_skip(row, saved):
        logger.info("%s: not stored: %s", row.key, reason)
    elif baseline is None or saved.begins_another(baseline.session):
        _compete(row, saved, *_beginning(row, saved))
    elif row.has_expired_meanwhile(baseline):
        logger.info("%s: not stored: it expired while the request ran", row.key)
    elif row.has_changed(saved):
        _compete(row, saved, *_change(row, saved, baseline))
    else:
        _touch_if_due(row, saved, baseline)


def _check_readable(row: SessionRow, saved: SavedSession) -> None:
    """Raise ConfigurationError for an opaque session, unless the options accept it."""
    if saved.format is None and not row.options.opaque_sessions:
        raise row.rows.table.error(
            ConfigurationError,
            "sessions are encrypted or use the application's own serializer, so with Beaker's "
            "session class the backend cannot detect a logout: use "
            "beaker_dynamodb.SessionMiddleware, session_class = beaker_dynamodb.DynamoDBSession or "
            'config.include("beaker_dynamodb.pyramid"); opaque_sessions = true stores them '
            "anyway, without merging",
        )


def _reason_to_skip(row: SessionRow, saved: SavedSession) -> str | None:
    if row.has_given_up(saved):
        return "this request has ended it"
    if row.is_access_only and row.unanswered:
        return "an earlier save got no answer, so it is unknown what is stored"
    if row.is_renamed:
        # A request that follows the session to its new id must find the marker for a while.
        return "it got a new id a moment ago"
    if row.baseline is None and saved.is_empty and not row.options.save_empty:
        return "it is new and empty"
    return None


def _touch_if_due(row: SessionRow, saved: SavedSession, baseline: Baseline) -> None:
    """Store a later end, if the last touch is long enough ago; `saved` is unchanged."""
    before = baseline.row
    if not row.lifetime.is_touch_due(before):
        counters.add(touches_skipped=1)
        logger.debug("%s: not touched: the last touch is recent", row.key)
        return
    condition = row.rows.if_unchanged(before)
    try:
        session = over_stored(row, saved, baseline)
        is_done = row.touch(saved, Attempt(session, before.identity, condition, before))
    except BeakerDynamoDBError as error:
        # A failed touch must not fail the page: the next request touches again.
        logger.warning("a session was not touched: %s", error)
        row.rows.table.report(error)
        return
    if is_done:
        counters.add(touches_done=1)
    else:
        logger.info("%s: not touched: another request has changed or ended it", row.key)


def _beginning(row: SessionRow, saved: SavedSession) -> tuple[Attempt | None, Next]:
    """What to write to begin a session: the first attempt, and what follows from a refusal.

    what was read is still stored? -- yes --> written, with a new birth
      | no: what is stored now?
      |-- nothing, or the marker of another session that has ended --> the next attempt, over that
      |-- our own row          --> an attempt whose answer was lost has written it
      |-- our own birth's marker --> another request has ended it since: nothing is written
      |-- a session under an id that was assigned, not loaded --> ConflictError
      |-- another session      --> replaced if this one was begun by `clear`; merged if both began
      |                            in an empty place; otherwise nothing is written
      |-- the renamed marker of the session that was cleared --> it ends under its other ids
      |                            first, then the next attempt, over the marker
      |-- the renamed marker of another session --> ConflictError: who ends that session must
      |                            find the marker
      '-- another session or marker, and the first attempt may have been done --> ConflictError:
                                   the session may have begun, and ended since
    """
    is_whole = row.baseline is not None or saved.begins_another(None)
    birth = (WHOLE if is_whole else "") + row.birth
    if row.baseline is not None:
        row.old_copy.delete()
        condition = row.if_same_session(row.baseline.row.identity)
    elif row.marker is not None:
        condition = row.rows.if_unchanged(row.marker)
    else:
        condition = row.rows.if_absent(now())
    first = Attempt(saved.with_times(now()), birth, condition)
    following = partial(_next_beginning, row, saved, first)
    if row.baseline is not None and not row.options.consistent_read:
        # What was loaded may be older than a login that the user has seen.
        return following(read_stored(row), False), following
    return first, following


def _next_beginning(
    row: SessionRow,
    saved: SavedSession,
    first: Attempt,
    found: Row | Marker | None,
    is_repeated: bool,
) -> Attempt | None:
    if found is None:
        return first._replace(condition=row.rows.if_absent(now()))
    cleared = row.baseline.row.identity if row.baseline else None
    identity = found.birth if isinstance(found, Marker) else found.identity
    if is_repeated and identity not in {cleared, first.birth}:
        raise row.conflict(
            "another request has begun a session under the same id: begin this one again"
        )
    if isinstance(found, Marker):
        return _begin_over(row, first, found, cleared)
    return _begin_beside(row, saved, first, found)


def _begin_over(
    row: SessionRow, first: Attempt, marker: Marker, cleared: str | None
) -> Attempt | None:
    if marker.is_renamed and marker.birth == cleared:
        end_successors(row.rows, marker)
    elif marker.birth == first.birth:
        return None
    elif marker.is_renamed:
        raise row.conflict(
            "another session has had this id, and continues under a new one: begin this one again"
        )
    return first._replace(condition=row.rows.if_unchanged(marker))


def _begin_beside(
    row: SessionRow, saved: SavedSession, first: Attempt, found: Row
) -> Attempt | None:
    condition = row.rows.if_unchanged(found)
    # Ours if an earlier attempt of this request has written it, and its answer was lost.
    is_own = found.identity == first.birth
    if not (is_own or row.is_read or row.lifetime.has_ended(found)):
        raise row.conflict("the assigned id belongs to another session: load that session")
    if not is_own and (first.birth.startswith(WHOLE) or row.lifetime.has_ended(found)):
        return first._replace(condition=condition)
    if not is_own and found.identity.startswith(WHOLE):
        return None
    return Attempt(resolve_conflict(row, saved, found), found.identity, condition, found)


def _change(row: SessionRow, saved: SavedSession, baseline: Baseline) -> tuple[Attempt, Next]:
    """What to write of a changed session: the first attempt, and what follows from a refusal.

    version and time of the last touch as loaded? -- yes --> written, with a new version
      | no: what is stored now?
      |-- nothing, an expired row, a marker, or another session
      |                         --> the session has ended: nothing is written
      |-- another version, and only the access time is saved --> nothing is written
      |-- our own new version   --> an attempt whose answer was lost has written it
      '-- another version       --> merged, overwritten or raised; then the next attempt
    """
    identity, condition = baseline.row.identity, row.if_loaded(baseline.row)
    first = Attempt(over_stored(row, saved, baseline), identity, condition, baseline.row)
    return first, partial(_next_change, row, saved, identity)


def _next_change(
    row: SessionRow,
    saved: SavedSession,
    identity: str,
    found: Row | Marker | None,
    _is_repeated: bool,
) -> Attempt | None:
    if not isinstance(found, Row) or row.lifetime.has_ended(found) or found.identity != identity:
        return None
    if row.is_access_only and not (row.baseline and row.baseline.row.version == found.version):
        return None
    session = resolve_conflict(row, saved, found)
    return Attempt(session, identity, row.rows.if_unchanged(found), found)


def _compete(
    row: SessionRow, saved: SavedSession, first: Attempt | None, next_attempt: Next
) -> None:
    """Try to write until it is done, or nothing is left to write.

    Args:
        row: of the session.
        saved: the session as the application has it.
        first: the first attempt.
        next_attempt: returns what to write over what is stored; None for nothing.
    """
    attempt = first
    is_repeated = bool(row.unanswered)
    for pause in retry_pauses(LONGEST_CONFLICT):
        if pause:
            time.sleep(pause)
            attempt = next_attempt(read_stored(row), is_repeated)
        if attempt is None:
            _log_not_written(row)
            return
        row.verify_lock()
        result = row.write(saved, attempt)
        if result.done:
            # The lease may have expired before the answer: the next owner may have loaded the
            # session as it was.
            row.verify_lock()
            return
        if not result.is_readable:
            raise row.conflict(UNREADABLE)
        is_repeated = is_repeated or result.is_repeated
        attempt = next_attempt(result.found, is_repeated)
    raise row.conflict(
        f"other requests have changed the session for {LONGEST_CONFLICT:g} s, so it was not saved: "
        "save it less often, or under a lock"
    )


def _log_not_written(row: SessionRow) -> None:
    if row.is_access_only:
        # The application has not saved what it has changed.
        logger.info("%s: not touched: another request has changed or ended it", row.key)
    else:
        logger.warning("%s: not written: it ended or got a new id while the request ran", row.key)


def read_stored(row: SessionRow) -> Row | Marker | None:
    """What is stored now.

    Raises:
        ConflictError: it cannot be read.
    """
    try:
        return row.read(consistent=True)
    except CorruptItem as error:
        raise row.conflict(UNREADABLE) from error
