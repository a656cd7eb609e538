"""Read a pickle without executing any of it, and compare the contents of two. No I/O.

Stand-ins replace the classes and functions that a pickle names, and record how it calls them.
"""

from __future__ import annotations

import io
import pickle
from copyreg import _inverted_registry  # type: ignore[attr-defined]
from functools import lru_cache
from typing import Any, ClassVar

#: In bytes. Larger values count as changed.
LONGEST_FINGERPRINT = 4 * 1024 * 1024


def fingerprint(value: object) -> bytes:
    """Bytes that are equal for values that are equal in value and type."""
    buffer = _BoundedBuffer()
    pickler = _FingerprintPickler(buffer, protocol=4)
    # Without the memo, two equal objects and two references to one object give the same bytes.
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()


class _BoundedBuffer(io.BytesIO):
    """A buffer with a limit: without the memo, a value that refers to itself never ends."""

    def write(self, data: Any) -> int:
        if self.tell() > LONGEST_FINGERPRINT:
            raise ValueError("the value is too large to be compared")
        return super().write(data)


class _FingerprintPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _StandInClass):
            return tuple, (value.reference,)
        return NotImplemented


class _StandInClass(type):
    """Type of the stand-ins, by which they are recognised."""

    reference: tuple[str, str]


class _StandIn(metaclass=_StandInClass):
    """Replaces what a pickle names, and records what the pickle does to it."""

    reference: ClassVar[tuple[str, str]] = ("", "")

    def __new__(cls, *arguments: object, **keywords: object) -> _StandIn:
        self = super().__new__(cls)
        self.recorded = [arguments, keywords]
        return self

    recorded: list[Any]

    def __call__(self, *arguments: object) -> _StandIn:
        return _StandIn(self, arguments)

    def __setstate__(self, state: object) -> None:
        self.recorded.append(("state", state))

    def append(self, item: object) -> None:
        self.recorded.append(("append", item))

    def __setitem__(self, key: object, item: object) -> None:
        self.recorded.append(("item", key, item))

    def __reduce__(self) -> tuple[Any, ...]:
        if self.reference in _SETS:
            return tuple, ([self.reference, *sorted(map(fingerprint, self.recorded[0][0]))],)
        return tuple, ([self.reference, *self.recorded],)


#: A set's order depends on the process (Python's hash seed), so its items are sorted.
_SETS = {("__builtin__", "set"), ("__builtin__", "frozenset")}


@lru_cache(maxsize=1024)
def _stand_in(module: str, name: str) -> _StandInClass:
    return _StandInClass("StandIn", (_StandIn,), {"reference": (module, name)})


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> _StandInClass:
        return _stand_in(module, name)


def read_pickle(payload: bytes) -> Any:
    """The contents of a pickle, with stand-ins for the classes and functions that it names.

    Raises:
        Exception: one of `codec.UNREADABLE`, if it is no pickle.
    """
    if _inverted_registry:
        # The C unpickler would keep the stand-ins in copyreg's process-wide cache of extensions.
        raise pickle.UnpicklingError("the application has registered pickle extensions")
    # From a plain BytesIO the C unpickler reads byte by byte, and takes four times as long.
    return _InertUnpickler(io.BufferedReader(io.BytesIO(payload))).load()
