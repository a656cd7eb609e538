"""Row and Marker: what is stored under a key; the only place that knows an item's attributes."""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..codec import Field
from ..errors import CorruptItem
from ..table import PART, RowKey, SessionModel, index_attribute, part_key

#: BatchGetItem takes 100 keys; `max_value_size` is bounded to as many parts.
_TOTALS = frozenset(map(str, range(1, 101)))
#: In seconds. A marker outlives every packet and every request from before the end.
MARKER_LIFE = 900
#: 9999-12-31, the last day of Python's calendar, in seconds since the epoch.
_LATEST = 253_402_214_400


class PartsName(NamedTuple):
    """Where the parts of a large value are; in the item it is the text "token:total"."""

    token: str
    total: int

    def __str__(self) -> str:
        return f"{self.token}:{self.total}"

    @classmethod
    def parse(cls, text: str) -> PartsName:
        """From the item's text.

        Raises:
            CorruptItem: this package did not write the text.
        """
        token, _, total = text.rpartition(":")
        if not token or total not in _TOTALS:
            raise CorruptItem("an item names its parts in an unknown form")
        return cls(token, int(total))

    def keys(self, head: RowKey) -> list[RowKey]:
        """The keys of the parts, in their order."""
        return [part_key(head, self.token, number) for number in range(self.total)]


class Row(NamedTuple):
    """What is stored under a key.

    Attributes:
        data: the encoded value; the SHA-256 of it if the value has parts.
        version: a random token, new with every change of content.
        touched: time of the last write, in seconds since the epoch.
        life: whole seconds from `touched` to the end; None for ever.
        created: time of creation, in seconds since the epoch; kept if `max_lifetime` needs it.
        parts: where the parts of a large value are; None for any other.
        birth: a random token, new when a session begins and kept by each later write of it; None
            for a cache value, and for a session that a release without births has written.
        indexed: keys of the session and their values, as its indexes have them; only for a row
            that is written.
    """

    data: bytes
    version: str
    touched: float
    life: int | None
    created: float | None = None
    parts: PartsName | None = None
    birth: str | None = None
    indexed: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"<row of {len(self.data)} bytes, touched at {self.touched}>"

    @classmethod
    def from_item(cls, item: SessionModel) -> Row | None:
        """The row of an item; None if the item is only a lease, or a marker.

        Raises:
            CorruptItem: an attribute is missing, or this package did not write it.
        """
        if is_lease_only(item) or item.attribute_values.get("ended") is not None:
            return None
        # Read once: each read of a model's attribute costs half a microsecond.
        values = item.attribute_values
        data, version, touched = (values.get(name) for name in ("data", "version", "touched"))
        if data is None or version is None or touched is None:
            raise CorruptItem("an item lacks data, version or touched")
        created, kept = values.get("created"), values.get("content_expires")
        if not all(0 <= moment <= _LATEST for moment in (touched, created or 0, kept or 0)):
            raise CorruptItem("an item's times are out of range")
        parts = values.get("parts")
        name = PartsName.parse(parts) if parts else None
        return cls(data, version, touched, _life(item), created, name, values.get("birth"))

    def to_item(
        self, model: type[SessionModel], key: RowKey, signature: bytes | None
    ) -> SessionModel:
        """The item that stores this row.

        Args:
            model: bound to the table.
            key: of the row.
            signature: of `signed_fields`; None if rows are not signed.
        """
        indexed: dict[str, Any] = {index_attribute(name): value for name, value in self.indexed}
        return model(
            key.partition,
            key.sort,
            data=self.data,
            version=self.version,
            birth=self.birth,
            touched=self.touched,
            created=self.created,
            expires=self.expires,
            parts=str(self.parts) if self.parts else None,
            signature=signature,
            key=key.original,
            **indexed,
        )

    @property
    def identity(self) -> str:
        """Which session the row belongs to: its birth, or the first version if it has none."""
        return self.birth or self.version

    @property
    def ends(self) -> float:
        """Time from which the row counts as missing, in seconds since the epoch."""
        return math.inf if self.life is None else self.touched + self.life

    @property
    def expires(self) -> datetime | None:
        """Its end, rounded up to a whole second, for DynamoDB's TTL; None for never."""
        if self.life is None:
            return None
        return datetime.fromtimestamp(math.ceil(self.ends), timezone.utc)

    def signed_fields(self, key: RowKey) -> Iterator[Field]:
        """What a signature binds together: content, times and key."""
        yield from (key.partition, key.sort, self.version, self.touched, self.life, self.created)
        yield from (str(self.parts) if self.parts else None, self.data)
        if self.birth is not None:
            yield self.birth


class Successor(NamedTuple):
    """The row in which a renamed session continues: its partition key, and its birth."""

    partition: str
    birth: str

    def __repr__(self) -> str:
        # Without `hash_ids` the partition key holds a session's id.
        return "<a row under another id>"


