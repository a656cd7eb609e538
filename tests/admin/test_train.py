"""`train`: a dictionary from live sessions or from a file, and what it will save."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.admin.purge import MARGIN, purge
from beaker_dynamodb.admin.stats import table_stats
from beaker_dynamodb.admin.train import TrainingReport, train
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.options import names_of, parse_options
from beaker_dynamodb.testing.site import Site
from tests.support.dictionaries import content, needs_zstd, trained, work_at_once
from tests.support.internals import (
    Backend,
    Compression,
    DictionaryStore,
    SavedSession,
    forget_dictionaries,
)
from tests.support.large import noise
from tests.support.pages import KEYS, log_out
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = [needs_zstd, pytest.mark.usefixtures("create_table", "new_process")]

DAY = 86_400


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_dictionaries()
    work_at_once(monkeypatch)


@pytest.fixture
def options(dynamodb: Any) -> dict[str, Any]:
    return {**dynamodb.options, "compression": "zstd"}


def run(options: dict[str, Any], **how: Any) -> TrainingReport:
    return train(parse_options(options), **how)


def fill(options: dict[str, Any], count: int = 60, **kind: Any) -> Site:
    site = Site(options, **kind)
    for number in range(count):
        site.visitor(**content(number))
    return site


def own_items(dynamodb: Any) -> list[Any]:
    return [item for item in stored_items(dynamodb) if "dictionary" in item.item]


class TestLiveSessions:
    def test_are_measured_and_the_dictionary_is_used(
        self, dynamodb: Any, options: dict[str, Any]
    ) -> None:
        fill(options)
        report = run(options)
        assert (report.samples, report.left_out) == (60, 0)
        assert (report.trained, report.held_back) == (45, 15)
        assert 2350 < report.size < 2550
        assert report.size_after < report.size_before / 2
        assert (report.units_before, report.units_after) == (2, 1)
        assert report.is_stored
        assert report.dictionary_size == 8192
        forget_dictionaries()
        visitor = Site(options).visitor(**content(5000))
        [item] = [item for item in stored_items(dynamodb) if _is_with_dictionary(item)]
        assert item.data[1:17].hex() == report.dictionary
        assert visitor.read() == content(5000)

    def test_cost_half_a_unit_for_each_4_kb(
        self, dynamodb: Any, options: dict[str, Any], wire: Wire
    ) -> None:
        fill(options)
        wire.clear()
        report = run(options, dry_run=True)
        assert set(wire.operations) == {"DescribeTable", "Scan", "GetItem"}
        if dynamodb.name == "dynamodb-local":
            scanned = sum(call.units or 0 for call in wire.calls if call.operation == "Scan")
            assert report.read_units == scanned

    def test_stay_as_they_are_in_a_dry_run(self, dynamodb: Any, options: dict[str, Any]) -> None:
        fill(options)
        report = run(options, dry_run=True)
        assert report.units_after < report.units_before
        assert not report.is_stored
        assert own_items(dynamodb) == []

    def test_that_already_cost_one_unit_need_no_dictionary(
        self, dynamodb: Any, options: dict[str, Any]
    ) -> None:
        site = Site(options)
        for number in range(60):
            site.visitor(user_id=number, text="what all have " * 10)
        assert not run(options).is_stored
        assert own_items(dynamodb) == []

    def test_too_few_give_none(self, dynamodb: Any, options: dict[str, Any]) -> None:
        fill(options, 5)
        report = run(options)
        assert (report.dictionary, report.is_stored) == (None, False)

    def test_are_not_trained_on_if_encrypted_large_ended_or_expired(
        self, dynamodb: Any, options: dict[str, Any], clock: Any
    ) -> None:
        fill(options, 25, ttl=100)
        clock.advance(100)
        fill(options, 25, session_class=DynamoDBSession, **KEYS)
        site = Site(options)
        site.visitor(large=noise(20_000))
        site.visitor(larger=noise(600_000))
        site.visitor(n=1).visit(log_out)
        DynamoDBNamespaceManager("prices", **options).set_value(b"session", (0, None, "value"))
        report = run(options)
        assert report.samples == 0
        assert report.left_out == 51
        assert report.dictionary is None

    def test_that_were_altered_do_not_feed_it(self, dynamodb: Any, options: dict[str, Any]) -> None:
        signed = {**options, "signing_key": "k" * 32}
        fill(signed, 30)
        for item in stored_items(dynamodb)[:4]:
            item.data = SavedSession.from_payload(b"\x80\x02}q\x00.").data("none", 100)
            item.save()
        report = run(signed)
        assert (report.samples, report.left_out) == (26, 4)

    def test_are_those_of_the_application_alone(
        self, dynamodb: Any, options: dict[str, Any]
    ) -> None:
        fill({**options, "key_prefix": "shop:"}, 30)
        fill({**options, "key_prefix": "shop:extra:"}, 7)
        assert run({**options, "key_prefix": "shop:"}).samples == 30
        assert run(options).samples == 0


class TestAFile:
    def place(self, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
        for name in ("aws_access_key_id", "aws_secret_access_key"):
            monkeypatch.setenv(name.upper(), options[name])
        pairs = {name: value for name, value in options.items() if name not in names_of("secret")}
        return [f"--{name.replace('_', '-')}={value}" for name, value in pairs.items()]

    def run(self, *arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(command, ["train", *arguments])
        assert result.exit_code == code, result.output
        return result

    def test_of_synthetic_sessions_trains_a_dictionary(
        self,
        dynamodb: Any,
        options: dict[str, Any],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        file = tmp_path / "sessions.jsonl"
        file.write_text("\n".join(json.dumps(content(number)) for number in range(400)))
        place = self.place(options, monkeypatch)
        printed = self.run(*place, "--from", str(file)).output
        assert "trained on 300, measured on 100 others" in printed
        assert "2.00" in printed
        assert "1.00" in printed
        assert "processes use it within 5 minutes" in printed
        forget_dictionaries()
        Site(options, ttl=30 * DAY).visitor(**content(5000))
        assert [_is_with_dictionary(item) for item in stored_items(dynamodb)].count(True) == 1
        again = json.loads(self.run(*place, "--from", str(file), "--json").stdout)
        assert not again["is_stored"]

    def test_with_a_wrong_line_names_the_line(
        self, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "sessions.jsonl"
        place = self.place(options, monkeypatch)
        for wrong in ("[1]", "{", "7"):
            file.write_text(f'{{"n": 1}}\n{wrong}\n')
            assert "line 2 of" in self.run(*place, "--from", str(file), code=1).output

    def test_says_how_to_use_it(
        self, dynamodb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "sessions.jsonl"
        file.write_text("\n".join(json.dumps(content(number)) for number in range(60)))
        place = self.place(dynamodb.options, monkeypatch)
        assert "--dry-run" in self.run(*place, "--from", str(file), "--dry-run").output
        printed = self.run(*place, "--from", str(file)).output
        assert "once session.compression = zstd is set" in printed


class TestRetire:
    def test_ends_the_use_and_keeps_sessions_readable(
        self,
        dynamodb: Any,
        options: dict[str, Any],
        clock: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        place = TestAFile().place(options, monkeypatch)
        assert "no current dictionary" in TestAFile().run(*place, "--retire", code=1).output
        DictionaryStore(Backend.of(parse_options(options)).rows, "").install(trained(0, DAY))
        visitor = Site(options, ttl=DAY).visitor(**content(1))
        printed = TestAFile().run(*place, "--retire").output
        assert trained(0, DAY).name.hex() in printed
        [item] = own_items(dynamodb)
        assert item.expires.timestamp() > clock.now + 2 * DAY
        clock.advance(300)
        Site(options, ttl=DAY).visitor(**content(2))
        assert [_is_with_dictionary(item) for item in stored_items(dynamodb)].count(True) == 1
        forget_dictionaries()
        assert visitor.read() == content(1)


class TestOtherCommands:
    """None of them takes a dictionary for a session or a cache value."""

    @pytest.fixture
    def store(self, options: dict[str, Any]) -> DictionaryStore:
        store = DictionaryStore(Backend.of(parse_options(options)).rows, "")
        store.install(trained(longest_life=DAY))
        return store

    def test_stats_counts_them_as_what_they_are(
        self, options: dict[str, Any], store: DictionaryStore
    ) -> None:
        Site(options).visitor(**content(1))
        stats = table_stats(parse_options(options), everything=True)
        counts = {each.kind: (each.live, each.age is not None) for each in stats.groups}
        assert counts == {"sessions": (1, True), "dictionaries": (2, False)}

    def test_purge_leaves_the_current_one_and_a_retired_one_as_long_as_it_is_needed(
        self, dynamodb: Any, options: dict[str, Any], store: DictionaryStore, clock: Any
    ) -> None:
        visitor = Site(options, ttl=DAY).visitor(**content(1))
        store.install(trained(seed=500, longest_life=DAY))
        clock.advance(DAY - 1)
        purge(parse_options(options))
        forget_dictionaries()
        assert visitor.read() == content(1)
        clock.advance(2 * DAY + MARGIN)
        purge(parse_options(options))
        names = {item.item for item in own_items(dynamodb)}
        current = trained(seed=500, longest_life=DAY).name.hex()
        assert names == {"session dictionary", f"session dictionary:{current}"}

    @pytest.mark.parametrize("name", ["session dictionary", "dictionaries", ""])
    def test_a_cache_neither_lists_nor_clears_them(
        self, dynamodb: Any, options: dict[str, Any], store: DictionaryStore, name: str
    ) -> None:
        before = {(item.id, item.item) for item in own_items(dynamodb)}
        [partition] = {partition for partition, _ in before}
        for namespace in (name, partition):
            cache = DynamoDBNamespaceManager(namespace, **options)
            for key in (b"session dictionary", b"n"):
                cache.set_value(key, (0, None, 1))
            assert set(cache.keys()) == {b"session dictionary", b"n"}
            cache.do_remove()
        assert {(item.id, item.item) for item in own_items(dynamodb)} == before

    def test_no_cookie_names_them(
        self, dynamodb: Any, options: dict[str, Any], store: DictionaryStore
    ) -> None:
        [partition] = {item.id for item in own_items(dynamodb)}
        for hash_ids in (True, False):
            site = Site(options, hash_ids=hash_ids)
            visitor = site.visitor_with(f"beaker.session.id={partition}")
            assert visitor.read() == {}
            visitor.visit(log_out)
        assert len(own_items(dynamodb)) == 2

    def test_show_shows_a_session_that_was_written_with_one(
        self, options: dict[str, Any], store: DictionaryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        visitor = Site(options).visitor(**content(1))
        place = TestAFile().place(options, monkeypatch)
        place = [each for each in place if "compression" not in each]
        result = CliRunner().invoke(command, ["show", *place, visitor.read_id()])
        assert "'csrf_token'" in result.output


def _is_with_dictionary(item: Any) -> bool:
    is_session = item.item == "session"
    return is_session and item.data[0] & 0x0F == Compression.ZSTD_WITH_DICTIONARY
