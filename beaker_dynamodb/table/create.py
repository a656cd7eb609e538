"""The table itself: create it, wait until it is active, switch its TTL on, check its keys."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from pynamodb.exceptions import TableDoesNotExist
from pynamodb.exceptions import TableError as PynamoDBTableError

from ..errors import BeakerDynamoDBError, TableError
from .bind import connection_of
from .hints import policy_statement, table_arn
from .item import SessionModel
from .report import ErrorHook
from .schema import PLAIN_SETTINGS, TableSettings, chosen
from .translate import (
    ACCESS_DENIED,
    TABLE_IN_USE,
    UNKNOWN_OPERATION,
    error_code,
    missing_table,
    translated,
)

logger = logging.getLogger("beaker_dynamodb.table")

Progress = Callable[[str], None]
Sleep = Callable[[float], None]
Clock = Callable[[], float]

#: DynamoDB takes some ten seconds to make a table active.
POLL_INTERVAL = 1.0
LONGEST_WAIT = 120.0
#: States in which a table cannot be used yet (API reference, TableDescription).
_CHANGING = {"CREATING": "being created", "DELETING": "being deleted"}
#: States that waiting does not end, and what to do.
_UNUSABLE = {
    "ARCHIVING": "the table is being archived: restore it from its backup",
    "ARCHIVED": "the table is archived: restore it from its backup",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": (
        "DynamoDB cannot use the table's KMS key: enable the key and allow DynamoDB to use it"
    ),
    "REPLICATION_NOT_AUTHORIZED": (
        "the table's replicas may not be replicated: allow it in the table's resource policy"
    ),
}
#: Codes with which a creation is refused, and what that means. A table that is being deleted is
#: in use until it is gone; only so many tables can be created at once.
_NOT_CREATED = {
    TABLE_IN_USE: "table exists",
    "LimitExceededException": "DynamoDB creates no further table for now",
}
#: Tables that are remembered: renewed credentials that are passed as options name one again.
MOST_KNOWN_TTL = 256
#: The tables whose TTL this process has looked at, the one used last at the end.
_known_ttl: OrderedDict[tuple[str | None, ...], None] = OrderedDict()
#: A ValidationException says so if the TTL is on, or if another process is switching it on.
_TTL_IS_SET = ("TimeToLive is already enabled", "Time to live has been modified multiple times")


class TableState(NamedTuple):
    """What DescribeTable returns: the status, and the keys by name and type, in their order."""

    status: str
    keys: tuple[tuple[str, str], ...]


class TimeToLive(NamedTuple):
    """What DescribeTimeToLive returns: the status, and the attribute that says when."""

    status: str
    attribute: str | None

    @property
    def is_on(self) -> bool:
        """Whether DynamoDB deletes expired items, now or in a moment."""
        return self.status in {"ENABLED", "ENABLING"}


class TableDefinition:
    """The table of a bound model: what it should be, and what it is.

    Args:
        model: bound to the table.
    """

    def __init__(self, model: type[SessionModel]) -> None:
        self._model = model
        self._connection = connection_of(model)
        self._name = model.Meta.table_name
        options = self._connection.options
        self._place = (*options.place(), options.profile, options.aws_access_key_id)

    def create(
        self,
        progress: Progress = logger.info,
        limit: float = LONGEST_WAIT,
        sleep: Sleep = time.sleep,
        clock: Clock = time.monotonic,
        settings: TableSettings = PLAIN_SETTINGS,
    ) -> bool:
        """Create the table if it is missing, and wait until it is active.

        Any number of processes may do so at once: one creates the table, all wait for it. A table
        that is being deleted is created again once it is gone.

        Args:
            progress: receives a line for each step.
            limit: longest wait in seconds.
            sleep: waits for a number of seconds.
            clock: returns a time in seconds, from any starting point.
            settings: of a table that is missing; an existing one stays as it is.

        Returns:
            Whether this call created the table.

        Raises:
            TableError: the table has another key schema, cannot be used in its state, or is not
                active within the limit.
        """
        created = self._make_active(progress, limit, sleep, clock, settings)
        error = self.find_error()
        if error is not None:
            raise error
        _known_ttl.pop(self._place, None)
        self.ensure_ttl(progress)
        return created

    def ensure_ttl(self, progress: Progress = logger.info) -> None:
        """Switch the TTL on if it is off; once per process.

        A TTL that stays off, or is on for another attribute, is logged as a warning that says what
        to do, and is no error: an expired item counts as missing even if DynamoDB keeps it.

        Args:
            progress: receives a line if the TTL is switched on.
        """
        try:
            _known_ttl.move_to_end(self._place)
        except KeyError:  # the first use, or forgotten since
            self._ensure_ttl_at_first_use(progress)

    def _ensure_ttl_at_first_use(self, progress: Progress) -> None:
        _known_ttl[self._place] = None
        while len(_known_ttl) > MOST_KNOWN_TTL:
            _known_ttl.popitem(last=False)
        try:
            warning = self._switch_ttl_on(progress)
        except BeakerDynamoDBError as error:
            warning = self._explain_ttl(error)
        if warning:
            logger.warning("table %s: expired items stay stored. %s", self._name, warning)
            hook = ErrorHook(self._connection.options.on_error)
            hook.report(self._error(f"expired items stay stored. {warning}"))

    def time_to_live(self) -> TimeToLive:
        """The TTL of the table as DescribeTimeToLive returns it."""
        with translated(self._connection):
            table = {"TableName": self._name}
            found = self._connection.dispatch("DescribeTimeToLive", table)["TimeToLiveDescription"]
        return TimeToLive(found["TimeToLiveStatus"], found.get("AttributeName"))

    def describe(self) -> TableState | None:
        """Status and keys of the table; None if it is missing."""
        with translated(self._connection):
            try:
                description = self._model.describe_table()
            except TableDoesNotExist:
                return None
        return _state(description)

    def find_error(self) -> TableError | None:
        """The error for a table that is missing or has other keys; None if all is well."""
        state = self.describe()
        if state is None:
            return self._error(missing_table(self._connection))
        if state.status in _UNUSABLE:
            return self._error(_UNUSABLE[state.status])
        if state.status in _CHANGING:
            return self._error(f"the table is {_CHANGING[state.status]}: wait until it is active")
        expected = tuple((key.attr_name, "S") for key in (self._model.id, self._model.item))
        if state.keys == expected:
            return None
        return self._error(
            f"the table has the keys {_in_words(state.keys)}, but needs {_in_words(expected)}: "
            "set hash_key and range_key, or name another table"
        )

    def _make_active(
        self,
        progress: Progress,
        limit: float,
        sleep: Sleep,
        clock: Clock,
        settings: TableSettings,
    ) -> bool:
        """Create the table if it is missing, now or once its deletion is done."""
        deadline = clock() + limit
        created = self._request_creation(progress, settings)
        while not self._is_active(state := self.describe()):
            status = state.status if state else "not visible yet"
            if clock() >= deadline:
                raise self._error(
                    f"the table is not active after {limit:.0f} s (status: {status}): wait, or "
                    "look at it in the AWS console"
                )
            progress(f"table is {status}, waiting")
            sleep(POLL_INTERVAL)
            if state is None:
                created |= self._request_creation(progress, settings)
        return created

    def _request_creation(self, progress: Progress, settings: TableSettings) -> bool:
        """Request the creation; False if the table exists, or if it is refused for now."""
        meta = self._model.Meta
        table = {"TableName": meta.table_name, **meta.schema, **chosen(settings)}
        with translated(self._connection):
            try:
                self._connection.dispatch("CreateTable", table)
            except ClientError as error:
                outcome = _NOT_CREATED.get(error_code(error) or "")
                if outcome is None:
                    raise
                progress(outcome)
                return False
        progress("table created")
        return True

    def _is_active(self, state: TableState | None) -> bool:
        if state is not None and state.status in _UNUSABLE:
            raise self._error(_UNUSABLE[state.status])
        return state is not None and state.status not in _CHANGING

    def _switch_ttl_on(self, progress: Progress) -> str | None:
        """Switch the TTL on if it is off; what is wrong with it otherwise."""
        wanted, found = self._model.expires.attr_name, self.time_to_live()
        if found.is_on and found.attribute == wanted:
            return None
        if found.is_on:
            return (
                f"Its TTL is on for the attribute {found.attribute}, not {wanted}: "
                f"set ttl_attribute = {found.attribute}"
            )
        # Another application's table keeps its items.
        wrong = self.find_error()
        if wrong is not None:
            return str(wrong)
        with translated(self._connection):
            try:
                self._model.update_ttl(ignore_update_ttl_errors=False)
            except PynamoDBTableError as error:
                if any(text in str(error.cause) for text in _TTL_IS_SET):
                    return None
                raise
        progress("TTL switched on")
        return None

    def _explain_ttl(self, error: BeakerDynamoDBError) -> str:
        """What to do if DynamoDB or a stand-in refuses to show or to change the TTL."""
        if error.code == UNKNOWN_OPERATION:
            return "This stand-in for DynamoDB has no TTL: delete them with `beaker-dynamodb purge`"
        actions = ("dynamodb:DescribeTimeToLive", "dynamodb:UpdateTimeToLive")
        refusal = f"The TTL could not be switched on: {error}"
        if error.code != ACCESS_DENIED or any(action in error.message for action in actions):
            return refusal
        policies = " and ".join(
            policy_statement(action, table_arn(self._connection.location)) for action in actions
        )
        return f"{refusal}. Allow {policies}"

    def _error(self, message: str) -> TableError:
        return TableError(message, **self._connection.location)


def _state(description: dict[str, Any]) -> TableState:
    types = {a["AttributeName"]: a["AttributeType"] for a in description["AttributeDefinitions"]}
    schema = sorted(description["KeySchema"], key=lambda key: str(key["KeyType"]))
    names = [key["AttributeName"] for key in schema]
    return TableState(description["TableStatus"], tuple((name, types[name]) for name in names))


def _in_words(keys: tuple[tuple[str, Any], ...]) -> str:
    return " and ".join(f"{name} ({kind})" for name, kind in keys)
