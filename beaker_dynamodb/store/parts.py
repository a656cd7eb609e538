"""Values larger than one item: their parts, and the name by which a row refers to them.

    head    data = SHA-256 of the value, parts = name        the row under the value's own key
    part    data = up to 400,000 bytes of the value          "part:" token ":" number

The parts of a new value are written first, under a new token, and the head last: who reads finds
the value before or the new one, whole. A part expires with its head.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from ..errors import BeakerDynamoDBError, CorruptItem
from ..options import Options
from .batches import Batches
from .keys import RowKey, part_key

logger = logging.getLogger("beaker_dynamodb.store")

#: An item is at most 400 KB, with the names and values of all its attributes (DynamoDB's
#: developer guide, "Constraints"): 409,600 bytes, of which this leaves 9,600 for keys and names.
PART_SIZE = 400_000
#: BatchGetItem takes 100 keys; `max_value_size` is held to as many parts.
_TOTALS = frozenset(map(str, range(1, 101)))
#: A value is read again where it was replaced between its head and its parts.
READ_TRIES = 10


def new_version() -> str:
    """A version or a token that no other write has: 72 random bits."""
    return secrets.token_urlsafe(9)


class PartsName(NamedTuple):
    """What a head says of its parts; in the item it is the text "token:total"."""

    token: str
    total: int

    def __str__(self) -> str:
        return f"{self.token}:{self.total}"

    @classmethod
    def parse(cls, text: str) -> PartsName:
        """From the item's text.

        Raises:
            CorruptItem: the text was not written here.
        """
        token, _, total = text.rpartition(":")
        if not token or total not in _TOTALS:
            raise CorruptItem("an item names its parts in an unknown form")
        return cls(token, int(total))

    def keys(self, head: RowKey) -> list[RowKey]:
        """The keys of the parts, in their order."""
        return [part_key(head, self.token, number) for number in range(self.total)]


class Parts(Batches):
    """The parts of one table's large values."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._most = _total(options.max_value_size + 1)  # the header is a byte

    def is_needed(self, data: bytes, key: RowKey) -> bool:
        """Whether a value takes more than one item."""
        return len(data) + len(key.original or b"") > PART_SIZE

    def name(self, data: bytes) -> PartsName:
        """A new name for a value's parts."""
        return PartsName(new_version(), _total(len(data)))

    def write(self, head: RowKey, name: PartsName, data: bytes, expires: datetime | None) -> None:
        """Store a value's parts; what is there under the same name is overwritten."""
        chunks = (data[start : start + PART_SIZE] for start in range(0, len(data), PART_SIZE))
        models = [
            self._model(
                key.partition,
                key.sort,
                data=chunk,
                version=name.token,
                touched=time.time(),
                expires=expires,
            )
            for key, chunk in zip(name.keys(head), chunks, strict=True)
        ]
        self._save_batch(head, models)

    def read(self, head: RowKey, name: PartsName, digest: bytes) -> bytes | None:
        """A value from its parts; None where they are gone, or are not its own.

        Raises:
            CorruptItem: there are more than a value of `max_value_size` has.
        """
        if name.total > self._most:
            raise self.located(CorruptItem("an item names more parts than max_value_size takes"))
        found = self._found_parts(head, name)
        if len(found) < name.total:
            return None
        data = b"".join(found[key.sort] for key in name.keys(head))
        return data if sha256(data).digest() == digest else None

    def remove(self, head: RowKey, name: PartsName) -> None:
        """Remove parts that nothing refers to; where that fails, they expire by themselves."""
        try:
            self._delete_batch(head, _places(name, head))
        except BeakerDynamoDBError as error:
            logger.warning("parts of a value that was replaced were not removed: %s", error)

    def _found_parts(self, head: RowKey, name: PartsName) -> dict[str, bytes]:
        """The bytes of each part by its sort key."""
        models = map(self._read, self._read_batch(head, _places(name, head)))
        return {model.item: model.data for model in models if model.data is not None}


def _total(size: int) -> int:
    return math.ceil(size / PART_SIZE)


def _places(name: PartsName, head: RowKey) -> list[tuple[str, str]]:
    return [(key.partition, key.sort) for key in name.keys(head)]
