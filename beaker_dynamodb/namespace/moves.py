"""A session that goes on under a new id: stored there, and ended under the old one."""

from __future__ import annotations

from ..store import Store
from .sessions import TRIES, SessionRow


def move(text: str, old: SessionRow, new: SessionRow, store: Store) -> bool:
    """Store a session under its new id, and end it under the old one.

    What others have changed under the old id goes with it, and if they have ended it, it stays
    ended.

    old row: read --> stored under the new id, with this request's changes --> old row removed, if
    its version is the one that was read; else read again

    Args:
        text: the session as Beaker has serialized it.
        old: the session under the id that was given up.
        new: the session under its new id.
        store: of both.

    Returns:
        False where it was ended under the old id since it was loaded.

    Raises:
        ConflictError: others have changed it again and again.
    """
    for _ in range(TRIES):
        stored = old.to_hand_over(text)
        if stored is None and not new.is_stored:
            return False
        new.save(text if stored is None else stored)
        new.has_served(text)
        if stored is None or old.is_removed_as_handed_over():
            return True
    raise store.conflict(f"a session was changed {TRIES} times while its id was renewed")
