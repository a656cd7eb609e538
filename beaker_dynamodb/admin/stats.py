"""What a table holds: sessions and cache values, live and expired, their sizes and times."""

from __future__ import annotations

import logging
import math
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..caches import namespace_and_shards
from ..codec import CREATION_TIME, FindDictionary, SavedSession, find_none
from ..errors import ConfigurationError, CorruptItem, TableError
from ..options import Options
from ..rows import now
from ..table import (
    DICTIONARY,
    PART,
    SESSION,
    Item,
    Table,
    belongs_to_session,
    item_size,
    read_units,
    write_units,
)
from .distribution import Distribution, Summary
from .scan import FEWEST_SEGMENTS, MOST_SEGMENTS, Crew, TableCount, item_count, pages
from .table import backend_of, table_of

logger = logging.getLogger("beaker_dynamodb.admin")

#: Items that a sample reads at least, if the table has so many: sessions to within some percent.
SAMPLE = 10_000
#: Items of a segment of which a sample reads whole ones.
ITEMS_OF_A_SEGMENT = 100
#: In seconds. A session that was used since then counts as active.
ACTIVE = 300
#: Namespaces with a line of their own; all others share one.
MOST_NAMESPACES = 50
WORKERS = 4
#: Kinds whose items share the partition of their namespace.
_OF_NAMESPACES = {"cache values", "parts of large values", "creation leases"}
_HASHED = re.compile(r"sha256:[0-9a-f]{8}(?=[0-9a-f]{56}$)")


@dataclass(frozen=True)
class GroupStats:
    """Items of one kind, of one namespace if a cache stores them; as far as they were read.

    Attributes:
        kind: such as `sessions`.
        namespace: of a cache; otherwise empty.
        live: number of items that have not expired.
        expired: number of those that have, and are still stored.
        size: of all items, in bytes.
        sizes: of the live ones, in bytes.
        idle: seconds since the last write of the live ones.
        age: seconds since the creation of the live ones, as far as that is known.
        active: live items written in the last five minutes.
        read_units: mean capacity that a strongly consistent read of a live one consumes.
        write_units: mean capacity that a write of a live one consumes.
        factor: by which to multiply each count. 1 for a namespace in one partition: a segment has
            all of its items, or none.
    """

    kind: str
    namespace: str
    live: int
    expired: int
    size: int
    sizes: Summary | None
    idle: Summary | None
    age: Summary | None
    active: int
    read_units: float
    write_units: float
    factor: float


@dataclass(frozen=True)
class TableStats:
    """What was read of a table.

    Attributes:
        table: its name.
        region: its region.
        items: that DynamoDB counts in it, every six hours.
        size: in bytes, likewise.
        scanned: items that were read.
        factor: the table's segments for each that was read; 1 if all were.
        read_units: that reading has consumed.
        seconds: that it took.
        groups: what was found, the largest group first.
    """

    table: str
    region: str | None
    items: int
    size: int
    scanned: int
    factor: float
    read_units: float
    seconds: float
    groups: tuple[GroupStats, ...]

    @property
    def estimate(self) -> float:
        """Items in the table, as estimated from what was read."""
        return sum((group.live + group.expired) * group.factor for group in self.groups)


#: Receives segments done, segments to do, and items read.
Progress = Callable[[int, int, int], None]


def table_stats(
    options: Options,
    progress: Progress = lambda _done, _all, _items: None,
    *,
    everything: bool = False,
    sample: int = SAMPLE,
) -> TableStats:
    """Read a sample of a table, or all of it, by eventually consistent reads.

    Args:
        options: of the backend; with `key_prefix`, only its own items count.
        progress: receives how far it is, from any thread.
        everything: whether to read the whole table.
        sample: items to read at least.
    """
    table = table_of(options)
    counted = item_count(table)
    total = min(MOST_SEGMENTS, max(FEWEST_SEGMENTS, math.ceil(counted.items / ITEMS_OF_A_SEGMENT)))
    # Chosen ahead: to stop at a segment because it has many items would count those too often.
    chosen = total if everything else math.ceil(total * min(1, sample / max(1, counted.items)))
    count = _Count(options, progress, total, _dictionaries_of(options))
    crew = Crew(WORKERS, lambda: False)
    segments = _segments(total, chosen, lambda: count.scanned >= sample)
    crew.run(segments, count.reader(table))
    place = table.location
    return count.stats(place["table"], place["region"], counted)


def _dictionaries_of(options: Options) -> FindDictionary:
    """Reads the dictionaries that sessions name, each once."""
    return backend_of(options).codec.find


def _segments(total: int, chosen: int, is_enough: Callable[[], bool]) -> Iterator[int]:
    """A random choice of segments; more of them if DynamoDB's count was too high."""
    for number, segment in enumerate(random.sample(range(total), total)):
        if number >= chosen and is_enough():
            return
        yield segment


