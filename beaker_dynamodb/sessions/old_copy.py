"""A session of the backend that a site comes from: its copy there, and its first row here."""

from __future__ import annotations

from hashlib import sha256
from typing import Protocol

from ..codec import ACCESSED_TIME, SavedSession
from ..options import ONE_DAY, Options
from ..rows import MARKER_LIFE, Row, new_token, now
from ..table import RowKey
from .lifetime import Lifetime, past_time

#: In seconds. Browsers keep no cookie for longer (RFC 6265bis, "Max-Age").
LONGEST_COOKIE = 400 * ONE_DAY


class OldCopy(Protocol):
    """One session in the old backend."""

    def read(self) -> str | None:
        """The text that Beaker has saved there; None if there is none."""

    def delete(self) -> None:
        """Delete the session there; nothing happens if there is none."""


class NoCopy:
    """The session in the old backend of a site that comes from none."""

    def read(self) -> None:
        """There is none."""

    def delete(self) -> None:
        """There is none."""


def first_row(
    key: RowKey, session: SavedSession, lifetime: Lifetime, accessed: float | None = None
) -> Row:
    """The row of a session from the old backend, without data, as of its last access there.

    All requests that read the session there give it the same birth: they change one session.

    Args:
        key: of the session.
        session: as the old backend has it.
        lifetime: of sessions in the table.
        accessed: the last access as the old backend knows it, in seconds since the epoch; for a
            session whose content cannot be read.
    """
    content, moment = session.content, now()
    known = (past_time((content or {}).get(ACCESSED_TIME), moment), past_time(accessed, moment))
    touched = next((time for time in known if time is not None), moment)
    created = lifetime.created(content, None)
    created = None if created is None else min(created, touched)
    life = lifetime.life(touched, created, None)
    return Row(b"", new_token(), touched, life, created, None, _birth(key))


def marker_life(options: Options) -> int:
    """Seconds for which a marker is kept: with a fallback, as long as a session can live there.

    A caller that ends the sessions of a user knows none of their ids, and cannot delete them there.
    """
    if options.fallback_type is None:
        return MARKER_LIFE
    return max(MARKER_LIFE, options.ttl or options.timeout or LONGEST_COOKIE)


def _birth(key: RowKey) -> str:
    return "old:" + sha256(key.partition.encode("utf-8", "surrogatepass")).hexdigest()[:16]
