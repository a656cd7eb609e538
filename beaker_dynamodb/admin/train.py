"""Train a dictionary on live sessions, or on those of a file, and store it."""

from __future__ import annotations

import dataclasses
import logging
import math
import pickle
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..codec import ACCESSED_TIME, CREATION_TIME, Dictionary, SavedSession
from ..dictionaries import ENOUGH, DictionaryStore, Sample, Training, may_be_sample, train_on
from ..errors import CorruptItem, TableError
from ..manager import Backend
from ..options import ONE_DAY, Options, zstd_library
from ..rows import Row, now
from ..sessions import Lifetime
from ..table import SESSION, Item, RowKey, is_of_session, item_size
from .scan import Crew, Page, item_count, number_of_segments, pages
from .table import backend_of

logger = logging.getLogger("beaker_dynamodb.admin")

WORKERS = 4
#: In seconds. No browser keeps a cookie longer than 400 days; a training doubles this.
SYNTHETIC_LIFE = 200 * ONE_DAY
#: Bytes of a session's item besides its data.
SYNTHETIC_OVERHEAD = 250

#: Receives the number of samples so far, and of items that were read.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingReport:
    """What was trained, and what it will save.

    Attributes:
        scanned: items that were read, or lines of the file.
        samples: sessions among them that were used.
        left_out: sessions that no dictionary is trained on: encrypted ones, those of other
            serializers, large ones, and those that cannot be read.
        trained: samples that the dictionary was trained on.
        held_back: samples that it was measured on.
        size: mean bytes of those, before compression.
        size_before: mean bytes of their data as stored now.
        size_after: mean bytes of their data with the dictionary.
        units_before: mean write units of those as stored now.
        units_after: likewise with the dictionary.
        dictionary: its name; None if the samples are too few or too small for one.
        dictionary_size: its bytes.
        is_stored: whether it is stored, and current.
        read_units: that reading has consumed.
    """

    scanned: int
    samples: int
    left_out: int
    trained: int
    held_back: int
    size: float
    size_before: float
    size_after: float
    units_before: float
    units_after: float
    dictionary: str | None
    dictionary_size: int
    is_stored: bool
    read_units: float


def train(
    options: Options,
    contents: Iterable[Mapping[str, Any]] | None = None,
    progress: Progress = lambda _samples, _read: None,
    *,
    dry_run: bool = False,
) -> TrainingReport:
    """Train a dictionary, measure it on sessions held back, and store it if it saves write units.

    Reads a sample of the table by eventually consistent reads. A row that was altered is no
    sample, and an encrypted session never is one.

    Args:
        options: of the backend.
        contents: synthetic sessions to train on instead of those in the table.
        progress: receives how far it is, from any thread.
        dry_run: whether to store nothing.

    Raises:
        ConfigurationError: zstd is not installed.
        TableError: the table is missing, or access was denied.
        StoreUnavailable: DynamoDB did not answer.
    """
    zstd_library()
    own = dataclasses.replace(options, dictionary="stored")
    backend = backend_of(own)
    store = DictionaryStore(backend.rows, own.key_prefix)
    found = _live(backend, progress) if contents is None else _synthetic(own, contents)
    created = math.floor(now())
    training = train_on(found.samples, created, own.compression, _current(backend, store))
    is_stored = training.is_worth_it and not dry_run
    if training.dictionary is not None and is_stored:
        store.install(training.dictionary)
    return _report(found, training, is_stored=is_stored)


def retire(options: Options) -> str | None:
    """Let sessions be compressed without a dictionary; returns the name of the one that was used.

    It stays stored as long as a session may need it. With `dictionary = auto` another one follows.

    Args:
        options: of the backend.

    Raises:
        TableError: the table is missing, or access was denied.
        StoreUnavailable: DynamoDB did not answer.
    """
    rows = backend_of(options).rows
    name = DictionaryStore(rows, options.key_prefix).retire_current()
    return name.hex() if name else None


