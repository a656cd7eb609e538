"""Bytes in, bytes out: what stands in the ``data`` attribute of an item. Pure.

    data = header (1 byte: content, compression) + payload

The header says how the payload was written, so that `compression` and `serializer` can change
at any time without a stored row becoming unreadable.
"""

from __future__ import annotations

import json
import pickle
import zlib
from base64 import b64decode, b64encode
from enum import IntEnum
from typing import Any, NamedTuple

from .errors import CorruptItem


class Content(IntEnum):
    """What the payload is, in the upper half of the header."""

    TEXT = 1
    BASE64 = 2
    PICKLE = 3
    JSON = 4


class Compression(IntEnum):
    """How the payload was compressed, in the lower half of the header."""

    NONE = 0
    ZLIB = 1


#: What reading raises for bytes that were not written here.
UNREADABLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class SessionText(NamedTuple):
    """A session as Beaker hands it over, and what is stored and compared of it.

    Beaker's text is base64 (beaker/session.py, Session._encrypt_data). It is stored as the bytes
    inside wherever that is exactly reversible: a quarter less to pay for.
    """

    text: str
    payload: bytes
    content: Content

    @classmethod
    def of(cls, text: str) -> SessionText:
        """From the text that Beaker saves."""
        try:
            payload = b64decode(text, validate=True)
        except ValueError:
            payload = b""
        if b64encode(payload).decode("ascii") == text:
            return cls(text, payload, Content.BASE64)
        return cls(text, text.encode("utf-8", "surrogatepass"), Content.TEXT)

    @classmethod
    def around(cls, payload: bytes) -> SessionText:
        """From the bytes inside."""
        return cls(b64encode(payload).decode("ascii"), payload, Content.BASE64)

    @classmethod
    def stored_as(cls, data: bytes) -> SessionText:
        """From item data.

        Raises:
            CorruptItem: the data were not made by `data`.
        """
        content, payload = _unpack(data)
        if content is Content.BASE64:
            return cls.around(payload)
        if content is Content.TEXT:
            return cls(_text(payload), payload, content)
        raise CorruptItem("a row that should hold a session holds a cache value")

    def data(self, compression: str) -> bytes:
        """The item data to store."""
        return _pack(self.content, self.payload, compression)


def encode_value(value: object, serializer: str, compression: str) -> bytes:
    """The item data for a cache value.

    Raises:
        TypeError, ValueError, pickle.PicklingError: the serializer cannot write this value.
    """
    if serializer == "json":
        return _pack(Content.JSON, json.dumps(value, separators=(",", ":")).encode(), compression)
    return _pack(Content.PICKLE, pickle.dumps(value, pickle.HIGHEST_PROTOCOL), compression)


def decode_value(data: bytes, serializer: str) -> Any:
    """A cache value.

    With `serializer` json nothing is unpickled, whatever the row says.

    Raises:
        CorruptItem: the data were not written by `encode_value`, or cannot be read any more.
    """
    content, payload = _unpack(data)
    try:
        if content is Content.JSON:
            return json.loads(payload)
        if content is Content.PICKLE and serializer == "pickle":
            return pickle.loads(payload)
    except Exception as error:  # an application's class raises what it likes
        raise CorruptItem("a cache value cannot be read", cause=error) from error
    raise CorruptItem(f"a cache value was not written as {serializer}")


def _pack(content: Content, payload: bytes, compression: str) -> bytes:
    if compression == "zlib":
        compressed = zlib.compress(payload)
        if len(compressed) < len(payload):
            return bytes([content << 4 | Compression.ZLIB]) + compressed
    return bytes([content << 4 | Compression.NONE]) + payload


def _unpack(data: bytes) -> tuple[Content, bytes]:
    if not data:
        raise CorruptItem("a row holds no data")
    try:
        content, compression = Content(data[0] >> 4), Compression(data[0] & 0x0F)
        if compression is Compression.ZLIB:
            return content, zlib.decompress(data[1:])
        return content, data[1:]
    except (ValueError, zlib.error) as error:
        raise CorruptItem("a row's data have an unknown form", cause=error) from error


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CorruptItem("a session's text is not UTF-8", cause=error) from error
