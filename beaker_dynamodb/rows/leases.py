"""Leases: the right to do something alone for a while, kept in the table on a row of any kind."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..errors import BeakerDynamoDBError, CorruptItem
from ..options import ONE_DAY
from ..table import Condition, Item, ItemResult, RowKey, Table, is_present, is_unchanged
from .row import Row, content_attributes, now
from .rows import Rows

logger = logging.getLogger("beaker_dynamodb.rows")

#: A refused attempt to acquire a lease returns what is stored, and the next one builds on it.
ACQUIRE_TRIES = 3
#: In seconds. No lease that this package writes ends later: `lock_timeout` is at most a day, and
#: the clock of the owner may be ahead.
LONGEST_LEASE = 2 * ONE_DAY


class StoredVersion(NamedTuple):
    """The version of a row that was read, and whether its content is still usable."""

    version: str
    is_usable: bool


class Slot(NamedTuple):
    """What is stored under a key: a row, a lease, both or nothing.

    Attributes:
        row: the row; None if there is only a lease, or nothing.
        owner: the token of the lease; None if there is none.
        until: the end of the lease, in seconds since the epoch; 0 if there is none.
    """

    row: Row | None = None
    owner: str | None = None
    until: float = 0.0

    @property
    def is_leased(self) -> bool:
        """Whether an owner holds the lease now."""
        return self.owner is not None and now() < self.until <= now() + LONGEST_LEASE


class Leases:
    """The leases of one table.

    A lease belongs to a token and expires. The clocks of the machines that share it decide when:
    they must agree to well within its length.

    Args:
        table: that holds them.
        rows: that they are on.
    """

    def __init__(self, table: Table, rows: Rows) -> None:
        self.table = table
        self._rows = rows

    def read(self, key: RowKey, *, consistent: bool) -> Slot:
        """What is stored under a key; the parts of a large value are not read."""
        return self._slot(self.table.get(key, consistent=consistent))

    def acquire(
        self, key: RowKey, token: str, until: float, stored: StoredVersion | None = None
    ) -> Slot | None:
        """Acquire the lease; returns None, or what is stored if it is refused.

        nobody holds it, or it has expired, or this package did not write it
        (NOT attribute_type(lock_owner, S)  OR  NOT attribute_type(lock_until, N)
             OR  lock_until <= now  OR  lock_until > now + LONGEST_LEASE

        or an attempt whose answer was lost has acquired it
             OR  lock_owner = :token)

        and the row is the one that was read
        AND  (NOT attribute_type(version, S)   or else   version = :stored)

        Args:
            key: of the row.
            token: of the new owner.
            until: the end of the lease, in seconds since the epoch.
            stored: the row that was read, if any; content that is not usable is removed.
        """
        model, moment = self.table.model, now()
        is_free = ~is_present(model.lock_owner) | ~is_present(model.lock_until)
        has_ended = (model.lock_until <= moment) | (model.lock_until > moment + LONGEST_LEASE)
        is_same = model.version == stored.version if stored else ~is_present(model.version)
        actions: list[Any] = [model.lock_owner.set(token), model.lock_until.set(until)]
        if stored is None or not stored.is_usable:
            # If the owner dies and nobody reads the key again, DynamoDB's TTL removes the item.
            end = datetime.fromtimestamp(math.ceil(until), timezone.utc)
            removals = [attribute.remove() for attribute in content_attributes(model)]
            actions += [model.expires.set(end), *removals]
        condition = (is_free | has_ended | (model.lock_owner == token)) & is_same
        result = self._update(key, actions, condition)
        return None if result.done else self._refusal(key, result.item)

    def store(self, key: RowKey, row: Row, token: str) -> bool:
        """Store a row, which releases the lease; False if another owner holds the lease."""
        result = self._rows.write(key, row, self._rows.if_owner(token))
        # An attempt whose answer was lost may have stored it.
        found = result.found
        return result.done or (isinstance(found, Row) and found.version == row.version)

    def mark_wanted(self, key: RowKey, until: float) -> None:
        """Show the owner of a lease that another waits for it; nothing happens without an owner.

        attribute_type(lock_owner, S)

        Args:
            key: of the row.
            until: for how long, in seconds since the epoch.
        """
        model = self.table.model
        self._update(key, [model.lock_wanted.set(until)], is_present(model.lock_owner))

    def release(self, key: RowKey, token: str, stored: StoredVersion | None = None) -> bool:
        """Release the lease; nothing happens if another owner holds it.

        Args:
            key: of the row.
            token: of the owner.
            stored: as given to `acquire`.

        Returns:
            Whether another waits for it.
        """
        try:
            item = self._release(key, self._rows.if_owner(token), stored).item
            wanted = self.table.parse(item).lock_wanted if item else None
        except BeakerDynamoDBError as error:
            # The work under the lease, or its error, counts more; the lease expires.
            logger.warning("%s: a lease was not released: %s", key, error)
            return False
        return wanted is not None and wanted > now()

    def _release(
        self, key: RowKey, is_owner: Condition, stored: StoredVersion | None
    ) -> ItemResult:
        if stored is None or not stored.is_usable:
            return self._rows.delete_if(key, is_owner)
        model = self.table.model
        return self._update(key, [model.lock_owner.remove(), model.lock_until.remove()], is_owner)

    def _update(self, key: RowKey, actions: Sequence[Any], condition: Any) -> ItemResult:
        item = self.table.model(key.partition, key.sort)
        arguments = item.get_update_kwargs_from_instance(list(actions), condition)
        return self.table.write("UpdateItem", key, arguments)

    def _refusal(self, key: RowKey, item: Item | None) -> Slot:
        try:
            return self._slot(item)
        except CorruptItem as error:
            # Nobody can use the item, and it would refuse every lease.
            logger.warning("%s: an unreadable item refuses a lease and is removed: %s", key, error)
            self._rows.delete_if(key, is_unchanged(self.table.model, item or {}))
            return Slot()

    def _slot(self, item: Item | None) -> Slot:
        if not item:
            return Slot()
        parsed = self.table.parse(item)
        stored = self._rows.verified(parsed)
        # Only somebody who can write to the table puts a marker here; a lease replaces it.
        row = stored if isinstance(stored, Row) else None
        return Slot(row, parsed.lock_owner, parsed.lock_until or 0.0)
