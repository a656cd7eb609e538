"""Table: every call to DynamoDB about one table's items."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from operator import and_
from typing import Any, NamedTuple, TypeAlias, TypeVar

from botocore.exceptions import ClientError
from pynamodb.attributes import Attribute
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.pagination import ResultIterator

from ..errors import BeakerDynamoDBError, CorruptItem, ItemTooLarge, StoreUnavailable
from ..options import Options
from .backoff import pauses
from .bind import bound_model, connection_of
from .connection import Location
from .counters import counters
from .create import TableDefinition
from .hints import table_arn
from .item import SessionModel
from .keys import RowKey
from .origin import check_partition
from .report import ErrorHook
from .retry import response_of
from .translate import (
    CONDITION_FAILED,
    OUTDATED_CREDENTIALS,
    TABLE_IN_USE,
    TABLE_MISSING,
    error_code,
    translated,
)

logger = logging.getLogger("beaker_dynamodb.table")

#: An item as DynamoDB sends it: attribute names to a type and a value each.
Item: TypeAlias = dict[str, dict[str, Any]]
#: Of a write, or what builds them for each attempt.
Arguments: TypeAlias = dict[str, Any] | Callable[[], dict[str, Any]]
Error = TypeVar("Error", bound=BeakerDynamoDBError)

#: How long a request waits for the table that it creates, in seconds.
WAIT_IN_REQUEST = 10.0
#: Most calls for one batch: DynamoDB may leave out a part of it each time.
BATCH_TRIES = 10
#: Items that one BatchWriteItem takes.
BATCH_SIZE = 25


class ItemResult(NamedTuple):
    """Whether a write is done, and the item that it replaced or, if refused, that is stored.

    Attributes:
        done: whether the write is done.
        item: the item; None if there is none.
        is_repeated: whether an earlier attempt at a refused write may have been done, and its
            answer lost.
    """

    done: bool
    item: Item | None = None
    is_repeated: bool = False


class Table:
    """One table: its model, its definition, and the calls about its items.

    Each call creates the table if it is missing and `create_table` says so, and reads expired
    credentials of the AWS chain again; either way it retries once. It raises `StoreUnavailable` if
    DynamoDB does not answer, and `TableError` if the table cannot be used.

    Args:
        options: those with the flags `table` and `client` count, and `create_table`.
    """

    def __init__(self, options: Options) -> None:
        self.model = bound_model(options)
        self.definition = TableDefinition(self.model)
        self._connection = connection_of(self.model)
        self._name = options.table_name
        self._creates_missing = options.create_table
        self._longest_batch = options.longest_call
        self._hook = ErrorHook(options.on_error)

    @property
    def location(self) -> Location:
        """Table and region; the AWS chain's region once there is a client."""
        return self._connection.location

    @property
    def arn(self) -> str:
        """The ARN of the table, in any account."""
        return table_arn(self.location)

    @property
    def found_options(self) -> Options:
        """The options, with what the AWS chain provided once there is a client."""
        return self._connection.found_options

    @property
    def client(self) -> Any:
        """The botocore client that makes the calls."""
        return self._connection.client

    def missing_settings(self) -> set[str]:
        """The options without which no call can be made, as the AWS chain does not provide them."""
        with translated(self._connection):
            return self._connection.shared.missing_settings()

    def verify_no_outage(self) -> None:
        """Raise at once what a call would raise in an outage that is still going on.

        For calls that can be done without; see `Breaker`. Of these, a few are let through.

        Raises:
            StoreUnavailable: DynamoDB did not answer a moment ago.
        """
        if not self._connection.shared.breaker.allows_call():
            raise self.error(StoreUnavailable, "DynamoDB did not answer a moment ago: try again")

    def error(self, kind: type[Error], message: str) -> Error:
        """An error that names this table and its region."""
        return kind(message, **self.location)

    def located(self, error: Error) -> Error:
        """The same error, with the table's name and region added."""
        located = self.error(type(error), error.message)
        located.cause = error.cause or error
        return located

    def report(self, error: BeakerDynamoDBError) -> None:
        """Hand an error that is raised to Beaker, or only logged, to `on_error`."""
        self._hook.report(error)

    def get(self, key: RowKey, *, consistent: bool) -> Item | None:
        """The item under a key; None if there is none."""
        call = partial(
            self._connection.get_item,
            self._name,
            key.partition,
            key.sort,
            consistent_read=consistent,
        )
        item: Item | None = self._request("GetItem", key, call).get("Item")
        return item

    def write(self, operation: str, key: RowKey, arguments: Arguments) -> ItemResult:
        """Write or delete one item.

        Args:
            operation: `PutItem`, `UpdateItem` or `DeleteItem`.
            key: of the item.
            arguments: as PynamoDB's `get_..._kwargs_from_instance` builds them, or what builds
                them for each attempt.
        """
        attempts = self._connection.attempts()
        attempt = partial(self._connection.attempt, operation, partial(_returning_item, arguments))
        run = self._connection.runner(operation, attempts)
        answer = self._request(operation, key, partial(run, attempt))
        if not isinstance(answer, ClientError):
            return ItemResult(True, answer.get("Attributes"))
        # A stand-in that does not know ReturnValuesOnConditionCheckFailure returns no item.
        item = response_of(answer).get("Item") or self.get(key, consistent=True)
        return ItemResult(False, item, is_repeated=attempts.may_be_done)

    def get_batch(self, subject: RowKey, keys: Iterable[RowKey]) -> list[Item]:
        """The items under at most 100 keys, in any order and without those that are missing.

        Args:
            subject: the key that the log names.
            keys: of the items.
        """
        wanted = {"Keys": [self._key(key) for key in keys], "ConsistentRead": True}
        answers = self._batch("BatchGetItem", "UnprocessedKeys", subject, wanted)
        return [item for answer in answers for item in _of_table(answer, "Responses") or []]

    def put_batch(self, subject: RowKey, items: Iterable[SessionModel]) -> None:
        """Store items, whatever is stored."""
        self._write_batch(subject, [{"PutRequest": {"Item": item.serialize()}} for item in items])

    def delete_batch(self, subject: RowKey, keys: Iterable[RowKey]) -> None:
        """Delete items; nothing happens for a key without one."""
        self._write_batch(subject, [{"DeleteRequest": {"Key": self._key(key)}} for key in keys])

    def query(self, partition: str, attributes: Sequence[Attribute[Any]]) -> list[Item]:
        """All items of a partition, however many pages they take.

        Args:
            partition: the partition key.
            attributes: those to read, the partition key among them.
        """
        names = [attribute.attr_name for attribute in attributes]
        arguments = {"consistent_read": True, "attributes_to_get": names}
        query = self.model.table_connection().query

        def all_pages() -> list[Item]:
            pages: ResultIterator[Item] = ResultIterator(query, (partition,), dict(arguments))
            items = list(pages)
            check_partition(self.model.id.attr_name, partition, items)
            return items

        items: list[Item] = self._request("Query", RowKey(partition, "*"), all_pages)
        return items

    def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Make a call that is not about one item.

        Args:
            operation: one of `OPERATIONS`.
            arguments: its arguments; the table's name is added unless they name a resource.
        """
        named = {} if "ResourceArn" in arguments else {"TableName": self._name}
        call = partial(self._connection.dispatch, operation, {**named, **arguments})
        answer: dict[str, Any] = self._request(operation, RowKey("", "*"), call)
        return answer

    def parse(self, item: Item) -> SessionModel:
        """The model of an item.

        Raises:
            CorruptItem: an attribute has another form than this package writes.
        """
        try:
            return self.model.from_raw_data(item)
        except (AttributeDeserializationError, ArithmeticError, OSError, ValueError) as error:
            reason = "an item's attributes do not have the form that this package writes"
            raise self.located(CorruptItem(reason, cause=error)) from error

    def _key(self, key: RowKey) -> Item:
        names = (self.model.id.attr_name, self.model.item.attr_name)
        return {
            name: {"S": part} for name, part in zip(names, (key.partition, key.sort), strict=True)
        }

    def _write_batch(self, subject: RowKey, requests: list[dict[str, Any]]) -> None:
        for start in range(0, len(requests), BATCH_SIZE):
            batch = requests[start : start + BATCH_SIZE]
            for _ in self._batch("BatchWriteItem", "UnprocessedItems", subject, batch):
                pass

    def _batch(
        self, operation: str, unprocessed: str, subject: RowKey, requested: Any
    ) -> Iterator[dict[str, Any]]:
        """DynamoDB's answers, until it leaves nothing out.

        It leaves out what the table has no capacity for, and expects a pause before the next call
        (API reference, BatchWriteItem and BatchGetItem).
        """
        deadline = time.monotonic() + self._longest_batch
        for _, pause in zip(range(BATCH_TRIES), pauses(), strict=False):
            arguments = {"RequestItems": {self._name: requested}}
            call = partial(self._connection.dispatch, operation, arguments)
            answer = self._request(operation, subject, call)
            yield answer
            requested = _of_table(answer, unprocessed)
            if not requested:
                return
            if time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
        raise self.error(
            StoreUnavailable,
            "DynamoDB left part of a batch undone: raise the table's capacity or try again later",
        )

    def _request(self, operation: str, key: RowKey, call: Callable[[], Any]) -> Any:
        """Make a call, and retry it once if the cause of its failure can be repaired."""
        client = self._connection.shared.current
        try:
            answer = self._attempt(operation, key, call)
        except BeakerDynamoDBError as error:
            if not self._repair(error, client):
                raise self._explain(error) from error.cause
            answer = self._attempt(operation, key, call)
        if self._creates_missing:
            self.definition.ensure_ttl()
        return answer

    def _attempt(self, operation: str, key: RowKey, call: Callable[[], Any]) -> Any:
        """The answer to a call; the `ClientError` itself if a condition was not met."""
        counters.count_call(operation)
        try:
            with translated(self._connection):
                try:
                    answer = call()
                except ClientError as error:
                    answer = _refusal(error)
        except BeakerDynamoDBError as error:
            self._connection.shared.breaker.note_error(error)
            counters.add(outages=isinstance(error, StoreUnavailable))
            logger.debug("%s %s: %s", operation, key, error)
            raise
        self._connection.shared.breaker.note_answer()
        logger.debug("%s %s: %s", operation, key, _summary(operation, answer))
        return answer

    def _repair(self, error: BeakerDynamoDBError, client: Any) -> bool:
        """Create a missing table, or read outdated credentials again; False if neither helps."""
        if error.code == TABLE_MISSING and self._creates_missing:
            self.definition.create(limit=WAIT_IN_REQUEST)
            return True
        return error.code in OUTDATED_CREDENTIALS and self._connection.shared.renew(client)

    def _explain(self, error: BeakerDynamoDBError) -> BeakerDynamoDBError:
        """The table's own error, if that is why DynamoDB refused the call."""
        concerns_table = error.code in {"ValidationException", TABLE_IN_USE, TABLE_MISSING}
        if not concerns_table or isinstance(error, ItemTooLarge):
            return error
        try:
            explanation = self.definition.find_error()
        except BeakerDynamoDBError:
            # Without permission to describe the table, or in an outage, the first error counts.
            return error
        if explanation is not None:
            explanation.code, explanation.cause = error.code, error.cause
        return explanation or error


