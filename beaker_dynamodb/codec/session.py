"""SavedSession: a session as Beaker saves it, decoded once. Pure.

    text --- base64 ---> payload (stored) --- decryption ---> serialized --- format ---> content

Beaker's text is base64 of the serialized session (beaker/session.py, Session._encrypt_data). The
stored payload is the bytes in it if that is exactly reversible: a quarter less to pay for.

A session is compared and merged without executing any of it: `safe_pickle` reads and writes a
pickle as what it names. The application's own serializer reads and writes its own sessions.
"""

from __future__ import annotations

import math
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard

from ..errors import CorruptItem
from .compare import by_key, changed, is_equal, key_identity
from .data import DEFLATE, TOO_LONG, Content, decompress, pack_session, too_large, unpack_session
from .formats import PLAIN, Encoding, Format, SessionContent
from .zstd import Dictionary, FindDictionary, find_none

#: Beaker renews it at each load (beaker/session.py, Session.load): the application changed nothing.
ACCESSED_TIME = "_accessed_time"
CREATION_TIME = "_creation_time"
#: All that Beaker itself puts into a session; a cleared one has no `_creation_time`.
BEAKERS_OWN = frozenset({CREATION_TIME, ACCESSED_TIME, "_domain", "_path"})
BEAKERS_TIMES = frozenset({CREATION_TIME, ACCESSED_TIME})
#: Domain and path of a cookie, if an application sets none.
BEAKERS_COOKIE = (None, "/")
#: In seconds. A request that takes longer stores the time of its save as that of its access.
SLOW = 1.0
LEFT_WHEN_CLEARED = frozenset({"_domain", "_path"})


@dataclass(frozen=True, repr=False)
class SavedSession:
    """A session as Beaker saves it.

    Attributes:
        text: as Beaker passes it to its backend.
        payload: the bytes that are stored of it.
        kind: whether the payload is what the base64 text stands for, or the text itself.
        encoding: how the session became text.
    """

    text: str
    payload: bytes
    kind: Content
    encoding: Encoding = PLAIN
    #: What each format has read, so that each reads once.
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
    def from_data(
        cls,
        data: bytes,
        max_size: int,
        encoding: Encoding = PLAIN,
        find: FindDictionary = find_none,
    ) -> SavedSession:
        """From item data; `find` returns the dictionary that it names.

        Raises:
            CorruptItem: `data` did not write them, or they are longer than it accepts.
            ConfigurationError: they were compressed by zstd, which is not installed.
        """
        kind, payload = unpack_session(data, max_size, find)
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
        """From the bytes that a base64 text stands for."""
        return cls(b64encode(payload).decode("ascii"), payload, Content.BASE64, encoding)

    def data(self, compression: str, max_size: int, dictionary: Dictionary | None = None) -> bytes:
        """The item data to store.

        Args:
            compression: `zlib`, `zstd` or `none`.
            max_size: most bytes before compression.
            dictionary: for `zstd`.

        Raises:
            ItemTooLarge: the session takes more than `max_size` bytes.
        """
        if self.expands_beyond(max_size):
            raise too_large("more", max_size)
        return pack_session(self.kind, self.payload, compression, max_size, dictionary)

    def expands_beyond(self, max_size: int) -> bool:
        """Whether Beaker would decompress more bytes: its JSON is compressed (beaker/util.py)."""
        serialized = self.payload if self.kind is Content.BASE64 else _decode_leniently(self.text)
        if not serialized or serialized[0] & 0x0F != DEFLATE:
            return False
        try:
            return len(decompress(serialized, max_size)) > max_size
        except zlib.error:
            return False  # the application's own serializer has written it

    @cached_property
    def serialized(self) -> bytes:
        """The serialized session; empty, which no format reads, if it cannot be decrypted."""
        decrypt = self.encoding.decrypt
        if decrypt is None:
            return self.payload if self.kind is Content.BASE64 else b""
        try:
            return decrypt(self.text)
        except Exception:  # noqa: BLE001  # decryption, by a module that the application chooses
            return b""

    @cached_property
    def format(self) -> Format | None:
        """The format that reads this session; None if it is opaque.

        Only for what this process itself has serialized: what is stored is read in that format
        and no other, so a client that can write to the table cannot choose how it is read.
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

    def is_created_like(self, other: SavedSession | None) -> bool:
        """Whether the session has Beaker's creation time, and not another one than `other`."""
        content, before = self.content or {}, (other and other.content) or {}
        if CREATION_TIME not in content:
            return False
        created = content[CREATION_TIME]
        return is_equal(created, before.get(CREATION_TIME, created))

    def read_as(self, known: Format) -> SessionContent | None:
        """The content that a format reads; None if it cannot."""
        if known not in self._contents:
            self._contents[known] = _read(self.serialized, known)
        return self._contents[known]

    def begins_another(self, base: SavedSession | None) -> bool:
        """Whether the application has cleared the session, and begun another one.

        Beaker gives each session its times (beaker/session.py, Session.load), and `clear`
        removes both. What is stored always has them; see `with_times`.

        Args:
            base: the session as it was loaded, if it was.
        """
        content = self.content
        if content is None or not BEAKERS_TIMES.isdisjoint(content):
            return False
        before = base.read_as(self.format) if base and self.format else None
        return before is None or not BEAKERS_TIMES.isdisjoint(before)

    def has_changed(self, base: SavedSession) -> bool:
        """Whether any key's value differs from that in `base`, the access time's aside."""
        known, after = self.format, self.content
        before = base.read_as(known) if known else None
        if known is None or before is None or after is None:
            return True
        return bool(_changes(known, before, after))

    def can_tell_equal(self, one: SavedSession, other: SavedSession) -> bool:
        """Whether two sessions have equal contents in this session's format, access times aside."""
        if self.format is None:
            return False
        first, second = (each.read_as(self.format) for each in (one, other))
        if first is None or second is None:
            return False
        return not _changes(self.format, first, second)

    def with_times(self, moment: float, stored: SavedSession | None = None) -> SavedSession:
        """The same session, with the times that Beaker needs, the access time not moved back.

        `clear` removes them, an application can store anything there, and the clock of this
        machine may be slower than that of the one that wrote last.

        Args:
            moment: now, in seconds since the epoch.
            stored: what the session replaces, if anything.
        """
        known, content = self.format, self.content
        if known is None or content is None:
            return self
        before = stored.read_as(known) if stored else None
        times = _times(moment, content, before or {})
        if times.items() <= content.items() and all(map(_is_time, map(content.get, times))):
            return self
        return self._with_content(known, {**content, **times})

    def accessed_at(self, moment: float) -> SavedSession:
        """The same session, accessed at a time, if its own access time is much earlier.

        Beaker takes the time of a request's load, and ends a session by it (beaker/session.py,
        Session.load): a slow request would let the session of an active user end too early.

        Args:
            moment: now, in seconds since the epoch.
        """
        content = self.content or {}
        accessed = content.get(ACCESSED_TIME)
        if self.format is None or not _is_time(accessed) or moment - accessed <= SLOW:
            return self
        return self._with_content(self.format, {**content, ACCESSED_TIME: moment})

    def merged_over(self, stored: SavedSession, *bases: SavedSession | None) -> SavedSession | None:
        """The session that another request has stored, with this one's changes applied.

        Args:
            stored: as it is stored now.
            bases: as this request knew it, and what it may have written since; None for nothing.

        Returns:
            None if this release cannot read `stored` in this session's format.
        """
        known, mine = self.format, self.content
        theirs = stored.read_as(known) if known else None
        if known is None or mine is None or theirs is None:
            return None
        if known.unknown_names(stored.serialized):
            return None
        merged, own = by_key(theirs), by_key(mine)
        for identity in {each for base in bases for each in self._own_changes(known, base, mine)}:
            if identity in own:
                merged[identity] = own[identity]
            else:
                merged.pop(identity, None)
        content = dict(merged.values())
        times = _times(time.time(), content, theirs, mine)
        return self._with_content(known, {**content, **times})

    def _own_changes(
        self, known: Format, base: SavedSession | None, mine: SessionContent
    ) -> set[Hashable]:
        before = base.read_as(known) if base else None
        if before is None:
            left = (key for key in BEAKERS_OWN if base is None and _is_beakers(key, mine))
            return by_key(mine).keys() - {key_identity(key) for key in left}
        return _changes(known, before, mine)

    def _with_content(self, known: Format, content: SessionContent) -> SavedSession:
        serialized, encrypt = known.dumps(content), self.encoding.encrypt
        if encrypt is None:
            return self.from_payload(serialized, self.encoding)
        return self.from_text(encrypt(serialized), self.encoding)