class _Group:
    """Items of one kind, of one namespace if a cache stores them.

    Args:
        shards: partitions of the namespace; None if the items are not those of a namespace.
    """

    def __init__(self, shards: int | None) -> None:
        self._shards = shards
        self._partitions: set[str] = set()
        self.live = self.expired = self.size = self.active = 0
        self.read_units = self.write_units = 0.0
        self.sizes, self.idle, self.age = Distribution(), Distribution(), Distribution()

    def note(self, partition: str) -> None:
        """Remember a shard that was read."""
        if self._shards is not None and self._shards > 1:
            self._partitions.add(partition)

    def add(self, size: int, idle: float | None, age: float | None) -> None:
        """Count a live item."""
        self.live += 1
        self.size += size
        self.sizes.add(size)
        self.read_units += read_units(size, consistent=True)
        self.write_units += write_units(size)
        if idle is not None:
            self.idle.add(idle)
            self.active += idle <= ACTIVE
        if age is not None:
            self.age.add(age)

    def add_expired(self, size: int) -> None:
        """Count an expired item."""
        self.expired += 1
        self.size += size

    def stats(self, kind: str, namespace: str, factor: float) -> GroupStats:
        """The figures so far.

        Args:
            kind: of the items.
            namespace: of a cache.
            factor: the table's segments for each that was read.
        """
        live = max(1, self.live)
        return GroupStats(
            kind,
            namespace,
            self.live,
            self.expired,
            self.size,
            self.sizes.summary(),
            self.idle.summary(),
            self.age.summary(),
            self.active,
            self.read_units / live,
            self.write_units / live,
            self._factor(factor),
        )

    def _factor(self, factor: float) -> float:
        """By which to multiply the counts: a partition was read whole, or not at all."""
        if self._shards is None or factor == 1:
            return factor
        return self._shards / max(1, len(self._partitions))


class _Count:
    """What was read so far, by several threads."""

    def __init__(
        self, options: Options, progress: Progress, total: int, find: FindDictionary
    ) -> None:
        self.scanned = 0
        self._find = find
        self._options = options
        self._progress = progress
        self._total = total
        self._done = 0
        self._units = 0.0
        self._began = time.monotonic()
        self._groups: dict[tuple[str, str], _Group] = {}
        self._lock = threading.Lock()

    def reader(self, table: Table) -> Callable[[int], None]:
        """Reads one segment."""

        def read(segment: int) -> None:
            for page in pages(table, segment, self._total):
                with self._lock:
                    self._units += page.units
                    self.scanned += page.scanned
                    for item in page.items:
                        self._add(item)
            with self._lock:
                self._done += 1
                self._progress(self._done, self._total, self.scanned)

        return read

    def stats(self, table: str, region: str | None, counted: TableCount) -> TableStats:
        """The figures so far."""
        factor = self._total / max(1, self._done)
        groups = [group.stats(*name, factor) for name, group in self._groups.items()]
        groups.sort(key=lambda group: group.size * group.factor, reverse=True)
        return TableStats(
            table,
            region,
            counted.items,
            counted.size,
            self.scanned,
            factor,
            self._units,
            time.monotonic() - self._began,
            tuple(groups),
        )

    def _add(self, item: Item) -> None:
        options = self._options
        partition = item[options.hash_key]["S"]
        if not partition.startswith(options.key_prefix):
            return
        size, moment = item_size(item), now()
        group = self._group(kind_of(item, options.range_key), partition)
        if _number(item, options.ttl_attribute, math.inf) <= moment:
            group.add_expired(size)
            return
        touched = _number(item, "touched", math.nan)
        idle = None if math.isnan(touched) else max(0.0, moment - touched)
        created = created_at(item, options, self._find)
        group.add(size, idle, None if created is None else max(0.0, moment - created))

    def _group(self, kind: str, partition: str) -> _Group:
        name, shards = "", None
        if kind in _OF_NAMESPACES:
            name, shards = namespace_and_shards(partition.removeprefix(self._options.key_prefix))
            name = _in_words(name, shards)
            if (kind, name) not in self._groups and len(self._groups) > MOST_NAMESPACES:
                name, shards = "(others)", 1
        group = self._groups.setdefault((kind, name), _Group(shards))
        group.note(partition)
        return group


def kind_of(item: Item, range_key: str) -> str:
    """What an item is, in words."""
    sort = item[range_key]["S"]
    if sort == SESSION:
        return "markers of ended sessions" if "ended" in item else "sessions"
    if sort.startswith(DICTIONARY):
        return "dictionaries"
    if belongs_to_session(sort):
        return "parts of large sessions" if PART in sort else "session locks"
    if sort.startswith(PART):
        return "parts of large values"
    return "cache values" if "version" in item else "creation leases"


def created_at(item: Item, options: Options, find: FindDictionary = find_none) -> float | None:
    """When a session was created, in seconds since the epoch; None if that cannot be read."""
    created = _number(item, "created", math.nan)
    if not math.isnan(created):
        return created
    if item[options.range_key]["S"] != SESSION or "data" not in item or "parts" in item:
        return None
    try:
        session = SavedSession.from_data(item["data"]["B"], options.max_value_size, find=find)
    except (ConfigurationError, CorruptItem, TableError):
        return None
    value: Any = (session.content or {}).get(CREATION_TIME)
    return float(value) if type(value) in {int, float} else None


def _in_words(namespace: str, shards: int) -> str:
    """A namespace; of one that is stored as its hash, the first digits."""
    hashed = _HASHED.match(namespace)
    shown = f"{hashed[0]}..." if hashed else namespace
    return shown if shards == 1 else f"{shown} ({shards} shards)"


def _number(item: Item, name: str, otherwise: float) -> float:
    try:
        return float(item[name]["N"])
    except (KeyError, ValueError):
        return otherwise
