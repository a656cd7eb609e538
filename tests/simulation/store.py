"""A small DynamoDB in memory: one table, whose calls answer as DynamoDB's do."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from botocore.exceptions import ClientError

from .expressions import (
    ExpressionError,
    Item,
    Rewrite,
    Test,
    parse_condition,
    parse_update,
    same,
)

Arguments: TypeAlias = dict[str, Any]
Answer: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str]

#: In seconds: how old a state may be that an eventually consistent read returns.
LONGEST_LAG = 2.0
_STATES_KEPT = 32
#: DynamoDB's limits (API reference; developer guide, "Constraints in DynamoDB").
_LARGEST_ITEM = 400 * 1024
_LARGEST_PAGE = 1024 * 1024
_BATCH_READS, _BATCH_WRITES = 100, 25
_LONGEST_KEYS = (2048, 1024)

_METADATA = {"RequestId": "simulated", "HTTPStatusCode": 200}
_PLAIN_NUMBER = re.compile(r"(0|-?[1-9][0-9]*)(\.[0-9]*[1-9])?")


class Change(NamedTuple):
    """The item that a write has replaced, and when."""

    moment: float
    before: Item | None


class Store:
    """The items of one table with a partition key `id` and a sort key `item`.

    Args:
        name: of the table.
        clock: the time, in seconds since the epoch.
        rewrite: replaces nodes of each condition, for what the simulation takes out.
    """

    def __init__(
        self, name: str, clock: Callable[[], float] = lambda: 0.0, rewrite: Rewrite = same
    ) -> None:
        self._name = name
        self._clock = clock
        self._rewrite = rewrite
        #: Is called with the key of each item that changes, the item before, and the one after.
        self.watch: Callable[[Key, Item | None, Item | None], None] = _ignore
        self.items: dict[Key, Item] = {}
        self._history: dict[Key, deque[Change]] = {}
        self._operations: dict[str, Callable[[Arguments], Answer]] = {
            "GetItem": self._get,
            "PutItem": self._put,
            "UpdateItem": self._update,
            "DeleteItem": self._delete,
            "BatchGetItem": self._batch_get,
            "BatchWriteItem": self._batch_write,
            "Query": self._query,
        }

    def call(self, operation: str, arguments: Arguments) -> Answer:
        """The answer to a call.

        Raises:
            ClientError: DynamoDB refuses it.
        """
        answer = self._operations[operation](arguments)
        answer["ResponseMetadata"] = _METADATA
        return answer

    def read_at(self, arguments: Arguments, moment: float) -> Answer:
        """The answer to a GetItem from the state at a time in the past."""
        key = self._key(arguments["Key"])
        item = self.items.get(key)
        for change in reversed(self._history.get(key, ())):
            if change.moment <= moment:
                break
            item = change.before
        answer: Answer = {"ResponseMetadata": _METADATA}
        if item is not None:
            answer["Item"] = dict(item)
        return answer

    def expired(self) -> list[Key]:
        """The keys of the items that DynamoDB's TTL may remove."""
        now = self._clock()
        return [
            key
            for key, item in self.items.items()
            if "N" in item.get("expires", {}) and float(item["expires"]["N"]) <= now
        ]

    def remove(self, key: Key) -> None:
        """Remove an item, as DynamoDB's TTL does."""
        self._set(key, None)

    def _get(self, arguments: Arguments) -> Answer:
        self._check_table(arguments["TableName"])
        item = self.items.get(self._key(arguments["Key"]))
        return {} if item is None else {"Item": dict(item)}

    def _put(self, arguments: Arguments) -> Answer:
        test = self._condition(arguments)
        item = self._checked(arguments["Item"])
        key = _key_of(item)
        return self._write(arguments, key, test, item)

    def _delete(self, arguments: Arguments) -> Answer:
        test = self._condition(arguments)
        return self._write(arguments, self._key(arguments["Key"]), test, None)

    def _update(self, arguments: Arguments) -> Answer:
        names = tuple(arguments.get("ExpressionAttributeNames", {}).items())
        values = arguments.get("ExpressionAttributeValues", {})
        try:
            update = parse_update(arguments["UpdateExpression"], names)
        except ExpressionError as error:
            raise _invalid(f"Invalid UpdateExpression: {error}") from error
        test = self._condition(arguments, update.used)
        if {"id", "item"} & {*update.removed, *(each.name for each in update.assigned)}:
            raise _invalid("Cannot update attribute. This attribute is part of the key")
        key = self._key(arguments["Key"])
        before = self.items.get(key) or arguments["Key"]
        item = dict(before)
        item.update((each.name, each.value(before, values)) for each in update.assigned)
        for name in update.removed:
            item.pop(name, None)
        return self._write(arguments, key, test, self._checked(item))

    def _batch_get(self, arguments: Arguments) -> Answer:
        ((table, wanted),) = arguments["RequestItems"].items()
        self._check_table(table)
        keys = [self._key(key) for key in wanted["Keys"]]
        _check_batch(keys, _BATCH_READS)
        found = [dict(self.items[key]) for key in keys if key in self.items]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def _batch_write(self, arguments: Arguments) -> Answer:
        ((table, requests),) = arguments["RequestItems"].items()
        self._check_table(table)
        writes = [self._batched(request) for request in requests]
        _check_batch([key for key, _ in writes], _BATCH_WRITES)
        for key, item in writes:
            self._set(key, item)
        return {"UnprocessedItems": {}}

    def _batched(self, request: dict[str, Any]) -> tuple[Key, Item | None]:
        if "PutRequest" in request:
            item = self._checked(request["PutRequest"]["Item"])
            return _key_of(item), item
        return self._key(request["DeleteRequest"]["Key"]), None

    def _query(self, arguments: Arguments) -> Answer:
        self._check_table(arguments["TableName"])
        names = arguments.get("ExpressionAttributeNames", {})
        placeholder = arguments["KeyConditionExpression"].split("=")[1].strip()
        partition = arguments["ExpressionAttributeValues"][placeholder]["S"]
        start = arguments.get("ExclusiveStartKey", {}).get("item", {"S": ""})["S"]
        projection = arguments.get("ProjectionExpression")
        shown = [names.get(name.strip(), name.strip()) for name in (projection or "").split(",")]
        found = sorted(key for key in self.items if key[0] == partition and key[1] > start)
        page = list(self._page(found, arguments.get("Limit", len(found) + 1)))
        items = [
            {name: value for name, value in item.items() if not projection or name in shown}
            for item in page
        ]
        answer: Answer = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
        if len(page) == arguments.get("Limit") or len(page) < len(found):
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in ("id", "item")}
        return answer

    def _page(self, keys: list[Key], limit: int) -> Iterator[Item]:
        size = 0
        for key in keys[:limit]:
            item = self.items[key]
            yield item
            size += _size(item)
            if size >= _LARGEST_PAGE:
                return

    def _condition(self, arguments: Arguments, used: frozenset[str] = frozenset()) -> Test | None:
        self._check_table(arguments["TableName"])
        text = arguments.get("ConditionExpression")
        names = arguments.get("ExpressionAttributeNames", {})
        values = arguments.get("ExpressionAttributeValues", {})
        test = None
        if text is not None:
            try:
                test, more = parse_condition(text, tuple(names.items()), self._rewrite)
            except ExpressionError as error:
                raise _invalid(f"Invalid ConditionExpression: {error}") from error
            used |= more
        if used != names.keys() | values.keys():
            raise _invalid("a placeholder is unused or not defined")
        return test

    def _write(
        self, arguments: Arguments, key: Key, test: Test | None, item: Item | None
    ) -> Answer:
        before = self.items.get(key)
        values = arguments.get("ExpressionAttributeValues", {})
        if test is not None and not test(before or {}, values):
            raise _refused(arguments, before)
        self._set(key, item)
        if arguments.get("ReturnValues") == "ALL_OLD" and before is not None:
            return {"Attributes": dict(before)}
        return {}

    def _set(self, key: Key, item: Item | None) -> None:
        before = self.items.get(key)
        history = self._history.get(key)
        if history is None:
            history = self._history[key] = deque(maxlen=_STATES_KEPT)
        history.append(Change(self._clock(), before))
        self.watch(key, before, item)
        if item is None:
            self.items.pop(key, None)
        else:
            self.items[key] = item

    def _check_table(self, name: str) -> None:
        if name != self._name:
            raise refusal("ResourceNotFoundException", "Cannot do operations on this table")

    def _key(self, key: Item) -> Key:
        if key.keys() != {"id", "item"}:
            raise _invalid("The provided key element does not match the schema")
        return _key_of(key)

    def _checked(self, item: Item) -> Item:
        _key_of(item)
        normal = {name: _normal(value) for name, value in item.items()}
        if _size(normal) > _LARGEST_ITEM:
            raise _invalid("Item size has exceeded the maximum allowed size")
        return normal


