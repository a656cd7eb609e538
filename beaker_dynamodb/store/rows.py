"""The rows: get, create, replace, renew, delete; and the condition of each write."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timezone
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from pynamodb.expressions.condition import Condition

from ..codec import Signer
from ..errors import CorruptItem
from ..options import ONE_DAY, Options
from .keys import RowKey
from .parts import READ_TRIES, Parts, PartsName
from .row import Row, is_lease_only, life_of, parts_of
from .writes import Outcome, Writes, holds

logger = logging.getLogger("beaker_dynamodb.store")

_NOT_SIGNED = "an item's signature is missing or wrong: it was altered, or written without this key"


class Written(NamedTuple):
    """Whether a write was done, and if not, the row that stands there instead, if any.

    `is_readable` is False where one stands there that was not written here, or was altered.
    """

    done: bool
    found: Row | None = None
    is_readable: bool = True


class Store(Writes):
    """The rows of one table, each by its key: the few calls of a request."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._parts = Parts(options)
        self._signer = Signer(options.signing_key)

    def get(self, key: RowKey, consistent: bool) -> Row | None:
        """The row under a key, expired or not; None where there is none.

        Raises:
            CorruptItem: the item's attributes are not of the form that is written here, or parts
                of a large value are missing, or it is not signed as `signing_key` asks.
        """
        last: PartsName | None = None
        for _ in range(READ_TRIES):
            item = self._item(key, consistent)
            row = self._row(item) if item else None
            whole = self._whole(key, row) if row else None
            if row is None or whole is not None:
                return whole
            if row.parts == last:
                break
            # Its parts were removed since, by who has replaced it: what is there now?
            last, consistent = row.parts, True
        raise self.located(CorruptItem("parts of a value are missing, or are not its own"))

    def put(self, key: RowKey, row: Row) -> None:
        """Store a row, whatever is there."""
        self._save(key, row, None)

    def create(self, key: RowKey, row: Row) -> Written:
        """Store a row if none is there.

        no row yet, which would have a version, or one that only DynamoDB's TTL has yet to remove
        NOT attribute_type(version, S)  OR  expires <= now
        """
        moment = datetime.fromtimestamp(math.floor(row.touched), timezone.utc)
        absent = ~holds(self._model.version) | (self._model.expires <= moment)
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

    def delete_version(self, key: RowKey, version: str) -> bool:
        """Remove the row of a version; False where another stands there by now.

        version = :version
        """
        outcome = self._remove(key, self._model.version == version)
        # Where nothing stands there, a first try has removed it, whose answer was lost.
        return outcome.done or outcome.item is None

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
        try:
            row = self._row(outcome.item) if outcome.item else None
            if row is None:
                return Written(False)
            return Written(False, self._whole(key, row) or self.get(key, consistent=True))
        except CorruptItem as error:
            logger.warning("%s: what stands in the way cannot be read: %s", key, error)
            return Written(False, is_readable=False)

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
        self._parts.write(key, name, row.data, row.expires or row._replace(life=ONE_DAY).expires)
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
            expires=row.expires,
            parts=str(row.parts) if row.parts else None,
            signature=self._signer.sign(row.signed_fields(key.partition, key.sort)),
            key=key.original,
        )
        arguments = partial(model.get_save_kwargs_from_instance, condition)
        outcome = self._write("PutItem", key, arguments)
        if outcome.done:
            # Where the answer of a first try was lost, what is replaced is this very row.
            self._remove_parts(key, outcome.item, kept=row.parts)
        elif row.parts and outcome.item and self._parts_name(key, outcome.item) == row.parts:
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

    def _remove_parts(
        self, key: RowKey, item: dict[str, Any] | None, kept: PartsName | None = None
    ) -> None:
        """Remove the parts of an item that was replaced or removed."""
        name = self._parts_name(key, item) if item else None
        if name and name != kept:
            self._parts.remove(key, name)

    def _parts_name(self, key: RowKey, item: dict[str, Any]) -> PartsName | None:
        """The name of an item's parts; None where there is none of a known form."""
        if self._model.parts.attr_name not in item:
            return None
        try:
            return parts_of(self._read(item))
        except CorruptItem as error:
            # Whoever wrote it, it was not this package: there is no part to be found.
            logger.warning("%s: an item names its parts in no known form: %s", key, error)
            return None

    def _row(self, item: dict[str, Any]) -> Row | None:
        """The row in an item, with its data or with the digest of them; None for a lease only."""
        stored = self._read(item)
        if is_lease_only(stored):
            return None
        # Read once: a read of a model's attribute costs half a microsecond.
        values = stored.attribute_values
        data, version, touched = (values.get(name) for name in ("data", "version", "touched"))
        if data is None or version is None or touched is None:
            raise self.located(CorruptItem("an item lacks data, version or touched"))
        parts = parts_of(stored) if values.get("parts") else None
        row = Row(data, version, touched, life_of(stored), values.get("created"), parts)
        if not self._signer.takes(
            values.get("signature"), row.signed_fields(stored.id, stored.item)
        ):
            raise self.located(CorruptItem(_NOT_SIGNED))
        return row
