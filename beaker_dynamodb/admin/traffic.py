"""The traffic of a site, in calls and capacity units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ..errors import ConfigurationError
from ..rows.parts import PART_SIZE
from ..table import read_units, write_units
from .capacity import NOTHING, Demand, HotKey, Units
from .cost import Load, monthly_cost

#: `dictionary` is zstd with a trained one.
Compression = Literal["none", "zlib", "dictionary"]

#: Bytes of a row besides its data: keys, times, version and birth.
ROW_OVERHEAD = 250
#: Bytes of sessions before compression, and of their data: a run of `python -m benchmarks.peers`,
#: in docs/compression.md.
_MEASURED: dict[str, tuple[tuple[int, int], ...]] = {
    "zlib": ((0, 0), (2_397, 1_016), (4_735, 1_710), (10_059, 3_219), (20_706, 6_116)),
    "dictionary": ((0, 0), (2_397, 419), (4_735, 802), (10_059, 1_978), (20_706, 5_362)),
}


@dataclass(frozen=True)
class CacheTraffic:
    """The use of one cache namespace.

    Attributes:
        name: of the namespace.
        hits: a second.
        creations: of missing values, a second.
        size: of a value as it is stored, in bytes.
        shards: as the option of the cache.
        keys: over which the uses are spread evenly.
    """

    name: str
    hits: float = 0.0
    creations: float = 0.0
    size: int = 1000
    shards: int = 1
    keys: int = 10_000


@dataclass(frozen=True)
class Traffic:
    """What a site does at its busiest.

    Attributes:
        requests: a second, that load a session.
        changes: share of them that change it, from 0 to 1.
        active: sessions in use at the same time.
        sessions: that are stored.
        size: of a session before compression, in bytes.
        stored: its data as it is stored, in bytes, if that is known; otherwise estimated.
        compression: of sessions.
        touch_interval: in seconds.
        is_consistent: whether reads are strongly consistent, `consistent_read`.
        caches: the cache namespaces in the same table.
        regions: of a global table; each stores everything, and each write costs in each.
    """

    requests: float
    changes: float = 0.1
    active: float = 0.0
    sessions: float = 0.0
    size: int = 2400
    stored: int | None = None
    compression: Compression = "zlib"
    touch_interval: float = 30.0
    is_consistent: bool = True
    caches: tuple[CacheTraffic, ...] = ()
    regions: int = 1

    @property
    def row(self) -> int:
        """Bytes of a session's row."""
        data = stored_size(self.size, self.compression) if self.stored is None else self.stored
        return data + ROW_OVERHEAD

    @property
    def total_size(self) -> float:
        """Bytes of all rows, in each region."""
        return self.sessions * self.row + sum(each.keys * each.size for each in self.caches)


@dataclass(frozen=True)
class Use:
    """One kind of call.

    Attributes:
        name: such as `session touches`.
        calls: a second.
        units: a second.
    """

    name: str
    calls: float
    units: Units


def stored_size(size: int, compression: Compression) -> int:
    """The bytes of a session's data, estimated from measured ones.

    Args:
        size: of the session before compression.
        compression: as it is set.
    """
    if compression == "none":
        return size
    points = _MEASURED[compression]
    pairs = list(pairwise(points))
    # Above the largest measured one, as between the last two.
    below, above = next((pair for pair in pairs if size <= pair[1][0]), pairs[-1])
    slope = (above[1] - below[1]) / (above[0] - below[0])
    return round(below[1] + (size - below[0]) * slope)


def value_steps(size: int, *, creates: bool, consistent: bool = True) -> list[Units]:
    """The items that one use of a cache value reads and writes, each with its units.

    Args:
        size: of the value as it is stored, in bytes.
        creates: whether the value is missing: read, leased and stored. Otherwise it is a hit.
        consistent: whether the read is strongly consistent.
    """
    parts = [min(PART_SIZE, size - at) for at in range(0, size, PART_SIZE)] or [0]
    heads = [0] if len(parts) > 1 else []
    if creates:
        lookup, lease = Units(read_units(0, consistent=consistent), 0), Units(0, write_units(0))
        return [lookup, lease, *(Units(0, write_units(part)) for part in [*parts, *heads])]
    return [Units(read_units(part, consistent=consistent), 0) for part in [*heads, *parts]]


def uses_of(traffic: Traffic) -> list[Use]:
    """The calls of sessions and of each cache namespace, with their units.

    Raises:
        ConfigurationError: a figure is impossible.
    """
    _check(traffic)
    caches = [
        Use(f"cache {each.name}", each.hits + each.creations, cache_units(each, traffic))
        for each in traffic.caches
    ]
    return [*_session_uses(traffic), *caches]


def demand_of(traffic: Traffic) -> Demand:
    """What the table serves: sessions spread evenly, each shard of a cache under one key."""
    even = total_of(use.units for use in _session_uses(traffic))
    return Demand(even, tuple(_hot_keys(traffic)), traffic.total_size)


def cache_units(cache: CacheTraffic, traffic: Traffic) -> Units:
    """The units of a cache namespace, a second."""

    def units(*, creates: bool) -> Units:
        steps = value_steps(cache.size, creates=creates, consistent=traffic.is_consistent)
        return total_of(steps)

    hits, creations = units(creates=False), units(creates=True)
    return hits.times(cache.hits).plus(creations.times(cache.creations))


def used_shards(cache: CacheTraffic) -> int:
    """The shards that have keys: a single key is in one, whatever their number."""
    return min(cache.shards, cache.keys)


def total_of(units: Iterable[Units]) -> Units:
    """Several loads together."""
    total = NOTHING
    for each in units:
        total = total.plus(each)
    return total


def _check(traffic: Traffic) -> None:
    for figures in (traffic, *traffic.caches):
        _check_numbers(vars(figures))
    if not 0 <= traffic.changes <= 1:
        raise ConfigurationError("the share of requests that change a session is from 0 to 1")
    names = [each.name for each in traffic.caches]
    if len(set(names)) < len(names):
        raise ConfigurationError("two cache namespaces have the same name")
    for each in traffic.caches:
        if each.shards < 1 or each.keys < 1:
            raise ConfigurationError(f"cache {each.name} needs at least one shard and one key")


def _check_numbers(figures: Mapping[str, object]) -> None:
    for name, value in figures.items():
        if isinstance(value, (int, float)) and not 0 <= value < math.inf:
            raise ConfigurationError(f"{name} must be a finite number, at least 0, not {value}")


def _session_uses(traffic: Traffic) -> Iterator[Use]:
    reading = read_units(traffic.row, consistent=traffic.is_consistent)
    writing = write_units(traffic.row)
    changes = traffic.requests * traffic.changes
    load = Load(traffic.requests, traffic.changes, traffic.active)
    touches = monthly_cost(load, traffic.touch_interval).touches
    yield Use("session reads", traffic.requests, Units(traffic.requests * reading, 0))
    yield Use("session changes", changes, Units(0, changes * writing))
    yield Use("session touches", touches, Units(0, touches * writing))


def _hot_keys(traffic: Traffic) -> Iterator[HotKey]:
    for cache in traffic.caches:
        shards = used_shards(cache)
        units = cache_units(cache, traffic).times(1 / shards)
        for shard in range(shards):
            yield HotKey(f"{cache.name} {shard}", units, max(1, cache.keys // shards))