class Summary(NamedTuple):
    """A call and its answer; as text, one line."""

    operation: str
    arguments: Arguments
    answer: Answer | ClientError

    def __str__(self) -> str:
        item = self.arguments.get("Item") or self.arguments.get("Key") or {}
        key = f"{item.get('id', {}).get('S', '')[:4]}/{item.get('item', {}).get('S', '')}"
        sent = f"{self.operation} {key} {_tokens(item)} if {_condition(self.arguments)}"
        if isinstance(self.answer, ClientError):
            response = self.answer.response
            return f"{sent} -> {response['Error']['Code']} {_tokens(response.get('Item', {}))}"
        found = self.answer.get("Item") or self.answer.get("Attributes") or {}
        return f"{sent} -> {_tokens(found)}"


def _tokens(item: Mapping[str, Any]) -> str:
    """The attributes of an item that tell one from another."""
    names = (
        *("version", "birth", "ended", "touched", "expires", "content_expires", "parts"),
        *("lock_owner", "lock_until", "chain"),
    )
    return " ".join(f"{name}={next(iter(item[name].values()))}" for name in names if name in item)


def _condition(arguments: Arguments) -> str:
    text = str(arguments.get("ConditionExpression", "any"))
    for name, attribute in arguments.get("ExpressionAttributeNames", {}).items():
        text = text.replace(name, attribute)
    for name, value in arguments.get("ExpressionAttributeValues", {}).items():
        text = text.replace(name, str(next(iter(value.values()))))
    return text


