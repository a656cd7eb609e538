"""Eventually consistent reads that lag behind: both stand-ins always read the latest state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from beaker_dynamodb import session_model

from .internals import RowKey, table_module


class Lag:
    """The state that eventually consistent reads return, once there is one."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._items: dict[tuple[str, str], dict[str, Any]] | None = None
        self.stale_reads = 0

    def keep(self) -> None:
        """Let eventually consistent reads return what is stored now, whatever is written later."""
        client: Any = session_model(**self._options).table_connection().connection.client
        found = client.scan(TableName=self._options["table_name"], ConsistentRead=True)["Items"]
        self._items = {(item["id"]["S"], item["item"]["S"]): item for item in found}

    def pass_on(self) -> None:
        """Let them return the latest state again."""
        self._items = None

    def answers(self, *, consistent: bool) -> bool:
        """Whether a read gets the kept state."""
        return self._items is not None and not consistent

    def read(self, key: RowKey) -> dict[str, Any] | None:
        """The kept item."""
        self.stale_reads += 1
        return (self._items or {}).get((key.partition, key.sort))


@contextmanager
def lagging_reads(options: dict[str, Any]) -> Iterator[Lag]:
    """Reads that lag inside the context, as far as they are not strongly consistent."""
    lag, table = Lag(options), table_module.Table
    read_latest = table.get

    def get(self: Any, key: RowKey, *, consistent: bool) -> Any:
        if lag.answers(consistent=consistent):
            return lag.read(key)
        return read_latest(self, key, consistent=consistent)

    with patch.object(table, "get", get):
        yield lag
