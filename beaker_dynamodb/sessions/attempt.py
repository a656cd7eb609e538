"""What a request knows of its session, and what it writes of it."""

from __future__ import annotations

from typing import NamedTuple

from ..codec import SavedSession
from ..rows import Row
from ..table import Condition

#: How the birth of a session begins that replaced whatever was stored.
WHOLE = "="


class Baseline(NamedTuple):
    """The session as this request last read or wrote it.

    Attributes:
        session: as the application has it.
        stored: what the row contains; after a merge it is more than `session`.
        row: the row.
    """

    session: SavedSession
    stored: SavedSession
    row: Row

    def __repr__(self) -> str:
        return f"<session as loaded, {self.row!r}>"


class Attempt(NamedTuple):
    """What to write.

    Attributes:
        session: its content.
        birth: of the session.
        condition: of the write.
        before: the row that continues, with its creation and its life; None for a beginning.
    """

    session: SavedSession
    birth: str
    condition: Condition
    before: Row | None = None


class Unanswered(NamedTuple):
    """A write without an answer: DynamoDB may have done it, or may do it later.

    Attributes:
        saved: the session as the application had it.
        attempt: what was written.
    """

    saved: SavedSession
    attempt: Attempt
