"""How a session is serialized: Beaker's two formats, and the application's own. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from .names import unknown_names
from .pickle_writer import write_pickle
from .safe_pickle import read_pickle

SessionContent = Mapping[Any, Any]

#: How Beaker's pickles begin: a dict in protocol 2 (beaker/util.py).
PICKLED_DICT = b"\x80\x02}"
#: How its JSON begins, which it compresses: deflate with a window of 32 KB (RFC 1950).
COMPRESSED = b"\x78"


class Format(NamedTuple):
    """How a session is serialized.

    Attributes:
        prefix: how the serialized session begins.
        loads: reads it; for Beaker's own serializers without executing anything of it.
        dumps: writes it.
        unknown_names: what it names that this release does not have.
        compares: whether what it writes compares values that have no shape.
    """

    prefix: bytes
    loads: Callable[[bytes], SessionContent]
    dumps: Callable[[SessionContent], bytes]
    unknown_names: Callable[[bytes], Collection[str]] = lambda _: ()
    compares: bool = False


def format_of(serializer: Any) -> Format:
    """The format of the application's own serializer."""
    return Format(b"", serializer.loads, serializer.dumps, compares=True)


def _read_json(serialized: bytes) -> SessionContent:
    stream = zlib.decompressobj()
    text = stream.decompress(serialized)
    if not stream.eof or stream.unused_data:
        raise zlib.error("not one whole stream")
    content: SessionContent = json.loads(text)
    return content


def _write_json(content: SessionContent) -> bytes:
    return zlib.compress(json.dumps(content).encode())


BEAKERS_FORMATS = (
    Format(PICKLED_DICT, read_pickle, write_pickle, unknown_names),
    Format(COMPRESSED, _read_json, _write_json),
)


class Encoding(NamedTuple):
    """How an application's sessions become text.

    Attributes:
        formats: how they may be serialized.
        decrypt: from a text to the serialized session; None if it is not encrypted.
        encrypt: from the serialized session to a text; None likewise.
    """

    formats: tuple[Format, ...] = BEAKERS_FORMATS
    decrypt: Callable[[str], bytes] | None = None
    encrypt: Callable[[bytes], str] | None = None


PLAIN = Encoding()
