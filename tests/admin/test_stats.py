"""`stats`: what a table holds, in figures that can be checked, and what it costs."""

import dataclasses
import json
import random
import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from beaker_dynamodb import DynamoDBNamespaceManager, session_model
from beaker_dynamodb.admin.cost import Cost, Load, Prices, monthly_cost
from beaker_dynamodb.admin.distribution import Distribution
from beaker_dynamodb.admin.stats import TableStats, table_stats
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.options import names_of, parse_options
from beaker_dynamodb.table import item_size
from beaker_dynamodb.testing.site import Site
from tests.support.large import noise
from tests.support.pages import KEYS, log_out
from tests.support.tables import BATCH, stored_items
from tests.support.wire import Wire

LIFE = 1000


class TestStats:
    pytestmark = pytest.mark.usefixtures("create_table")

    @pytest.fixture
    def site(self, dynamodb: Any) -> Site:
        return Site(dynamodb.options, ttl=LIFE)

    def read(self, dynamodb: Any, **how: Any) -> TableStats:
        return table_stats(parse_options(dynamodb.options), **how)

    def test_counts_each_kind_live_and_expired(self, dynamodb: Any, site: Site, clock: Any) -> None:
        for _ in range(3):
            site.visitor(n=1)
        clock.advance(LIFE)
        site.visitor(n=1)
        site.visitor(large=noise(600_000))
        site.visitor(n=1).visit(log_out)
        for name, count in (("prices", 4), ("pages", 2)):
            cache = DynamoDBNamespaceManager(name, **dynamodb.options)
            for n in range(count):
                cache.set_value(f"{n}".encode(), (0, None, n))
        manager = DynamoDBNamespaceManager("a", **dynamodb.options)
        assert "session" not in manager
        manager.acquire_write_lock()
        stats = self.read(dynamodb, everything=True)
        manager.release_write_lock()
        counts = {(each.kind, each.namespace): (each.live, each.expired) for each in stats.groups}
        parts = sum(":" in item.item for item in stored_items(dynamodb))
        assert counts == {
            ("sessions", ""): (2, 3),
            ("parts of large sessions", ""): (parts, 0),
            ("markers of ended sessions", ""): (1, 0),
            ("session locks", ""): (1, 0),
            ("cache values", "prices"): (4, 0),
            ("cache values", "pages"): (2, 0),
        }
        assert stats.scanned == sum(map(sum, counts.values()))
        assert stats.factor == 1

    def test_measures_sizes_idle_time_and_age(self, dynamodb: Any, site: Site, clock: Any) -> None:
        site.visitor(n=1)
        clock.advance(400)
        old = site.visitor(n=1)
        clock.advance(100)
        old.put(n=2)
        clock.advance(10)
        [group] = self.read(dynamodb).groups
        sizes = [item_size(item.serialize()) for item in stored_items(dynamodb)]
        assert group.size == sum(sizes)
        assert group.sizes
        assert group.sizes.largest == max(sizes)
        assert group.idle
        assert group.age
        assert (group.idle.largest, group.idle.mean) == (510, 260)
        assert (group.age.largest, group.age.mean) == (510, 310)
        assert group.active == 1
        assert (group.read_units, group.write_units) == (1, 1)

    @pytest.mark.parametrize(
        ("more", "is_known"),
        [({"data_serializer": "json"}, True), (KEYS, False), ({**KEYS, "max_lifetime": 999}, True)],
    )
    def test_knows_the_age_of_sessions_that_it_can_read(
        self, dynamodb: Any, clock: Any, more: dict[str, Any], is_known: bool
    ) -> None:
        Site(dynamodb.options, **more, opaque_sessions=True).visitor(n=1)
        clock.advance(50)
        [group] = self.read(dynamodb).groups
        assert (group.age is not None) is is_known

    def test_reads_a_sample_unless_asked_for_all(self, dynamodb: Any, site: Site) -> None:
        for _ in range(60):
            site.visitor(n=1)
        sample = self.read(dynamodb, sample=5)
        assert 5 <= sample.scanned < 60
        assert sample.factor > 1
        [group] = sample.groups
        assert group.live * sample.factor > 0
        seen: list[tuple[int, int, int]] = []
        everything = self.read(
            dynamodb, everything=True, progress=lambda *progress: seen.append(progress)
        )
        assert everything.scanned == 60
        assert max(seen) == (16, 16, 60)

    def test_of_a_sample_are_right_for_a_known_population(self, dynamodb: Any) -> None:
        put_population(dynamodb, sessions=3000, prices=700, pages=60, menus=40, shards=4)
        for seed in range(6):
            random.seed(seed)
            stats = self.read(dynamodb, sample=1000)
            assert 2 < stats.factor < 6
            counts = {(g.kind, g.namespace): g.live * g.factor for g in stats.groups}
            assert counts.pop(("sessions", "")) == pytest.approx(3000, rel=0.15)
            whole = {"prices": 700, "pages": 60, "menus (4 shards)": 160}
            assert all(count == whole[name] for (_, name), count in counts.items())

    def test_of_all_shards_are_one_namespace(self, dynamodb: Any) -> None:
        options = {**dynamodb.options, "shards": 8}
        for n in range(3):
            DynamoDBNamespaceManager("menus", **options).set_value(f"{n}".encode(), (0, None, n))
        [group] = self.read(dynamodb, everything=True).groups
        assert (group.namespace, group.live * group.factor) == ("menus (8 shards)", 3)

    def test_shortens_the_hash_of_a_namespace(self, dynamodb: Any) -> None:
        long = "é" * 2000
        DynamoDBNamespaceManager(long, **dynamodb.options).set_value(b"a", (0, None, 1))
        [group] = self.read(dynamodb).groups
        assert re.fullmatch(r"sha256:[0-9a-f]{8}\.\.\.", group.namespace)

    def test_counts_only_what_is_under_the_prefix(self, dynamodb: Any) -> None:
        for prefix in ("a:", "b:"):
            Site(dynamodb.options, key_prefix=prefix).visitor(n=1)
        dynamodb.options["key_prefix"] = "a:"
        [group] = self.read(dynamodb).groups
        assert group.live == 1

    def test_survives_items_of_other_applications(self, dynamodb: Any, site: Site) -> None:
        site.visitor(n=1)
        for item in stored_items(dynamodb):
            item.id, item.data, item.touched = "x", b"\xff", None
            item.save()
        assert self.read(dynamodb).groups[0].live == 2

    def test_writes_nothing(self, dynamodb: Any, site: Site, wire: Wire) -> None:
        site.visitor(n=1)
        wire.clear()
        self.read(dynamodb)
        assert set(wire.operations) == {"DescribeTable", "Scan"}


