"""`purge`: what has expired goes, what lives stays, whatever happens meanwhile."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from click.testing import CliRunner, Result

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable, session_model
from beaker_dynamodb.admin.purge import MARGIN, Plan, PurgeReport, Start, lambda_handler, purge
from beaker_dynamodb.admin.scan import Crew, Pace
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.options import names_of, parse_options
from beaker_dynamodb.table import schema
from beaker_dynamodb.testing.site import Site
from tests.support.large import noise
from tests.support.pages import log_out, save
from tests.support.tables import BATCH, stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

logger = logging.getLogger(__name__)

LIFE = 1000
local_alone = pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)


@pytest.fixture
def site(dynamodb: Any) -> Site:
    return Site(dynamodb.options, ttl=LIFE)


def run_purge(dynamodb: Any, **plan: Any) -> PurgeReport:
    return purge(parse_options(dynamodb.options), Plan(**plan))


class TestWhatHasExpired:
    def test_is_deleted_and_nothing_else(self, dynamodb: Any, site: Site, clock: Any) -> None:
        for _ in range(3):
            site.visitor(n=1)
        site.visitor(large=noise(600_000))
        site.visitor(n=1).visit(log_out)  # a marker
        cache = DynamoDBNamespaceManager("prices", **dynamodb.options, stale_ttl=50)
        cache.set_value(b"old", (0, 1, 2), expiretime=LIFE)
        clock.advance(LIFE - 100)
        live = [site.visitor(n=2), site.visitor(large=noise(600_000))]
        cache.set_value(b"new", (0, 1, 2), expiretime=LIFE)
        cache.set_value(b"ever", (0, 1, 2))
        clock.advance(100 + 51 + MARGIN)
        parts = sum(item.item.startswith("session part:") for item in stored_items(dynamodb))
        report = run_purge(dynamodb)
        # A part may go with its head before its own segment is read.
        assert 3 + 1 + 1 + 1 <= report.expired <= 3 + 1 + 1 + 1 + parts // 2
        assert report.deleted == report.expired
        assert report.kept == 0
        assert report.next is None
        left = stored_items(dynamodb)
        assert len(left) == 1 + 1 + parts // 2 + 2
        assert [len(each.read()) for each in live] == [1, 1]
        assert b"new" in cache
        assert b"ever" in cache

    def test_in_the_last_minute_stays(self, dynamodb: Any, site: Site, clock: Any) -> None:
        site.visitor(n=1)
        clock.advance(LIFE + MARGIN - 1)
        assert run_purge(dynamodb).expired == 0
        clock.advance(1)
        assert run_purge(dynamodb).deleted == 1

    def test_under_another_prefix_stays(self, dynamodb: Any, clock: Any) -> None:
        for prefix in ("a:", "b:"):
            Site(dynamodb.options, ttl=LIFE, key_prefix=prefix).visitor(n=1)
        clock.advance(LIFE + MARGIN)
        dynamodb.options["key_prefix"] = "a:"
        assert run_purge(dynamodb).deleted == 1
        assert [item.id[:2] for item in stored_items(dynamodb)] == ["b:"]

    def test_is_only_counted_in_a_dry_run(
        self, dynamodb: Any, site: Site, clock: Any, wire: Wire
    ) -> None:
        site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        wire.clear()
        report = run_purge(dynamodb, dry_run=True)
        assert (report.expired, report.deleted) == (1, 0)
        assert set(wire.operations) == {"DescribeTable", "Scan"}

    def test_is_not_a_missing_table(self, dynamodb: Any) -> None:
        dynamodb.options["table_name"] = "missing"
        with pytest.raises(Exception, match="the table is missing"):
            run_purge(dynamodb)


class TestBesideLiveTraffic:
    @pytest.mark.parametrize("change", ["touch", "login"])
    def test_what_is_written_after_it_was_read_stays(
        self, dynamodb: Any, site: Site, clock: Any, wire: Wire, change: str
    ) -> None:
        visitor = site.visitor(n=1)
        clock.advance(LIFE + MARGIN)

        def renew() -> None:
            # A web server whose clock is behind, or a login under the same id.
            clock.advance(-LIFE - MARGIN + 40)
            visitor.visit(save) if change == "touch" else visitor.put(n=2)
            clock.advance(LIFE + MARGIN - 40)

        wire.before_next("DeleteItem", renew)
        report = run_purge(dynamodb)
        assert (report.expired, report.deleted, report.kept) == (1, 0, 1)
        assert len(stored_items(dynamodb)) == 1

    def test_a_lock_that_is_acquired_meanwhile_stays(
        self, dynamodb: Any, clock: Any, wire: Wire
    ) -> None:
        options = {**dynamodb.options, "lock_timeout": 60}
        manager = DynamoDBNamespaceManager("a", **options)
        assert "session" not in manager
        manager.acquire_write_lock()
        clock.advance(61 + MARGIN)

        def acquire() -> None:
            other = DynamoDBNamespaceManager("a", **options)
            assert "session" not in other
            other.acquire_write_lock()

        wire.before_next("DeleteItem", lambda: threading_run(acquire))
        report = run_purge(dynamodb)
        manager.release_write_lock()
        assert (report.expired, report.kept) == (1, 1)

    def test_what_somebody_else_deletes_counts_as_gone(
        self, dynamodb: Any, site: Site, clock: Any, wire: Wire
    ) -> None:
        site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        [item] = stored_items(dynamodb)
        wire.before_next("DeleteItem", item.delete)
        report = run_purge(dynamodb)
        assert (report.expired, report.deleted, report.kept) == (1, 1, 0)


class TestAnInterruption:
    def test_stops_between_items_and_goes_on_later(
        self, dynamodb: Any, site: Site, clock: Any
    ) -> None:
        for _ in range(30):
            site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        seen: list[PurgeReport] = []
        plan = Plan(is_over=lambda: bool(seen and seen[-1].deleted >= 7))
        first = purge(parse_options(dynamodb.options), plan, seen.append)
        assert first.next is not None
        assert 7 <= first.deleted < 30
        second = run_purge(dynamodb, start=first.next)
        assert second.next is None
        assert first.deleted + second.deleted == 30
        assert stored_items(dynamodb) == []

    def test_begins_again_at_a_segment_that_exists(self, dynamodb: Any) -> None:
        with pytest.raises(ValueError, match="there is no segment 4 of 4"):
            run_purge(dynamodb, start=Start(4, 4))

    def test_by_an_outage_is_an_error(
        self, dynamodb: Any, site: Site, clock: Any, wire: Wire
    ) -> None:
        site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        dynamodb.options["max_retries"] = 0
        for _ in range(40):
            wire.fail_next("Scan", TimeoutError())
        with pytest.raises(StoreUnavailable, match="go on with --from 0/16"):
            run_purge(dynamodb)

    def test_by_throttling_is_waited_out(
        self, dynamodb: Any, site: Site, clock: Any, wire: Wire
    ) -> None:
        site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        dynamodb.options["max_retries"] = 0
        for _ in range(3):
            wire.fail_next("DeleteItem", (400, "ProvisionedThroughputExceededException"))
        assert run_purge(dynamodb).deleted == 1


class TestThePace:
    def test_keeps_below_the_rate_on_average(self) -> None:
        times = [0.0]
        pace = Pace(10, clock=lambda: times[0], sleep=lambda s: times.__setitem__(0, times[0] + s))
        for units in (1, 5, 4, 30):
            pace.spend(units)
        assert times[0] == pytest.approx(4.0)
        times[0] = 100
        pace.spend(10)
        assert times[0] == pytest.approx(101)

    def test_holds_for_a_purge(self, dynamodb: Any, site: Site, clock: Any) -> None:
        for _ in range(20):
            site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        began = time.monotonic()
        assert run_purge(dynamodb, max_units=40).write_units == 20
        assert time.monotonic() - began >= 20 / 40


class LambdaContext:
    """A Lambda function's time, in which a purge can look so many times."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def get_remaining_time_in_millis(self) -> int:
        self.looks -= 1
        return 60_000 if self.looks > 0 else 5_000