def _changes(known: Format, before: SessionContent, after: SessionContent) -> set[Hashable]:
    """Identities of the keys whose value differs, the access time's aside."""
    old, new = _without_access(before), _without_access(after)
    try:
        return changed(old, new, known.dumps if known.compares else None)
    except Exception:  # noqa: BLE001  # the application's own objects compare as they like
        return by_key(old).keys() | by_key(new).keys()


def _without_access(content: SessionContent) -> dict[Any, Any]:
    return {key: value for key, value in content.items() if key != ACCESSED_TIME}


def _is_beakers(key: str, content: SessionContent) -> bool:
    """Whether a key has what Beaker puts there when a session begins, as far as is known."""
    return key in BEAKERS_TIMES or content.get(key) in BEAKERS_COOKIE


def _times(moment: float, *contents: SessionContent) -> dict[str, float]:
    """Beaker's times of the first of some contents: the access time is the latest of them.

    Args:
        moment: now, in seconds since the epoch; if there is no valid time.
        contents: of the session, and of what it replaces.
    """
    accessed = max(_times_under(ACCESSED_TIME, contents), default=moment)
    created = _times_under(CREATION_TIME, contents) or [accessed]
    return {ACCESSED_TIME: accessed, CREATION_TIME: created[0]}


def _times_under(key: str, contents: Iterable[SessionContent]) -> list[float]:
    times = [content.get(key) for content in contents]
    return [time for time in times if time is not None and _is_time(time)]


def _is_time(value: Any) -> TypeGuard[float]:
    # Not isinstance: a bool is an int. NaN is not between any bounds.
    return type(value) in {int, float} and -math.inf < value < math.inf


def _read(serialized: bytes, known: Format) -> SessionContent | None:
    """The session in its serialized form; None if the format cannot read it."""
    try:
        content = known.loads(serialized)
    except Exception:  # noqa: BLE001  # the application's own serializer raises what it likes
        return None
    return content if isinstance(content, dict) else None


def _decode_leniently(text: str) -> bytes:
    """The bytes in a text, by what Beaker accepts as base64; none if it accepts nothing."""
    try:
        return b64decode(text)
    except ValueError:
        return b""


def _decode(payload: bytes) -> str:
    try:
        return payload.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CorruptItem("a session's text is not UTF-8", cause=error) from error
