"""The rows of a table: their keys, the conditions of each write, and the engine's faults."""

from .keys import SESSION, RowKey, partition_key, session_key, value_key
from .listing import Listing
from .rows import Row, Store, Written, new_version, now
from .table import create, describe, key_fault

__all__ = [
    "SESSION",
    "Listing",
    "Row",
    "RowKey",
    "Store",
    "Written",
    "create",
    "describe",
    "key_fault",
    "new_version",
    "now",
    "partition_key",
    "session_key",
    "value_key",
]
