"""What to store over another request's change of the same session."""

from __future__ import annotations

import logging

from ..codec import SavedSession
from ..errors import CorruptItem
from ..rows import Row, now
from ..table import counters
from .attempt import Baseline
from .session_row import SessionRow

logger = logging.getLogger("beaker_dynamodb.sessions")


def over_stored(row: SessionRow, saved: SavedSession, baseline: Baseline) -> SavedSession:
    """What to store: after a merge, the row holds more than the application knows.

    Args:
        row: of the session.
        saved: the session as the application has it.
        baseline: of this request; the row is still as this says.

    Raises:
        ConflictError: what is stored cannot be read.
    """
    if baseline.stored is baseline.session or saved.format is None:
        return saved.with_times(now(), baseline.stored)
    return _merged(row, saved, baseline.stored, [baseline.session])


def resolve_conflict(row: SessionRow, saved: SavedSession, found: Row) -> SavedSession:
    """What to store over another request's change of the same session.

    Args:
        row: of the session.
        saved: the session as the application has it.
        found: what is stored.

    Raises:
        ConflictError: what is stored cannot be read, or `on_conflict` is `raise`.
    """
    baseline, policy = row.baseline, row.options.on_conflict
    if baseline is not None and found.version == baseline.row.version:
        return _over_touched(row, saved, found, baseline)
    if saved.format is None:
        return saved
    if row.is_access_only and baseline is not None:
        # Nothing that the application has changed without a save replaces another's change.
        return _merged_over_row(row, baseline.session, found, [baseline.session])
    if policy == "overwrite":
        return saved.with_times(now(), _decode_if_readable(row, found))
    if policy == "raise" and found.version not in row.unanswered and not row.has_begun(found):
        _raise_if_changed(row, saved, found)
    return _merged_over_row(row, saved, found, _known_contents(row, found))


def _over_touched(
    row: SessionRow, saved: SavedSession, found: Row, baseline: Baseline
) -> SavedSession:
    """What to store over a row that has only been touched: it differs in the access time."""
    if saved.format is None:
        return saved
    mine = over_stored(row, saved, baseline)
    return _merged_over_row(row, mine, found, [baseline.stored])


def _known_contents(row: SessionRow, found: Row) -> list[SavedSession | None]:
    """What a row may hold of this request: a key that differs from any of it is this request's own.

    A write without an answer may have been done before another request wrote. A request that takes
    such a change back must change the key again, although its value is the one that was loaded.
    """
    written = row.unanswered.get(found.version)
    if written is not None:
        return [written.saved]
    known: list[SavedSession | None] = [each.saved for each in row.unanswered.values()]
    if not (known and row.has_begun(found)):
        known.append(row.baseline.session if row.baseline else None)
    return known


def _merged_over_row(
    row: SessionRow, saved: SavedSession, found: Row, known: list[SavedSession | None]
) -> SavedSession:
    merged = _merged(row, saved, _decode_if_readable(row, found), known)
    counters.add(conflicts_merged=1)
    return merged


def _merged(
    row: SessionRow,
    saved: SavedSession,
    stored: SavedSession | None,
    known: list[SavedSession | None],
) -> SavedSession:
    merged = saved.merged_over(stored, *known) if stored else None
    if merged is None:
        raise row.conflict(
            "another request has stored a session that this release cannot read: deploy the "
            "release that wrote it on all workers, or end the session"
        )
    return merged


def _raise_if_changed(row: SessionRow, saved: SavedSession, found: Row) -> None:
    """Raise ConflictError, unless another request has only renamed the session."""
    stored, baseline = _decode_if_readable(row, found), row.baseline
    if stored is None or baseline is None or not saved.can_tell_equal(stored, baseline.stored):
        raise row.conflict("another request has changed the session: load it again")


def _decode_if_readable(row: SessionRow, found: Row) -> SavedSession | None:
    try:
        return row.decode(found)
    except CorruptItem as error:
        logger.warning("%s: the stored session cannot be read: %s", row.key, error)
        row.rows.table.report(error)
        return None
