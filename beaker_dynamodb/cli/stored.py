"""A look at the row behind a session, which is not counted as the session's own."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

from ..codec import SessionText
from ..model import SessionModel
from ..options import Options
from ..store import session_key
from ..store.faults import translated
from .counter import counted_for


class StoredRow(NamedTuple):
    """What the table holds for a session; sizes in bytes, times in seconds since the epoch."""

    partition: str
    version: str
    touched: float
    expires: float
    seen: float
    data_size: int
    payload_size: int
    text_size: int
    item_size: int

    @property
    def age(self) -> float:
        """Seconds since the row was written, as it was seen."""
        return max(0.0, round(self.seen - self.touched, 3))

    @property
    def left(self) -> float:
        """Seconds until the session ends; `expires` is that moment rounded up to a second."""
        ends = self.expires - (math.ceil(self.touched) - self.touched)
        return max(0.0, round(ends - self.seen, 3))


def stored_row(model: type[SessionModel], session_id: str) -> StoredRow | None:
    """The row of a session; None where there is none."""
    key = session_key("", session_id, True)
    with counted_for(None), translated(model):
        try:
            item = model.get(key.partition, key.sort, consistent_read=True)
        except model.DoesNotExist:
            return None
    text = SessionText.stored_as(item.data, Options.max_value_size)
    return StoredRow(
        partition=key.partition,
        version=item.version,
        touched=item.touched,
        expires=item.expires.timestamp(),
        seen=round(time.time(), 3),
        data_size=len(item.data),
        payload_size=len(text.payload),
        text_size=len(text.text),
        item_size=item_size(item.serialize()),
    )


def item_size(attributes: dict[str, dict[str, Any]]) -> int:
    """The size of an item as DynamoDB charges for it.

    Names and values, a number with a byte for two digits and one more (developer guide,
    "DynamoDB item sizes and formats").
    """
    return sum(
        len(name.encode()) + _value_size(kind, value)
        for name, attribute in attributes.items()
        for kind, value in attribute.items()
    )


def _value_size(kind: str, value: str | bytes) -> int:
    if isinstance(value, bytes):
        return len(value)
    if kind == "N":
        digits = value.replace(".", "").strip("0")
        return (len(digits) + 1) // 2 + 1
    return len(value.encode())
