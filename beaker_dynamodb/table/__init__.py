"""Everything that talks to DynamoDB: the model, the client, the calls, the errors."""

from pynamodb.expressions.condition import Condition

from .backoff import LONGEST_PAUSE, pauses, retry_pauses, wait_until
from .bind import forget_connections, session_model
from .create import TableDefinition, TableState
from .item import SessionModel
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
from .table import Item, ItemResult, Table, equals, is_present, is_unchanged

__all__ = [
    "LONGEST_PAUSE",
    "PART",
    "SESSION",
    "Condition",
    "Item",
    "ItemResult",
    "RowKey",
    "SessionModel",
    "Table",
    "TableDefinition",
    "TableState",
    "belongs_to_session",
    "equals",
    "forget_connections",
    "is_present",
    "is_unchanged",
    "lock_key",
    "original_key",
    "part_key",
    "partition_key",
    "pauses",
    "retry_pauses",
    "session_key",
    "session_model",
    "value_key",
    "wait_until",
]
