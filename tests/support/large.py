"""Values that do not fit into one item, and their parts."""

import random
from typing import Any

from tests.support.internals import PartsName, RowKey
from tests.support.tables import stored_items

MEGABYTE = 1024 * 1024


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that cannot be compressed."""
    return random.Random(seed).randbytes(size)


def parts(dynamodb: Any) -> list[Any]:
    return [row for row in stored_items(dynamodb) if "part:" in row.item]


def all_parts_are_named(dynamodb: Any) -> bool:
    heads = [row for row in stored_items(dynamodb) if row.parts]
    named = {key.sort for row in heads for key in PartsName.parse(row.parts).keys(row_key(row))}
    return {part.item for part in parts(dynamodb)} == named


def row_key(row: Any) -> RowKey:
    return RowKey(row.id, row.item)
