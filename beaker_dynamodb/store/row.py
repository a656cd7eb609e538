"""Row: what is stored under a key, and what an item says of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from ..codec import Field
from ..model import SessionModel
from .parts import PartsName


class Row(NamedTuple):
    """What is stored under a key.

    `life` is in whole seconds, None for ever. The item keeps `expires`, the end of that life
    rounded up to a whole second, as DynamoDB's TTL asks; the life tells the exact end again.
    `created` is kept where a limit to a session's whole life asks for it. With `parts`, `data` is
    but a digest: the data themselves stand in rows of their own.
    """

    data: bytes
    version: str
    touched: float
    life: int | None
    created: float | None = None
    parts: PartsName | None = None

    def __repr__(self) -> str:
        return f"<row of {len(self.data)} bytes, touched at {self.touched}>"

    @property
    def ends(self) -> float:
        """Time at which the row counts as missing, in seconds since the epoch."""
        return math.inf if self.life is None else self.touched + self.life

    @property
    def expires(self) -> datetime | None:
        """Its end as DynamoDB's TTL reads it; None for never."""
        if self.life is None:
            return None
        return datetime.fromtimestamp(math.ceil(self.ends), timezone.utc)

    def signed_fields(self, partition: str, sort: str) -> Iterator[Field]:
        """All that a signature binds together: the content, its times, and where it belongs."""
        yield from (partition, sort, self.version, self.touched, self.life, self.created)
        yield from (str(self.parts) if self.parts else None, self.data)


def now() -> float:
    """The time as a row keeps it: whole milliseconds, which cost fewer bytes, and never ahead."""
    return math.floor(time.time() * 1000) / 1000


def is_lease_only(item: SessionModel) -> bool:
    """Whether nothing is stored in an item but who may store something."""
    values = item.attribute_values
    return values.get("version") is None and values.get("lock_owner") is not None


def life_of(item: SessionModel) -> int | None:
    """A row's life in whole seconds, from what the item keeps; None for ever."""
    expires = item.expires
    return None if expires is None else int(expires.timestamp()) - math.ceil(item.touched)


def parts_of(item: SessionModel) -> PartsName | None:
    """The name of an item's parts; None where it has none.

    Raises:
        CorruptItem: it was not written here.
    """
    return PartsName.parse(item.parts) if item.parts else None
