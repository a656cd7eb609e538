"""The rows: get, create, replace, renew, delete; and the condition of each write."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from pynamodb.expressions.condition import Condition

from ..errors import CorruptItem
from ..model import SessionModel
from .calls import Calls
from .faults import CONDITION_FAILED, engine_code
from .keys import RowKey


class Row(NamedTuple):
    """What is stored under a key.

    `life` is in whole seconds, None for ever. The item keeps `expires`, the end of that life
    rounded up to a whole second, as DynamoDB's TTL asks; the life tells the exact end again.
    `created` is kept where a limit to a session's whole life asks for it.
    """

    data: bytes
    version: str
    touched: float
    life: int | None
    created: float | None = None

    @property
    def ends(self) -> float:
        """Time at which the row counts as missing, in seconds since the epoch."""
        return math.inf if self.life is None else self.touched + self.life


class Written(NamedTuple):
    """Whether a write was done, and if not, the row that stands there instead, if any."""

    done: bool
    found: Row | None = None


def now() -> float:
    """The time as a row keeps it: whole milliseconds, which cost fewer bytes, and never ahead."""
    return math.floor(time.time() * 1000) / 1000


def new_version() -> str:
    """A version that no other write has: 72 random bits."""
    return secrets.token_urlsafe(9)


class Store(Calls):
    """The rows of one table, each by its key: the few calls of a request."""

    def get(self, key: RowKey, consistent: bool) -> Row | None:
        """The row under a key, expired or not; None where there is none.

        Raises:
            CorruptItem: the item's attributes are not of the form that is written here.
        """
        item = self._item(key, consistent)
        return self._row(item) if item else None

    def put(self, key: RowKey, row: Row) -> None:
        """Store a row, whatever is there."""
        self._save(key, row, None)

    def create(self, key: RowKey, row: Row) -> Written:
        """Store a row if none is there.

        no row yet, or one that only DynamoDB's TTL has yet to remove
        attribute_not_exists(id)  OR  expires <= now
        """
        moment = datetime.fromtimestamp(math.floor(row.touched), timezone.utc)
        absent = self._model.id.does_not_exist() | (self._model.expires <= moment)
        return self._found(key, self._save(key, row, absent))

    def replace(self, key: RowKey, row: Row, version: str) -> Written:
        """Store a row over the one of a version.

        nobody has changed the session since it was loaded, nor ended it and begun another
        version = :version
        """
        return self._found(key, self._save(key, row, self._model.version == version))

    def overwrite(self, key: RowKey, row: Row) -> Written:
        """Store a row over any that is there.

        a session that was ended meanwhile stays ended
        attribute_exists(id)
        """
        return self._found(key, self._save(key, row, self._model.id.exists()))

    def renew(self, key: RowKey, row: Row) -> bool:
        """Store a row over the one of the same version; False where that is no longer there.

        nobody has changed or ended the session since it was loaded
        version = row.version
        """
        return self._save(key, row, self._model.version == row.version) is None

    def delete(self, key: RowKey) -> None:
        """Remove a row; nothing happens where there is none."""
        self._remove(key, None)

    def delete_expired(self, key: RowKey, row: Row) -> bool:
        """Remove a row that has expired; False where it has been written anew.

        version = row.version  AND  touched = row.touched
        """
        unchanged = (self._model.version == row.version) & (self._model.touched == row.touched)
        return self._remove(key, unchanged) is None

    def _item(self, key: RowKey, consistent: bool) -> dict[str, Any] | None:
        connection = self._model.table_connection()
        answer = self._ask(
            "GetItem",
            key,
            lambda: connection.get_item(key.partition, key.sort, consistent_read=consistent),
        )
        return answer.get("Item")

    def _found(self, key: RowKey, refusal: ClientError | None) -> Written:
        """The outcome of a write that tells which row stood in its way."""
        if refusal is None:
            return Written(done=True)
        item = refusal.response.get("Item")
        # An engine that knows nothing of ReturnValuesOnConditionCheckFailure returns no item.
        return Written(False, self._row(item) if item else self.get(key, consistent=True))

    def _save(self, key: RowKey, row: Row, condition: Condition | None) -> ClientError | None:
        model = self._model(
            key.partition,
            key.sort,
            data=row.data,
            version=row.version,
            touched=row.touched,
            created=row.created,
            key=key.original,
        )
        if row.life is not None:
            model.expires = datetime.fromtimestamp(math.ceil(row.ends), timezone.utc)
        return self._write("PutItem", key, model.get_save_kwargs_from_instance, condition)

    def _remove(self, key: RowKey, condition: Condition | None) -> ClientError | None:
        model = self._model(key.partition, key.sort)
        return self._write("DeleteItem", key, model.get_delete_kwargs_from_instance, condition)

    def _write(
        self,
        operation: str,
        key: RowKey,
        arguments: Callable[..., dict[str, Any]],
        condition: Condition | None,
    ) -> ClientError | None:
        """The engine's refusal where the condition did not hold."""
        # PynamoDB's own save and delete have no way to ask for the row that stands in the way.
        asked = arguments(condition, "ALL_OLD" if condition is not None else None)
        connection = self._model.table_connection().connection

        def conditional() -> ClientError | None:
            try:
                connection.dispatch(operation, dict(asked))
            except ClientError as error:
                if engine_code(error) != CONDITION_FAILED:
                    raise
                # PynamoDB keeps of the answer only the code.
                return error.__cause__ if isinstance(error.__cause__, ClientError) else error
            return None

        return self._ask(operation, key, conditional)

    def _row(self, item: dict[str, Any]) -> Row | None:
        stored = self._read(item)
        if is_lease_only(stored):
            return None
        if stored.data is None or stored.version is None or stored.touched is None:
            raise self.corrupt(CorruptItem("an item lacks data, version or touched"))
        return Row(stored.data, stored.version, stored.touched, life_of(stored), stored.created)


def is_lease_only(item: SessionModel) -> bool:
    """Whether nothing is stored in an item but who may store something."""
    return item.lock_owner is not None and item.version is None


def life_of(item: SessionModel) -> int | None:
    """A row's life in whole seconds, from what the item keeps; None for ever."""
    if item.expires is None:
        return None
    return int(item.expires.timestamp()) - math.ceil(item.touched)
