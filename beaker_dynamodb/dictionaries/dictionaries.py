"""Dictionaries: what sessions are compressed with, known without a call in a request."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from ..codec import Dictionary, SavedSession
from ..errors import BeakerDynamoDBError, StoreUnavailable
from ..options import Options
from ..rows import Leases, Rows, now
from ..table import RowKey, Table
from .known import KnownDictionaries
from .store import DictionaryStore
from .trainer import Samples, Trainer

logger = logging.getLogger("beaker_dynamodb.dictionaries")

#: Tables of which this process keeps the dictionaries.
MOST_TABLES = 32


def start_daemon(run: Callable[[], None]) -> None:
    """Run a function in another thread, which ends with the process."""
    threading.Thread(target=run, name="beaker-dynamodb dictionaries", daemon=True).start()


class _State(NamedTuple):
    """What this process knows of a table's dictionaries, whichever backend uses it."""

    known: KnownDictionaries
    samples: Samples


class Dictionaries:
    """The dictionaries of one application in a table.

    Args:
        rows: of the table.
        leases: of the table.
        options: of the backend.
    """

    #: How work in the background begins.
    start: ClassVar[Callable[[Callable[[], None]], None]] = staticmethod(start_daemon)

    def __init__(self, rows: Rows, leases: Leases, options: Options) -> None:
        self._table: Table = rows.table
        self._store = DictionaryStore(rows, options.key_prefix)
        self._is_used = options.compression == "zstd" and options.dictionary != "none"
        self._known, samples = _registry.state(options)
        is_auto = self._is_used and options.dictionary == "auto"
        trainer = Trainer(self._store, self._known, samples, leases, options)
        self._trainer = trainer if is_auto else None

    def find(self, name: bytes) -> Dictionary:
        """The dictionary that a row names; read once in a process.

        Raises:
            TableError: it is missing, or was altered.
            StoreUnavailable: DynamoDB did not answer.
        """
        return self._known.get(name, self._store.read, now())

    def current(self, life: int | None) -> Dictionary | None:
        """The dictionary for a new row, as far as this process knows; makes no call.

        Args:
            life: of the row, in seconds; None for ever.
        """
        if not self._is_used:
            return None
        moment = now()
        if self._known.claim_refresh(moment):
            self._begin(self._refresh)
        dictionary = self._known.current(moment)
        return dictionary if dictionary and dictionary.covers(life) else None

    def note(self, key: RowKey, session: SavedSession, life: int | None) -> None:
        """Note a session as a sample, and begin to train once there are enough.

        Args:
            key: of its row.
            session: that was read or is written.
            life: of its row, in seconds; None for ever.
        """
        if self._trainer and self._trainer.note(key, session, life, now()):
            self._begin(self._trainer.run)

    def _refresh(self) -> None:
        """Learn which dictionary is current: one eventually consistent read of a small row."""
        moment = now()
        try:
            name = self._store.current_name(consistent=False)
            self._known.confirm(self.find(name) if name else None, moment)
        except StoreUnavailable:
            # The one that is known stays in use for a while.
            raise
        except BeakerDynamoDBError:
            self._known.confirm(None, moment)
            raise

    def _begin(self, work: Callable[[], Any]) -> None:
        def run() -> None:
            try:
                work()
            except BeakerDynamoDBError as error:
                logger.warning("sessions are compressed without a new dictionary: %s", error)
                self._table.report(error)

        try:
            type(self).start(run)
        except RuntimeError as error:
            # At its exit the interpreter starts no thread; a limit of the machine is met.
            logger.warning("dictionaries are not refreshed, because no thread can start: %s", error)


class _Registry:
    """The state of each table in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: OrderedDict[tuple[Any, ...], _State] = OrderedDict()

    def state(self, options: Options) -> _State:
        key = (options.place(), options.key_prefix, options.signing_key)
        with self._lock:
            state = self._states.setdefault(key, _State(KnownDictionaries(), Samples()))
            self._states.move_to_end(key)
            while len(self._states) > MOST_TABLES:
                self._states.popitem(last=False)
            return state

    def forget_threads(self) -> None:
        self._lock = threading.Lock()
        for state in self._states.values():
            state.known.forget_threads()
            state.samples.forget_threads()

    def forget(self) -> None:
        for state in self._states.values():
            state.known.forget()
            state.samples.forget()


_registry = _Registry()
#: Begin with no knowledge, as a new process does.
forget_dictionaries = _registry.forget
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_registry.forget_threads)
