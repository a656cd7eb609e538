"""The rows: get, create, replace, renew, delete, list."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple, TypeVar

from pynamodb.exceptions import AttributeDeserializationError, PynamoDBException
from pynamodb.expressions.condition import Condition

from ..errors import BeakerDynamoDBError, CorruptItem, TableError
from ..model import SessionModel, bound_model, location
from ..options import Options
from . import table
from .faults import CONDITION_FAILED, TABLE_MISSING, engine_code, translated
from .keys import SESSION, RowKey, original_key

logger = logging.getLogger("beaker_dynamodb.store")
Answer = TypeVar("Answer")


class Row(NamedTuple):
    """What is stored under a key.

    `life` is in whole seconds, None for ever. The item keeps `expires`, the end of that life
    rounded up to a whole second, as DynamoDB's TTL asks; the life tells the exact end again.
    """

    data: bytes
    version: str
    touched: float
    life: int | None

    @property
    def ends(self) -> float:
        """Time at which the row counts as missing, in seconds since the epoch."""
        return math.inf if self.life is None else self.touched + self.life


def now() -> float:
    """The time as a row keeps it: whole milliseconds, which cost fewer bytes, and never ahead."""
    return math.floor(time.time() * 1000) / 1000


def new_version() -> str:
    """A version that no other write has: 72 random bits."""
    return secrets.token_urlsafe(9)


class Store:
    """The rows of one table.

    Every method raises `StoreUnavailable` where the engine does not answer, and `TableError`
    where the table cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self._model = bound_model(options)
        self._create_table = options.create_table

    def get(self, key: RowKey, consistent: bool) -> Row | None:
        """The row under a key, expired or not; None where there is none.

        Raises:
            CorruptItem: the item's attributes are not of the form that is written here.
        """
        connection = self._model.table_connection()
        answer = self._ask(
            "GetItem",
            key,
            lambda: connection.get_item(key.partition, key.sort, consistent_read=consistent),
        )
        item = answer.get("Item")
        return self._row(item) if item else None

    def put(self, key: RowKey, row: Row) -> None:
        """Store a row, whatever is there."""
        self._save(key, row, None)

    def create(self, key: RowKey, row: Row) -> bool:
        """Store a row if none is there; False where a live one is.

        no row yet, or one that only DynamoDB's TTL has yet to remove
        attribute_not_exists(id)  OR  expires <= now
        """
        moment = datetime.fromtimestamp(math.ceil(row.touched), timezone.utc)
        absent = self._model.id.does_not_exist() | (self._model.expires <= moment)
        return self._save(key, row, absent)

    def replace(self, key: RowKey, row: Row) -> bool:
        """Store a row over the one that is there; False where it is gone.

        a session that was ended meanwhile stays ended
        attribute_exists(id)
        """
        return self._save(key, row, self._model.id.exists())

    def renew(self, key: RowKey, row: Row) -> bool:
        """Store a row over the one of the same version; False where that is no longer there.

        nobody has changed or ended the session since it was loaded
        version = row.version
        """
        return self._save(key, row, self._model.version == row.version)

    def delete(self, key: RowKey) -> None:
        """Remove a row; nothing happens where there is none."""
        self._remove(key, None)

    def delete_expired(self, key: RowKey, row: Row) -> bool:
        """Remove a row that has expired; False where it has been written anew.

        version = row.version  AND  touched = row.touched
        """
        unchanged = (self._model.version == row.version) & (self._model.touched == row.touched)
        return self._remove(key, unchanged)

    def values(self, partition: str) -> Iterator[tuple[bytes, float]]:
        """The cache keys in a partition, each with the time at which it ends."""
        for item in self._items(partition):
            yield original_key(item.item, item.key), _ends(item)

    def clear(self, partition: str) -> None:
        """Remove all values in a partition, however many there are."""

        def remove_all() -> None:
            with self._model.batch_write() as batch:
                for item in self._items(partition):
                    batch.delete(item)

        self._ask("BatchWriteItem", RowKey(partition, "*"), remove_all)

    def corrupt(self, reason: CorruptItem) -> CorruptItem:
        """The error for data that the codec cannot read, with the table's name."""
        return CorruptItem(reason.message, **location(self._model), cause=reason.cause or reason)

    def _items(self, partition: str) -> Iterator[SessionModel]:
        model = self._model
        wanted = (model.id, model.item, model.key, model.touched, model.expires)
        names = [attribute.attr_name for attribute in wanted]
        query = self._ask(
            "Query",
            RowKey(partition, "*"),
            lambda: list(model.query(partition, consistent_read=True, attributes_to_get=names)),
        )
        return (item for item in query if item.item != SESSION)

    def _save(self, key: RowKey, row: Row, condition: Condition | None) -> bool:
        model = self._model(
            key.partition,
            key.sort,
            data=row.data,
            version=row.version,
            touched=row.touched,
            key=key.original,
        )
        if row.life is not None:
            model.expires = datetime.fromtimestamp(math.ceil(row.ends), timezone.utc)
        return self._write("PutItem", key, lambda: model.save(condition=condition))

    def _remove(self, key: RowKey, condition: Condition | None) -> bool:
        model = self._model(key.partition, key.sort)
        return self._write("DeleteItem", key, lambda: model.delete(condition=condition))

    def _write(self, operation: str, key: RowKey, call: Callable[[], Any]) -> bool:
        """Whether the condition held."""

        def conditional() -> bool:
            try:
                call()
            except PynamoDBException as error:
                if engine_code(error) != CONDITION_FAILED:
                    raise
                return False
            return True

        return self._ask(operation, key, conditional)

    def _ask(self, operation: str, key: RowKey, call: Callable[[], Answer]) -> Answer:
        """Make a call; where the table is missing and may be created, create it and ask again."""
        try:
            answer = self._call(operation, key, call)
        except TableError as error:
            if error.code != TABLE_MISSING or not self._create_table:
                raise
            table.create(self._model)
            answer = self._call(operation, key, call)
        return answer

    def _call(self, operation: str, key: RowKey, call: Callable[[], Answer]) -> Answer:
        try:
            with translated(self._model):
                answer = call()
        except BeakerDynamoDBError as error:
            logger.debug("%s %s: %s", operation, key, error)
            raise self._explained(error) from error.cause
        logger.debug("%s %s: %s", operation, key, _outcome(answer))
        return answer

    def _explained(self, error: BeakerDynamoDBError) -> BeakerDynamoDBError:
        """For a call that DynamoDB found invalid: whether the table's keys are the reason."""
        if error.code != "ValidationException" or type(error) is not BeakerDynamoDBError:
            return error
        return table.key_fault(self._model) or error

    def _row(self, item: dict[str, Any]) -> Row:
        stored = self._read(item)
        if stored.data is None or stored.version is None or stored.touched is None:
            raise self.corrupt(CorruptItem("an item lacks data, version or touched"))
        return Row(stored.data, stored.version, stored.touched, _life(stored))

    def _read(self, item: dict[str, Any]) -> SessionModel:
        try:
            return self._model.from_raw_data(item)
        except (AttributeDeserializationError, ArithmeticError, OSError, ValueError) as error:
            reason = "an item's attributes are not of the form that is written here"
            raise self.corrupt(CorruptItem(reason, cause=error)) from error


def _life(item: SessionModel) -> int | None:
    if item.expires is None:
        return None
    return int(item.expires.timestamp()) - math.ceil(item.touched)


def _ends(item: SessionModel) -> float:
    life = _life(item)
    return math.inf if life is None else item.touched + life


def _outcome(answer: object) -> str:
    if isinstance(answer, dict):
        return "found" if "Item" in answer else "not found"
    return "condition failed" if answer is False else "done"