class TestADistribution:
    def test_is_right_to_within_a_tenth(self) -> None:
        distribution = Distribution()
        for value in range(1, 10_001):
            distribution.add(value)
        summary = distribution.summary()
        assert summary
        assert summary.mean == 5000.5
        assert summary.median == pytest.approx(5000, rel=0.1)
        assert summary.p90 == pytest.approx(9000, rel=0.1)
        assert summary.doublings[12] == 4096
        assert sum(summary.doublings.values()) == summary.count

    def test_has_room_for_zero_and_for_nothing(self) -> None:
        distribution = Distribution()
        assert distribution.summary() is None
        distribution.add(0)
        summary = distribution.summary()
        assert summary
        assert (summary.median, summary.doublings) == (0, {-1: 1})


class TestTheCost:
    LOAD = Load(requests=100, changes=0.1, active=3000, write_units=2, stored=4e9)
    PRICES = Prices(read=1, write=10, storage=0.5)

    def cost(self, touch_interval: float) -> Cost:
        return monthly_cost(self.LOAD, touch_interval, self.PRICES)

    def test_is_that_of_reads_changes_touches_and_storage(self) -> None:
        cost = self.cost(60)
        assert cost.touches == 50
        assert cost.reads == pytest.approx(100 * 2.628)
        assert cost.changes == pytest.approx(10 * 2 * 10 * 2.628)
        assert cost.touching == pytest.approx(50 * 2 * 10 * 2.628)
        assert cost.storage == 2
        assert cost.total == cost.reads + cost.changes + cost.touching + cost.storage

    def test_has_no_more_touches_than_unchanged_requests(self) -> None:
        assert self.cost(0).touches == self.cost(1).touches == 90

    def test_halves_for_eventually_consistent_reads(self) -> None:
        weak = monthly_cost(dataclasses.replace(self.LOAD, is_consistent=False), 60, self.PRICES)
        assert weak.reads == self.cost(60).reads / 2