@dataclass
class _Found:
    """Sessions to train on, and how many were looked at."""

    samples: list[Sample] = field(default_factory=list)
    scanned: int = 0
    left_out: int = 0
    read_units: float = 0.0

    def add(self, sample: Sample | None) -> None:
        if sample is None:
            self.left_out += 1
        elif len(self.samples) < ENOUGH:
            self.samples.append(sample)

    def add_page(self, page: Page, samples: Iterable[Sample | None]) -> None:
        self.scanned += page.scanned
        self.read_units += page.units
        for sample in samples:
            self.add(sample)


def _synthetic(options: Options, contents: Iterable[Mapping[str, Any]]) -> _Found:
    idle = Lifetime.of(options, None).idle
    life = None if idle is None else max(idle, SYNTHETIC_LIFE)
    found = _Found()
    for content in contents:
        found.scanned += 1
        times = {CREATION_TIME: now(), ACCESSED_TIME: now()}
        # As Beaker's own serializer does (beaker/util.py).
        session = SavedSession.from_payload(pickle.dumps({**times, **content}, 2))
        is_usable = may_be_sample(session, life)
        sample = Sample(session.payload, life, SYNTHETIC_OVERHEAD) if is_usable else None
        found.add(sample)
    return found


def _live(backend: Backend, progress: Progress) -> _Found:
    """Sessions from random segments of the table, until there are enough."""
    table = backend.rows.table
    total = number_of_segments(item_count(table))
    found, lock = _Found(), threading.Lock()

    def has_enough() -> bool:
        return len(found.samples) >= ENOUGH

    def read(segment: int) -> None:
        for page in pages(table, segment, total):
            sessions = [item for item in page.items if _is_session(item, backend.options)]
            samples = [_sample(backend, item) for item in sessions]
            with lock:
                found.add_page(page, samples)
            progress(len(found.samples), found.scanned)
            if has_enough():
                return

    order = random.sample(range(total), total)
    Crew(WORKERS, has_enough).run(order, read)
    return found


def _is_session(item: Item, options: Options) -> bool:
    place, sort = item[options.hash_key]["S"], item[options.range_key]["S"]
    is_whole = "data" in item and "parts" not in item
    return sort == SESSION and is_whole and is_of_session(options.key_prefix, place)


def _sample(backend: Backend, item: Item) -> Sample | None:
    """The sample in a session's item; None if it is no live session that may be one."""
    rows = backend.rows
    try:
        parsed = rows.table.parse(item)
        row = rows.verified(parsed)
        if not isinstance(row, Row) or backend.lifetime.has_ended(row):
            return None
        session = backend.codec.decode(RowKey(parsed.id, parsed.item), row)
    except (CorruptItem, TableError) as error:
        logger.info("a session is left out: %s", error)
        return None
    if not may_be_sample(session, row.life) or session.format is None:
        return None
    return Sample(session.payload, row.life, item_size(item) - len(row.data))


def _current(backend: Backend, store: DictionaryStore) -> Dictionary | None:
    try:
        name = store.current_name(consistent=True)
        return store.read(name).dictionary if name else None
    except (CorruptItem, TableError) as error:
        logger.warning("the current dictionary cannot be used: %s", error)
        backend.rows.table.report(error)
        return None


def _report(found: _Found, training: Training, *, is_stored: bool) -> TrainingReport:
    count = max(1, training.held_back)
    dictionary = training.dictionary
    return TrainingReport(
        scanned=found.scanned,
        samples=len(found.samples),
        left_out=found.left_out,
        trained=training.trained,
        held_back=training.held_back,
        size=training.size / count,
        size_before=training.size_before / count,
        size_after=training.size_after / count,
        units_before=training.units_before / count,
        units_after=training.units_after / count,
        dictionary=dictionary.name.hex() if dictionary else None,
        dictionary_size=len(dictionary.content) if dictionary else 0,
        is_stored=is_stored,
        read_units=found.read_units,
    )