class TestACrew:
    def test_waits_no_longer_than_it_may_work(self) -> None:
        looks = iter([False] * 6)
        crew = Crew(2, lambda: next(looks, True))
        began = time.monotonic()
        assert crew.run(range(3), lambda _: crew.pause(600)) == 0
        assert time.monotonic() - began < 60

    @pytest.mark.parametrize("moment", ["while it starts", "while it waits"])
    def test_stops_at_ctrl_c_and_names_what_is_left(
        self, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        watched = f"{Crew.__module__}.wait" if moment == "while it waits" else None
        monkeypatch.setattr(watched or f"{Crew.__module__}.Crew._watch", interrupt)
        crew = Crew(2, lambda: False)
        assert crew.run(range(3), lambda _: crew.pause(600)) == 0


class TestTheLambdaHandler:
    def test_goes_on_where_it_stopped(
        self, dynamodb: Any, site: Site, clock: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(30):
            site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        monkeypatch.setenv("BEAKER_DYNAMODB_URL", url_of(dynamodb))
        event: dict[str, Any] = {"workers": 2}
        answers: list[dict[str, Any]] = []
        while not answers or answers[-1]["next"]:
            answers.append(json.loads(json.dumps(lambda_handler(event, LambdaContext(30)))))
            event = {"workers": 2, "next": answers[-1]["next"]}
        assert len(answers) > 1
        assert sum(answer["deleted"] for answer in answers) == 30

    def test_stops_in_time_while_it_waits_for_its_rate(
        self, dynamodb: Any, site: Site, clock: Any
    ) -> None:
        for _ in range(30):
            site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        began = time.monotonic()
        # A pause of 20 seconds after each deletion.
        event = {"url": url_of(dynamodb), "max_units": 0.05, "workers": 2}
        answer = lambda_handler(event, LambdaContext(30))
        assert answer["next"] is not None
        assert time.monotonic() - began < 15

    def test_needs_a_url(self) -> None:
        with pytest.raises(ValueError, match="set BEAKER_DYNAMODB_URL"):
            lambda_handler({}, LambdaContext(1))


def url_of(dynamodb: Any) -> str:
    query = "&".join(
        f"{name}={value}" for name, value in dynamodb.options.items() if name != "table_name"
    )
    return f"dynamodb:///{dynamodb.options['table_name']}?{query}"


@pytest.fixture
def place(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        monkeypatch.setenv(name.upper(), dynamodb.options[name])
    pairs = {k: v for k, v in dynamodb.options.items() if k not in names_of("secret")}
    return [f"--{name.replace('_', '-')}={value}" for name, value in pairs.items()]


class TestTheCommand:
    def run(self, *arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(command, ["purge", *arguments], input=answer)

    def test_asks_first(self, dynamodb: Any, place: list[str], site: Site, clock: Any) -> None:
        site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        refused = self.run(*place, answer="n\n")
        assert refused.exit_code == 1
        assert dynamodb.options["table_name"] in refused.output
        assert len(stored_items(dynamodb)) == 1
        accepted = self.run(*place, answer="y\n")
        assert accepted.exit_code == 0
        assert "deleted 1; kept 0" in accepted.output
        assert stored_items(dynamodb) == []

    def test_does_not_ask_in_a_dry_run_or_with_yes(
        self, place: list[str], site: Site, clock: Any
    ) -> None:
        site.visitor(n=1)
        clock.advance(LIFE + MARGIN)
        shown = self.run(*place, "--dry-run").output
        assert "1 expired over 60 seconds ago" in shown
        assert "nothing was deleted (--dry-run)" in shown
        assert "left out: what expired within the last 60 seconds" in shown
        report = json.loads(self.run(*place, "--yes", "--json").output)
        assert report["deleted"] == 1

    def test_says_where_to_go_on(
        self, place: list[str], site: Site, clock: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.visitor(n=1)
        report = PurgeReport(400, next=Start(37, 400))
        monkeypatch.setattr("beaker_dynamodb.cli.purge.purge", lambda *_, **__: report)
        result = self.run(*place, "--yes")
        assert result.exit_code == 130
        assert "go on with --from 37/400" in result.output

    @pytest.mark.parametrize("wrong", ["37", "x/y", "4/4"])
    def test_refuses_a_wrong_start(self, place: list[str], wrong: str) -> None:
        result = self.run(*place, "--yes", "--from", wrong)
        assert result.exit_code == 2
        assert "Traceback" not in result.output

    @local_alone
    def test_shows_rate_and_time_left_in_a_terminal(self, dynamodb: Any, place: list[str]) -> None:
        pty = pytest.importorskip("pty")
        put_expired(dynamodb, 60)
        terminal, standard_error = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "beaker_dynamodb", "purge", *place, "--yes", "--max-units=60"],
            stdout=subprocess.PIPE,
            stderr=standard_error,
            text=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )
        os.close(standard_error)
        shown = read_terminal(terminal)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "items/s" in shown
        assert re.search(r"\d+ of \d+ expired deleted", shown)
        assert re.search(r"\d:\d\d:\d\d", shown)
        assert "items/s" not in out

    @local_alone
    def test_stops_at_ctrl_c(self, dynamodb: Any, place: list[str]) -> None:
        # DynamoDB Local's TTL would delete the items before the command does.
        client: Any = session_model(**dynamodb.options).table_connection().connection.client
        name = f"{dynamodb.options['table_name']}-without-ttl"
        client.create_table(TableName=name, **schema(parse_options(dynamodb.options)))
        dynamodb.options["table_name"] = name
        place = [*place, "--table-name", name]
        put_expired(dynamodb, 200)
        arguments = [sys.executable, "-m", "beaker_dynamodb", "purge", *place]
        process = subprocess.Popen(
            # Slow enough not to be done before the signal, however busy the machine is.
            [*arguments, "--yes", "--max-units=5"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        deadline = time.monotonic() + 120
        while len(keys_of(dynamodb)) == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        left = len(keys_of(dynamodb))
        assert 0 < left < 200
        where = out.strip().rpartition("--from ")[2]
        done = CliRunner().invoke(command, ["purge", *place, "--yes", "--from", where])
        assert done.exit_code == 0, done.output
        assert keys_of(dynamodb) == set()


@local_alone
@pytest.mark.exhaustive
def test_100_000_rows_are_purged_beside_live_writes(dynamodb: Any) -> None:
    # DynamoDB Local on a busy machine, that is.
    dynamodb.options.update(connect_timeout=60, read_timeout=60)
    put_expired(dynamodb, 50_000)
    put_expired(dynamodb, 50_000, name="live", life=86_400)
    stop = threading.Event()
    acknowledged: dict[str, int] = {}
    writers = [
        threading.Thread(target=write_on, args=(dynamodb, f"s{n}", stop, acknowledged))
        for n in range(4)
    ]
    for writer in writers:
        writer.start()
    report = run_purge(dynamodb)
    stop.set()
    for writer in writers:
        writer.join()
    # With `-o log_cli=true`.
    writes = 2 * sum(acknowledged.values())
    logger.warning("%s in %.0f s beside %d writes", report, report.seconds, writes)
    assert report.deleted + report.kept == report.expired
    keys = keys_of(dynamodb)
    assert sum(key.startswith("live") for key in keys) == 50_000
    assert not any(key.startswith("expired") for key in keys - revived(acknowledged))
    for name, count in acknowledged.items():
        manager = DynamoDBNamespaceManager(name, **dynamodb.options)
        assert manager[str(count).encode()][2] == count


def write_on(dynamodb: Any, name: str, stop: threading.Event, acknowledged: dict[str, int]) -> None:
    """Write cache values, each of them new, and also over rows that have expired."""
    manager = DynamoDBNamespaceManager(name, **dynamodb.options)
    count = 0
    while not stop.is_set():
        manager.set_value(str(count).encode(), (0, None, count), expiretime=86_400)
        over = DynamoDBNamespaceManager(f"expired{count * 7919 % 50_000}", **dynamodb.options)
        over.set_value(b"x", (0, None, name), expiretime=86_400)
        acknowledged[name] = count
        count += 1


def revived(acknowledged: dict[str, int]) -> set[str]:
    """The expired rows over which the writers have written."""
    most = max(acknowledged.values())
    return {f"expired{count * 7919 % 50_000}" for count in range(most + 2)}


def put_expired(dynamodb: Any, count: int, name: str = "expired", life: int = -1000) -> None:
    """Store rows as a worker of long ago has."""
    model = session_model(**dynamodb.options)
    client: Any = model.table_connection().connection.client
    now = int(time.time())
    items = [
        {
            "id": {"S": f"{name}{n}"},
            "item": {"S": "x"},
            "data": {"B": b"\x30" + b"x" * 200},
            "version": {"S": "abcdefghijkl"},
            "touched": {"N": str(now - 5000)},
            "expires": {"N": str(now + life)},
        }
        for n in range(count)
    ]
    for start in range(0, count, BATCH):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]]
        client.batch_write_item(RequestItems={dynamodb.options["table_name"]: requests})


def keys_of(dynamodb: Any) -> set[str]:
    client: Any = session_model(**dynamodb.options).table_connection().connection.client
    found = client.get_paginator("scan").paginate(
        TableName=dynamodb.options["table_name"], ProjectionExpression="id", ConsistentRead=True
    )
    return {item["id"]["S"] for page in found for item in page["Items"]}


def read_terminal(terminal: int) -> str:
    """What a process shows in a terminal, until it ends."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as file, suppress(OSError):
        # Linux reports the end of a pseudo-terminal as an error.
        while part := file.read(4096):
            shown += part
    return shown.decode()


def threading_run(function: Callable[[], None]) -> None:
    """Run a function in a thread of its own, as another request does."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