def refusal(code: str, message: str, status: int = 400) -> ClientError:
    """botocore's error for a call that DynamoDB refuses."""
    metadata = {**_METADATA, "HTTPStatusCode": status}
    error = {"Code": code, "Message": message}
    return ClientError({"Error": error, "ResponseMetadata": metadata}, "simulated")


def _ignore(_key: Key, _before: Item | None, _after: Item | None) -> None:
    """Nobody watches."""


def _invalid(message: str) -> ClientError:
    return refusal("ValidationException", message)


def _refused(arguments: Arguments, item: Item | None) -> ClientError:
    error = refusal("ConditionalCheckFailedException", "The conditional request failed")
    if arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and item is not None:
        error.response["Item"] = dict(item)
    return error


def _check_batch(keys: list[Key], most: int) -> None:
    if not keys or len(keys) > most:
        raise _invalid("Too many items requested, or none")
    if len(keys) != len(set(keys)):
        raise _invalid("Provided list of item keys contains duplicates")


def _key_of(item: Item) -> Key:
    parts = [item.get(name, {}).get("S") for name in ("id", "item")]
    for part, longest in zip(parts, _LONGEST_KEYS, strict=True):
        if not part or len(part.encode()) > longest:
            raise _invalid("One or more parameter values were invalid: a key")
    return str(parts[0]), str(parts[1])


def _normal(value: dict[str, Any]) -> dict[str, Any]:
    """A value as DynamoDB stores it: a number in its shortest form."""
    number = value.get("N")
    if number is None or _PLAIN_NUMBER.fullmatch(number):
        return value
    try:
        decimal = Decimal(number)
    except ArithmeticError as error:
        raise _invalid("A value provided cannot be converted into a number") from error
    return {"N": format(decimal.normalize(), "f") if decimal else "0"}


def _size(item: Item) -> int:
    return sum(
        len(name)
        + sum(len(part) if isinstance(part, (str, bytes)) else 1 for part in value.values())
        for name, value in item.items()
    )
