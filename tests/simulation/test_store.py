"""The small DynamoDB: random operations on it and on DynamoDB Local give the same answers."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from .store import Store

SEQUENCES = 60 if os.environ.get("CI") == "true" else 15
OPERATIONS = 60

PARTITIONS, SORT_KEYS = ("a", "b", "é"), ("session", "session lock", "x")
NAMES = ("version", "touched", "expires", "data", "ended")
VALUES: tuple[dict[str, Any], ...] = (
    *({"S": text} for text in ("v1", "v2", "")),
    *({"N": number} for number in ("1", "2", "10", "1.5", "1.50", "0010", "-0", "1E+3")),
    *({"B": data} for data in (b"1", b"2", b"\xff")),
    {"NULL": True},
    {"BOOL": True},
    {"L": [{"S": "v1"}]},
)
ORDERED = tuple(value for value in VALUES if value.keys() <= {"S", "N", "B"})
TYPES = ("S", "N", "B", "NULL", "L")

Arguments = dict[str, Any]


class Expressions:
    """Random expressions, with the placeholders that they use."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.names: dict[str, str] = {}
        self.values: dict[str, dict[str, Any]] = {}

    def name(self, name: str | None = None) -> str:
        placeholder = f"#{len(self.names)}"
        self.names[placeholder] = name or self._chance.choice((*NAMES, "id"))
        return placeholder

    def value(self, value: dict[str, Any]) -> str:
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def condition(self, depth: int = 2) -> str:
        kind = self._chance.choice(("and", "or", "not", "leaf", "leaf")) if depth else "leaf"
        if kind == "leaf":
            return self._leaf()
        if kind == "not":
            return f"(NOT {self.condition(depth - 1)})"
        return f"({self.condition(depth - 1)} {kind.upper()} {self.condition(depth - 1)})"

    def update(self) -> str:
        names = self._chance.sample(NAMES, self._chance.randrange(1, 4))
        cut = self._chance.randrange(len(names) + 1)
        set_ = [f"{self.name(name)} = {self._assigned()}" for name in names[:cut]]
        removed = [self.name(name) for name in names[cut:]]
        clauses = (("SET", set_), ("REMOVE", removed))
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts)

    def arguments(self) -> Arguments:
        found = {"ExpressionAttributeNames": self.names, "ExpressionAttributeValues": self.values}
        return {name: placeholders for name, placeholders in found.items() if placeholders}

    def _leaf(self) -> str:
        kind = self._chance.randrange(5)
        if kind == 0:
            function = self._chance.choice(("attribute_exists", "attribute_not_exists"))
            return f"{function} ({self.name()})"
        if kind == 1:
            wanted = self.value({"S": self._chance.choice(TYPES)})
            return f"attribute_type ({self.name()}, {wanted})"
        if kind == 2:
            sign = self._chance.choice(("=", "<>"))
            return f"{self.name()} {sign} {self._any_value()}"
        sign = self._chance.choice(("<", "<=", ">", ">="))
        return f"{self.name()} {sign} {self.value(self._chance.choice(ORDERED))}"

    def _assigned(self) -> str:
        if self._chance.random() < 0.8:
            return self._any_value()
        return f"if_not_exists ({self.name()}, {self._any_value()})"

    def _any_value(self) -> str:
        return self.value(self._chance.choice(VALUES))


