"""Everything that talks to DynamoDB: the model, the client, the calls, the errors."""

from pynamodb.expressions.condition import Condition

from .backoff import LONGEST_PAUSE, pauses, retry_pauses, wait_until
from .bind import forget_connections, session_model
from .create import TableDefinition, TableState
from .item import SessionModel, index_attribute
from .keys import (
    PART,
    SESSION,
    RowKey,
    belongs_to_session,
    lock_key,
    original_key,
    part_key,
    partition_key,
    session_key,
    value_key,
)
from .operations import OPERATIONS, Operation, Role
from .schema import PLAIN_SETTINGS, TableSettings, chosen, index, index_name, schema
from .size import item_size, read_units, write_units
from .table import Item, ItemResult, Table, equals, is_present, is_unchanged

__all__ = [
    "LONGEST_PAUSE",
    "OPERATIONS",
    "PART",
    "PLAIN_SETTINGS",
    "SESSION",
    "Condition",
    "Item",
    "ItemResult",
    "Operation",
    "Role",
    "RowKey",
    "SessionModel",
    "Table",
    "TableDefinition",
    "TableSettings",
    "TableState",
    "belongs_to_session",
    "chosen",
    "equals",
    "forget_connections",
    "index",
    "index_attribute",
    "index_name",
    "is_present",
    "is_unchanged",
    "item_size",
    "lock_key",
    "original_key",
    "part_key",
    "partition_key",
    "pauses",
    "read_units",
    "retry_pauses",
    "schema",
    "session_key",
    "session_model",
    "value_key",
    "wait_until",
    "write_units",
]
