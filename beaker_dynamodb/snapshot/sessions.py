"""Read a session's payload, tell what changed, and merge two changes of it. Pure.

To be compared, a payload is read without executing any of it: a pickle is read into stand-ins
for the classes and functions that it names, which record how they were called. To be merged, it
is read as Beaker has read it.
"""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..codec import UNREADABLE
from .inert import fingerprint, read_pickle

Session = Mapping[Any, Any]
Reader = Callable[[bytes], Session]

#: Beaker renews it at each load (beaker/session.py, Session.load): no change of the application's.
ACCESSED_TIME = "_accessed_time"
#: All that Beaker itself puts into a session; a cleared one has no `_creation_time`.
BEAKERS_OWN = frozenset({"_creation_time", ACCESSED_TIME, "_domain", "_path"})
LEFT_WHEN_CLEARED = frozenset({"_domain", "_path"})

#: How Beaker's pickles begin: a dict in protocol 2 (beaker/util.py).
PICKLED_DICT = b"\x80\x02}"
#: How its JSON begins, which it compresses: deflate with a window of 32 KB (RFC 1950).
COMPRESSED = b"\x78"


class Format(NamedTuple):
    """How a session is serialized.

    `read` is for comparing; for Beaker's own serializers it executes nothing. `loads` and `dumps`
    are the serializer's own.
    """

    prefix: bytes
    read: Reader
    loads: Reader
    dumps: Callable[[Session], bytes]


def format_of(serializer: Any) -> Format:
    """The format of a serializer of the application's own."""
    return Format(b"", serializer.loads, serializer.loads, serializer.dumps)


def recognise(payload: bytes, *more: Format) -> tuple[Format, Session] | None:
    """The format of what this process has just written, and what it reads; None if there is none.

    Judge only a payload of this process's own making: what is stored is then read in that
    format and no other, so nobody who can write to the table chooses how it is read.
    """
    for known in (*_FORMATS, *more):
        if payload.startswith(known.prefix):
            session = read(payload, known.read)
            return None if session is None else (known, session)
    return None


def read(payload: bytes, reader: Reader) -> Session | None:
    """The session in a payload; None where the reader cannot read it."""
    try:
        session = reader(payload)
    except Exception:  # noqa: BLE001  # a serializer of the application's own raises what it likes
        return None
    return session if isinstance(session, dict) else None


def changed_keys(before: Session, after: Session) -> frozenset[Any]:
    """Keys whose value differs in value or type, at any depth, the access time's aside.

    Two values that cannot be compared have changed.
    """
    old, new = _typed(before), _typed(after)
    return frozenset(key for _, key in old.keys() ^ new.keys()) | frozenset(
        key[1] for key in old.keys() & new.keys() if not _same(old[key], new[key])
    )


def has_changed(before: Session, after: Session) -> bool:
    """Whether any key has, as `changed_keys` tells."""
    return not _same(_content(before), _content(after)) and bool(changed_keys(before, after))


def merge(known: Format, before: bytes | None, mine: bytes, theirs: bytes) -> bytes | None:
    """The session that another request has stored, with this request's changes applied over it.

    Args:
        known: the format in which this process has just written `mine`.
        before: the session as this request knew it; None where it knew of none.
        mine: the session as this request saves it.
        theirs: the session as it is stored by now.

    Returns:
        The merged payload; None where `theirs` cannot be read in that format.
    """
    merged, saved = read(theirs, known.loads), known.loads(mine)
    if merged is None:
        return None
    merged = {**merged, ACCESSED_TIME: saved.get(ACCESSED_TIME)}
    for key in _own_changes(known, before, mine):
        if key in saved:
            merged[key] = saved[key]
        else:
            merged.pop(key, None)
    return known.dumps(merged)


def is_same_session(known: Format, before: bytes, after: bytes) -> bool:
    """Whether two payloads are of one session: a new one under its id begins at another time."""
    sessions = [read(payload, known.read) or {} for payload in (before, after)]
    begun = [session.get("_creation_time") for session in sessions]
    return begun[0] == begun[1] or None in begun


def _own_changes(known: Format, before: bytes | None, mine: bytes) -> frozenset[Any]:
    after = known.read(mine)
    if before is None:
        return frozenset(after) - BEAKERS_OWN
    base = read(before, known.read)
    return frozenset(after) if base is None else changed_keys(base, after)


def is_cleared(session: Session) -> bool:
    """Whether the application has deleted or cleared the session."""
    return session.keys() <= LEFT_WHEN_CLEARED


def is_empty(session: Session) -> bool:
    """Whether the application has put nothing into the session."""
    return session.keys() <= BEAKERS_OWN


def _content(session: Session) -> dict[Any, Any]:
    return {key: value for key, value in session.items() if key != ACCESSED_TIME}


def _typed(session: Session) -> dict[tuple[type, Any], Any]:
    """The content by type and key: in a plain dict, the keys 1 and True are the same."""
    return {(type(key), key): value for key, value in _content(session).items()}


def _same(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, (str, int, bytes, type(None))):
        return one == other
    try:
        return fingerprint(one) == fingerprint(other)
    except (*UNREADABLE, pickle.PicklingError):
        return False


def _read_json(payload: bytes) -> Session:
    session: Session = json.loads(zlib.decompress(payload))
    return session


def _write_json(session: Session) -> bytes:
    return zlib.compress(json.dumps(session).encode())


_FORMATS = (
    Format(PICKLED_DICT, read_pickle, pickle.loads, partial(pickle.dumps, protocol=2)),
    Format(COMPRESSED, _read_json, _read_json, _write_json),
)
