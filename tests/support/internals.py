"""The internal names of the package that tests import; no other module of the tests names them."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import ref

import pytest

from beaker_dynamodb import codec
from beaker_dynamodb.caches import CreationLock, creation, creation_lease, heartbeat
from beaker_dynamodb.caches.entry import CacheEntry
from beaker_dynamodb.caches.heartbeat import Heartbeat
from beaker_dynamodb.cli.configuration import options_in
from beaker_dynamodb.codec import Content, Dictionary, Encoding, SavedSession, Signer, train
from beaker_dynamodb.codec.compare import changed
from beaker_dynamodb.codec.data import Compression
from beaker_dynamodb.codec.formats import PICKLED_DICT
from beaker_dynamodb.codec.names import unknown_names
from beaker_dynamodb.dictionaries import (
    Dictionaries,
    DictionaryStore,
    Sample,
    forget_dictionaries,
    may_be_sample,
    train_on,
    trainer,
)
from beaker_dynamodb.dictionaries.dictionaries import start_daemon
from beaker_dynamodb.dictionaries.known import KnownDictionaries
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
from beaker_dynamodb.table.client import OpenClients, SharedClient
from beaker_dynamodb.table.connection import DynamoDBConnection
from beaker_dynamodb.table.hooks import ObservedEvents
from beaker_dynamodb.table.keys import original_key, partition_key, session_key, value_key
from beaker_dynamodb.table.lean import LEAN_OPERATIONS, LeanClient
from beaker_dynamodb.table.origin import check_keys
from beaker_dynamodb.table.retry import UnusableAnswer
from beaker_dynamodb.table.transport import Answer, Route, Transport

__all__ = [
    "FIRST_PAUSE",
    "LEAN_OPERATIONS",
    "LONGEST_CREATION",
    "LONGEST_PAUSE",
    "PART_SIZE",
    "PICKLED_DICT",
    "Answer",
    "Backend",
    "Baseline",
    "Breaker",
    "CacheEntry",
    "Compression",
    "Content",
    "CreationLock",
    "Dictionaries",
    "Dictionary",
    "DictionaryStore",
    "DynamoDBConnection",
    "Encoding",
    "Heartbeat",
    "KnownDictionaries",
    "LeanClient",
    "Marker",
    "ObservedEvents",
    "OpenClients",
    "PartsName",
    "Route",
    "Row",
    "RowKey",
    "Rows",
    "Sample",
    "SavedSession",
    "SharedClient",
    "Signer",
    "Successor",
    "TableDefinition",
    "Transport",
    "UnusableAnswer",
    "WriteResult",
    "backoff",
    "bind",
    "breaker",
    "changed",
    "check_keys",
    "client_module",
    "codec",
    "connection_of",
    "create",
    "creation",
    "creation_lease",
    "forget_connections",
    "forget_dictionaries",
    "forget_outages",
    "forgetting_locks",
    "heartbeat",
    "may_be_sample",
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
    "start_daemon",
    "table_module",
    "train",
    "train_on",
    "trainer",
    "unknown_names",
    "value_key",
]


def forget_outages() -> None:
    """Let each client call again at once: another test has injected the outage."""
    for shared in list(bind._registry._clients.values()):
        shared.breaker.note_answer()


@contextmanager
def forgetting_locks() -> Iterator[None]:
    """Let nobody hold a lock that is acquired inside, and nobody release it later."""
    acquired: list[ref[lock.HeldLock]] = []
    hold = lock.LockOwner.hold

    def record(self: lock.LockOwner, name: lock.LockName, held: lock.HeldLock) -> None:
        acquired.append(ref(held))
        hold(self, name, held)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock.LockOwner, "hold", record)
        yield
    for held in filter(None, (each() for each in acquired)):
        held.depth = 0
    lock._thread.owners.clear()
    lock._thread.yielded = None
    while not lock._abandoned.empty():
        lock._abandoned.get()
