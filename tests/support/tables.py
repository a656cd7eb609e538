"""Tables that tests use one after the other, and their items."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from beaker_dynamodb import create_table, session_model

#: DynamoDB's limit for one BatchWriteItem.
BATCH = 25


class Tables:
    """Hands out tables: to create one, and a client for it, takes longer than most tests."""

    def __init__(self) -> None:
        self._used: dict[str, str] = {}

    def give(self, stand_in: str, options: dict[str, Any]) -> None:
        """Let the options name a table that is there, and empty.

        Args:
            stand_in: the name of DynamoDB's stand-in, which has tables of its own.
            options: lead to a table that is not there yet.
        """
        used = self._used.pop(stand_in, None)
        if used and _is_emptied({**options, "table_name": used}):
            options["table_name"] = used
        else:
            create_table(**options)
        self._used[stand_in] = options["table_name"]


def _is_emptied(options: dict[str, Any]) -> bool:
    client: Any = session_model(**options).table_connection().connection.client
    name = options["table_name"]
    try:
        found = client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        items = [item for page in found for item in page["Items"]]
        keys = [{"id": item["id"], "item": item["item"]} for item in items]
        for start in range(0, len(keys), BATCH):
            requests = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + BATCH]]
            client.batch_write_item(RequestItems={name: requests})
    except ClientError:
        return False  # a test has removed the table
    return True


def stored_items(dynamodb: Any) -> list[Any]:
    """All items of the test's table."""
    return list(session_model(**dynamodb.options).scan())


def stored_sessions(dynamodb: Any) -> list[Any]:
    """The items of the test's table that hold content: neither markers nor mere locks."""
    return [item for item in stored_items(dynamodb) if item.version is not None]
