"""Everything that talks to DynamoDB: the model, the client, the calls, the errors."""

from pynamodb.expressions.condition import Condition

from .backoff import LONGEST_PAUSE, pauses, retry_pauses, wait_until
from .bind import forget_connections, session_model
from .client import CredentialSource
from .connection import Call, DynamoDBConnection
from .counters import counters, statistics
from .create import TableDefinition, TableState, TimeToLive
from .hints import create_command, policy_statement
from .inspect import Description, credential_source, describe_table, throttle_events
from .item import SessionModel, index_attribute
from .keys import (
    DICTIONARY,
    PART,
    SESSION,
    RowKey,
    belongs_to_session,
    dictionary_key,
    is_of_session,
    lock_key,
    original_key,
    part_key,
    partition_key,
    session_key,
    value_key,
)
from .operations import METRICS_ACTION, OPERATIONS, Operation, Role
from .report import ErrorHook, reported
from .schema import PLAIN_SETTINGS, TableSettings, chosen, index, index_name, schema
from .size import item_size, read_units, write_units
from .table import Item, ItemResult, Table, equals, is_present, is_unchanged
from .translate import ACCESS_DENIED, CONDITION_FAILED, TABLE_MISSING

__all__ = [
    "ACCESS_DENIED",
    "CONDITION_FAILED",
    "DICTIONARY",
    "LONGEST_PAUSE",
    "METRICS_ACTION",
    "OPERATIONS",
    "PART",
    "PLAIN_SETTINGS",
    "SESSION",
    "TABLE_MISSING",
    "Call",
    "Condition",
    "CredentialSource",
    "Description",
    "DynamoDBConnection",
    "ErrorHook",
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
    "TimeToLive",
    "belongs_to_session",
    "chosen",
    "counters",
    "create_command",
    "credential_source",
    "describe_table",
    "dictionary_key",
    "equals",
    "forget_connections",
    "index",
    "index_attribute",
    "index_name",
    "is_of_session",
    "is_present",
    "is_unchanged",
    "item_size",
    "lock_key",
    "original_key",
    "part_key",
    "partition_key",
    "pauses",
    "policy_statement",
    "read_units",
    "reported",
    "retry_pauses",
    "schema",
    "session_key",
    "session_model",
    "statistics",
    "throttle_events",
    "value_key",
    "wait_until",
    "write_units",
]
