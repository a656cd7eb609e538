"""The rows: get, create, replace, overwrite, touch, delete; and the condition of each write."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..codec import Signer
from ..errors import CorruptItem
from ..table import Item, ItemResult, RowKey, SessionModel, Table, is_present
from .parts import READ_TRIES, Parts
from .row import PartsName, Row, parts_name

logger = logging.getLogger("beaker_dynamodb.rows")

_NOT_SIGNED = "an item's signature is missing or wrong: it was altered, or has another signing_key"


class WriteResult(NamedTuple):
    """Whether a write is done and, if not, the row that is stored.

    Attributes:
        done: whether the write is done.
        found: the row that is stored instead, if any.
        is_readable: False if what is stored was altered, or does not come from this package.
    """

    done: bool
    found: Row | None = None
    is_readable: bool = True


class Rows:
    """The rows of one table, each by its key.

    Args:
        table: that holds them.
        parts: of its large values.
        signer: signs each row, and verifies it.
    """

    def __init__(self, table: Table, parts: Parts, signer: Signer) -> None:
        self.table = table
        self._parts = parts
        self._signer = signer

    def get(self, key: RowKey, *, consistent: bool) -> Row | None:
        """The row under a key, expired or not; None if there is none.

        Raises:
            CorruptItem: this package did not write the item, parts of a large value are missing,
                or the signature is not valid for `signing_key`.
        """
        last: PartsName | None = None
        for _ in range(READ_TRIES):
            item = self.table.get(key, consistent=consistent)
            row = self.verified(self.table.parse(item)) if item else None
            whole = self.assemble(key, row) if row else None
            if row is None or whole is not None:
                return whole
            if row.parts == last:
                break
            # A write that replaced the value removed its parts: read what is there now.
            last, consistent = row.parts, True
        error = CorruptItem("parts of a value are missing, or belong to another value")
        raise self.table.located(error)

    def put(self, key: RowKey, row: Row) -> None:
        """Store a row, whatever is stored."""
        self.write(key, row, None)

    def create(self, key: RowKey, row: Row) -> WriteResult:
        """Store a row if there is none.

        there is no row (a row has a version), or it has expired and DynamoDB's TTL has yet to
        remove it:
            NOT attribute_type(version, S)  OR  expires <= now
        """
        model = self.table.model
        moment = datetime.fromtimestamp(math.floor(row.touched), timezone.utc)
        return self.write(key, row, ~is_present(model.version) | (model.expires <= moment))

    def replace(self, key: RowKey, row: Row, version: str) -> WriteResult:
        """Store a row over that of a version; refused if there is no such row.

        nobody has changed the session since it was loaded, nor ended it and begun another:
            version = :version
        """
        return self.write(key, row, self.table.model.version == version)

    def overwrite(self, key: RowKey, row: Row) -> WriteResult:
        """Store a row over any other.

        a session that has ended stays ended:
            attribute_exists(id)
        """
        return self.write(key, row, self.table.model.id.exists())

    def touch(self, key: RowKey, row: Row) -> bool:
        """Store a row over that of the same version; False if there is no such row.

        nobody has changed or ended the session since it was loaded:
            version = row.version
        """
        return self.replace(key, row, row.version).done

    def delete(self, key: RowKey) -> None:
        """Delete a row; nothing happens if there is none."""
        self.delete_if(key, None)

    def delete_version(self, key: RowKey, version: str) -> bool:
        """Delete the row of a version; False if a row of another version is stored.

        version = :version
        """
        result = self.delete_if(key, self.table.model.version == version)
        # If there is nothing, an attempt whose answer was lost has deleted it.
        return result.done or result.item is None

    def delete_expired(self, key: RowKey, row: Row) -> bool:
        """Delete a row that has expired; False if it was written again.

        version = row.version  AND  touched = row.touched
        """
        model = self.table.model
        unchanged = (model.version == row.version) & (model.touched == row.touched)
        return self.delete_if(key, unchanged).done

    def write(self, key: RowKey, row: Row, condition: Any) -> WriteResult:
        """Store a row under a condition: first the parts of a large value, then the item."""
        head = self._parts.store(key, row)
        signature = self._signer.sign(head.signed_fields(key))
        item = head.to_item(self.table.model, key, signature)
        arguments = item.get_save_kwargs_from_instance(condition)
        result = self.table.write("PutItem", key, arguments)
        if result.done or self._is_own(key, head, result):
            self._remove_parts(key, result.item, kept=head.parts)
            self._parts.make_permanent(key, head, row)
            return WriteResult(done=True)
        if head.parts:
            self._parts.remove(key, head.parts)
        return self._refused(key, result)

    def delete_if(self, key: RowKey, condition: Any) -> ItemResult:
        """Delete a row under a condition, and its parts."""
        item = self.table.model(key.partition, key.sort)
        arguments = item.get_delete_kwargs_from_instance(condition)
        result = self.table.write("DeleteItem", key, arguments)
        if result.done:
            self._remove_parts(key, result.item)
        return result

    def verified(self, item: SessionModel) -> Row | None:
        """The row of an item; None if it is only a lease. Parts of a large value are not read.

        Raises:
            CorruptItem: this package did not write the item, or its signature is not valid.
        """
        try:
            row = Row.from_item(item)
        except CorruptItem as error:
            raise self.table.located(error) from error
        if row is None:
            return None
        fields = row.signed_fields(RowKey(item.id, item.item))
        if not self._signer.verify(item.attribute_values.get("signature"), fields):
            raise self.table.error(CorruptItem, _NOT_SIGNED)
        return row

    def assemble(self, key: RowKey, row: Row) -> Row | None:
        """Read the parts of a row; None if some are missing, or belong to another value."""
        return self._parts.assemble(key, row)

    def _refused(self, key: RowKey, result: ItemResult) -> WriteResult:
        """The result of a refused write, with the row that is stored."""
        try:
            item = self.table.parse(result.item) if result.item else None
            row = self.verified(item) if item else None
            if row is None:
                return WriteResult(done=False)
            return WriteResult(False, self.assemble(key, row) or self.get(key, consistent=True))
        except CorruptItem as error:
            logger.warning("%s: what is stored cannot be read: %s", key, error)
            return WriteResult(done=False, is_readable=False)

    def _is_own(self, key: RowKey, head: Row, result: ItemResult) -> bool:
        """Whether an attempt whose answer was lost stored this head with parts."""
        if head.parts is None or result.item is None:
            return False
        return self._parts_name(key, result.item) == head.parts

    def _remove_parts(self, key: RowKey, item: Item | None, kept: PartsName | None = None) -> None:
        """Remove the parts of an item that was replaced or deleted."""
        name = self._parts_name(key, item) if item else None
        if name and name != kept:
            self._parts.remove(key, name)

    def _parts_name(self, key: RowKey, item: Item) -> PartsName | None:
        """Where the parts of an item are; None if it names none in a known form."""
        if self.table.model.parts.attr_name not in item:
            return None
        try:
            return parts_name(self.table.parse(item))
        except CorruptItem as error:
            # This package did not write the item, so it has no parts of ours.
            logger.warning("%s: an item names its parts in no known form: %s", key, error)
            return None
