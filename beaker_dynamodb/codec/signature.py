"""Signatures of rows: a client that can only write to the table cannot make one. No I/O.

    signature = HMAC-SHA256(key, fields), each field with its length before it

The length keeps a byte from moving from one field to the next.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from typing import TypeAlias

#: What is signed; numbers are signed by value, however DynamoDB writes them.
Field: TypeAlias = bytes | str | int | float | None


class Signer:
    """Signs with the first of some keys, and accepts a signature by any of them.

    Args:
        keys: without any, nothing is signed, and everything is accepted.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def sign(self, fields: Iterable[Field]) -> bytes | None:
        """The signature of some fields; None if nothing is signed."""
        return _signature(self._keys[0], _message(fields)) if self._keys else None

    def verify(self, signature: bytes | None, fields: Iterable[Field]) -> bool:
        """Whether a signature matches the fields."""
        if not self._keys:
            return True
        message = _message(fields)
        return any(
            hmac.compare_digest(_signature(key, message), signature or b"") for key in self._keys
        )


def _signature(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _message(fields: Iterable[Field]) -> bytes:
    return b"".join(map(_framed, fields))


def _framed(field: Field) -> bytes:
    if field is None:
        return b"-"
    if isinstance(field, (int, float)):
        field = repr(float(field))
    content = field if isinstance(field, bytes) else field.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(content), content)
