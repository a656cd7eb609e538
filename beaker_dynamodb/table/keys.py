"""The key of each row, from what Beaker calls a namespace and a key. No I/O.

    session     prefix + SHA-256 of the id     "session"
    its lock    the same                       "session lock"
    its parts   the same                       "session part:" token ":" number
    dictionary  prefix + a fixed hash          "session dictionary:" name
    value       prefix + namespace             the cache key
    its parts   the same                       "part:" token ":" number

A key that DynamoDB does not accept, or that belongs to another kind of row, is stored as its
SHA-256. So is a namespace that another application's prefix and namespace could spell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256

#: The key under which Beaker stores a session in its namespace (beaker/session.py).
SESSION = "session"
#: The lock is an item of its own, since each save replaces the whole item of the session.
SESSION_LOCK = "session lock"
#: No cache key is stored under a sort key that begins with "session ".
DICTIONARY = "session dictionary"

#: DynamoDB's limits in bytes, of UTF-8 (developer guide, "Constraints in DynamoDB").
LONGEST_PARTITION_KEY = 2048
LONGEST_SORT_KEY = 1024

_HASHED = "sha256:"
#: Of bytes that no id and no namespace has: they are not UTF-8.
_DICTIONARIES = _HASHED + sha256(b"\xff dictionaries").hexdigest()
_DIGEST = re.compile(r"[0-9a-f]{64}")
#: Of the empty cache key. An empty binary attribute beside it is refused by some stand-ins.
_HASHED_EMPTY = _HASHED + sha256(b"").hexdigest()
#: A UUID in hexadecimal digits (beaker/session.py, _session_id).
BEAKERS_ID = re.compile(r"[0-9a-f]{32}")
_SESSION_PARTITION = re.compile(rf"[0-9a-f]{{64}}|{BEAKERS_ID.pattern}|{_HASHED}[0-9a-f]{{64}}")
#: How the sort keys of a large value's parts begin; those of a session's parts begin "session ".
PART = "part:"


@dataclass(frozen=True)
class RowKey:
    """Partition key and sort key of a row, and the cache key if the sort key is its hash.

    Its repr, which logs use, shows no id, no cache key and no line break from a cookie.
    """

    partition: str
    sort: str
    original: bytes | None = None

    def __repr__(self) -> str:
        return f"{self.fingerprint}.../{self.sort if belongs_to_session(self.sort) else 'value'}"

    @property
    def fingerprint(self) -> str:
        """What the log and the command show of the partition key."""
        return sha256(_bytes(self.partition)).hexdigest()[:8]


def session_key(prefix: str, session_id: str, *, hash_id: bool) -> RowKey:
    """The key of a session's row.

    The id comes from a cookie: any length, any characters, or empty. Only an id as Beaker makes
    them is stored as it is: all of those have one length, so no cookie sent to an application
    whose prefix is empty can name a row of an application with another prefix.
    """
    if hash_id:
        return RowKey(prefix + sha256(_bytes(session_id)).hexdigest(), SESSION)
    is_beakers = BEAKERS_ID.fullmatch(session_id) is not None
    return RowKey(prefix + (session_id if is_beakers else _hashed(_bytes(session_id))), SESSION)


def is_of_session(prefix: str, partition: str) -> bool:
    """Whether a partition key is one that `session_key` makes with a prefix.

    The prefix `a` is also how the keys of the prefix `ab` begin.
    """
    if not partition.startswith(prefix):
        return False
    return _SESSION_PARTITION.fullmatch(partition.removeprefix(prefix)) is not None


def lock_key(session: RowKey) -> RowKey:
    """The key of a session's lock."""
    return replace(session, sort=SESSION_LOCK)


def part_key(head: RowKey, token: str, number: int) -> RowKey:
    """The key of a part of a large value."""
    kind = f"{SESSION} " if head.sort == SESSION else ""
    return RowKey(head.partition, f"{kind}{PART}{token}:{number}")


def dictionary_key(prefix: str, kind: str = "") -> RowKey:
    """The key of what is stored of the dictionaries that sessions are compressed with.

    Args:
        prefix: of the application.
        kind: `:` and a dictionary's name, or what else is stored; empty for the current one's name.
    """
    return RowKey(prefix + _DICTIONARIES, DICTIONARY + kind)


def belongs_to_session(sort: str) -> bool:
    """Whether a sort key is that of a session, its lock, its parts or a dictionary."""
    return sort == SESSION or sort.startswith(f"{SESSION} ")


def partition_key(prefix: str, namespace: str) -> str:
    """The partition key of a cache's namespace; it begins with the prefix.

    Applications with different prefixes never share a partition, whatever their namespaces are. A
    namespace without a colon is stored as it is if there is no prefix, or if that ends with a
    colon: the prefix is then what ends with the last colon. Any other namespace is hashed: the
    prefix is then what precedes "sha256:" and 64 digits.
    """
    original = _bytes(namespace)
    is_separated = not prefix or prefix.endswith(":")
    if is_separated and ":" not in namespace and not _DIGEST.fullmatch(namespace):
        return prefix + _key(original, _room(prefix))
    return prefix + _hashed(original)


def value_key(partition: str, key: str | bytes) -> RowKey:
    """The key of a cache value's row.

    Raises:
        TypeError: the cache key is neither text nor bytes.
    """
    if not isinstance(key, (str, bytes)):
        raise TypeError(f"a cache key must be str or bytes, not {type(key).__name__}")
    original = _bytes(key)
    # A value under the key "session" must not be taken for the session of that namespace.
    sort = _key(original, LONGEST_SORT_KEY)
    sort = _hashed(original) if belongs_to_session(sort) else sort
    return RowKey(partition, sort, (original or None) if sort.startswith(_HASHED) else None)


def original_key(sort: str, original: bytes | None) -> bytes:
    """The cache key that a row's sort key stands for."""
    if original is not None:
        return original
    return b"" if sort == _HASHED_EMPTY else sort.encode()


def _key(original: bytes, longest: int) -> str:
    """The text of a key attribute: the original if DynamoDB accepts it, otherwise its hash."""
    try:
        text = original.decode()
    except UnicodeDecodeError:
        return _hashed(original)
    if not text or len(original) > longest or text.startswith((_HASHED, PART)):
        return _hashed(original)
    return text


def _hashed(original: bytes) -> str:
    return _HASHED + sha256(original).hexdigest()


def _bytes(text: str | bytes) -> bytes:
    # Cookies come as latin-1 or with lone surrogates, which plain UTF-8 refuses.
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _room(prefix: str) -> int:
    return LONGEST_PARTITION_KEY - len(prefix.encode())
