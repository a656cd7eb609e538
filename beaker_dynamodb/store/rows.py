"""The rows: get, create, replace, renew, delete; and the condition of each write."""

from __future__ import annotations

import logging
import math
import time
from datetime import datetime, timezone
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from pynamodb.expressions.condition import Condition

from ..errors import CorruptItem
from ..model import SessionModel
from ..options import ONE_DAY, Options
from .keys import RowKey
from .parts import READ_TRIES, Parts, PartsName
from .writes import Outcome, Writes

logger = logging.getLogger("beaker_dynamodb.store")


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


class Store(Writes):
    """The rows of one table, each by its key: the few calls of a request."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._parts = Parts(options)

    def get(self, key: RowKey, consistent: bool) -> Row | None:
        """The row under a key, expired or not; None where there is none.

        Raises:
            CorruptItem: the item's attributes are not of the form that is written here, or parts
                of a large value are missing.
        """
        for _ in range(READ_TRIES):
            item = self._item(key, consistent)
            row = self._row(item) if item else None
            whole = self._whole(key, row) if row else None
            if row is None or whole is not None:
                return whole
            # Its parts were removed since, by who has replaced it: what is there now?
            consistent = True
        raise self.corrupt(CorruptItem("parts of a value are missing, or are not its own"))

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
        return self._save(key, row, self._model.version == row.version).done

    def delete(self, key: RowKey) -> None:
        """Remove a row; nothing happens where there is none."""
        self._remove(key, None)

    def delete_expired(self, key: RowKey, row: Row) -> bool:
        """Remove a row that has expired; False where it has been written anew.

        version = row.version  AND  touched = row.touched
        """
        unchanged = (self._model.version == row.version) & (self._model.touched == row.touched)
        return self._remove(key, unchanged).done

    def _found(self, key: RowKey, outcome: Outcome) -> Written:
        """The outcome of a write that tells which row stood in its way."""
        if outcome.done:
            return Written(done=True)
        row = self._row(outcome.item) if outcome.item else None
        if row is None or row.parts is None:
            return Written(False, row)
        return Written(False, self._whole(key, row) or self.get(key, consistent=True))

    def _whole(self, key: RowKey, row: Row) -> Row | None:
        """The row with all its data; None where its parts are gone, as it is replaced by now."""
        if row.parts is None:
            return row
        data = self._parts.read(key, row.parts, row.data)
        return None if data is None else row._replace(data=data)

    def _save(self, key: RowKey, row: Row, condition: Condition | None) -> Outcome:
        if not self._parts.is_needed(row.data, key):
            return self._put(key, row, condition)
        name = self._parts.name(row.data)
        head = row._replace(data=sha256(row.data).digest(), parts=name)
        # Where the head is not written, what has no end yet has one.
        self._parts.write(key, name, row.data, _end(row) or _end(row._replace(life=ONE_DAY)))
        outcome = self._put(key, head, condition)
        if not outcome.done:
            self._parts.remove(key, name)
        elif row.life is None:
            self._parts.write(key, name, row.data, None)
        return outcome

    def _put(self, key: RowKey, row: Row, condition: Condition | None) -> Outcome:
        model = self._model(
            key.partition,
            key.sort,
            data=row.data,
            version=row.version,
            touched=row.touched,
            created=row.created,
            expires=_end(row),
            parts=str(row.parts) if row.parts else None,
            key=key.original,
        )
        arguments = partial(model.get_save_kwargs_from_instance, condition)
        outcome = self._write("PutItem", key, arguments)
        if outcome.done:
            self._remove_parts(key, outcome.item)
        elif row.parts and outcome.item and _parts_in(self._read(outcome.item)) == row.parts:
            # The answer of a first try was lost, which has stored it.
            return Outcome(done=True)
        return outcome

    def _remove(self, key: RowKey, condition: Condition | None) -> Outcome:
        model = self._model(key.partition, key.sort)
        arguments = partial(model.get_delete_kwargs_from_instance, condition)
        outcome = self._write("DeleteItem", key, arguments)
        if outcome.done:
            self._remove_parts(key, outcome.item)
        return outcome

    def _remove_parts(self, key: RowKey, item: dict[str, Any] | None) -> None:
        """Remove the parts of an item that was replaced or removed."""
        if not item or self._model.parts.attr_name not in item:
            return
        try:
            name = _parts_in(self._read(item))
        except CorruptItem as error:
            # Whoever wrote it, it was not this package: there is no part to be found.
            logger.warning("%s: what was replaced named its parts in no known form: %s", key, error)
            return
        if name:
            self._parts.remove(key, name)

    def _row(self, item: dict[str, Any]) -> Row | None:
        """The row in an item, with its data or with the digest of them; None for a lease only."""
        stored = self._read(item)
        if is_lease_only(stored):
            return None
        # Read once: a read of a model's attribute costs half a microsecond.
        values = stored.attribute_values
        data, version, touched = (values.get(name) for name in ("data", "version", "touched"))
        if data is None or version is None or touched is None:
            raise self.corrupt(CorruptItem("an item lacks data, version or touched"))
        parts = _parts_in(stored) if values.get("parts") else None
        return Row(data, version, touched, life_of(stored), values.get("created"), parts)


def is_lease_only(item: SessionModel) -> bool:
    """Whether nothing is stored in an item but who may store something."""
    values = item.attribute_values
    return values.get("version") is None and values.get("lock_owner") is not None


def life_of(item: SessionModel) -> int | None:
    """A row's life in whole seconds, from what the item keeps; None for ever."""
    expires = item.expires
    return None if expires is None else int(expires.timestamp()) - math.ceil(item.touched)


def _end(row: Row) -> datetime | None:
    if row.life is None:
        return None
    return datetime.fromtimestamp(math.ceil(row.ends), timezone.utc)


def _parts_in(item: SessionModel) -> PartsName | None:
    return PartsName.parse(item.parts) if item.parts else None
