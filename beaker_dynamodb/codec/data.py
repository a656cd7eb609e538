"""Bytes in, bytes out: the `data` attribute of an item. No I/O.

    data = header (1 byte: content, compression) + payload

With a dictionary, its name precedes the compressed payload. The header says how the payload was
encoded, so `compression` and `serializer` can change at any time and stored rows stay readable.
No payload decompresses to more than `max_size` bytes: an attacker can write a few bytes that
decompress to a thousand times as many.
"""

from __future__ import annotations

import json
import pickle
import zlib
from enum import IntEnum
from typing import Any, NamedTuple

from ..errors import ConfigurationError, CorruptItem, ItemTooLarge
from . import zstd
from .zstd import NAME_SIZE, Dictionary, FindDictionary, find_none


class Content(IntEnum):
    """What the payload is, in the upper half of the header."""

    TEXT = 1
    BASE64 = 2
    PICKLE = 3
    JSON = 4
    #: What a zlib stream stands for, and is made of it again.
    INFLATED = 5


class Compression(IntEnum):
    """How the payload was compressed, in the lower half of the header."""

    NONE = 0
    ZLIB = 1
    ZSTD = 2
    ZSTD_WITH_DICTIONARY = 3


#: The lower half of the first byte of a zlib stream (RFC 1950; the upper half is the window).
DEFLATE = 8
TOO_LONG = "a row's data is longer than max_value_size"

#: What decoding raises for bytes that this package did not write.
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


class EncodedValue(NamedTuple):
    """The item data of a cache value, and its bytes before compression."""

    data: bytes
    size: int


def encode_value(value: object, serializer: str, compression: str, max_size: int) -> EncodedValue:
    """The item data of a cache value.

    Args:
        value: to be stored.
        serializer: `pickle` or `json`.
        compression: `zlib`, `zstd` or `none`.
        max_size: most bytes before compression.

    Raises:
        ItemTooLarge: the value takes more than `max_size` bytes.
        TypeError, ValueError, pickle.PicklingError: the serializer cannot write this value.
    """
    if serializer == "json":
        content, payload = Content.JSON, json.dumps(value, separators=(",", ":")).encode()
    else:
        content, payload = Content.PICKLE, pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return EncodedValue(pack(content, payload, compression, max_size), len(payload))


def decode_value(data: bytes, serializer: str, max_size: int) -> Any:
    """The cache value in item data.

    With `serializer` json nothing is unpickled, whatever the row says.

    Raises:
        CorruptItem: `encode_value` did not write the data, it is longer than `max_size` bytes,
            or it can no longer be read.
    """
    content, payload = unpack(data, max_size)
    try:
        if content is Content.JSON:
            return json.loads(payload)
        if content is Content.PICKLE and serializer == "pickle":
            return pickle.loads(payload)
    except Exception as error:  # the application's classes raise what they like
        raise CorruptItem("a cache value cannot be read", cause=error) from error
    raise CorruptItem(f"a cache value was not written as {serializer}")


def before_packing(
    content: Content, payload: bytes, compression: str, max_size: int
) -> tuple[Content, bytes]:
    """What to pack of a session: of Beaker's JSON, which is a zlib stream, the text inside.

    No compression shortens a zlib stream. It must be exactly what zlib makes of the text.

    Args:
        content: what the payload is.
        payload: of the session.
        compression: `zlib`, `zstd` or `none`.
        max_size: most bytes that the stream may stand for.
    """
    is_stream = payload[:1] != b"" and payload[0] & 0x0F == DEFLATE
    if compression != "zstd" or content is not Content.BASE64 or not is_stream:
        return content, payload
    try:
        text = decompress(payload, max_size)
    except zlib.error:
        return content, payload
    is_exact = len(text) <= max_size and zlib.compress(text) == payload
    return (Content.INFLATED, text) if is_exact else (content, payload)


