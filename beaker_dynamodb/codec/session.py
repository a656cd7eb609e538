"""SavedSession: a session as Beaker saves it, decoded once. No I/O.

    text -- base64 --> payload (stored) -- decryption --> serialized -- format --> content

Beaker's text is base64 of the serialized session (beaker/session.py, Session._encrypt_data). The
stored payload is the decoded bytes if they encode to the same text again: a quarter less to pay
for.

To be compared, a session is read without executing any of it: `safe_pickle` reads a pickle. To be
merged, it is read by the serializer, as Beaker itself reads it.
"""

from __future__ import annotations

import json
import pickle
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

from ..errors import CorruptItem
from .data import DEFLATE, TOO_LONG, UNREADABLE, Content, decompress, pack, too_large, unpack
from .safe_pickle import fingerprint, read_pickle

SessionContent = Mapping[Any, Any]
Reader = Callable[[bytes], SessionContent]

#: Beaker renews it at each load (beaker/session.py, Session.load), so it is no change of content.
ACCESSED_TIME = "_accessed_time"
CREATION_TIME = "_creation_time"
#: All that Beaker itself puts into a session; a cleared one has no `_creation_time`.
BEAKERS_OWN = frozenset({CREATION_TIME, ACCESSED_TIME, "_domain", "_path"})
LEFT_WHEN_CLEARED = frozenset({"_domain", "_path"})

#: How Beaker's pickles begin: a dict in protocol 2 (beaker/util.py).
PICKLED_DICT = b"\x80\x02}"
#: How its JSON begins, which it compresses: deflate with a window of 32 KB (RFC 1950).
COMPRESSED = b"\x78"


class Format(NamedTuple):
    """How a session is serialized.

    Attributes:
        prefix: how the serialized session begins.
        read: reads it for a comparison; in Beaker's own formats without executing anything.
        loads: the serializer's own function.
        dumps: the serializer's own function.
    """

    prefix: bytes
    read: Reader
    loads: Reader
    dumps: Callable[[SessionContent], bytes]


def format_of(serializer: Any) -> Format:
    """The format of the application's own serializer."""
    return Format(b"", serializer.loads, serializer.loads, serializer.dumps)


def _read_json(payload: bytes) -> SessionContent:
    content: SessionContent = json.loads(zlib.decompress(payload))
    return content


def _write_json(content: SessionContent) -> bytes:
    return zlib.compress(json.dumps(content).encode())


BEAKERS_FORMATS = (
    Format(PICKLED_DICT, read_pickle, pickle.loads, partial(pickle.dumps, protocol=2)),
    Format(COMPRESSED, _read_json, _read_json, _write_json),
)


class Encoding(NamedTuple):
    """How an application's sessions become text.

    Attributes:
        formats: those in which they may be serialized.
        decrypt: from a text to the serialized session; None if sessions are not encrypted.
        encrypt: from the serialized session to a text; None if sessions are not encrypted.
    """

    formats: tuple[Format, ...] = BEAKERS_FORMATS
    decrypt: Callable[[str], bytes] | None = None
    encrypt: Callable[[bytes], str] | None = None


PLAIN = Encoding()


