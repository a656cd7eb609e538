"""The cache values of a partition: listed and removed, however many there are."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import CorruptItem
from ..table import Item, RowKey, Table, belongs_to_session
from .row import ListedRow, now

logger = logging.getLogger("beaker_dynamodb.rows")


class Listing:
    """Lists and removes the cache values of a partition; a session in it stays as it is.

    Args:
        table: that holds them.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def keys(self, partition: str) -> Iterator[RowKey]:
        """The keys of the rows in a partition that have not expired.

        An item that cannot be read counts as missing, as it does when it is read alone.
        """
        moment = now()
        for item in self._items(partition, ListedRow.attributes(self._table.model)):
            try:
                row = ListedRow.from_item(self._table.parse(item))
            except CorruptItem as error:
                logger.warning("%s cannot be read: %s", RowKey(partition, "*"), error)
                self._table.report(error)
            else:
                if row is not None and row.ends > moment:
                    yield row.key

    def clear(self, partition: str) -> None:
        """Remove all cache values in a partition."""
        model = self._table.model
        items = map(self._table.parse, self._items(partition, (model.id, model.item)))
        keys = [RowKey(item.id, item.item) for item in items]
        self._table.delete_batch(RowKey(partition, "*"), keys)

    def _items(self, partition: str, attributes: Sequence[Any]) -> list[Item]:
        sort_key = self._table.model.item.attr_name
        items = self._table.query(partition, attributes)
        return [item for item in items if not belongs_to_session(item[sort_key]["S"])]
