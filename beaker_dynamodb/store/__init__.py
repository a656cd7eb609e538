"""The rows of a table: their keys, their leases, the conditions of each write, the faults."""

from .keys import SESSION, RowKey, lock_key, partition_key, session_key, value_key
from .leases import Leases, Seen, Standing
from .listing import Listing
from .parts import READ_TRIES, new_version
from .pauses import pauses
from .row import Row, now
from .rows import Store, Written
from .table import create, describe, key_fault

__all__ = [
    "READ_TRIES",
    "SESSION",
    "Leases",
    "Listing",
    "Row",
    "RowKey",
    "Seen",
    "Standing",
    "Store",
    "Written",
    "create",
    "describe",
    "key_fault",
    "lock_key",
    "new_version",
    "now",
    "partition_key",
    "pauses",
    "session_key",
    "value_key",
]
