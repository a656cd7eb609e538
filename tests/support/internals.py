"""The internal names of the package that tests import; no other module of the tests names them."""

from beaker_dynamodb import codec
from beaker_dynamodb.caches import CreationLock, creation
from beaker_dynamodb.caches.entry import CacheEntry
from beaker_dynamodb.codec import Content, SavedSession, Signer
from beaker_dynamodb.codec.compare import changed
from beaker_dynamodb.codec.data import Compression
from beaker_dynamodb.codec.session import PICKLED_DICT
from beaker_dynamodb.manager import Backend
from beaker_dynamodb.options import option_rows, parse_options
from beaker_dynamodb.rows import Marker, Row, Rows, Successor, WriteResult, new_token, now
from beaker_dynamodb.rows.parts import PART_SIZE
from beaker_dynamodb.rows.row import PartsName
from beaker_dynamodb.sessions import saving
from beaker_dynamodb.sessions.attempt import Baseline
from beaker_dynamodb.table import (
    RowKey,
    TableDefinition,
    backoff,
    forget_connections,
    session_model,
)
from beaker_dynamodb.table import table as table_module
from beaker_dynamodb.table.backoff import FIRST_PAUSE, LONGEST_PAUSE
from beaker_dynamodb.table.bind import connection_of
from beaker_dynamodb.table.connection import DynamoDBConnection
from beaker_dynamodb.table.keys import original_key, partition_key, session_key, value_key

__all__ = [
    "FIRST_PAUSE",
    "LONGEST_PAUSE",
    "PART_SIZE",
    "PICKLED_DICT",
    "Backend",
    "Baseline",
    "CacheEntry",
    "Compression",
    "Content",
    "CreationLock",
    "DynamoDBConnection",
    "Marker",
    "PartsName",
    "Row",
    "RowKey",
    "Rows",
    "SavedSession",
    "Signer",
    "Successor",
    "TableDefinition",
    "WriteResult",
    "backoff",
    "changed",
    "codec",
    "connection_of",
    "creation",
    "forget_connections",
    "new_token",
    "now",
    "option_rows",
    "original_key",
    "parse_options",
    "partition_key",
    "saving",
    "session_key",
    "session_model",
    "table_module",
    "value_key",
]