class Marker(NamedTuple):
    """What a finished session leaves under its key for a while, instead of its row.

    In the item it is the text of a JSON array; that text is what conditions compare.

    Attributes:
        token: random.
        birth: of the session.
        successors: the rows in which a renamed session continues; none if it has ended.
        expires: end of the marker's own life, in seconds since the epoch.
    """

    token: str
    birth: str
    successors: tuple[Successor, ...]
    expires: int

    @classmethod
    def of(cls, birth: str, *successors: Successor, life: int = MARKER_LIFE) -> Marker:
        """A new marker for a session, with its own life in seconds."""
        return cls(new_token(), birth, successors, math.ceil(now()) + life)

    @classmethod
    def from_item(cls, item: SessionModel) -> Marker | None:
        """The marker that an item is; None if it is something else.

        Raises:
            CorruptItem: this package did not write it.
        """
        text = item.attribute_values.get("ended")
        if text is None:
            return None
        if item.attribute_values.get("version") is not None:
            # No lease could be acquired on it: a row's condition is its version.
            raise CorruptItem("an item is both a row and a marker")
        try:
            token, birth, successors = json.loads(text)
            found = tuple(Successor(*map(str, each)) for each in successors)
            expires = int(item.expires.timestamp())
        except (AttributeError, TypeError, ValueError) as error:
            raise CorruptItem("a marker has an unknown form", cause=error) from error
        marker = cls(str(token), str(birth), found, expires)
        if marker.text != text:
            raise CorruptItem("a marker has an unknown form")
        return marker

    def to_item(
        self, model: type[SessionModel], key: RowKey, signature: bytes | None
    ) -> SessionModel:
        """The item that stores this marker; see `Row.to_item`."""
        expires = datetime.fromtimestamp(self.expires, timezone.utc)
        return model(key.partition, key.sort, ended=self.text, expires=expires, signature=signature)

    @property
    def text(self) -> str:
        """The marker as its item keeps it."""
        return json.dumps([self.token, self.birth, self.successors], separators=(",", ":"))

    @property
    def is_renamed(self) -> bool:
        """Whether the session continues under other ids."""
        return bool(self.successors)

    @property
    def has_expired(self) -> bool:
        """Whether the marker counts as missing."""
        return self.expires <= now()

    def signed_fields(self, key: RowKey) -> Iterator[Field]:
        """What a signature binds together: content, end and key."""
        yield from (key.partition, key.sort, "ended", self.text, self.expires)


class ListedRow(NamedTuple):
    """What a listing reads of a cache value's row: its key, and when it ends."""

    key: RowKey
    ends: float

    @staticmethod
    def attributes(model: type[SessionModel]) -> tuple[object, ...]:
        """The attributes that `from_item` needs."""
        times = (model.touched, model.expires, model.content_expires)
        return (model.id, model.item, model.key, model.version, *times)

    @classmethod
    def from_item(cls, item: SessionModel) -> ListedRow | None:
        """The listed row of an item; None if the item is only a lease or a chain, or a part.

        Raises:
            CorruptItem: an attribute is missing.
        """
        if item.version is None or item.item.startswith(PART):
            return None
        if item.touched is None:
            raise CorruptItem("an item lacks touched")
        life = _life(item)
        ends = math.inf if life is None else item.touched + life
        return cls(RowKey(item.id, item.item, item.key), ends)


def content_attributes(model: type[SessionModel]) -> tuple[Any, ...]:
    """The attributes of a cache value that a lease removes with a row that is not usable."""
    times = (model.touched, model.content_expires)
    return (model.data, model.version, *times, model.parts, model.signature)


def new_token() -> str:
    """A token that no other write has: 72 random bits."""
    return secrets.token_urlsafe(9)


def now() -> float:
    """The time as a row keeps it: whole milliseconds, rounded down, which cost fewer bytes."""
    return math.floor(time.time() * 1000) / 1000


def is_lease_only(item: SessionModel) -> bool:
    """Whether an item stores nothing but a lease, or what is left of one: its chain."""
    values = item.attribute_values
    has_lease = values.get("lock_owner") is not None or values.get("chain") is not None
    return values.get("version") is None and has_lease


def parts_name(item: SessionModel) -> PartsName | None:
    """Where the parts of an item are; None if it has none.

    Raises:
        CorruptItem: this package did not write the name.
    """
    return PartsName.parse(item.parts) if item.parts else None


def _life(item: SessionModel) -> int | None:
    """A row's life in whole seconds; None for ever. The item keeps its end, rounded up.

    A lease may keep the item longer than its content lives.
    """
    expires = item.expires
    if expires is None:
        return None
    end = item.content_expires
    return int(expires.timestamp() if end is None else end) - math.ceil(item.touched)
