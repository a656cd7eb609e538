"""Rename a session: store it under its new id, and end it under the old one."""

from __future__ import annotations

from ..codec import SavedSession
from ..errors import ConflictError
from .session_row import TRIES, SessionRow


def rename(old: SessionRow, new: SessionRow, saved: SavedSession) -> bool:
    """Store a session under a new id, and end it under the old one.

    What other requests have changed under the old id goes with it. If they ended it before it was
    read there, it stays ended.

    old row read --> stored under the new id, with this request's changes
                 --> old row deleted if its version is the one that was read; otherwise read again

    Args:
        old: the session under the id that was given up.
        new: the session under its new id.
        saved: the session as this request saves it.

    Returns:
        False if the session has ended under the old id since it was loaded; nothing is stored then.

    Raises:
        ConflictError: other requests have changed it again and again, or `on_conflict` is raise.
    """
    try:
        return _rename(old, new, saved)
    except ConflictError:
        # No client has the new id yet.
        _withdraw(new)
        raise


def _rename(old: SessionRow, new: SessionRow, saved: SavedSession) -> bool:
    for turn in range(TRIES):
        handed_over = old.hand_over(saved)
        if handed_over.session is None:
            if new.baseline is None or (turn and handed_over.is_missing):
                _withdraw(new)
                return False
            # An earlier save has renamed it, and the answer to the deletion was lost.
            new.save(saved)
            return True
        new.save_merged(handed_over.session, saved)
        if handed_over.version is None:
            old.delete()
            return True
        if old.delete_version(handed_over.version):
            return True
    raise old.conflict(f"a session was changed {TRIES} times while its id was renewed")


def _withdraw(new: SessionRow) -> None:
    if new.baseline is not None:
        new.delete()
