"""Many items read, written or removed by few calls, until the engine has taken all of them.

DynamoDB hands back what it has no capacity for, and asks for a pause before it is asked again
(API reference, BatchWriteItem and BatchGetItem).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from ..errors import StoreUnavailable
from ..model import SessionModel, location
from ..options import Options
from .calls import Calls
from .keys import RowKey
from .pauses import pauses

#: How many times the engine is asked for what it has handed back, at most.
TRIES = 10
#: Items that BatchWriteItem takes.
PAGE = 25


class Batches(Calls):
    """Batches of one table's items.

    `StoreUnavailable` is raised too where the engine goes on handing items back for as long as
    one call may take.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._limit = options.longest_call

    def _save_batch(self, about: RowKey, models: Iterable[SessionModel]) -> None:
        """Store items, whatever is there.

        Args:
            about: the key that the log tells of.
            models: the items.
        """
        self._write_batch(about, [{"PutRequest": {"Item": model.serialize()}} for model in models])

    def _delete_batch(self, about: RowKey, keys: Iterable[tuple[str, str]]) -> None:
        """Remove items; nothing happens where there is none."""
        self._write_batch(about, [{"DeleteRequest": {"Key": self._key(*key)}} for key in keys])

    def _read_batch(self, about: RowKey, keys: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        """The items under at most 100 keys, in any order; what is missing is left out."""
        asked = {"Keys": [self._key(*key) for key in keys], "ConsistentRead": True}
        answers = self._answers("BatchGetItem", "UnprocessedKeys", about, asked)
        table_name = self._model.Meta.table_name
        tables = [answer.get("Responses", {}) for answer in answers]
        return [item for found in tables for item in found.get(table_name, [])]

    def _write_batch(self, about: RowKey, requests: list[dict[str, Any]]) -> None:
        for start in range(0, len(requests), PAGE):
            page = requests[start : start + PAGE]
            for _ in self._answers("BatchWriteItem", "UnprocessedItems", about, page):
                pass

    def _answers(
        self, operation: str, unprocessed: str, about: RowKey, asked: Any
    ) -> Iterator[dict[str, Any]]:
        """The engine's answers, until it has handed nothing back."""
        dispatch = self._model.table_connection().connection.dispatch
        table_name = self._model.Meta.table_name
        deadline = time.monotonic() + self._limit
        for _, pause in zip(range(TRIES), pauses(), strict=False):
            call = partial(dispatch, operation, {"RequestItems": {table_name: asked}})
            answer = self._ask(operation, about, call)
            yield answer
            asked = answer.get(unprocessed, {}).get(table_name)
            if not asked:
                return
            if time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
        raise StoreUnavailable(
            "the engine has left a part of a batch undone: raise the table's capacity or wait",
            **location(self._model),
        )

    def _key(self, partition: str, sort: str) -> dict[str, dict[str, str]]:
        names = (self._model.id.attr_name, self._model.item.attr_name)
        return {name: {"S": key} for name, key in zip(names, (partition, sort), strict=True)}
