"""The rows and markers of a table, and the condition of each write."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..codec import Signer
from ..errors import CorruptItem
from ..table import Condition, Item, ItemResult, RowKey, SessionModel, Table, equals, is_present
from .parts import READ_TRIES, Parts
from .row import MARKER_LIFE, Marker, PartsName, Row, Successor, parts_name

logger = logging.getLogger("beaker_dynamodb.rows")

_NOT_SIGNED = "an item's signature is missing or wrong: it was altered, or signed with another key"


class WriteResult(NamedTuple):
    """Whether a write is done and, if not, what is stored.

    Attributes:
        done: whether the write is done.
        found: the row or the marker that is stored instead, if any.
        is_readable: False if what is stored was altered, or does not come from this package.
        is_repeated: whether a refused write may have been done before; see `ItemResult`.
    """

    done: bool
    found: Row | Marker | None = None
    is_readable: bool = True
    is_repeated: bool = False


class Rows:
    """The rows of one table, each by its key.

    Args:
        table: that holds them.
        parts: of its large values.
        signer: signs each row, and verifies it.
        marker_life: of its markers, in seconds.
    """

    def __init__(
        self, table: Table, parts: Parts, signer: Signer, marker_life: int = MARKER_LIFE
    ) -> None:
        self.table = table
        self._parts = parts
        self._signer = signer
        self._marker_life = marker_life

    def get(self, key: RowKey, *, consistent: bool) -> Row | Marker | None:
        """The row or the marker under a key, expired or not; None if there is none.

        Raises:
            CorruptItem: this package did not write the item, parts of a large value are missing,
                or the signature is not valid for `signing_key`.
        """
        last: PartsName | None = None
        for _ in range(READ_TRIES):
            item = self.table.get(key, consistent=consistent)
            stored = self.verified(self.table.parse(item)) if item else None
            if not isinstance(stored, Row):
                return stored
            whole = self.assemble(key, stored)
            if whole is not None:
                return whole
            if stored.parts == last:
                break
            # A write that replaced the value removed its parts: read what is there now.
            last, consistent = stored.parts, True
        error = CorruptItem("parts of a value are missing, or belong to another value")
        raise self.table.located(error)

    def marker(self, birth: str, *successors: Successor) -> Marker:
        """A new marker for a session of this table."""
        return Marker.of(birth, *successors, life=self._marker_life)

    def if_absent(self, moment: float) -> Condition:
        """The condition that there is no row and no marker, or an expired one.

        DynamoDB's TTL removes what has expired up to days later.
            (NOT attribute_type(version, S)  AND  NOT attribute_type(ended, S))
            OR  expires <= :moment

        Args:
            moment: now, in seconds since the epoch.
        """
        model = self.table.model
        ended_by = datetime.fromtimestamp(math.floor(moment), timezone.utc)
        is_absent = ~is_present(model.version) & ~is_present(model.ended)
        condition: Condition = is_absent | (model.expires <= ended_by)
        return condition

    def if_unchanged(self, stored: Row | Marker) -> Condition:
        """The condition that nobody has written over what was read, nor touched it.

        version = :version  AND  touched = :touched    or, for a marker,    ended = :marker
        """
        condition = self.if_version(stored)
        if isinstance(stored, Row):
            condition &= self.table.model.touched == stored.touched
        return condition

    def if_version(self, stored: Row | Marker) -> Condition:
        """The condition that nobody has written over what was read, but for touches.

        version = :version    or, for a marker,    ended = :marker
        """
        model = self.table.model
        if isinstance(stored, Marker):
            return equals(model.ended, stored.text)
        return equals(model.version, stored.version)

    def if_session(self, identity: str) -> Condition:
        """The condition that a row belongs to a session, written by any request.

        A release without births wrote rows without one: the first version is their birth.
            birth = :identity
            OR  (NOT attribute_type(birth, S)  AND  version = :identity)
        """
        model = self.table.model
        is_first = ~is_present(model.birth) & equals(model.version, identity)
        condition: Condition = equals(model.birth, identity) | is_first
        return condition

    def if_owner(self, token: str) -> Condition:
        """The condition that a lease belongs to a token.

        lock_owner = :token
        """
        return equals(self.table.model.lock_owner, token)

    def delete(self, key: RowKey) -> None:
        """Delete a row; nothing happens if there is none."""
        self.delete_if(key, None)

    def delete_expired(self, key: RowKey, row: Row) -> bool:
        """Delete a row that has expired; False if it was written or touched again."""
        return self.delete_if(key, self.if_unchanged(row)).done

    def write(self, key: RowKey, stored: Row | Marker, condition: Condition | None) -> WriteResult:
        """Store a row or a marker under a condition: first the parts of a large value."""
        head = self._parts.store(key, stored) if isinstance(stored, Row) else stored
        signature = self._signer.sign(head.signed_fields(key))
        item = head.to_item(self.table.model, key, signature)
        arguments = item.get_save_kwargs_from_instance(condition)
        result = self.table.write("PutItem", key, arguments)
        if isinstance(head, Row) and isinstance(stored, Row):
            return self._finish(key, head, stored, result)
        self._remove_replaced(key, result.item if result.done else None)
        return WriteResult(True) if result.done else self._refused(key, result)

    def delete_if(self, key: RowKey, condition: Condition | None) -> ItemResult:
        """Delete a row under a condition, and its parts."""
        item = self.table.model(key.partition, key.sort)
        arguments = item.get_delete_kwargs_from_instance(condition)
        result = self.table.write("DeleteItem", key, arguments)
        if result.done:
            self._remove_replaced(key, result.item)
        return result

    def remove_parts(self, key: RowKey, name: PartsName) -> None:
        """Remove parts that no head refers to; if that fails, it is logged."""
        self._parts.remove(key, name)

    def verified(self, item: SessionModel) -> Row | Marker | None:
        """The row or the marker of an item; None if it is only a lease. Parts are not read.

        Raises:
            CorruptItem: this package did not write the item, or its signature is not valid.
        """
        try:
            stored = Row.from_item(item) or Marker.from_item(item)
        except CorruptItem as error:
            raise self.table.located(error) from error
        if stored is None:
            return None
        fields = stored.signed_fields(RowKey(item.id, item.item))
        if not self._signer.verify(item.attribute_values.get("signature"), fields):
            raise self.table.error(CorruptItem, _NOT_SIGNED)
        return stored

    def assemble(self, key: RowKey, row: Row) -> Row | None:
        """Read the parts of a row; None if some are missing, or belong to another value."""
        return self._parts.assemble(key, row)

    def _finish(self, key: RowKey, head: Row, row: Row, result: ItemResult) -> WriteResult:
        """The result of a row's write, once the parts that nothing refers to are removed."""
        if result.done or self._is_own(key, head, result):
            self._remove_replaced(key, result.item, kept=head.parts)
            if head.parts and head.life != row.life:
                self._make_permanent(key, head, row)
            return WriteResult(done=True)
        if head.parts:
            self._parts.remove(key, head.parts)
        return self._refused(key, result)

    def _refused(self, key: RowKey, result: ItemResult) -> WriteResult:
        """The result of a refused write, with what is stored."""
        try:
            stored = self.verified(self.table.parse(result.item)) if result.item else None
            if isinstance(stored, Row):
                stored = self.assemble(key, stored) or self.get(key, consistent=True)
            return WriteResult(False, stored, is_repeated=result.is_repeated)
        except CorruptItem as error:
            logger.warning("%s: the stored item cannot be read: %s", key, error)
            self.table.report(error)
            return WriteResult(done=False, is_readable=False)

    def _is_own(self, key: RowKey, head: Row, result: ItemResult) -> bool:
        """Whether an attempt whose answer was lost stored this head with parts."""
        if head.parts is None or result.item is None:
            return False
        return self._parts_name(key, result.item) == head.parts

    def _make_permanent(self, key: RowKey, head: Row, row: Row) -> None:
        """Make a large value live for ever: first its parts, then the head, if it is still there.

        parts = :parts
        """
        self._parts.make_permanent(key, head, row)
        model, permanent = self.table.model, head._replace(life=None)
        actions: list[Any] = [model.expires.remove()]
        signature = self._signer.sign(permanent.signed_fields(key))
        if signature is not None:
            actions.append(model.signature.set(signature))
        item, condition = model(key.partition, key.sort), equals(model.parts, str(head.parts))
        arguments = item.get_update_kwargs_from_instance(actions, condition)
        if not self.table.write("UpdateItem", key, arguments).done and head.parts:
            # Another write has replaced the head, and has removed the parts before they were
            # written again.
            self._parts.remove(key, head.parts)

    def _remove_replaced(
        self, key: RowKey, item: Item | None, kept: PartsName | None = None
    ) -> None:
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
            logger.warning("%s: an item names its parts in an unknown form: %s", key, error)
            self.table.report(error)
            return None
