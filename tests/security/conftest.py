"""The items as a writer of the table sees them, below the package."""

from collections.abc import Callable
from typing import Any

import pytest

from beaker_dynamodb import session_model

Item = dict[str, dict[str, Any]]


class RawTable:
    """A table's items in DynamoDB's form, read and written without a condition."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._name = options["table_name"]
        self._client = session_model(**options).table_connection().connection.client

    def items(self) -> list[Item]:
        items: list[Item] = self._client.scan(TableName=self._name, ConsistentRead=True)["Items"]
        return items

    def item(self) -> Item:
        """The only item."""
        [item] = self.items()
        return item

    def is_marker(self) -> bool:
        """Whether the only item is the marker of an ended session, without any data."""
        return "ended" in self.item() and not {"data", "version"} & self.item().keys()

    def put(self, item: Item) -> None:
        self._client.put_item(TableName=self._name, Item=item)

    def alter(self, change: Callable[[Item], Item]) -> None:
        """Change each item, and write it back."""
        for item in self.items():
            self.put(change(item))


@pytest.fixture
def raw(dynamodb: Any, create_table: None) -> RawTable:
    return RawTable(dynamodb.options)
