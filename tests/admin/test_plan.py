"""Plans: units and bills against AWS's figures, shards and partitions against their limits."""

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb.admin.capacity import PARTITION, TableState, Units
from beaker_dynamodb.admin.plan import FULL, CapacityPlan, capacity_for, capacity_plan
from beaker_dynamodb.admin.traffic import (
    CacheTraffic,
    Traffic,
    stored_size,
    total_of,
    uses_of,
    value_steps,
)
from beaker_dynamodb.errors import ConfigurationError

KB = 1024
#: The lines of the table of sizes in docs/compression.md.
SIZES = re.findall(
    r"^\| ([^|]+) \| (\d[\d, |]+) \|$",
    (Path(__file__).parents[2] / "docs" / "compression.md")
    .read_text(encoding="utf-8")
    .partition("<!-- benchmark: sizes -->")[2]
    .partition("<!-- end of benchmark -->")[0],
    re.MULTILINE,
)
QUIET: dict[str, Any] = {"changes": 0, "compression": "none"}


def plan(traffic: Traffic, table: TableState | None = None, **how: Any) -> CapacityPlan:
    return capacity_plan(traffic, table or TableState(), **{"seconds": 60, **how})


def prices(**settings: Any) -> Traffic:
    return Traffic(0, caches=(CacheTraffic("prices", **settings),))


class TestUnits:
    """read-write-operations.html, and the pricing page's key terms."""

    @pytest.mark.parametrize(
        ("size", "consistent", "units"),
        [(3.5 * KB, True, 1), (10 * KB, True, 3), (8 * KB, True, 2), (8 * KB, False, 1)],
    )
    def test_of_reads(self, size: float, consistent: bool, units: float) -> None:
        steps = value_steps(int(size), creates=False, consistent=consistent)
        assert total_of(steps) == Units(units, 0)
        traffic = Traffic(1, stored=int(size) - 250, is_consistent=consistent, **QUIET)
        assert plan(traffic).units.read == units

    @pytest.mark.parametrize(("size", "units"), [(1 * KB, 1), (3 * KB, 3), (512, 1)])
    def test_of_writes(self, size: int, units: int) -> None:
        traffic = Traffic(1, changes=1, stored=size - 250)
        assert plan(traffic).units.write == units

    def test_of_a_value_with_parts(self) -> None:
        assert total_of(value_steps(1_000_000, creates=False)) == Units(1 + 2 * 98 + 49, 0)
        assert total_of(value_steps(1_000_000, creates=True)) == Units(1, 1 + 2 * 391 + 196 + 1)

    def test_of_touches_at_most_one_in_an_interval(self) -> None:
        names = [use.name for use in uses_of(Traffic(100, active=300))]
        assert names == ["session reads", "session changes", "session touches"]
        calls = [use.calls for use in uses_of(Traffic(100, active=300, touch_interval=30))]
        assert calls == [100, 10, 10]
        assert uses_of(Traffic(100, active=300, touch_interval=0))[2].calls == 90

    def test_a_dictionary_saves_a_write_unit(self) -> None:
        writes = {
            each: plan(Traffic(1, changes=1, compression=each)).units.write
            for each in ("none", "zlib", "dictionary")
        }
        assert writes == {"none": 3, "zlib": 2, "dictionary": 1}

    @pytest.mark.parametrize(
        ("name", "compression"), [("zlib", "zlib"), ("zstd, dictionary", "dictionary")]
    )
    def test_stored_sizes_are_those_of_the_committed_run(self, name: str, compression: Any) -> None:
        lines = {line: sizes.split(" | ") for line, sizes in SIZES}
        before, stored = (
            [int(size.replace(",", "")) for size in lines[each]]
            for each in ("before compression", name)
        )
        assert [stored_size(size, compression) for size in before[:4]] == stored[:4]

    @pytest.mark.parametrize("compression", ["none", "zlib", "dictionary"])
    def test_stored_sizes_grow_with_the_session(self, compression: Any) -> None:
        sizes = [stored_size(size, compression) for size in range(0, 20_000, 500)]
        assert sizes == sorted(sizes)
        assert stored_size(20_000, compression) <= 20_000


