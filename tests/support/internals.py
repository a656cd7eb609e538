"""The internal names of the package that tests import; no other module of the tests names them."""

from beaker_dynamodb import codec
from beaker_dynamodb.caches import CreationLock, creation, creation_lease, heartbeat
from beaker_dynamodb.caches.entry import CacheEntry
from beaker_dynamodb.caches.heartbeat import Heartbeat
from beaker_dynamodb.cli.configuration import options_in
from beaker_dynamodb.codec import Content, SavedSession, Signer
from beaker_dynamodb.codec.compare import changed
from beaker_dynamodb.codec.data import Compression
from beaker_dynamodb.codec.formats import PICKLED_DICT
from beaker_dynamodb.codec.names import unknown_names
from beaker_dynamodb.manager import Backend
from beaker_dynamodb.options import option_rows, parse_options
from beaker_dynamodb.rows import (
    LONGEST_CREATION,
    Marker,
    Row,
    Rows,
    Successor,
    WriteResult,
    new_token,
    now,
)
from beaker_dynamodb.rows.parts import PART_SIZE
from beaker_dynamodb.rows.row import PartsName
from beaker_dynamodb.sessions import lock, saving
from beaker_dynamodb.sessions.attempt import Baseline
from beaker_dynamodb.table import (
    RowKey,
    TableDefinition,
    backoff,
    bind,
    breaker,
    create,
    forget_connections,
    retry,
    session_model,
)
from beaker_dynamodb.table import client as client_module
from beaker_dynamodb.table import table as table_module
from beaker_dynamodb.table.backoff import FIRST_PAUSE, LONGEST_PAUSE
from beaker_dynamodb.table.bind import connection_of
from beaker_dynamodb.table.breaker import Breaker
from beaker_dynamodb.table.client import SharedClient
from beaker_dynamodb.table.connection import DynamoDBConnection
from beaker_dynamodb.table.keys import original_key, partition_key, session_key, value_key

__all__ = [
    "FIRST_PAUSE",
    "LONGEST_CREATION",
    "LONGEST_PAUSE",
    "PART_SIZE",
    "PICKLED_DICT",
    "Backend",
    "Baseline",
    "Breaker",
    "CacheEntry",
    "Compression",
    "Content",
    "CreationLock",
    "DynamoDBConnection",
    "Heartbeat",
    "Marker",
    "PartsName",
    "Row",
    "RowKey",
    "Rows",
    "SavedSession",
    "SharedClient",
    "Signer",
    "Successor",
    "TableDefinition",
    "WriteResult",
    "backoff",
    "bind",
    "breaker",
    "changed",
    "client_module",
    "codec",
    "connection_of",
    "create",
    "creation",
    "creation_lease",
    "forget_connections",
    "forget_held_locks",
    "forget_outages",
    "heartbeat",
    "new_token",
    "now",
    "option_rows",
    "options_in",
    "original_key",
    "parse_options",
    "partition_key",
    "retry",
    "saving",
    "session_key",
    "session_model",
    "table_module",
    "unknown_names",
    "value_key",
]


def forget_outages() -> None:
    """Let each client call again at once: another test has injected the outage."""
    for shared in list(bind._registry._clients.values()):
        shared.breaker.note_answer()


def forget_held_locks() -> None:
    """Let this thread hold no lock: another test has left it, perhaps in the same table."""
    lock._held.locks.clear()
    lock._held.yielded = None