def is_present(attribute: Attribute[Any]) -> Condition:
    """The condition that an item has an attribute, in the type that this package writes.

    attribute_type(name, type): unlike attribute_exists, it excludes a NULL.
    """
    condition: Condition = attribute.is_type()  # type: ignore[no-untyped-call]
    return condition


def equals(attribute: Attribute[Any], value: object) -> Condition:
    """The condition that an item's attribute has a value."""
    condition: Condition = attribute == value
    return condition


def is_unchanged(model: type[SessionModel], item: Item) -> Condition | None:
    """The condition that an item's attributes are as they were read; None if it has none."""
    names = {attribute.attr_name for attribute in model.get_attributes().values()}
    unchanged = [Path([name]) == item[name] for name in sorted(names & item.keys())]
    return reduce(and_, unchanged) if unchanged else None


def _returning_item(arguments: Arguments) -> dict[str, Any]:
    """The arguments of a write that returns the stored item, which PynamoDB's own cannot."""
    built = arguments() if callable(arguments) else arguments
    returning = {**built, "ReturnValues": "ALL_OLD"}
    if "ConditionExpression" in built:
        returning["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return returning


def _refusal(error: ClientError) -> ClientError:
    """The refusal of a condition; any other error is raised again."""
    if error_code(error) != CONDITION_FAILED:
        raise error
    return error


def _of_table(answer: dict[str, Any], part: str) -> Any:
    """The only entry in a batch's answer; its key is the table's name, even for an ARN."""
    return next(iter(answer.get(part, {}).values()), None)


def _summary(operation: str, answer: object) -> str:
    if operation == "GetItem" and isinstance(answer, dict):
        return "found" if "Item" in answer else "not found"
    return "condition not met" if isinstance(answer, ClientError) else "done"
