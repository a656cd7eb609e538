"""The table itself: create it, wait for it, switch its TTL on, look at its keys."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pynamodb.exceptions import TableDoesNotExist
from pynamodb.exceptions import TableError as PynamoDBTableError

from ..errors import TableError
from ..model import SessionModel, location
from .faults import TABLE_IN_USE, engine_code, translated

logger = logging.getLogger("beaker_dynamodb.store")

Progress = Callable[[str], None]
Sleep = Callable[[float], None]
Clock = Callable[[], float]

#: DynamoDB takes some ten seconds to make a table active.
POLL_INTERVAL = 1.0
LONGEST_WAIT = 120.0
#: A ValidationException says so where the TTL is on, or being switched on by another process.
_TTL_IS_SET = ("TimeToLive is already enabled", "Time to live has been modified multiple times")


class TableState(NamedTuple):
    """What DescribeTable says: the status, and the keys by name and type in their order."""

    status: str
    keys: tuple[tuple[str, str], ...]


def create(
    model: type[SessionModel],
    progress: Progress = logger.info,
    limit: float = LONGEST_WAIT,
    sleep: Sleep = time.sleep,
    clock: Clock = time.monotonic,
) -> bool:
    """Create the model's table where it is missing, and wait until it can be used.

    Any number of processes may do so at once: one creates it, all wait for it.

    Args:
        model: the model bound to the table.
        progress: is told of each step, in words.
        limit: seconds after which it is no longer waited for.
        sleep: waits for a number of seconds.
        clock: tells the time in seconds, from any beginning.

    Returns:
        Whether this call created the table.

    Raises:
        TableError: the table has another key schema, or is not active within the limit.
    """
    created = _ask_for_table(model)
    progress("table created" if created else "table is there")
    deadline = clock() + limit
    while not _is_active(model, progress):
        if clock() >= deadline:
            raise TableError(
                f"the table is not active after {limit:.0f} s: wait, or look at it in the console",
                **location(model),
            )
        sleep(POLL_INTERVAL)
    _check_keys(model)
    if _switch_ttl_on(model):
        progress("TTL switched on")
    return created


def describe(model: type[SessionModel]) -> TableState | None:
    """Status and keys of the model's table; None where it is missing."""
    with translated(model):
        try:
            return _state(model.describe_table())
        except TableDoesNotExist:
            return None


def key_fault(model: type[SessionModel]) -> TableError | None:
    """The error for a table that is missing or has other keys; None where all is well."""
    state = describe(model)
    if state is None:
        return TableError(
            "the table is missing: run `beaker-dynamodb create-table`", **location(model)
        )
    if state.status == "CREATING":
        return TableError("the table is being created: wait until it is active", **location(model))
    expected = _schema(model)
    if state.keys == expected:
        return None
    return TableError(
        f"the table has the keys {_words(state.keys)}, where {_words(expected)} are needed: set "
        "hash_key and range_key, or name another table",
        **location(model),
    )


def _state(description: dict[str, Any]) -> TableState:
    types = {a["AttributeName"]: a["AttributeType"] for a in description["AttributeDefinitions"]}
    schema = sorted(description["KeySchema"], key=lambda key: str(key["KeyType"]))
    names = [key["AttributeName"] for key in schema]
    return TableState(description["TableStatus"], tuple((name, types[name]) for name in names))


def _ask_for_table(model: type[SessionModel]) -> bool:
    connection = model.table_connection()
    keys = connection.get_meta_table().data
    with translated(model):
        try:
            connection.create_table(
                attribute_definitions=keys["AttributeDefinitions"],
                key_schema=keys["KeySchema"],
                billing_mode=model.Meta.billing_mode,
                read_capacity_units=model.Meta.read_capacity_units,
                write_capacity_units=model.Meta.write_capacity_units,
            )
        except PynamoDBTableError as error:
            if engine_code(error) != TABLE_IN_USE:
                raise
            return False
    return True


def _is_active(model: type[SessionModel], progress: Progress) -> bool:
    state = describe(model)
    if state is not None and state.status in ("ACTIVE", "UPDATING"):
        return True
    progress(f"table is {state.status if state else 'not there yet'}, waiting")
    return False


def _check_keys(model: type[SessionModel]) -> None:
    fault = key_fault(model)
    if fault is not None:
        raise fault


def _switch_ttl_on(model: type[SessionModel]) -> bool:
    with translated(model):
        try:
            model.update_ttl(ignore_update_ttl_errors=False)
        except PynamoDBTableError as error:
            if any(text in str(error.cause) for text in _TTL_IS_SET):
                return False
            raise
    return True


def _schema(model: type[SessionModel]) -> tuple[tuple[str, str], ...]:
    return tuple((key.attr_name, "S") for key in (model.id, model.item))


def _words(keys: tuple[tuple[str, Any], ...]) -> str:
    return " and ".join(f"{name} ({kind})" for name, kind in keys)
