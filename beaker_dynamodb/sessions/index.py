"""Find sessions by one of their keys, such as the user's, and end them.

A row has an attribute for each of `index_keys` that its session has, and the index of that name
contains the keys of those rows. It is eventually consistent, so whatever it finds is read again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import BeakerDynamoDBError, ConfigurationError, CorruptItem, TableError
from ..options import Options
from ..rows import Marker, Row, Rows
from ..table import SESSION, Item, RowKey, create_command, index_name, is_of_session
from .ending import end
from .lifetime import Lifetime

logger = logging.getLogger("beaker_dynamodb.sessions")

#: Of an indexed value in UTF-8, in bytes: with its prefix it stays a valid key.
LONGEST_VALUE = 256
#: Keys that one BatchGetItem takes.
BATCH_SIZE = 100
#: Until a pass finds nothing more: a login may reach the index a moment later.
MOST_PASSES = 10


@dataclass(frozen=True)
class FoundSession:
    """A live session that an index has found.

    Attributes:
        key: of its row.
        row: without the parts of a large session.
    """

    key: RowKey
    row: Row


def indexed_values(content: Mapping[Any, Any], options: Options) -> tuple[tuple[str, str], ...]:
    """The attributes by which the indexes find a session.

    Args:
        content: of the session.
        options: of the backend.

    Raises:
        ConfigurationError: a value is neither a text nor a whole number, or too long.
    """
    found = ((key, content.get(key)) for key in options.index_keys)
    return tuple((key, indexed(options, key, value)) for key, value in found if _is_given(value))


def indexed(options: Options, key: str, value: object) -> str:
    """A value as the index of a key has it; the prefix keeps applications apart."""
    text = value if type(value) is str else str(value) if type(value) is int else None
    try:
        if text and len(text.encode()) <= LONGEST_VALUE:
            return options.key_prefix + text
    except UnicodeEncodeError:
        pass  # a lone surrogate
    raise ConfigurationError(
        f"index_keys names {key}, but a session's {key} is neither a string of up to "
        f"{LONGEST_VALUE} bytes nor an integer: store one of these, such as str({key})",
        table=options.table_name,
        region=options.region,
    )


class SessionIndex:
    """The sessions of a table by one of their keys.

    Args:
        rows: of the table.
        options: of the backend.
    """

    def __init__(self, rows: Rows, options: Options) -> None:
        self._rows = rows
        self._options = options
        self._lifetime = Lifetime.of(options, None)

    def find(self, key: str, value: str | int) -> list[FoundSession]:
        """The live sessions that have a value under a key, the one used last first.

        Raises:
            ConfigurationError: the key is not one of `index_keys`, or the value cannot be indexed.
        """
        self._check(key)
        text = indexed(self._options, key, value)
        found: dict[RowKey, FoundSession] = {}
        keys = self._keys(key, text)
        while keys:
            followed: list[RowKey] = []
            for row_key, item in self._items(keys):
                stored = self._read(item)
                if isinstance(stored, Marker):
                    # Renamed since: its new row may not be in the index yet.
                    followed += [RowKey(each.partition, SESSION) for each in stored.successors]
                elif stored is not None and item.get(key) == {"S": text}:
                    found[row_key] = FoundSession(row_key, stored)
            keys = [each for each in followed if each not in found]
        return sorted(found.values(), key=lambda each: each.row.touched, reverse=True)

    def end(self, key: str, value: str | int, spared: Collection[str] = ()) -> list[FoundSession]:
        """End the live sessions that have a value under a key; returns them.

        Args:
            key: one of `index_keys`.
            value: in those sessions.
            spared: partition keys of sessions that are not ended.
        """
        ended: dict[tuple[RowKey, str], FoundSession] = {}
        for _ in range(MOST_PASSES):
            found = [each for each in self.find(key, value) if each.key.partition not in spared]
            for each in found:
                end(self._rows, each.key, each.row.identity)
            ended |= {(each.key, each.row.identity): each for each in found}
            if not found:
                break
        return list(ended.values())

    def _check(self, key: str) -> None:
        known = self._options.index_keys
        if key not in known:
            has = f"index_keys is {', '.join(known)}" if known else "index_keys names no key"
            wanted = replace(self._options, index_keys=(*known, key))
            raise ConfigurationError(
                f"no index finds sessions by {key}: {has}; set index_keys = "
                f"{','.join(wanted.index_keys)}, and run `{create_command(wanted)}`"
            )

    def _keys(self, key: str, text: str) -> list[RowKey]:
        names = (self._options.hash_key, self._options.range_key)
        request: dict[str, Any] = {
            "IndexName": index_name(key),
            "KeyConditionExpression": "#key = :value",
            "ExpressionAttributeNames": {"#key": key},
            "ExpressionAttributeValues": {":value": {"S": text}},
        }
        keys: list[RowKey] = []
        while True:
            answer = self._query(request, key)
            keys += [RowKey(*(item[name]["S"] for name in names)) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return list(filter(self._is_own, keys))
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _is_own(self, key: RowKey) -> bool:
        """Whether a key is that of a session of this application, by its prefix."""
        return key.sort == SESSION and is_of_session(self._options.key_prefix, key.partition)

    def _query(self, request: dict[str, Any], key: str) -> dict[str, Any]:
        table = self._rows.table
        try:
            return table.call("Query", dict(request))
        except BeakerDynamoDBError as error:
            if error.code != "ValidationException":
                raise
            message = (
                f"DynamoDB refused the query on the index {index_name(key)}: if it is missing, run "
                f"`beaker-dynamodb create-table --dry-run --index-keys {key}`, which prints the "
                "command that adds it"
            )
            raise table.located(TableError(message, code=error.code, cause=error)) from error

    def _items(self, keys: Iterable[RowKey]) -> Iterator[tuple[RowKey, Item]]:
        wanted = list(dict.fromkeys(keys))
        names = (self._options.hash_key, self._options.range_key)
        for start in range(0, len(wanted), BATCH_SIZE):
            batch = wanted[start : start + BATCH_SIZE]
            for item in self._rows.table.get_batch(batch[0], batch):
                yield RowKey(*(item[name]["S"] for name in names)), item

    def _read(self, item: Item) -> Row | Marker | None:
        """The live row, or the marker, of an item."""
        try:
            stored = self._rows.verified(self._rows.table.parse(item))
        except CorruptItem as error:
            # No application accepts it either.
            logger.warning("a session in an index cannot be read: %s", error)
            self._rows.table.report(error)
            return None
        if isinstance(stored, Marker):
            return None if stored.has_expired else stored
        return None if stored is None or self._lifetime.has_ended(stored) else stored


def _is_given(value: object) -> bool:
    # DynamoDB refuses an empty key; `False` and 0 may name a user.
    return value is not None and value != ""
