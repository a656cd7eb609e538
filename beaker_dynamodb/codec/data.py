"""Bytes in, bytes out: what stands in the ``data`` attribute of an item. Pure.

    data = header (1 byte: content, compression) + payload

The header says how the payload was written, so that `compression` and `serializer` can change
at any time without a stored row becoming unreadable. No payload is longer than `longest` bytes: a
few that were made for it decompress to a thousand times as many.
"""

from __future__ import annotations

import json
import pickle
import zlib
from base64 import b64decode, b64encode
from enum import IntEnum
from typing import Any, NamedTuple

from ..errors import CorruptItem, ItemTooLarge


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


#: The lower half of the byte that begins what zlib reads (RFC 1950; the upper one is the window).
DEFLATE = 8
_TOO_LONG = "a row's data are longer than max_value_size"

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

    def __repr__(self) -> str:
        return f"<text of a session, {len(self.text)} characters>"

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
    def stored_as(cls, data: bytes, longest: int) -> SessionText:
        """From item data.

        Raises:
            CorruptItem: the data were not made by `data`, or are longer than that takes.
        """
        content, payload = _unpack(data, longest)
        if content is Content.BASE64:
            session = cls.around(payload)
        elif content is Content.TEXT:
            session = cls(_text(payload), payload, content)
        else:
            raise CorruptItem("a row that should hold a session holds a cache value")
        if session.is_longer_inside(longest):
            raise CorruptItem(_TOO_LONG)
        return session

    def data(self, compression: str, longest: int) -> bytes:
        """The item data to store.

        Raises:
            ItemTooLarge: the session takes more than `longest` bytes.
        """
        if self.is_longer_inside(longest):
            raise _too_large("more", longest)
        return _pack(self.content, self.payload, compression, longest)

    def is_longer_inside(self, longest: int) -> bool:
        """Whether Beaker would decompress more: its JSON serializer compresses (beaker/util.py)."""
        inside = self.payload if self.content is Content.BASE64 else _loosely_decoded(self.text)
        if not inside or inside[0] & 0x0F != DEFLATE:
            return False
        try:
            return len(_decompress(inside, longest)) > longest
        except zlib.error:
            return False  # a serializer of the application's own has written it


def encode_value(value: object, serializer: str, compression: str, longest: int) -> bytes:
    """The item data for a cache value.

    Raises:
        ItemTooLarge: the value takes more than `longest` bytes.
        TypeError, ValueError, pickle.PicklingError: the serializer cannot write this value.
    """
    if serializer == "json":
        text = json.dumps(value, separators=(",", ":"))
        return _pack(Content.JSON, text.encode(), compression, longest)
    payload = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _pack(Content.PICKLE, payload, compression, longest)


def decode_value(data: bytes, serializer: str, longest: int) -> Any:
    """A cache value.

    With `serializer` json nothing is unpickled, whatever the row says.

    Raises:
        CorruptItem: the data were not written by `encode_value`, are longer than that takes, or
            cannot be read any more.
    """
    content, payload = _unpack(data, longest)
    try:
        if content is Content.JSON:
            return json.loads(payload)
        if content is Content.PICKLE and serializer == "pickle":
            return pickle.loads(payload)
    except Exception as error:  # an application's class raises what it likes
        raise CorruptItem("a cache value cannot be read", cause=error) from error
    raise CorruptItem(f"a cache value was not written as {serializer}")


def _pack(content: Content, payload: bytes, compression: str, longest: int) -> bytes:
    if len(payload) > longest:
        raise _too_large(f"{len(payload):,} bytes", longest)
    if compression == "zlib":
        compressed = zlib.compress(payload)
        if len(compressed) < len(payload):
            return bytes([content << 4 | Compression.ZLIB]) + compressed
    return bytes([content << 4 | Compression.NONE]) + payload


def _unpack(data: bytes, longest: int) -> tuple[Content, bytes]:
    if not data:
        raise CorruptItem("a row holds no data")
    try:
        content, compression = Content(data[0] >> 4), Compression(data[0] & 0x0F)
        payload = data[1:]
        if compression is Compression.ZLIB:
            payload = _decompress(payload, longest)
    except (ValueError, zlib.error) as error:
        raise CorruptItem("a row's data have an unknown form", cause=error) from error
    if len(payload) > longest:
        raise CorruptItem(_TOO_LONG)
    return content, payload


def _decompress(compressed: bytes, longest: int) -> bytes:
    """What was compressed, or the first `longest` + 1 bytes of it."""
    stream = zlib.decompressobj()
    payload = stream.decompress(compressed, longest + 1)
    if len(payload) <= longest and (not stream.eof or stream.unused_data):
        raise zlib.error("not one whole stream")
    return payload


def _loosely_decoded(text: str) -> bytes:
    """The bytes in a text, by whatever Beaker takes for base64; none where it takes nothing."""
    try:
        return b64decode(text)
    except ValueError:
        return b""


def _too_large(size: str, longest: int) -> ItemTooLarge:
    return ItemTooLarge(
        f"the value takes {size}, and max_value_size is {longest:,}: "
        "store less under one key, or raise max_value_size"
    )


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CorruptItem("a session's text is not UTF-8", cause=error) from error