class Operations:
    """Random operations on a table, some of which DynamoDB refuses."""

    def __init__(self, table: str, seed: int) -> None:
        self._table = table
        self._chance = random.Random(seed)

    def next(self) -> tuple[str, Arguments]:
        kinds: tuple[Callable[[], tuple[str, Arguments]], ...] = (
            self._get,
            self._put,
            self._put,
            self._update,
            self._update,
            self._delete,
            self._batch_get,
            self._batch_write,
            self._query,
        )
        operation, arguments = self._chance.choice(kinds)()
        return operation, self._spoilt(operation, arguments)

    def _get(self) -> tuple[str, Arguments]:
        return "GetItem", {**self._subject(), "ConsistentRead": True}

    def _put(self) -> tuple[str, Arguments]:
        arguments = {"TableName": self._table, "Item": self._item()}
        return "PutItem", self._conditional(arguments, Expressions(self._chance))

    def _delete(self) -> tuple[str, Arguments]:
        return "DeleteItem", self._conditional(self._subject(), Expressions(self._chance))

    def _update(self) -> tuple[str, Arguments]:
        expressions = Expressions(self._chance)
        arguments = {**self._subject(), "UpdateExpression": expressions.update()}
        return "UpdateItem", self._conditional(arguments, expressions)

    def _batch_get(self) -> tuple[str, Arguments]:
        keys = [self._key() for _ in range(self._chance.randrange(1, 4))]
        return "BatchGetItem", {"RequestItems": {self._table: {"Keys": keys}}}

    def _batch_write(self) -> tuple[str, Arguments]:
        requests: list[Arguments] = [
            {"PutRequest": {"Item": self._item()}}
            if self._chance.random() < 0.5
            else {"DeleteRequest": {"Key": self._key()}}
            for _ in range(self._chance.randrange(1, 4))
        ]
        return "BatchWriteItem", {"RequestItems": {self._table: requests}}

    def _query(self) -> tuple[str, Arguments]:
        arguments: Arguments = {
            "TableName": self._table,
            "KeyConditionExpression": "#0 = :0",
            "ExpressionAttributeNames": {"#0": "id"},
            "ExpressionAttributeValues": {":0": {"S": self._chance.choice(PARTITIONS)}},
        }
        if self._chance.random() < 0.5:
            arguments["Limit"] = self._chance.randrange(1, 4)
        if self._chance.random() < 0.5:
            arguments["ProjectionExpression"] = "#0, #1"
            arguments["ExpressionAttributeNames"]["#1"] = self._chance.choice(("item", "version"))
        if self._chance.random() < 0.3:
            key = self._key()
            key["id"] = arguments["ExpressionAttributeValues"][":0"]
            arguments["ExclusiveStartKey"] = key
        return "Query", arguments

    def _key(self) -> Arguments:
        partition, sort = self._chance.choice(PARTITIONS), self._chance.choice(SORT_KEYS)
        return {"id": {"S": partition}, "item": {"S": sort}}

    def _item(self) -> Arguments:
        names = self._chance.sample(NAMES, self._chance.randrange(len(NAMES) + 1))
        return {**self._key(), **{name: self._chance.choice(VALUES) for name in names}}

    def _subject(self) -> Arguments:
        return {"TableName": self._table, "Key": self._key()}

    def _conditional(self, arguments: Arguments, expressions: Expressions) -> Arguments:
        if self._chance.random() < 0.7:
            arguments["ConditionExpression"] = expressions.condition()
        if self._chance.random() < 0.7:
            arguments["ReturnValues"] = "ALL_OLD"
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {**arguments, **expressions.arguments()}

    def _spoilt(self, operation: str, arguments: Arguments) -> Arguments:
        """Now and then, an operation that DynamoDB refuses."""
        if self._chance.random() > 0.08 or "TableName" not in arguments:
            return arguments
        spoilt = self._chance.choice(("table", "key", "empty key", "value", "name", "keyless"))
        if spoilt == "table":
            return {**arguments, "TableName": "missing-table"}
        if spoilt == "value" and "ConditionExpression" in arguments:
            values = {**arguments.get("ExpressionAttributeValues", {}), ":unused": {"S": "v"}}
            return {**arguments, "ExpressionAttributeValues": values}
        if spoilt == "name" and "ConditionExpression" in arguments:
            return {**arguments, "ConditionExpression": "#undefined = :undefined"}
        return self._with_key(operation, arguments, spoilt)

    def _with_key(self, operation: str, arguments: Arguments, spoilt: str) -> Arguments:
        if operation == "UpdateItem" and spoilt == "key":
            return {**arguments, "UpdateExpression": "REMOVE id"}
        part = "Item" if "Item" in arguments else "Key"
        if part not in arguments or spoilt not in {"empty key", "keyless"}:
            return arguments
        item = {**arguments[part], "item": {"S": ""}}
        if spoilt == "keyless":
            del item["item"]
        return {**arguments, part: item}


@pytest.fixture(scope="module")
def local_table(dynamodb_local: str) -> Iterator[tuple[Any, str]]:
    client = botocore.session.Session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=dynamodb_local,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False, retries={"max_attempts": 0}),
    )
    table = f"simulation-{uuid.uuid4().hex}"
    names = ("id", "item")
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
    )
    yield client, table
    client.delete_table(TableName=table)


def result(call: Callable[[str, Arguments], Any], operation: str, arguments: Arguments) -> Any:
    """The answer without what is not compared, or the code of the error and its item."""
    try:
        answer = call(operation, arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return code, comparable(error.response.get("Item"), is_ordered=True)
    ignored = {"ResponseMetadata", "ConsumedCapacity"}
    answer = {name: value for name, value in answer.items() if name not in ignored}
    return comparable(answer, is_ordered=operation == "Query")


def comparable(value: Any, *, is_ordered: bool) -> Any:
    """An answer whose numbers have one form: DynamoDB Local leaves some as they were sent."""
    if isinstance(value, list):
        parts = [comparable(part, is_ordered=is_ordered) for part in value]
        return parts if is_ordered else sorted(parts, key=repr)
    if not isinstance(value, dict):
        return value
    if value.keys() == {"N"}:
        return Decimal(value["N"]).normalize() + 0
    return {name: comparable(value[name], is_ordered=is_ordered) for name in sorted(value)}


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_answers_as_dynamodb_local_does(local_table: tuple[Any, str], seed: int) -> None:
    client, table = local_table
    store = Store(table)
    for partition in PARTITIONS:
        for sort in SORT_KEYS:
            client.delete_item(TableName=table, Key={"id": {"S": partition}, "item": {"S": sort}})
    operations = Operations(table, seed)
    for _ in range(OPERATIONS):
        operation, arguments = operations.next()
        expected = result(client._make_api_call, operation, arguments)
        assert result(store.call, operation, arguments) == expected, (operation, arguments)


def test_reads_a_state_of_the_past() -> None:
    now = 10.0
    store = Store("table", lambda: now)
    key = {"id": {"S": "a"}, "item": {"S": "x"}}
    for version in ("v1", "v2"):
        item = {**key, "version": {"S": version}}
        store.call("PutItem", {"TableName": "table", "Item": item})
        now += 10
    arguments = {"TableName": "table", "Key": key}
    versions = [
        store.read_at(arguments, moment).get("Item", {}).get("version", {}).get("S")
        for moment in (9.0, 15.0, 25.0)
    ]
    assert versions == [None, "v1", "v2"]


def test_lists_what_the_ttl_may_remove() -> None:
    store = Store("table", lambda: 100.0)
    for sort, expires in (("past", "99"), ("future", "101")):
        item = {"id": {"S": "a"}, "item": {"S": sort}, "expires": {"N": expires}}
        store.call("PutItem", {"TableName": "table", "Item": item})
    assert store.expired() == [("a", "past")]
    store.remove(("a", "past"))
    assert store.expired() == []
