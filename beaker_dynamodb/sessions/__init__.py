"""Sessions: what is written of them and when, how long they live, their new ids, their locks."""

from .index import FoundSession, SessionIndex, indexed_values
from .lifetime import BEAKER_TIMEOUT_MARGIN, Lifetime
from .lock import LockOwner, SessionLock, has_shared_locks
from .old_copy import OldCopy, first_row, marker_life
from .rename import rename
from .saving import save
from .session_row import SessionRow

__all__ = [
    "BEAKER_TIMEOUT_MARGIN",
    "FoundSession",
    "Lifetime",
    "LockOwner",
    "OldCopy",
    "SessionIndex",
    "SessionLock",
    "SessionRow",
    "first_row",
    "has_shared_locks",
    "indexed_values",
    "marker_life",
    "rename",
    "save",
]
