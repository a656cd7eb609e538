"""Look at one session, and end it; delete cache values."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..codec import SavedSession, type_in_words
from ..errors import CorruptItem
from ..options import Options
from ..rows import Marker, Row, now
from ..sessions import SessionRow
from ..table import session_key
from .table import backend_of

#: The cookie of a site with `secret`: a signature, then the id (beaker/session.py, SignedCookie).
_SIGNED_COOKIE = re.compile(r"[0-9a-f]{40}(?P<id>[0-9a-f]{32})")


@dataclass(frozen=True)
class SessionKey:
    """One key of a session.

    Attributes:
        name: as Python writes it.
        type: of the value, without executing what is stored.
        value: as Python writes it; None unless it was wanted.
    """

    name: str
    type: str
    value: str | None = None


@dataclass(frozen=True)
class SessionDetails:
    """What is stored of one session; never its id.

    Attributes:
        fingerprint: eight digits of a hash of its key, as in the log.
        state: `live`, `expired`, `ended`, `renamed` or `missing`.
        touched: time of the last write, in seconds since the epoch.
        created: time of its creation, likewise, if `max_lifetime` is set.
        ends: when it ends unless it is used again: the first of the end of its row, `max_lifetime`
            and Beaker's `timeout`; None for never.
        expires: the end of its row, or of its marker; None for never.
        size: of its data as stored, in bytes.
        parts: number of items that a large session is split into.
        indexed: its attributes in indexes.
        keys: what it contains; None if only the application can read it.
    """

    fingerprint: str
    state: str
    touched: float | None = None
    created: float | None = None
    ends: float | None = None
    expires: float | None = None
    size: int = 0
    parts: int = 0
    indexed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    keys: tuple[SessionKey, ...] | None = ()


def show_session(options: Options, cookie: str, *, values: bool = False) -> SessionDetails:
    """What is stored of a session; one strongly consistent read.

    Args:
        options: of the backend.
        cookie: the session's id, or the value of its cookie.
        values: whether to show the values, too.

    Raises:
        CorruptItem: this package did not write the item, or it was altered.
    """
    backend = backend_of(options)
    rows = backend.rows
    key = session_key(options.key_prefix, id_in(cookie), hash_id=options.hash_ids)
    item = rows.table.get(key, consistent=True)
    stored = rows.get(key, consistent=True) if item else None
    if isinstance(stored, Marker):
        state = "renamed" if stored.is_renamed else "ended"
        return SessionDetails(key.fingerprint, state, expires=stored.expires)
    if stored is None or item is None:
        return SessionDetails(key.fingerprint, "missing")
    parsed = rows.table.parse(item)
    found = {name: item[name]["S"] for name in options.index_keys if name in item}
    end = backend.lifetime.end(stored)
    return SessionDetails(
        key.fingerprint,
        "expired" if end <= now() else "live",
        stored.touched,
        stored.created,
        _finite(end),
        _finite(stored.ends),
        len(stored.data),
        int(parsed.parts.rpartition(":")[2]) if parsed.parts else 0,
        found,
        _keys(stored, partial(backend.codec.decode, key), values=values),
    )


def end_session(options: Options, cookie: str) -> bool:
    """End a session, as a logout does; one read and one write.

    Args:
        options: of the backend.
        cookie: the session's id, or the value of its cookie.

    Returns:
        Whether a session was stored.
    """
    backend = backend_of(options)
    key = session_key(options.key_prefix, id_in(cookie), hash_id=options.hash_ids)
    row = SessionRow(backend.rows, options, key, backend.lifetime, backend.codec)
    found = row.read(consistent=True)
    row.end()
    return isinstance(found, Row) or (found is not None and found.is_renamed)


def id_in(cookie: str) -> str:
    """The session's id in the value of a cookie: after its signature, if the site signs cookies."""
    signed = _SIGNED_COOKIE.fullmatch(cookie)
    return signed["id"] if signed else cookie


def _finite(end: float) -> float | None:
    return None if end == math.inf else end


def _keys(
    row: Row, decode: Callable[[Row], SavedSession], *, values: bool
) -> tuple[SessionKey, ...] | None:
    try:
        session = decode(row)
    except CorruptItem:
        return None
    content = session.content
    if content is None:
        return None
    shown = ((repr(key), value) for key, value in content.items())
    return tuple(
        SessionKey(name, type_in_words(value), _in_words(value) if values else None)
        for name, value in shown
    )


def _in_words(value: Any) -> str:
    """A value as Python writes it; the application's own objects by their type alone."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_in_words(k)}: {_in_words(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"{type(value).__name__}({', '.join(map(_in_words, value))})"
    if value is None or isinstance(value, (str, bytes, int, float, complex)):
        return repr(value)
    return f"<{type_in_words(value)}>"
