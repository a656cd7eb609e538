"""The rows of a partition: listed and removed, however many there are."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

from pynamodb.pagination import ResultIterator

from ..errors import CorruptItem
from ..model import SessionModel
from .batches import Batches
from .keys import PART, RowKey, is_sessions, original_key
from .row import is_lease_only, life_of

logger = logging.getLogger("beaker_dynamodb.store")


class Listing(Batches):
    """The values of a cache; a session in the same partition is none of them."""

    def values(self, partition: str) -> Iterator[tuple[bytes, float]]:
        """The cache keys in a partition, each with the time at which it ends.

        A row that cannot be read counts as missing, here as when it is asked for.
        """
        model = self._model
        told = (model.key, model.version, model.touched, model.expires, model.lock_owner)
        for item in self._items(partition, *told):
            try:
                stored = self._read(item)
                if is_lease_only(stored) or stored.item.startswith(PART):
                    continue
                yield original_key(stored.item, stored.key), _ends(stored)
            except CorruptItem as error:
                logger.warning("%s cannot be read: %s", RowKey(partition, "*"), error)

    def clear(self, partition: str) -> None:
        """Remove all values in a partition."""
        model = self._model
        found = map(model.from_raw_data, self._items(partition))
        self._delete_batch(RowKey(partition, "*"), ((each.id, each.item) for each in found))

    def _items(self, partition: str, *attributes: Any) -> list[dict[str, Any]]:
        """Keys and some attributes of each value, as the engine returns them."""
        model = self._model
        wanted = [attribute.attr_name for attribute in (model.id, model.item, *attributes)]
        arguments = {"consistent_read": True, "attributes_to_get": wanted}

        def all_pages() -> list[dict[str, Any]]:
            query = model.table_connection().query
            pages: ResultIterator[Any] = ResultIterator(query, (partition,), dict(arguments))
            return list(pages)

        items = self._ask("Query", RowKey(partition, "*"), all_pages)
        return [item for item in items if not is_sessions(item[model.item.attr_name]["S"])]


def _ends(item: SessionModel) -> float:
    if item.touched is None:
        raise CorruptItem("an item lacks touched")
    life = life_of(item)
    return math.inf if life is None else item.touched + life