class TestBills:
    def test_on_demand(self) -> None:
        bill = plan(Traffic(1, changes=1, compression="dictionary")).on_demand
        # 730 hours at 0.125 and 0.625 dollars for a million.
        assert bill.reads == pytest.approx(2.628 * 0.125)
        assert bill.writes == pytest.approx(2.628 * 0.625)
        assert bill.total == bill.reads + bill.writes + bill.storage

    def test_provisioned_units_are_used_to_seventy_percent(self) -> None:
        traffic = Traffic(70, changes=1, compression="dictionary")
        assert capacity_for(traffic) == Units(100, 100)
        bill = plan(traffic).provisioned
        assert bill.reads == pytest.approx(100 * 730 * 0.00013)
        assert bill.writes == pytest.approx(100 * 730 * 0.00065)

    def test_each_region_is_charged_for_each_write_and_all_storage(self) -> None:
        one = plan(Traffic(10, sessions=1e6)).on_demand
        three = plan(Traffic(10, sessions=1e6, regions=3)).on_demand
        assert three.reads == one.reads
        assert three.writes == pytest.approx(3 * one.writes)
        assert three.storage == pytest.approx(3 * one.storage)

    @pytest.mark.parametrize("changes", [0.0, 0.2, 1.0])
    def test_grow_with_the_traffic(self, changes: float) -> None:
        plans = [plan(Traffic(10**n, changes, active=10**n)) for n in range(7)]
        totals = [each.on_demand.total for each in plans]
        assert all(less < more for less, more in itertools.pairwise(totals))
        assert totals[6] == pytest.approx(10**6 * totals[0], rel=0.001)
        counts = [each.partitions for each in plans]
        assert counts == sorted(counts)


class TestCaches:
    def test_six_hundred_reads_of_twenty_kb_fill_a_partition(self) -> None:
        # bp-partition-key-design.html
        [cache] = plan(prices(hits=600, size=20 * KB)).caches
        assert cache.units == Units(3_000, 0)
        assert cache.load == pytest.approx(1)

    @pytest.mark.parametrize("hits", [100, 2_000, 2_001, 10_000, 1e6])
    def test_need_shards_below_two_thirds_of_the_limits(self, hits: float) -> None:
        [cache] = plan(prices(hits=hits, keys=10**6)).caches
        assert cache.shards_needed
        load = hits / PARTITION.read
        assert load / cache.shards_needed <= FULL + 1e-9
        assert cache.shards_needed == 1 or load / (cache.shards_needed - 1) > FULL

    def test_too_few_keys_for_shards(self) -> None:
        traffic = prices(hits=4_000, keys=1, shards=8)
        [cache] = plan(traffic).caches
        assert (cache.load, cache.shards_needed) == (4_000 / 3_000, None)
        assert plan(traffic).ramp.end == pytest.approx(1 / 4)

    def test_shards_end_the_throttling(self) -> None:
        throttled = [
            plan(prices(hits=9_000, shards=shards)).ramp.throttled for shards in (1, 2, 64)
        ]
        assert throttled[0] == pytest.approx(2 / 3)
        assert throttled == sorted(throttled, reverse=True)
        assert throttled[2] == 0

    def test_the_busiest_partition_has_a_shard_and_its_part_of_the_sessions(self) -> None:
        both = replace(prices(hits=1_500), requests=9_000, changes=0, touch_interval=1e9)
        found = plan(both)
        assert found.partitions == 4
        assert found.busiest == pytest.approx(3 / 4 + 1 / 2)


class TestTable:
    def test_traffic_over_the_quota(self) -> None:
        assert not plan(Traffic(40_000, 0)).is_over_quota
        assert plan(Traffic(40_001, 0)).is_over_quota

    def test_size_needs_partitions(self) -> None:
        assert plan(Traffic(1, sessions=4e7, stored=1_000)).partitions == 5

    def test_a_new_table_takes_a_slow_ramp(self) -> None:
        traffic = Traffic(20_000, 0, touch_interval=1e9)
        at_once = plan(traffic, seconds=3_000).ramp
        slowly = plan(traffic, seconds=6_000, ramp=6_000).ramp
        assert at_once.throttled > 0.2
        assert slowly.throttled == 0
        assert slowly.full == 0

    def test_a_warm_table_takes_it_at_once(self) -> None:
        traffic = Traffic(1e6, active=1e7)
        warm = TableState(warm=plan(traffic).units)
        assert plan(traffic, warm).ramp.throttled == 0

    def test_a_provisioned_table_takes_it_at_once(self) -> None:
        traffic = Traffic(5_000, active=5e4)
        assert plan(traffic, TableState(capacity_for(traffic)), seconds=1_000).ramp.full == 0

    def test_too_small_a_table_throttles_to_the_end(self) -> None:
        ramp = plan(Traffic(5_000, 0), TableState(Units(100, 100)), seconds=1_000).ramp
        assert ramp.full is None
        assert ramp.end > 0.9
        assert len(ramp.moments) == 17


class TestWrongFigures:
    @pytest.mark.parametrize(
        ("traffic", "message"),
        [
            (Traffic(1, changes=1.1), "from 0 to 1"),
            (Traffic(1, caches=(CacheTraffic("a"), CacheTraffic("a"))), "same name"),
            (prices(shards=0), "at least one shard"),
            (prices(keys=0), "at least one shard"),
            (prices(hits=-1), "hits must be a finite number"),
            (Traffic(float("nan")), "requests must be a finite number"),
        ],
    )
    def test_are_refused(self, traffic: Traffic, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            plan(traffic)
