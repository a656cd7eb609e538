"""DynamoDB's partitions: what they serve, what they throttle, when they split.

A simulation in steps of a second, with the figures that AWS documents; `docs/scale.md` says what it
leaves out.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

# Pages named without a host are those of
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/


class Units(NamedTuple):
    """Read and write capacity units, a second."""

    read: float
    write: float

    def times(self, factor: float) -> Units:
        """The same load, so many times."""
        return Units(self.read * factor, self.write * factor)

    def plus(self, other: Units) -> Units:
        """Both loads together."""
        return Units(self.read + other.read, self.write + other.write)

    def highest(self, other: Units) -> Units:
        """The higher one of each."""
        return Units(max(self.read, other.read), max(self.write, other.write))


NOTHING = Units(0.0, 0.0)
#: Of one partition: bp-partition-key-design.html in the developer guide.
PARTITION = Units(3000.0, 1000.0)
#: In bytes, of one partition: HowItWorks.Partitions.html; DynamoDB's GB has 1024**3 bytes.
PARTITION_SIZE = 10 * 1024**3
#: What a new table in on-demand mode serves at once: on-demand-capacity-mode.html and
#: warm-throughput-scenarios.html.
NEW_TABLE = Units(12_000.0, 4_000.0)
NEW_TABLE_PARTITIONS = 4
#: In seconds. An on-demand table serves twice its previous peak; more than that within this time
#: may be throttled: on-demand-capacity-mode.html, TroubleshootingThrottlingOnDemand.html.
DOUBLING_TIME = 1800
#: In seconds of unused provisioned capacity: burst-adaptive-capacity.html.
BURST = 300
#: Of a table, unless AWS raises the quota: ServiceQuotas.html.
TABLE_QUOTA = Units(40_000.0, 40_000.0)
#: A partition splits for heat if its traffic stays near its limits; AWS publishes no figures. The
#: table in https://aws.amazon.com/blogs/database/part-2-scaling-dynamodb-how-partitions-hot-keys-and-split-for-heat-impact-performance/
#: keeps its throughput for its first ten minutes, and grows afterwards. In seconds, and as a share
#: of the limits.
SPLIT_TIME, SPLIT_LOAD = 600, 0.9
#: A split that leaves more than this share of the load in one half is not made: an item cannot be
#: split (same page).
LARGEST_HALF = 0.95


def partition_load(units: Units) -> float:
    """The share of one partition's limits that a load takes.

    Reads and writes together, as AWS counts them ("or a linear combination of both",
    https://repost.aws/knowledge-center/on-demand-table-throttling-dynamodb).
    """
    return units.read / PARTITION.read + units.write / PARTITION.write


def partitions_for(units: Units, size: float = 0.0) -> int:
    """The partitions that a load and a number of bytes need, if both are spread evenly."""
    by_load = math.ceil(round(partition_load(units), 9))
    return max(1, by_load, math.ceil(size / PARTITION_SIZE))


@dataclass(frozen=True)
class HotKey:
    """A partition key with a load of its own.

    Attributes:
        name: whatever is hashed.
        units: of all its items.
        items: over which they are spread evenly; one item cannot be split.
    """

    name: str
    units: Units
    items: int = 10_000

    @property
    def place(self) -> float:
        """Where its hash lies, from 0 to 1."""
        return zlib.crc32(self.name.encode()) / 2**32


@dataclass(frozen=True)
class Demand:
    """What a table is to serve.

    Attributes:
        even: spread over very many partition keys, as sessions are.
        hot: partition keys with loads of their own, as cache namespaces are.
        size: bytes that are stored.
    """

    even: Units
    hot: tuple[HotKey, ...] = ()
    size: float = 0.0

    @property
    def total(self) -> Units:
        """All of it."""
        total = self.even
        for key in self.hot:
            total = total.plus(key.units)
        return total


@dataclass(frozen=True)
class TableState:
    """How a table begins.

    Attributes:
        provisioned: its capacity; None in on-demand mode.
        warm: what it serves at once in on-demand mode, its warm throughput.
    """

    provisioned: Units | None = None
    warm: Units = NEW_TABLE


class Moment(NamedTuple):
    """One second of a simulation; the units are of this second."""

    second: int
    wanted: Units
    served: Units
    partitions: int

    @property
    def throttled(self) -> float:
        """The share of the units that is refused, from 0 to 1."""
        wanted = sum(self.wanted)
        return max(0.0, 1 - sum(self.served) / wanted) if wanted else 0.0


#: A hash, and a share of the sort keys under it: a partition key with many items can be split.
_Place = tuple[float, float]


class _Range(NamedTuple):
    """The keys of one partition: from a place up to another."""

    start: _Place
    end: _Place

    def load(self, demand: Demand) -> Units:
        """Its part of a demand."""
        load = demand.even.times(self.end[0] - self.start[0])
        for key in demand.hot:
            begin, end = self._shares(key)
            items = round(end * key.items) - round(begin * key.items)
            load = load.plus(key.units.times(items / key.items))
        return load

    def halves(self, demand: Demand) -> list[_Range]:
        """The two ranges of a split that shares the load best; itself if none helps."""
        whole = partition_load(self.load(demand))
        best, least = [self], whole * LARGEST_HALF
        for place in self._candidates(demand):
            halves = [_Range(self.start, place), _Range(place, self.end)]
            larger = max(partition_load(half.load(demand)) for half in halves)
            if larger <= least:
                best, least = halves, larger
        return best

    def _candidates(self, demand: Demand) -> Iterator[_Place]:
        yield (self.start[0] + self.end[0]) / 2, 0.0
        for key in demand.hot:
            begin, end = self._shares(key)
            if begin < end:
                yield from ((key.place, share) for share in (begin, (begin + end) / 2, end))

    def _shares(self, key: HotKey) -> tuple[float, float]:
        """From which share of a partition key's items to which this range has them."""
        begin, end = (_share(place, key) for place in self)
        return begin, end


def _share(place: _Place, key: HotKey) -> float:
    """The share of a partition key's items that lies before a place."""
    if place[0] == key.place:
        return place[1]
    return 1.0 if place[0] > key.place else 0.0


@dataclass
class _Group:
    """Partitions with the same load, and for how many seconds they have been hot."""

    load: Units
    ranges: list[_Range]
    heat: int = 0


class _Partitions:
    """The partitions of a table under a demand.

    Args:
        demand: in full.
        count: of partitions at the beginning.
    """

    def __init__(self, demand: Demand, count: int) -> None:
        self._demand = demand
        bounds = [(number / count, 0.0) for number in range(count + 1)]
        self._groups: list[_Group] = []
        self._replace([], map(_Range, bounds, bounds[1:]))

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(group.ranges) for group in self._groups)

    def serve(self, part: Units) -> Units:
        """What they serve of a part of the demand, given as shares of its reads and its writes."""
        served = NOTHING
        for group in self._groups:
            wanted = Units(group.load.read * part.read, group.load.write * part.write)
            load = partition_load(wanted)
            served = served.plus(
                wanted.times(len(group.ranges) * min(1.0, 1 / load if load else 1.0))
            )
            group.heat = group.heat + 1 if load >= SPLIT_LOAD else 0
        return served

    def split_hot(self) -> None:
        """Split those that have been hot for long."""
        for group in [group for group in self._groups if group.heat >= SPLIT_TIME]:
            halves = [half for each in group.ranges for half in each.halves(self._demand)]
            group.heat = 0
            if len(halves) > len(group.ranges):
                self._replace([group], halves)

    def grow(self, count: int) -> None:
        """Split all of them in the middle until there are so many."""
        while self.count < count:
            ranges = [each for group in self._groups for each in group.ranges]
            self._replace(self._groups, [half for each in ranges for half in _middle(each)])

    def _replace(self, old: list[_Group], ranges: Iterable[_Range]) -> None:
        loads: dict[tuple[float, ...], _Group] = {}
        for each in ranges:
            load = each.load(self._demand)
            # Sums of the same loads differ in the last digits.
            name = tuple(round(units, 6) for units in load)
            loads.setdefault(name, _Group(load, [])).ranges.append(each)
        self._groups = [*(group for group in self._groups if group not in old), *loads.values()]


