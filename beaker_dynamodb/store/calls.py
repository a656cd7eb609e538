"""How the engine is asked: errors made our own, mended where that can be done, calls logged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pynamodb.exceptions import AttributeDeserializationError

from ..errors import BeakerDynamoDBError, ConflictError, CorruptItem, ItemTooLarge
from ..model import SessionModel, bound_model, client_in_use, location, renew_credentials
from ..options import Options
from . import table
from .faults import OUTDATED, TABLE_MISSING, translated
from .keys import RowKey

logger = logging.getLogger("beaker_dynamodb.store")
Answer = TypeVar("Answer")
CodecError = TypeVar("CodecError", CorruptItem, ItemTooLarge)

#: How long a request waits for the table that it has created, in seconds.
WAIT_IN_REQUEST = 10.0


class Calls:
    """Calls to the engine about one table.

    Each raises `StoreUnavailable` where the engine does not answer, and `TableError` where the
    table cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self._model = bound_model(options)
        self._create_table = options.create_table

    def conflict(self, message: str) -> ConflictError:
        """The error for a session that another request has changed, with the table's name."""
        return ConflictError(message, **location(self._model))

    def located(self, error: CodecError) -> CodecError:
        """An error about data, with the table's name."""
        return type(error)(error.message, **location(self._model), cause=error.cause or error)

    def _ask(self, operation: str, key: RowKey, call: Callable[[], Answer]) -> Answer:
        """Make a call, and once more where what has refused it could be mended."""
        client = client_in_use(self._model)
        try:
            return self._call(operation, key, call)
        except BeakerDynamoDBError as error:
            if not self._is_mended(error, client):
                raise self._explained(error) from error.cause
        return self._call(operation, key, call)

    def _is_mended(self, error: BeakerDynamoDBError, client: Any) -> bool:
        """Whether the table was missing and has been created, or new credentials were found."""
        if error.code == TABLE_MISSING and self._create_table:
            table.create(self._model, limit=WAIT_IN_REQUEST)
            return True
        return error.code in OUTDATED and renew_credentials(self._model, client)

    def _call(self, operation: str, key: RowKey, call: Callable[[], Answer]) -> Answer:
        try:
            with translated(self._model):
                answer = call()
        except BeakerDynamoDBError as error:
            logger.debug("%s %s: %s", operation, key, error)
            raise
        logger.debug("%s %s: %s", operation, key, _outcome(operation, answer))
        return answer

    def _explained(self, error: BeakerDynamoDBError) -> BeakerDynamoDBError:
        """The table's own fault, where that is why DynamoDB has refused the call."""
        is_the_tables = error.code in {"ValidationException", TABLE_MISSING}
        if not is_the_tables or isinstance(error, ItemTooLarge):
            return error
        try:
            fault = table.key_fault(self._model)
        except BeakerDynamoDBError:
            # Who may not describe the table, or cannot now, is told of the first refusal.
            return error
        if fault is not None:
            fault.code, fault.cause = error.code, error.cause
        return fault or error

    def _read(self, item: dict[str, Any]) -> SessionModel:
        try:
            return self._model.from_raw_data(item)
        except (AttributeDeserializationError, ArithmeticError, OSError, ValueError) as error:
            reason = "an item's attributes are not of the form that is written here"
            raise self.located(CorruptItem(reason, cause=error)) from error


def _outcome(operation: str, answer: object) -> str:
    if operation == "GetItem" and isinstance(answer, dict):
        return "found" if "Item" in answer else "not found"
    return "condition failed" if isinstance(answer, ClientError) else "done"