def pack_session(
    content: Content,
    payload: bytes,
    compression: str,
    max_size: int,
    dictionary: Dictionary | None = None,
) -> bytes:
    """As `pack`, for a session; see `before_packing`."""
    packed = before_packing(content, payload, compression, max_size)
    return pack(*packed, compression, max_size, dictionary)


def unpack_session(data: bytes, max_size: int, find: FindDictionary) -> tuple[Content, bytes]:
    """As `unpack`, for a session."""
    content, payload = unpack(data, max_size, find)
    if content is Content.INFLATED:
        return Content.BASE64, zlib.compress(payload)
    return content, payload


def pack(
    content: Content,
    payload: bytes,
    compression: str,
    max_size: int,
    dictionary: Dictionary | None = None,
) -> bytes:
    """Item data: a header and a payload, compressed if that makes it shorter.

    Args:
        content: what the payload is.
        payload: to be stored.
        compression: `zlib`, `zstd` or `none`.
        max_size: most bytes before compression.
        dictionary: for `zstd`.

    Raises:
        ItemTooLarge: the payload is longer than `max_size` bytes.
    """
    if len(payload) > max_size:
        raise too_large(f"{len(payload):,} bytes", max_size)
    kind, compressed = _compressed(payload, compression, dictionary)
    if len(compressed) < len(payload):
        return bytes([content << 4 | kind]) + compressed
    return bytes([content << 4 | Compression.NONE]) + payload


def _compressed(
    payload: bytes, compression: str, dictionary: Dictionary | None
) -> tuple[Compression, bytes]:
    if compression == "zlib":
        return Compression.ZLIB, zlib.compress(payload)
    if compression == "none":
        return Compression.NONE, payload
    if dictionary is None:
        return Compression.ZSTD, zstd.compress(payload)
    compressed = dictionary.name + zstd.compress(payload, dictionary)
    return Compression.ZSTD_WITH_DICTIONARY, compressed


def unpack(data: bytes, max_size: int, find: FindDictionary = find_none) -> tuple[Content, bytes]:
    """Content and payload of item data.

    Args:
        data: as `pack` returned it.
        max_size: most bytes after decompression.
        find: returns the dictionary that the data names.

    Raises:
        CorruptItem: `pack` did not write the data, or the payload is longer than `max_size` bytes.
        ConfigurationError: it was compressed by zstd, which is not installed.
    """
    if not data:
        raise CorruptItem("a row has no data")
    try:
        content, compression = Content(data[0] >> 4), Compression(data[0] & 0x0F)
        payload = _decompressed(compression, data[1:], max_size, find)
    except ConfigurationError:
        raise
    except (ValueError, zlib.error) as error:
        raise CorruptItem("a row's data has an unknown form", cause=error) from error
    if len(payload) > max_size:
        raise CorruptItem(TOO_LONG)
    return content, payload


def _decompressed(
    compression: Compression, payload: bytes, max_size: int, find: FindDictionary
) -> bytes:
    if compression is Compression.ZLIB:
        return decompress(payload, max_size)
    if compression is Compression.ZSTD:
        return zstd.decompress(payload, max_size)
    if compression is Compression.ZSTD_WITH_DICTIONARY:
        name, frame = payload[:NAME_SIZE], payload[NAME_SIZE:]
        return zstd.decompress(frame, max_size, find(name))
    return payload


def decompress(compressed: bytes, max_size: int) -> bytes:
    """The decompressed bytes, or the first `max_size` + 1 of them.

    Raises:
        zlib.error: the bytes are not one whole stream.
    """
    stream = zlib.decompressobj()
    payload = stream.decompress(compressed, max_size + 1)
    if len(payload) <= max_size and (not stream.eof or stream.unused_data):
        raise zlib.error("not one whole stream")
    return payload


def too_large(size: str, max_size: int) -> ItemTooLarge:
    """The error for a value of more than `max_size` bytes."""
    return ItemTooLarge(
        f"the value takes {size}, but max_value_size is {max_size:,}: "
        "store less under one key, or raise max_value_size"
    )
