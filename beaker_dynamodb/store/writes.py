"""Single items read and written, and what the engine tells of the item that stood there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition

from .calls import Calls
from .faults import CONDITION_FAILED, engine_code
from .keys import RowKey


class Outcome(NamedTuple):
    """Whether a write was done, and the item that it replaced, or else that stands in its way."""

    done: bool
    item: dict[str, Any] | None = None


def holds(attribute: Attribute[Any]) -> Condition:
    """The condition that an item holds an attribute in the type in which it is written here.

    attribute_type(name, type): unlike attribute_exists, not for a NULL.
    """
    condition: Condition = attribute.is_type()  # type: ignore[no-untyped-call]
    return condition


class Writes(Calls):
    """The calls about single items of one table."""

    def _item(self, key: RowKey, consistent: bool) -> dict[str, Any] | None:
        connection = self._model.table_connection()
        answer = self._ask(
            "GetItem",
            key,
            lambda: connection.get_item(key.partition, key.sort, consistent_read=consistent),
        )
        return answer.get("Item")

    def _write(
        self, operation: str, key: RowKey, arguments: Callable[[], dict[str, Any]]
    ) -> Outcome:
        # PynamoDB's own save, update and delete have no way to ask for the item.
        asked = {**arguments(), "ReturnValues": "ALL_OLD"}
        if "ConditionExpression" in asked:
            asked["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        connection = self._model.table_connection().connection

        def conditional() -> dict[str, Any] | ClientError:
            try:
                return connection.dispatch(operation, dict(asked))
            except ClientError as error:
                if engine_code(error) != CONDITION_FAILED:
                    raise
                # PynamoDB keeps of the answer only the code.
                return error.__cause__ if isinstance(error.__cause__, ClientError) else error

        answer = self._ask(operation, key, conditional)
        if not isinstance(answer, ClientError):
            return Outcome(True, answer.get("Attributes"))
        # An engine that knows nothing of ReturnValuesOnConditionCheckFailure returns no item.
        return Outcome(False, answer.response.get("Item") or self._item(key, consistent=True))
