"""Everything that talks to DynamoDB: the model, the client, the calls, the errors."""

from .backoff import pauses, wait_until
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
from .table import Item, ItemResult, Table, is_present, is_unchanged

__all__ = [
    "PART",
    "SESSION",
    "Item",
    "ItemResult",
    "RowKey",
    "SessionModel",
    "Table",
    "TableDefinition",
    "TableState",
    "belongs_to_session",
    "forget_connections",
    "is_present",
    "is_unchanged",
    "lock_key",
    "original_key",
    "part_key",
    "partition_key",
    "pauses",
    "session_key",
    "session_model",
    "value_key",
    "wait_until",
]
