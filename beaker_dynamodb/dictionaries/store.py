"""The dictionaries of one table, and which of them is current.

    "session dictionary:" name   data = the dictionary
    "session dictionary"         data = name of the current dictionary
    "session dictionary lease"   the lease of the process that trains the next one

A dictionary never expires while it is current. Once another one replaces it, it expires as soon as
no live row can name it: after the longest life of a row that it was used for, and a day. A process
uses a dictionary for new rows no longer than an hour after it has learned that it is current.

With `signing_key` the current name is signed, and so is each row that names a dictionary. A
dictionary itself is verified by its name, the digest of its content: it stays readable for a new
`signing_key`.
"""

from __future__ import annotations

import logging
import math
from typing import NamedTuple

from ..codec import NAME_SIZE, Dictionary
from ..errors import CorruptItem, TableError
from ..options import ONE_DAY
from ..rows import Row, Rows, new_token, now
from ..table import RowKey, dictionary_key

logger = logging.getLogger("beaker_dynamodb.dictionaries")

#: In seconds. How long a process uses a dictionary for new rows after it was last known as current.
LONGEST_USE = 3600
#: In seconds. How much longer than the last row that names it a dictionary stays stored.
MARGIN = LONGEST_USE + ONE_DAY
#: Until a new dictionary is current, although others store theirs at the same time.
INSTALL_TRIES = 5


class StoredDictionary(NamedTuple):
    """A dictionary as it is stored.

    Attributes:
        dictionary: itself.
        is_retired: whether another one has replaced it.
    """

    dictionary: Dictionary
    is_retired: bool


class DictionaryStore:
    """The dictionaries of one application in a table.

    Args:
        rows: of the table.
        prefix: of the application, `key_prefix`.
    """

    def __init__(self, rows: Rows, prefix: str) -> None:
        self._rows = rows
        self._prefix = prefix
        self._pointer = dictionary_key(prefix)

    @property
    def lease_key(self) -> RowKey:
        """The key of the lease for training."""
        return dictionary_key(self._prefix, " lease")

    def read(self, name: bytes) -> StoredDictionary:
        """The dictionary that a row names; one strongly consistent read.

        Raises:
            TableError: it is missing, or was altered: the row cannot be read, and is intact.
            StoreUnavailable: DynamoDB did not answer.
        """
        row = self._row(name)
        if row is None:
            raise self._error(name, "is missing")
        try:
            dictionary = Dictionary.from_data(row.data, name).verified()
            return StoredDictionary(dictionary, row.life is not None)
        except CorruptItem as error:
            raise self._error(name, "was altered", error) from error

    def current_name(self, *, consistent: bool) -> bytes | None:
        """The name of the dictionary for new rows; None if there is none.

        Raises:
            CorruptItem: this package did not write it, or its signature is not valid.
            StoreUnavailable: DynamoDB did not answer.
        """
        stored = self._rows.get(self._pointer, consistent=consistent)
        if not isinstance(stored, Row):
            return None
        if len(stored.data) != NAME_SIZE:
            raise self._rows.table.error(
                CorruptItem, "the name of the current dictionary has an unknown form"
            )
        return stored.data

    def install(self, dictionary: Dictionary) -> None:
        """Store a dictionary, make it current, and let the one that it replaces expire.

        The dictionary is stored first, so that the current one is always there.

        Raises:
            TableError: others have stored theirs each time.
            StoreUnavailable: DynamoDB did not answer.
        """
        key = dictionary_key(self._prefix, f":{dictionary.name.hex()}")
        self._rows.write(key, Row(dictionary.data, new_token(), now(), None), None)
        pointer = Row(dictionary.name, new_token(), now(), None)
        for _ in range(INSTALL_TRIES):
            replaced = self._read_pointer()
            condition = self._rows.if_unchanged(replaced) if replaced else None
            result = self._rows.write(self._pointer, pointer, condition)
            is_own = isinstance(result.found, Row) and result.found.version == pointer.version
            if result.done or is_own:
                if replaced is not None:
                    self._retire(replaced.data)
                return
        raise self._rows.table.error(
            TableError,
            "other processes store dictionaries now: run `beaker-dynamodb train` again",
        )

    def retire_current(self) -> bytes | None:
        """Make no dictionary current; returns the name of the one that was, if any.

        Raises:
            StoreUnavailable: DynamoDB did not answer.
        """
        pointer = self._read_pointer()
        if pointer is None:
            return None
        # If another one is current meanwhile, its installation retires this one.
        if self._rows.delete_if(self._pointer, self._rows.if_unchanged(pointer)).done:
            self._retire(pointer.data)
        return pointer.data

    def _read_pointer(self) -> Row | None:
        try:
            stored = self._rows.get(self._pointer, consistent=True)
        except CorruptItem as error:
            # An earlier signing_key has signed it.
            logger.warning(
                "the name of the current dictionary cannot be read, and is replaced: %s", error
            )
            return None
        return stored if isinstance(stored, Row) else None

    def _retire(self, name: bytes) -> None:
        """Let a dictionary expire once no live row can name it.

        version = :version
        """
        row = self._row(name)
        if row is None:
            return
        longest = Dictionary.from_data(row.data, name).longest_life
        if longest is not None:
            life = math.ceil(now() - row.touched) + longest + MARGIN
            key = dictionary_key(self._prefix, f":{name.hex()}")
            self._rows.write(key, row._replace(life=life), self._rows.if_version(row))

    def _row(self, name: bytes) -> Row | None:
        """The row of a dictionary; its signature may be that of an earlier key."""
        table = self._rows.table
        item = table.get(dictionary_key(self._prefix, f":{name.hex()}"), consistent=True)
        try:
            return Row.from_item(table.parse(item)) if item else None
        except CorruptItem as error:
            raise self._error(name, "was altered", error) from error

    def _error(self, name: bytes, what: str, cause: CorruptItem | None = None) -> TableError:
        table = self._rows.table
        place = table.location["table"]
        message = (
            f"the dictionary {name.hex()}, which a session was written with, {what}; the session "
            "is intact: restore the dictionary's item from a backup, such as `aws dynamodb "
            f"restore-table-to-point-in-time --source-table-name {place} --target-table-name "
            f"{place}-restored --use-latest-restorable-time`, or end the session with "
            f"`beaker-dynamodb delete --table-name {place}`"
        )
        error = table.error(TableError, message)
        error.cause = cause
        return error
