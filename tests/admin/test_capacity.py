"""The simulation of partitions, against the figures and examples that AWS documents."""

import itertools
from collections.abc import Iterator

import pytest

from beaker_dynamodb.admin.capacity import (
    DOUBLING_TIME,
    NEW_TABLE,
    NOTHING,
    PARTITION_SIZE,
    SPLIT_TIME,
    Demand,
    HotKey,
    Moment,
    TableState,
    Units,
    partition_load,
    partitions_for,
    simulate,
)

NEW = TableState()


def reads(units: float) -> Demand:
    return Demand(Units(units, 0))


def hot(units: float, items: int = 10_000, *, even: float = 300) -> Demand:
    return Demand(Units(even, 0), (HotKey("prices", Units(units, 0), items),))


def last(demand: Demand, table: TableState, seconds: int) -> Moment:
    *_, moment = simulate(demand, table, seconds)
    return moment


def refused(moments: Iterator[Moment]) -> list[int]:
    return [moment.second for moment in moments if moment.throttled > 1e-6]


class TestPartitionsFor:
    @pytest.mark.parametrize(
        ("units", "count"),
        [
            (Units(3_000, 0), 1),
            (Units(0, 1_000), 1),
            (Units(1_500, 500), 1),
            (Units(3_001, 0), 2),
            (Units(7_500, 500), 3),
            (Units(1_000_000, 150_000), 484),
        ],
    )
    def test_counts_reads_and_writes_together(self, units: Units, count: int) -> None:
        assert partitions_for(units) == count

    def test_counts_ten_gigabytes_each(self) -> None:
        assert partitions_for(NOTHING, PARTITION_SIZE) == 1
        assert partitions_for(NOTHING, PARTITION_SIZE + 1) == 2

    def test_is_exact_for_sums_of_thirds(self) -> None:
        assert partitions_for(Units(1_000, 0).times(3)) == 1
        assert partition_load(Units(1_000, 2_000 / 3)) == pytest.approx(1)


class TestOnDemand:
    """on-demand-capacity-mode.html, "Initial throughput and scaling properties"."""

    @pytest.mark.parametrize("units", [Units(12_000, 0), Units(0, 4_000), Units(6_000, 2_000)])
    def test_a_new_table_serves_its_warm_throughput_at_once(self, units: Units) -> None:
        assert refused(simulate(Demand(units), NEW, 10)) == []
        assert last(Demand(units), NEW, 1).partitions == 4

    def test_a_new_table_refuses_more(self) -> None:
        assert last(Demand(Units(0, 8_000)), NEW, 10).served == Units(0, 4_000)

    def test_twice_the_peak_is_served_at_once(self) -> None:
        # "50,000 reads per second is the previous traffic peak, on-demand capacity mode instantly
        # accommodates sustained traffic of up to 100,000 reads per second"
        peaked_at_50_000 = TableState(warm=Units(100_000, 4_000))
        assert refused(simulate(reads(100_000), peaked_at_50_000, 60)) == []
        assert last(reads(100_001), peaked_at_50_000, 60).served.read == pytest.approx(100_000)

    def test_a_sustained_peak_doubles_what_is_served(self) -> None:
        # "that peak becomes your new previous peak, enabling subsequent traffic to reach up to
        # 200,000 reads per second", if the growth takes 30 minutes.
        table = TableState(warm=Units(100_000, 4_000))
        seconds = refused(simulate(reads(200_000), table, DOUBLING_TIME + 60))
        assert seconds == list(range(DOUBLING_TIME))

    def test_growth_over_half_an_hour_for_each_doubling_is_served(self) -> None:
        ramp = 4 * DOUBLING_TIME
        assert refused(simulate(reads(2 * NEW_TABLE.read), NEW, ramp, ramp)) == []

    def test_warm_throughput_is_served_at_once_both_kinds_together(self) -> None:
        units = Units(1_000_000, 150_000)
        assert refused(simulate(Demand(units), TableState(warm=units), 10)) == []

    def test_a_million_reads_take_hours_from_a_new_table(self) -> None:
        seconds = refused(simulate(reads(1_000_000), NEW, 5 * 3600))
        # From 12,000: seven doublings.
        assert seconds[-1] + 1 == pytest.approx(7 * DOUBLING_TIME, rel=0.01)