@pytest.mark.usefixtures("create_table")
class TestTheCommand:
    @pytest.fixture
    def place(self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        for name in ("aws_access_key_id", "aws_secret_access_key"):
            monkeypatch.setenv(name.upper(), dynamodb.options[name])
        pairs = {k: v for k, v in dynamodb.options.items() if k not in names_of("secret")}
        return [f"--{name.replace('_', '-')}={value}" for name, value in pairs.items()]

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(command, ["stats", *arguments])

    def test_prints_tables_and_histograms(self, dynamodb: Any, place: list[str]) -> None:
        for _ in range(3):
            Site(dynamodb.options).visitor(n=1)
        result = self.run(*place, "--all", "--rate=100")
        assert result.exit_code == 0, result.output
        [line] = [line for line in result.output.splitlines() if line.startswith("│ sessions")]
        assert [cell.strip() for cell in line.split("│")][3:5] == ["3", "0"]
        assert "sizes of sessions" in result.output
        assert "█ 3" in result.output
        assert "touch_interval" in result.output

    def test_prints_json(self, dynamodb: Any, place: list[str]) -> None:
        Site(dynamodb.options).visitor(n=1)
        stats = json.loads(self.run(*place, "--json", "--rate=100", "--touch-interval=60").output)
        assert stats["groups"][0]["live"] == 1
        assert [cost["touch_interval"] for cost in stats["costs"]] == [0, 30, 60, 300]
        assert stats["costs"][0]["total"] > stats["costs"][1]["total"]

    def test_never_shows_an_id(self, dynamodb: Any, place: list[str]) -> None:
        session_id = Site(dynamodb.options, hash_ids=False).visitor(n=1).read_id()
        for form in ((), ("--json",)):
            assert session_id not in self.run(*place, *form).output

    def test_says_what_a_sample_misses(self, dynamodb: Any, place: list[str]) -> None:
        # All values of a namespace are in one segment.
        put_population(dynamodb, sessions=400, prices=1200)
        shown = [self.run(*place, "--sample=50").output for _ in range(4)]
        missed = [each for each in shown if "│ prices" not in each]
        assert missed
        assert all(re.search(r"counted some [\d,]+ items more", each) for each in missed)
        assert "sample" not in self.run(*place, "--all").output

    def test_draws_a_picture(self, dynamodb: Any, place: list[str], tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        Site(dynamodb.options).visitor(n=1)
        assert self.run(*place, "--png", str(tmp_path / "sizes.png")).exit_code == 0
        assert (tmp_path / "sizes.png").read_bytes().startswith(b"\x89PNG")

    def test_names_matplotlib_if_it_is_missing(
        self, place: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("matplotlib", "matplotlib.figure"):
            monkeypatch.setitem(sys.modules, name, None)
        result = self.run(*place, "--png", "sizes.png")
        assert result.exit_code == 1
        assert "pip install matplotlib" in result.output

    @pytest.mark.parametrize("mix", ["9", "x:1", "0:0", "-1:1"])
    def test_refuses_a_wrong_mix(self, place: list[str], mix: str) -> None:
        assert self.run(*place, "--mix", mix).exit_code == 2


def put_population(dynamodb: Any, *, sessions: int, shards: int = 1, **namespaces: int) -> None:
    """Store sessions, and values of caches; of a namespace `menus` so many in each shard."""
    client: Any = session_model(**dynamodb.options).table_connection().connection.client
    keys = [(sha256(f"{n}".encode()).hexdigest(), "session") for n in range(sessions)]
    for name, count in namespaces.items():
        sharded = (
            [f"{name}\x1f{n} of {shards}" for n in range(shards)] if name == "menus" else [name]
        )
        keys += [(partition, f"{n}") for partition in sharded for n in range(count)]
    for start in range(0, len(keys), BATCH):
        requests = [
            {"PutRequest": {"Item": {"id": {"S": id_}, "item": {"S": sort}, "version": {"S": "v"}}}}
            for id_, sort in keys[start : start + BATCH]
        ]
        client.batch_write_item(RequestItems={dynamodb.options["table_name"]: requests})
