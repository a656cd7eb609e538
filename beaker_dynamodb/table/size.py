"""The size of an item as DynamoDB charges for it, and the capacity units of a call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

#: Bytes of an item that one unit reads with strong consistency, or writes (developer guide,
#: "DynamoDB read and write operations").
READ_UNIT, WRITE_UNIT = 4096, 1024


def item_size(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """The size of an item as DynamoDB charges for it, in bytes.

    Names and values, a number with a byte for two digits and one more (developer guide,
    "DynamoDB item sizes and formats").
    """
    return sum(
        len(name.encode()) + _value_size(kind, value)
        for name, attribute in attributes.items()
        for kind, value in attribute.items()
    )


def write_units(size: int) -> int:
    """The capacity units that the write of an item consumes.

    Args:
        size: of the item in bytes, the larger one of the new item and the replaced one.
    """
    return max(1, math.ceil(size / WRITE_UNIT))


def read_units(size: int, *, consistent: bool) -> float:
    """The capacity units that the read of an item of some bytes consumes."""
    units = max(1, math.ceil(size / READ_UNIT))
    return units if consistent else units / 2


def _value_size(kind: str, value: str | bytes) -> int:
    if isinstance(value, bytes):
        return len(value)
    if kind == "N":
        digits = value.replace(".", "").strip("0")
        return (len(digits) + 1) // 2 + 1
    return len(value.encode())