def _middle(whole: _Range) -> list[_Range]:
    """Its halves by the hash; a range of a single partition key stays."""
    place = ((whole.start[0] + whole.end[0]) / 2, 0.0)
    halves = [_Range(whole.start, place), _Range(place, whole.end)]
    return halves if whole.start < place < whole.end else [whole]


class _OnDemand:
    """What an on-demand table grants: its warm units, then twice the peak of half an hour ago."""

    def __init__(self, warm: Units) -> None:
        self._limit = warm
        self._peaks: list[Units] = []
        # Of a new table, 4,000 writes or 12,000 reads; more was asked for, both at once.
        self.partitions = NEW_TABLE_PARTITIONS if warm == NEW_TABLE else partitions_for(warm)

    def grant(self, wanted: Units) -> Units:
        """The shares of reads and of writes that it grants in this second."""
        if len(self._peaks) >= DOUBLING_TIME:
            twice = self._peaks[-DOUBLING_TIME].times(2)
            self._limit = self._limit.highest(twice)
            self.partitions = max(self.partitions, partitions_for(twice))
        return _shares(self._limit, wanted)

    def spend(self, served: Units) -> None:
        """Count what was served."""
        self._peaks.append(served.highest(self._peaks[-1]) if self._peaks else served)


class _Provisioned:
    """What a provisioned table grants: its units, and what is left of the last five minutes."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._left = units.times(BURST)
        self.partitions = partitions_for(units)

    def grant(self, wanted: Units) -> Units:
        """The shares of reads and of writes that it grants in this second."""
        return _shares(self._left.plus(self._units), wanted)

    def spend(self, served: Units) -> None:
        """Count what was served."""
        most, left = self._units.times(BURST), self._left.plus(self._units)
        read, write = left.read - served.read, left.write - served.write
        self._left = Units(min(most.read, read), min(most.write, write))


def _shares(granted: Units, wanted: Units) -> Units:
    """Which shares of what is wanted are granted."""
    pairs = zip(granted, wanted, strict=True)
    return Units(*(min(1.0, most / units) if units else 1.0 for most, units in pairs))


def simulate(demand: Demand, table: TableState, seconds: int, ramp: float = 0) -> Iterator[Moment]:
    """Each second of a table under a demand; what is throttled is not repeated.

    Args:
        demand: in full.
        table: as it begins.
        seconds: to simulate.
        ramp: seconds in which the demand grows evenly from nothing; 0 = it is there at once.
    """
    limits = _Provisioned(table.provisioned) if table.provisioned else _OnDemand(table.warm)
    partitions = _Partitions(demand, max(limits.partitions, partitions_for(NOTHING, demand.size)))
    for second in range(seconds):
        factor = min(1.0, (second + 1) / ramp) if ramp else 1.0
        wanted = demand.total.times(factor)
        granted = limits.grant(wanted)
        partitions.grow(limits.partitions)
        served = partitions.serve(granted.times(factor))
        limits.spend(served)
        yield Moment(second, wanted, served, partitions.count)
        partitions.split_hot()
