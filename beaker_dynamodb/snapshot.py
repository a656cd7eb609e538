"""Read a session's payload and tell what changed. Pure.

A payload is read only to be compared. Nothing in it is ever executed: a pickle is read into
stand-ins for the classes and functions that it names, which record how they were called.
"""

from __future__ import annotations

import io
import json
import pickle
import zlib
from collections.abc import Callable, Mapping
from copyreg import _inverted_registry  # type: ignore[attr-defined]
from functools import lru_cache
from typing import Any, ClassVar

from .codec import UNREADABLE

Session = Mapping[Any, Any]
Reader = Callable[[bytes], Session]

#: Beaker renews it at each load (beaker/session.py, Session.load): no change of the application's.
ACCESSED_TIME = "_accessed_time"
#: All that Beaker itself puts into a session; a cleared one has no `_creation_time`.
BEAKERS_OWN = frozenset({"_creation_time", ACCESSED_TIME, "_domain", "_path"})
LEFT_WHEN_CLEARED = frozenset({"_domain", "_path"})

#: How Beaker's two serializers begin: a dict in pickle protocol 2, and zlib (beaker/util.py).
PICKLED_DICT = b"\x80\x02}"
ZLIB_STREAM = b"\x78"


def recognise(payload: bytes) -> tuple[Reader, Session] | None:
    """The reader of what this process has just written, and what it reads; None if there is none.

    Judge only a payload of this process's own making: what is stored is then read with that
    reader and no other, so nobody who can write to the table chooses how it is read.
    """
    for prefix, reader in ((PICKLED_DICT, _read_pickle), (ZLIB_STREAM, _read_json)):
        if payload.startswith(prefix):
            session = read(payload, reader)
            return None if session is None else (reader, session)
    return None


def read(payload: bytes, reader: Reader) -> Session | None:
    """The session in a payload; None where the reader cannot read it."""
    try:
        session = reader(payload)
    except (*UNREADABLE, zlib.error):
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
        return _fingerprint(one) == _fingerprint(other)
    except (pickle.PicklingError, RecursionError, TypeError, ValueError):
        return False


def _fingerprint(value: object) -> bytes:
    """Bytes that are equal for values that are equal in value and type."""
    buffer = io.BytesIO()
    pickler = _FingerprintPickler(buffer, protocol=4)
    # Without the memo: it would tell two equal objects from one object that stands twice.
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()


class _FingerprintPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _StandInClass):
            return tuple, (value.reference,)
        return NotImplemented


class _StandInClass(type):
    """Type of the stand-ins, which tells them from all other classes."""

    reference: tuple[str, str]


class _StandIn(metaclass=_StandInClass):
    """Stands for what a pickle names, and records what the pickle does to it."""

    reference: ClassVar[tuple[str, str]] = ("", "")

    def __new__(cls, *arguments: object, **keywords: object) -> _StandIn:
        self = super().__new__(cls)
        self.recorded = [arguments, keywords]
        return self

    recorded: list[Any]

    def __call__(self, *arguments: object) -> _StandIn:
        return _StandIn(self, arguments)

    def __setstate__(self, state: object) -> None:
        self.recorded.append(state)

    def append(self, item: object) -> None:
        self.recorded.append(item)

    def __setitem__(self, key: object, item: object) -> None:
        self.recorded.append((key, item))

    def __reduce__(self) -> tuple[Any, ...]:
        if self.reference in _SETS:
            return tuple, ([self.reference, *sorted(map(_fingerprint, self.recorded[0][0]))],)
        return tuple, ([self.reference, *self.recorded],)


#: A set's order differs from process to process (Python's hash seed), so it is compared sorted.
_SETS = {("__builtin__", "set"), ("__builtin__", "frozenset")}


@lru_cache(maxsize=1024)
def _stand_in(module: str, name: str) -> _StandInClass:
    return _StandInClass("StandIn", (_StandIn,), {"reference": (module, name)})


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> _StandInClass:
        return _stand_in(module, name)


def _read_pickle(payload: bytes) -> Session:
    if _inverted_registry:
        # The C unpickler would keep our stand-ins in copyreg's process-wide cache of extensions.
        raise pickle.UnpicklingError("the application has registered pickle extensions")
    # Buffered: from a plain BytesIO the C unpickler reads byte by byte, at four times the time.
    session: Session = _InertUnpickler(io.BufferedReader(io.BytesIO(payload))).load()
    return session


def _read_json(payload: bytes) -> Session:
    session: Session = json.loads(zlib.decompress(payload))
    return session
