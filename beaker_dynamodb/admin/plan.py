"""What traffic costs at any scale, which partitions it needs, and what is throttled of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .capacity import (
    NOTHING,
    TABLE_QUOTA,
    Moment,
    TableState,
    Units,
    partition_load,
    partitions_for,
    simulate,
)
from .cost import GIGABYTE, MILLION, SECONDS_OF_A_MONTH, US_EAST_1, Prices
from .traffic import (
    CacheTraffic,
    Traffic,
    Use,
    cache_units,
    demand_of,
    total_of,
    used_shards,
    uses_of,
)

HOUR = 3600
#: The share of provisioned units that auto scaling aims at by default: AutoScaling.html in
#: DynamoDB's developer guide.
UTILISATION = 0.7
#: A shard with more than this share of a partition's limits has no room for uneven keys.
FULL = 2 / 3
#: Sums of floats differ by less than this share.
_NOTICED = 1e-6


@dataclass(frozen=True)
class CachePlan:
    """A cache namespace on its partitions.

    Attributes:
        name: of the namespace.
        units: a second.
        shards: as they are now.
        load: of one shard, as a share of one partition's limits.
        shards_needed: so that a shard takes at most two thirds of the limits; None if its keys are
            too few for that.
    """

    name: str
    units: Units
    shards: int
    load: float
    shards_needed: int | None


@dataclass(frozen=True)
class Bill:
    """Dollars a month, if the traffic is as high all the time.

    Attributes:
        reads: of all regions.
        writes: likewise.
        storage: likewise.
        total: all of it.
    """

    reads: float
    writes: float
    storage: float
    total: float


@dataclass(frozen=True)
class Ramp:
    """A simulated table under the traffic.

    Attributes:
        seconds: simulated.
        full: seconds after which nothing is throttled any more; None if that is not reached.
        throttled: share of all units that is refused in the whole time, from 0 to 1.
        end: the same in the last second.
        partitions: in the last second.
        moments: one a minute.
    """

    seconds: int
    full: int | None
    throttled: float
    end: float
    partitions: int
    moments: tuple[Moment, ...]


@dataclass(frozen=True)
class CapacityPlan:
    """What traffic needs.

    Attributes:
        uses: by kind of call.
        units: of all calls, a second.
        capacity: to provision, in each region, so that 70% of it are used.
        on_demand: the bill in on-demand mode.
        provisioned: the bill with that capacity.
        size: bytes that are stored in each region.
        partitions: needed in each region, if one takes all reads.
        busiest: the highest share of a partition's limits: an even part of the sessions, and one
            shard of a cache.
        caches: the namespaces.
        is_over_quota: whether AWS must raise the quota of a table.
        ramp: how a table takes the traffic on.
    """

    uses: tuple[Use, ...]
    units: Units
    capacity: Units
    on_demand: Bill
    provisioned: Bill
    size: float
    partitions: int
    busiest: float
    caches: tuple[CachePlan, ...]
    is_over_quota: bool
    ramp: Ramp


def capacity_plan(
    traffic: Traffic,
    table: TableState,
    prices: Prices = US_EAST_1,
    *,
    seconds: int = 4 * HOUR,
    ramp: float = 0,
) -> CapacityPlan:
    """What traffic costs, which partitions it needs, and what is throttled of it.

    Args:
        traffic: at its busiest.
        table: as it begins.
        prices: of DynamoDB.
        seconds: to simulate.
        ramp: seconds in which the traffic grows evenly from nothing; 0 = it is there at once.

    Raises:
        ConfigurationError: a figure is impossible.
    """
    uses = tuple(uses_of(traffic))
    demand = demand_of(traffic)
    caches = tuple(_cache_plan(each, traffic) for each in traffic.caches)
    partitions = partitions_for(demand.total, demand.size)
    hottest = max((each.load for each in caches), default=0.0)
    return CapacityPlan(
        uses=uses,
        units=demand.total,
        capacity=capacity_for(traffic),
        on_demand=_on_demand(traffic, prices),
        provisioned=_provisioned(traffic, prices),
        size=demand.size,
        partitions=partitions,
        busiest=partition_load(demand.even) / partitions + hottest,
        caches=caches,
        is_over_quota=any(map(_is_more, demand.total, TABLE_QUOTA)),
        ramp=_summary(simulate(demand, table, seconds, ramp)),
    )


def capacity_for(traffic: Traffic) -> Units:
    """The units to provision, so that 70% of them are used."""
    needed = total_of(use.units for use in uses_of(traffic)).times(1 / UTILISATION)
    return Units(*(max(1, math.ceil(units)) for units in needed))


def _is_more(wanted: float, quota: float) -> bool:
    return wanted > quota


def _cache_plan(cache: CacheTraffic, traffic: Traffic) -> CachePlan:
    units = cache_units(cache, traffic)
    whole = partition_load(units)
    needed = max(1, math.ceil(whole / FULL))
    return CachePlan(
        cache.name,
        units,
        cache.shards,
        whole / used_shards(cache),
        needed if needed <= cache.keys else None,
    )


def _on_demand(traffic: Traffic, prices: Prices) -> Bill:
    units = total_of(use.units for use in uses_of(traffic)).times(SECONDS_OF_A_MONTH / MILLION)
    return _bill(units.read * prices.read, units.write * prices.write, traffic, prices)


def _provisioned(traffic: Traffic, prices: Prices) -> Bill:
    hours = capacity_for(traffic).times(SECONDS_OF_A_MONTH / HOUR)
    return _bill(hours.read * prices.read_hour, hours.write * prices.write_hour, traffic, prices)


def _bill(reads: float, writes: float, traffic: Traffic, prices: Prices) -> Bill:
    """Each region stores everything and is charged for each write; a read is charged in one."""
    storage = traffic.total_size / GIGABYTE * prices.storage * traffic.regions
    return Bill(
        reads, writes * traffic.regions, storage, reads + writes * traffic.regions + storage
    )


def _summary(moments: Iterable[Moment]) -> Ramp:
    kept: list[Moment] = []
    wanted = served = 0.0
    full = 0
    moment = Moment(-1, NOTHING, NOTHING, 0)
    for moment in moments:
        wanted, served = wanted + sum(moment.wanted), served + sum(moment.served)
        full = moment.second + 1 if moment.throttled > _NOTICED else full
        if moment.second % 60 == 0:
            kept.append(moment)
    seconds = moment.second + 1
    return Ramp(
        seconds,
        None if full == seconds else full,
        max(0.0, 1 - served / wanted) if wanted else 0.0,
        moment.throttled,
        moment.partitions,
        tuple(kept),
    )
