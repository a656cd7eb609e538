"""Leases: who may do something alone, until when; kept in the table, on a row of any kind."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial, reduce
from operator import and_
from typing import Any, NamedTuple, cast

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from ..errors import BeakerDynamoDBError, CorruptItem, LockTimeout
from ..model import location
from ..options import ONE_DAY
from .keys import RowKey
from .row import Row, now
from .rows import Store
from .writes import Outcome, holds

logger = logging.getLogger("beaker_dynamodb.store")

#: In seconds. No lease that was taken here ends later: `lock_timeout` is at most a day, and the
#: clock of who has taken it may be ahead.
LONGEST_LEASE = 2 * ONE_DAY


class Seen(NamedTuple):
    """The version of a row that was read, and whether the row is of use still."""

    version: str
    is_kept: bool


class Standing(NamedTuple):
    """What stands under a key: a row, a lease, both or nothing.

    Attributes:
        row: what is stored; None where it is a lease only.
        owner: the token of the lease; None where there is none.
        until: the end of the lease, in seconds since the epoch; 0 where there is none.
    """

    row: Row | None = None
    owner: str | None = None
    until: float = 0.0

    @property
    def is_leased(self) -> bool:
        """Whether somebody holds the lease now."""
        return self.owner is not None and now() < self.until <= now() + LONGEST_LEASE


class Leases(Store):
    """The leases of one table, and the rows that they are on.

    A lease belongs to a token, and ends by itself. Its end is told by the clocks of the machines
    that share it: they must agree to well within its length.
    """

    def take(
        self, key: RowKey, token: str, until: float, seen: Seen | None = None
    ) -> Standing | None:
        """Take the lease; what stands in the way where that cannot be done.

        nobody holds it, or no longer, or what says so was not written here
        (NOT attribute_type(lock_owner, S)  OR  NOT attribute_type(lock_until, N)
             OR  lock_until <= now  OR  lock_until > now + LONGEST_LEASE

        or a first try has taken it, whose answer was lost
             OR  lock_owner = :token)

        what is stored is still what the taker has seen
        AND  (NOT attribute_type(version, S)   or else   version = :seen)

        Args:
            key: of the row.
            token: of the new owner.
            until: the end of the lease, in seconds since the epoch.
            seen: what the taker has seen stored there, if anything; what cannot be read is removed.
        """
        model, moment = self._model, now()
        is_none = ~holds(model.lock_owner) | ~holds(model.lock_until)
        is_over = (model.lock_until <= moment) | (model.lock_until > moment + LONGEST_LEASE)
        unchanged = model.version == seen.version if seen else ~holds(model.version)
        actions = [model.lock_owner.set(token), model.lock_until.set(until)]
        if seen is None or not seen.is_kept:
            # Who dies leaves a row that nobody asks for again: DynamoDB's TTL removes it.
            end = datetime.fromtimestamp(math.ceil(until), timezone.utc)
            content = (model.data, model.version, model.touched, model.parts, model.signature)
            actions += [model.expires.set(end), *(attribute.remove() for attribute in content)]
        condition = (is_none | is_over | (model.lock_owner == token)) & unchanged
        done, item = self._update(key, actions, condition)
        return None if done else self._in_the_way(key, item)

    def look(self, key: RowKey, consistent: bool) -> Standing:
        """What stands under a key; a large value is not read as a whole."""
        return self._standing(self._item(key, consistent))

    def whole(self, key: RowKey, row: Row) -> Row | None:
        """A row that was looked at, with all its data; None where another stands there by now."""
        return self._whole(key, row)

    def fulfil(self, key: RowKey, row: Row, token: str) -> bool:
        """Store a row, which ends the lease; False where the lease is another's by now.

        lock_owner = :token
        """
        written = self._found(key, self._save(key, row, self._model.lock_owner == token))
        # The answer of a first try may have been lost.
        return written.done or (written.found is not None and written.found.version == row.version)

    def drop(self, key: RowKey, token: str, seen: Seen | None = None) -> None:
        """End the lease; nothing happens where it is another's by now.

        lock_owner = :token

        Args:
            key: of the row.
            token: of the owner.
            seen: as it was given to `take`.
        """
        owned = self._model.lock_owner == token
        try:
            self._drop(key, owned, seen)
        except BeakerDynamoDBError as error:
            # What was done under it, or was raised there, is worth more; it ends by itself.
            logger.warning("%s: a lease was not given up: %s", key, error)

    def lock_timeout(self, message: str) -> LockTimeout:
        """The error for a lease that another has held for too long, with the table's name."""
        return LockTimeout(message, **location(self._model))

    def _drop(self, key: RowKey, owned: Condition, seen: Seen | None) -> None:
        if seen is None or not seen.is_kept:
            self._remove(key, owned)
        else:
            actions = [self._model.lock_owner.remove(), self._model.lock_until.remove()]
            self._update(key, actions, owned)

    def _update(self, key: RowKey, actions: Sequence[Action], condition: Condition) -> Outcome:
        model = self._model(key.partition, key.sort)
        arguments = partial(model.get_update_kwargs_from_instance, list(actions), condition)
        return self._write("UpdateItem", key, arguments)

    def _in_the_way(self, key: RowKey, item: dict[str, Any] | None) -> Standing:
        try:
            return self._standing(item)
        except CorruptItem as error:
            # Nobody can make use of it, and it would be in the way for ever.
            logger.warning("%s: what stands in a lease's way is removed: %s", key, error)
            self._remove(key, self._is_still(item or {}))
            return Standing()

    def _is_still(self, item: dict[str, Any]) -> Condition:
        """The condition that an item holds what was read of it, in each attribute that is known."""
        names = {attribute.attr_name for attribute in self._model.get_attributes().values()}
        unchanged = [Path([name]) == item[name] for name in sorted(names & item.keys())]
        return cast("Condition", reduce(and_, unchanged))

    def _standing(self, item: dict[str, Any] | None) -> Standing:
        if not item:
            return Standing()
        stored = self._read(item)
        return Standing(self._row(item), stored.lock_owner, stored.lock_until or 0.0)
