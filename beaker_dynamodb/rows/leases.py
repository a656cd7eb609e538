"""Leases: the right to do something alone for a while, kept in the table on a row of any kind."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from ..errors import BeakerDynamoDBError, CorruptItem
from ..options import ONE_DAY
from ..table import Condition, Item, ItemResult, RowKey, Table, equals, is_present, is_unchanged
from .row import PartsName, Row, content_attributes, new_token, now
from .rows import Rows

logger = logging.getLogger("beaker_dynamodb.rows")

#: A refused attempt to acquire a lease returns what is stored, and the next one builds on it.
ACQUIRE_TRIES = 3
#: In seconds. No lease that this package writes ends later: `lock_timeout` is at most a day, and
#: the clock of the owner may be ahead.
LONGEST_LEASE = 2 * ONE_DAY
#: In seconds. How long a creator counts as alive: its lease is extended no longer than this, and
#: an item that has only a lease or a chain stays this long after the lease's first end.
LONGEST_CREATION = 3600
#: An owner remembers this many of its tokens; a condition in DynamoDB has at most 300 operators.
MOST_TOKENS = 50


class StoredVersion(NamedTuple):
    """The version of a row that was read, and whether its content is still usable.

    Attributes:
        version: of the row.
        is_usable: whether a lease keeps the content.
        parts: of a large value that never expires and is not usable: a client that removes
            the content deletes them, because DynamoDB's TTL does not.
        expires: end of content that is usable, for DynamoDB's TTL; None for never.
    """

    version: str
    is_usable: bool
    parts: PartsName | None = None
    expires: datetime | None = None


class Lease(NamedTuple):
    """A lease as its owner knows it.

    Attributes:
        token: of the owner.
        until: its end, in seconds since the epoch.
        chain: the token of the first lease since the last removal or store; None for a lease that
            has no chain.
    """

    token: str
    until: float
    chain: str | None = None


class OwnTokens:
    """The tokens that one caller has sent to acquire a lease, each in one attempt.

    An attempt whose answer was lost may have acquired the lease. By these tokens the caller
    recognises it, and a packet that arrives late finds another token than its own.
    """

    def __init__(self) -> None:
        self._sent: deque[str] = deque(maxlen=MOST_TOKENS)

    def add(self) -> str:
        """A new token, for one attempt."""
        self._sent.append(new_token())
        return self._sent[-1]

    @property
    def latest(self) -> str:
        """The token of the latest attempt."""
        return self._sent[-1]

    def __contains__(self, owner: object) -> bool:
        return owner in self._sent

    def __iter__(self) -> Iterator[str]:
        return iter(self._sent)


class Slot(NamedTuple):
    """What is stored under a key: a row, a lease, both or nothing.

    Attributes:
        row: the row; None if there is only a lease, or nothing.
        owner: the token of the lease; None if there is none.
        until: the end of the lease, in seconds since the epoch; 0 if there is none.
        is_stored: whether there is any item.
    """

    row: Row | None = None
    owner: str | None = None
    until: float = 0.0
    is_stored: bool = False

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

    def read_batch(self, keys: Sequence[RowKey]) -> Iterator[tuple[RowKey, Slot]]:
        """What is stored under at most 100 keys; a key without a readable item is left out."""
        places = {(key.partition, key.sort): key for key in keys}
        for item in self.table.get_batch(keys[0], keys):
            try:
                parsed = self.table.parse(item)
                yield places[parsed.id, parsed.item], self._slot(item)
            except CorruptItem as error:
                logger.warning("%s: an item cannot be read: %s", keys[0], error)
                self.table.report(error)

    def acquire(
        self,
        key: RowKey,
        tokens: OwnTokens,
        length: float,
        stored: StoredVersion | None = None,
        *,
        has_chain: bool = False,
    ) -> Lease | Slot:
        """Acquire the lease; returns it, or what is stored if it is refused.

        With a chain, the first lease since the last removal or store begins it, and later owners
        keep it:    SET chain = if_not_exists(chain, :token)

        Args:
            key: of the row.
            tokens: that this caller has sent for this key; each attempt adds one.
            length: of the lease, in seconds from the attempt.
            stored: the row that was read, if any; content that is not usable is removed.
            has_chain: whether the lease continues or begins a chain.
        """
        model, ends = self.table.model, [0.0]

        def attempt() -> dict[str, Any]:
            ends[0] = now() + length
            actions = self._lease_actions(tokens.add(), ends[0], stored, has_chain=has_chain)
            return self._update_arguments(key, actions, self._if_free(tokens, stored))

        result = self.table.write("UpdateItem", key, attempt)
        if not result.done:
            return self._refusal(key, result.item)
        if stored is not None and stored.parts:
            self._rows.remove_parts(key, stored.parts)
        chain = _text(model.chain.attr_name, result.item) or tokens.latest if has_chain else None
        return Lease(tokens.latest, ends[0], chain)

    def extend(self, key: RowKey, lease: Lease, length: float) -> bool:
        """Extend a lease, only forward in time; False if it belongs to another owner, or to none.

        lock_owner = :token  AND  lock_until <= :until

        Args:
            key: of the row.
            lease: as `acquire` returned it.
            length: in seconds from now.
        """
        model, until = self.table.model, now() + length
        condition = self._rows.if_owner(lease.token) & (model.lock_until <= until)
        result = self._update(key, [model.lock_until.set(until)], condition)
        return result.done or _text(model.lock_owner.attr_name, result.item) == lease.token

    def store(self, key: RowKey, row: Row, lease: Lease, replaced: str | None = None) -> bool:
        """Store a row, which ends the lease and its chain; False if it must not be stored.

        The lease is still this owner's, or nothing was stored and nothing removed since:
            lock_owner = :token  OR  chain = :chain
        or this owner has stored a row already:
            version = :replaced

        Args:
            key: of the row.
            row: to store.
            lease: as `acquire` returned it.
            replaced: the version that this owner has stored, if any.
        """
        condition = self._if_version(replaced) if replaced else self._if_held(lease)
        result = self._rows.write(key, row, condition)
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

    def release(self, key: RowKey, lease: Lease, stored: StoredVersion | None = None) -> bool:
        """Release the lease; nothing happens if another owner holds it.

        lock_owner = :token

        A creator that was slower than its lease may still store its value: if this owner has
        continued its chain, the chain stays.

        Args:
            key: of the row.
            lease: as `acquire` returned it.
            stored: as given to `acquire`.

        Returns:
            Whether another waits for it.
        """
        try:
            item = self._release(key, lease, stored).item
            wanted = self.table.parse(item).lock_wanted if item else None
        except BeakerDynamoDBError as error:
            # The work under the lease, or its error, counts more; the lease expires.
            logger.warning("%s: the lease was not released, and expires: %s", key, error)
            self.table.report(error)
            return False
        return wanted is not None and wanted > now()

    def _release(self, key: RowKey, lease: Lease, stored: StoredVersion | None) -> ItemResult:
        model, is_owner = self.table.model, self._rows.if_owner(lease.token)
        is_last = lease.chain in {None, lease.token}
        if is_last and not _keeps_content(stored):
            return self._rows.delete_if(key, is_owner)
        actions: list[Any] = [model.lock_owner.remove(), model.lock_until.remove()]
        if is_last:
            actions.append(model.chain.remove())
            actions += self._end_with_content(stored)
        return self._update(key, actions, is_owner)

    def _lease_actions(
        self, token: str, until: float, stored: StoredVersion | None, *, has_chain: bool
    ) -> list[Any]:
        model = self.table.model
        actions = [model.lock_owner.set(token), model.lock_until.set(until)]
        if has_chain:
            actions.append(model.chain.set(model.chain | token))
        end = _end_of_item(until, token if has_chain else None)
        if _keeps_content(stored):
            return actions + self._outlive_content(stored, end)
        # If the owner dies and nobody reads the key again, DynamoDB's TTL removes the item.
        actions.append(model.expires.set(end))
        return actions + [attribute.remove() for attribute in content_attributes(model)]

    def _outlive_content(self, stored: StoredVersion | None, end: datetime) -> list[Any]:
        """Keep DynamoDB's TTL from removing a lease with the content that it is on."""
        if stored is None or stored.expires is None or stored.expires >= end:
            return []
        model, expires = self.table.model, int(stored.expires.timestamp())
        return [model.expires.set(end), model.content_expires.set(expires)]

    def _end_with_content(self, stored: StoredVersion | None) -> list[Any]:
        """Have DynamoDB's TTL remove the item once its content has expired."""
        if stored is None or stored.expires is None:
            return []
        model = self.table.model
        return [model.expires.set(stored.expires), model.content_expires.remove()]

    def _if_free(self, tokens: OwnTokens, stored: StoredVersion | None) -> Condition:
        """The condition of `acquire`.

        Nobody holds it, or it has expired, or this package did not write it
        (    (NOT attribute_type(lock_owner, S)  OR  NOT attribute_type(lock_until, N)
                  OR  lock_until <= now  OR  lock_until > now + LONGEST_LEASE)

        and the row is the one that was read
             AND  (NOT attribute_type(version, S)   or else   version = :stored))

        or an attempt whose answer was lost has acquired it
        OR  lock_owner = :token  OR  lock_owner = :earlier_token  ...
        """
        model, moment = self.table.model, now()
        is_free = ~is_present(model.lock_owner) | ~is_present(model.lock_until)
        has_ended = (model.lock_until <= moment) | (model.lock_until > moment + LONGEST_LEASE)
        is_same = self._if_version(stored.version) if stored else ~is_present(model.version)
        is_own = reduce(or_, map(self._rows.if_owner, tokens))
        condition: Condition = ((is_free | has_ended) & is_same) | is_own
        return condition

    def _if_held(self, lease: Lease) -> Condition:
        is_owner = self._rows.if_owner(lease.token)
        if lease.chain is None:
            return is_owner
        condition: Condition = is_owner | equals(self.table.model.chain, lease.chain)
        return condition

    def _if_version(self, version: str) -> Condition:
        return equals(self.table.model.version, version)

    def _update(self, key: RowKey, actions: Sequence[Any], condition: Any) -> ItemResult:
        return self.table.write("UpdateItem", key, self._update_arguments(key, actions, condition))

    def _update_arguments(
        self, key: RowKey, actions: Sequence[Any], condition: Any
    ) -> dict[str, Any]:
        item = self.table.model(key.partition, key.sort)
        return item.get_update_kwargs_from_instance(list(actions), condition)

    def _refusal(self, key: RowKey, item: Item | None) -> Slot:
        try:
            return self._slot(item)
        except CorruptItem as error:
            # Nobody can use the item, and it would refuse every lease.
            logger.warning("%s: an unreadable item blocks a lease and is removed: %s", key, error)
            self.table.report(error)
            self._rows.delete_if(key, is_unchanged(self.table.model, item or {}))
            return Slot()

    def _slot(self, item: Item | None) -> Slot:
        if not item:
            return Slot()
        parsed = self.table.parse(item)
        stored = self._rows.verified(parsed)
        # Only somebody who can write to the table puts a marker here; a lease replaces it.
        row = stored if isinstance(stored, Row) else None
        return Slot(row, parsed.lock_owner, parsed.lock_until or 0.0, is_stored=True)


def _keeps_content(stored: StoredVersion | None) -> bool:
    return stored is not None and stored.is_usable


def _text(name: str, item: Item | None) -> str | None:
    """The text of an item's attribute, as DynamoDB sends it; None if it has none."""
    return (item or {}).get(name, {}).get("S")


def _end_of_item(until: float, chain: str | None) -> datetime:
    """When DynamoDB's TTL may remove an item that has only a lease, and perhaps a chain."""
    end = until if chain is None else until + LONGEST_CREATION
    return datetime.fromtimestamp(math.ceil(end), timezone.utc)