class TestProvisioned:
    """burst-adaptive-capacity.html, and AWS re:Post on spiky workloads."""

    def test_burst_is_five_minutes_of_unused_units(self) -> None:
        # 150 units unused for 300 seconds are 45,000, and last 900 seconds for 50 more.
        table = TableState(Units(150, 1))
        seconds = refused(simulate(reads(200), table, 1_000))
        assert seconds == list(range(900, 1_000))
        assert last(reads(200), table, 1_000).served.read == 150

    def test_burst_comes_back_in_five_unused_minutes(self) -> None:
        table = TableState(Units(100, 1))
        assert refused(simulate(reads(100), table, 2_000)) == []

    def test_adaptive_capacity_lends_a_hot_partition_what_others_leave(self) -> None:
        # Four partitions of a table with 400 units: 50, 50, 50 and 150 writes a second.
        demand = Demand(Units(0, 200), (HotKey("hot", Units(0, 100)),))
        assert refused(simulate(demand, TableState(Units(1, 400)), 2_000)) == []

    def test_burst_does_not_exceed_the_limits_of_a_partition(self) -> None:
        table = TableState(Units(20_000, 1))
        assert last(hot(9_000, 1, even=0), table, 10).served.read == pytest.approx(3_000)


class TestHotKey:
    """One partition key lies on one partition, until that splits for heat."""

    def test_one_partition_serves_three_thousand_reads(self) -> None:
        moment = last(hot(6_000, even=0), NEW, SPLIT_TIME)
        assert moment.served.read == pytest.approx(3_000)

    def test_sustained_heat_splits_its_items(self) -> None:
        seconds = refused(simulate(hot(6_000), NEW, 4 * SPLIT_TIME))
        assert SPLIT_TIME <= seconds[-1] + 1 <= 3 * SPLIT_TIME

    def test_a_single_item_is_never_split(self) -> None:
        moment = last(hot(6_000, 1, even=0), NEW, 2 * SPLIT_TIME)
        assert moment.served.read == pytest.approx(3_000)
        assert moment.partitions == 4

    def test_shards_are_keys_of_their_own(self) -> None:
        shards = tuple(HotKey(f"prices {shard}", Units(375, 0), 1) for shard in range(16))
        assert refused(simulate(Demand(NOTHING, shards), NEW, 10)) == []

    def test_a_short_peak_splits_nothing(self) -> None:
        assert last(hot(6_000), NEW, SPLIT_TIME).partitions == 4


DEMANDS = [
    Demand(Units(9_000, 2_000)),
    Demand(Units(30_000, 1_000)),
    hot(4_000),
    hot(2_500, 1),
    Demand(Units(2_000, 500), (HotKey("a", Units(900, 300)), HotKey("b", Units(100, 800), 3))),
]
TABLES = [NEW, TableState(Units(6_000, 2_000)), TableState(warm=Units(50_000, 20_000))]


@pytest.mark.parametrize("demand", DEMANDS)
@pytest.mark.parametrize("table", TABLES)
class TestInvariants:
    def test_no_more_is_served_than_is_wanted(self, demand: Demand, table: TableState) -> None:
        for moment in simulate(demand, table, 1_500, 400):
            pairs = zip(moment.served, moment.wanted, strict=True)
            assert all(0 <= served <= wanted * (1 + 1e-9) for served, wanted in pairs)
            assert partition_load(moment.served) <= moment.partitions * (1 + 1e-9)

    def test_partitions_are_never_merged(self, demand: Demand, table: TableState) -> None:
        counts = [moment.partitions for moment in simulate(demand, table, 2_500)]
        assert all(before <= after for before, after in itertools.pairwise(counts))

    def test_more_load_is_throttled_more(self, demand: Demand, table: TableState) -> None:
        shares = [last(scaled(demand, factor), table, 300).throttled for factor in (0.5, 1, 2, 4)]
        assert all(less <= more + 1e-9 for less, more in itertools.pairwise(shares))

    def test_a_split_loses_no_load(self, demand: Demand, table: TableState) -> None:
        plenty = TableState(warm=Units(1_000_000, 1_000_000))
        evenly = Demand(demand.total)
        assert last(evenly, plenty, 2_500).served == pytest.approx(demand.total)
        few = last(scaled(demand, 0.1), table, 2_500)
        assert few.served == pytest.approx(scaled(demand, 0.1).total)


def scaled(demand: Demand, factor: float) -> Demand:
    keys = (HotKey(key.name, key.units.times(factor), key.items) for key in demand.hot)
    return Demand(demand.even.times(factor), tuple(keys))
