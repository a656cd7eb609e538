"""Values larger than one item: their parts, and the row that refers to them.

    head    data = SHA-256 of the value, parts = name        the row under the value's own key
    part    data = up to 400,000 bytes of the value          "part:" token ":" number

The parts of a new value are written first, under a new token, and the head last: a reader finds
the old value or the new one, whole. A part expires with its head.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from hashlib import sha256

from ..errors import BeakerDynamoDBError, CorruptItem
from ..options import ONE_DAY
from ..table import RowKey, SessionModel, Table, is_present
from .row import PartsName, Row, new_token

logger = logging.getLogger("beaker_dynamodb.rows")

#: An item has at most 400 KB, names and values of all its attributes included (DynamoDB's
#: developer guide, "Constraints"): 409,600 bytes, of which this leaves 9,600 for keys and names.
PART_SIZE = 400_000
#: A value is read again if another one replaced it between the reads of its head and its parts.
READ_TRIES = 10


class Parts:
    """The parts of one table's large values.

    Args:
        table: that holds them.
        max_size: of a value in bytes, `max_value_size`.
    """

    def __init__(self, table: Table, max_size: int) -> None:
        self._table = table
        self._max_parts = _count(max_size + 1)  # the header is a byte

    def store(self, key: RowKey, row: Row) -> Row:
        """Store the parts of a large value.

        Parts and head of a row that never expires do expire, both after a day, until
        `make_permanent` and the head's update: whatever fails, no head outlives its parts.

        Returns:
            The row to write under the key: the head of the parts, or a small row as it is.
        """
        if len(row.data) + len(key.original or b"") <= PART_SIZE:
            return row
        name = PartsName(new_token(), _count(len(row.data)))
        expiring = row if row.life is not None else row._replace(life=ONE_DAY)
        self._put(key, name, expiring)
        return expiring._replace(data=sha256(row.data).digest(), parts=name)

    def make_permanent(self, key: RowKey, head: Row, row: Row) -> None:
        """Store the parts again without an expiry.

        Args:
            key: of the head.
            head: as it is written.
            row: with the whole value.
        """
        if head.parts:
            self._put(key, head.parts, row)

    def assemble(self, key: RowKey, row: Row) -> Row | None:
        """Read the parts of a row; None if some are missing, or belong to another value.

        Raises:
            CorruptItem: the row has more parts than a value of `max_value_size`.
        """
        if row.parts is None:
            return row
        if row.parts.total > self._max_parts:
            error = CorruptItem("an item has more parts than max_value_size allows")
            raise self._table.located(error)
        keys = row.parts.keys(key)
        items = list(map(self._table.parse, self._table.get_batch(key, keys)))
        found = {item.item: item.data for item in items if item.data is not None}
        if len(found) < row.parts.total:
            return None
        data = b"".join(found[part.sort] for part in keys)
        if sha256(data).digest() != row.data:
            return None
        if row.life is None:
            self._repair(key, [item for item in items if item.expires is not None])
        return row._replace(data=data)

    def remove(self, key: RowKey, name: PartsName) -> None:
        """Remove parts that no head refers to; if that fails, they stay until they expire."""
        try:
            self._table.delete_batch(key, name.keys(key))
        except BeakerDynamoDBError as error:
            logger.warning("parts of a replaced value were not removed: %s", error)
            self._table.report(error)

    def _repair(self, head: RowKey, items: list[SessionModel]) -> None:
        """Keep parts that expire although their head does not, as an older release left them.

        A part that was removed meanwhile stays removed:    attribute_type(version, S)
        """
        model = self._table.model
        for item in items:
            key = RowKey(item.id, item.item)
            arguments = model(item.id, item.item).get_update_kwargs_from_instance(
                [model.expires.remove()], is_present(model.version)
            )
            try:
                self._table.write("UpdateItem", key, arguments)
            except BeakerDynamoDBError as error:
                logger.warning("%s: a part still expires before its head: %s", head, error)
                self._table.report(error)
                return

    def _put(self, head: RowKey, name: PartsName, row: Row) -> None:
        items = [
            row._replace(data=chunk, version=name.token, created=None, indexed=()).to_item(
                self._table.model, key, None
            )
            for key, chunk in zip(name.keys(head), _chunks(row.data), strict=True)
        ]
        self._table.put_batch(head, items)


def _chunks(data: bytes) -> Iterator[bytes]:
    return (data[start : start + PART_SIZE] for start in range(0, len(data), PART_SIZE))


def _count(size: int) -> int:
    return math.ceil(size / PART_SIZE)
