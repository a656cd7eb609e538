"""The internal names of the package that tests import; no other module of the tests names them."""

from beaker_dynamodb import codec, lock, snapshot
from beaker_dynamodb.codec import Content, SessionText, Signer
from beaker_dynamodb.codec.data import Compression
from beaker_dynamodb.model import forget_connections, renew_credentials
from beaker_dynamodb.namespace.live import Loaded
from beaker_dynamodb.namespace.reading import Looked
from beaker_dynamodb.options import option_rows, parse_options
from beaker_dynamodb.snapshot.sessions import PICKLED_DICT
from beaker_dynamodb.store import (
    Row,
    RowKey,
    Store,
    Written,
    batches,
    create,
    describe,
    new_version,
    now,
)
from beaker_dynamodb.store import table as tables
from beaker_dynamodb.store.keys import original_key, partition_key, session_key, value_key
from beaker_dynamodb.store.parts import PART_SIZE, PartsName
from beaker_dynamodb.store.pauses import FIRST_PAUSE, LONGEST_PAUSE

__all__ = [
    "FIRST_PAUSE",
    "LONGEST_PAUSE",
    "PART_SIZE",
    "PICKLED_DICT",
    "Compression",
    "Content",
    "Loaded",
    "Looked",
    "PartsName",
    "Row",
    "RowKey",
    "SessionText",
    "Signer",
    "Store",
    "Written",
    "batches",
    "codec",
    "create",
    "describe",
    "forget_connections",
    "lock",
    "new_version",
    "now",
    "option_rows",
    "original_key",
    "parse_options",
    "partition_key",
    "renew_credentials",
    "session_key",
    "snapshot",
    "tables",
    "value_key",
]