@dataclass(frozen=True, repr=False)
class SavedSession:
    """A session as Beaker saves it.

    Attributes:
        text: as Beaker passes it to its backend.
        payload: the bytes that are stored of it.
        kind: BASE64 if the payload is the decoded text, TEXT if it is the text itself.
        encoding: how the session became text.
    """

    text: str
    payload: bytes
    kind: Content
    encoding: Encoding = PLAIN
    #: By format, as read: each format reads a session once.
    _contents: dict[Format, SessionContent | None] = field(
        default_factory=dict, init=False, compare=False
    )

    def __repr__(self) -> str:
        return f"<saved session, {len(self.text)} characters>"

    @classmethod
    def from_text(cls, text: str, encoding: Encoding = PLAIN) -> SavedSession:
        """From the text that Beaker saves."""
        try:
            payload = b64decode(text, validate=True)
        except ValueError:
            payload = b""
        if b64encode(payload).decode("ascii") == text:
            return cls(text, payload, Content.BASE64, encoding)
        return cls(text, text.encode("utf-8", "surrogatepass"), Content.TEXT, encoding)

    @classmethod
    def from_data(cls, data: bytes, max_size: int, encoding: Encoding = PLAIN) -> SavedSession:
        """From item data.

        Raises:
            CorruptItem: the method `data` did not write it, or it is longer than `max_size` bytes.
        """
        kind, payload = unpack(data, max_size)
        if kind is Content.BASE64:
            session = cls.from_payload(payload, encoding)
        elif kind is Content.TEXT:
            session = cls(_decode(payload), payload, kind, encoding)
        else:
            raise CorruptItem("a row that should hold a session holds a cache value")
        if session.expands_beyond(max_size):
            raise CorruptItem(TOO_LONG)
        return session

    @classmethod
    def from_payload(cls, payload: bytes, encoding: Encoding = PLAIN) -> SavedSession:
        """From the bytes that a base64 text encodes."""
        return cls(b64encode(payload).decode("ascii"), payload, Content.BASE64, encoding)

    def data(self, compression: str, max_size: int) -> bytes:
        """The item data to store.

        Args:
            compression: `zlib` or `none`.
            max_size: most bytes before compression.

        Raises:
            ItemTooLarge: the session takes more than `max_size` bytes.
        """
        if self.expands_beyond(max_size):
            raise too_large("more", max_size)
        return pack(self.kind, self.payload, compression, max_size)

    def expands_beyond(self, max_size: int) -> bool:
        """Whether Beaker would decompress more bytes; it compresses JSON (beaker/util.py)."""
        decoded = self.payload if self.kind is Content.BASE64 else _decode_leniently(self.text)
        if not decoded or decoded[0] & 0x0F != DEFLATE:
            return False
        try:
            return len(decompress(decoded, max_size)) > max_size
        except zlib.error:
            return False  # the application's own serializer has written it

    @cached_property
    def serialized(self) -> bytes:
        """The serialized session; empty if it cannot be decrypted, and then no format reads it."""
        decrypt = self.encoding.decrypt
        if decrypt is None:
            return self.payload if self.kind is Content.BASE64 else b""
        try:
            return decrypt(self.text)
        except Exception:  # noqa: BLE001  # the application chooses the module that decrypts
            return b""

    @cached_property
    def format(self) -> Format | None:
        """The format that reads this session; None if it is opaque.

        Only for a session that this process has serialized. A stored session is read in that same
        format and in no other, so whoever can write to the table cannot choose how it is read.
        """
        for known in self.encoding.formats:
            if self.serialized.startswith(known.prefix):
                return None if self.read_as(known) is None else known
        return None

    @property
    def content(self) -> SessionContent | None:
        """The session's keys and values, for comparing; None if the session is opaque."""
        return self.read_as(self.format) if self.format else None

    @property
    def is_cleared(self) -> bool:
        """Whether the application has deleted or cleared the session."""
        return self.content is not None and self.content.keys() <= LEFT_WHEN_CLEARED

    @property
    def is_empty(self) -> bool:
        """Whether the application has put nothing into the session."""
        return self.content is not None and self.content.keys() <= BEAKERS_OWN

    def read_as(self, known: Format) -> SessionContent | None:
        """The content as a format reads it, without executing any of it; None if it cannot."""
        if known not in self._contents:
            self._contents[known] = _read(self.serialized, known.read)
        return self._contents[known]

    def has_changed(self, base: SavedSession) -> bool:
        """Whether the value of any key but the access time differs from that in `base`."""
        before = base.read_as(self.format) if self.format else None
        after = self.content
        if before is None or after is None:
            return True
        return not _is_equal(_without_access(before), _without_access(after)) and bool(
            changed_keys(before, after)
        )

    def merged_over(self, stored: SavedSession, base: SavedSession | None) -> SavedSession | None:
        """The session that another request has stored, with this one's changes applied.

        Args:
            stored: as it is stored now.
            base: as this request last read or wrote it; None if it knows of none.

        Returns:
            None if `stored` cannot be read in this session's format.
        """
        known = self.format
        theirs = _read(stored.serialized, known.loads) if known else None
        if known is None or theirs is None:
            return None
        mine = known.loads(self.serialized)
        merged = {**theirs, ACCESSED_TIME: mine.get(ACCESSED_TIME)}
        for key in self._own_changes(known, base):
            if key in mine:
                merged[key] = mine[key]
            else:
                merged.pop(key, None)
        return self._with_serialized(known.dumps(merged))

    def _own_changes(self, known: Format, base: SavedSession | None) -> frozenset[Any]:
        after = self.read_as(known) or {}
        if base is None:
            return frozenset(after) - BEAKERS_OWN
        before = base.read_as(known)
        return frozenset(after) if before is None else changed_keys(before, after)

    def _with_serialized(self, serialized: bytes) -> SavedSession:
        encrypt = self.encoding.encrypt
        if encrypt is None:
            return self.from_payload(serialized, self.encoding)
        return self.from_text(encrypt(serialized), self.encoding)


def changed_keys(before: SessionContent, after: SessionContent) -> frozenset[Any]:
    """Keys, except the access time, whose values differ in value or type, at any depth.

    Two values that cannot be compared count as different.
    """
    old, new = _by_type(before), _by_type(after)
    return frozenset(key for _, key in old.keys() ^ new.keys()) | frozenset(
        key[1] for key in old.keys() & new.keys() if not _is_equal(old[key], new[key])
    )


def _read(serialized: bytes, reader: Reader) -> SessionContent | None:
    """The content of a serialized session; None if the reader cannot read it."""
    try:
        content = reader(serialized)
    except Exception:  # noqa: BLE001  # the application's own serializer raises what it likes
        return None
    return content if isinstance(content, dict) else None


def _without_access(content: SessionContent) -> dict[Any, Any]:
    return {key: value for key, value in content.items() if key != ACCESSED_TIME}


def _by_type(content: SessionContent) -> dict[tuple[type, Any], Any]:
    """The content by type and key: in a plain dict, 1 and True are the same key."""
    return {(type(key), key): value for key, value in _without_access(content).items()}


def _is_equal(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, (str, int, bytes, type(None))):
        return one == other
    try:
        return fingerprint(one) == fingerprint(other)
    except (*UNREADABLE, pickle.PicklingError):
        return False


def _decode_leniently(text: str) -> bytes:
    """The bytes that Beaker decodes from a text; none if Beaker refuses it as base64."""
    try:
        return b64decode(text)
    except ValueError:
        return b""


def _decode(payload: bytes) -> str:
    try:
        return payload.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CorruptItem("a session's text is not UTF-8", cause=error) from error
