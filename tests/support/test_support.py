"""The stand-ins of DynamoDB, the wire and the clock, tested with a plain botocore client."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from beaker.cache import Cache
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from beaker_dynamodb.testing import Clock
from beaker_dynamodb.testing.site import Site
from tests.support import dynamodb_local as local
from tests.support.dynamodb_local import DynamoDBLocalUnavailable
from tests.support.plugin import DynamoDB
from tests.support.wire import Wire

OUTAGE = (500, "InternalServerError")
on_dynamodb_local = pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)


class Table:
    """A table of one key, over a plain client."""

    def __init__(self, dynamodb: DynamoDB, retries: int = 0) -> None:
        self._name = str(dynamodb.options["table_name"])
        self._client: Any = botocore.session.Session().create_client(
            "dynamodb",
            region_name=dynamodb.options["region"],
            endpoint_url=dynamodb.options.get("endpoint_url"),
            aws_access_key_id=dynamodb.options["aws_access_key_id"],
            aws_secret_access_key=dynamodb.options["aws_secret_access_key"],
            config=Config(retries={"max_attempts": retries}, max_pool_connections=8),
        )

    def create(self) -> None:
        self._client.create_table(
            TableName=self._name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )

    def put(self, key: str, size: int = 1) -> None:
        item = {"id": {"S": key}, "data": {"B": b"x" * size}}
        self._client.put_item(TableName=self._name, Item=item, ReturnConsumedCapacity="TOTAL")

    def put_together(self, *keys: str) -> None:
        requests = [{"PutRequest": {"Item": {"id": {"S": key}}}} for key in keys]
        self._client.batch_write_item(
            RequestItems={self._name: requests}, ReturnConsumedCapacity="TOTAL"
        )

    def has(self, key: str) -> bool:
        answer = self._client.get_item(TableName=self._name, Key={"id": {"S": key}})
        return "Item" in answer

    def keys(self) -> set[str]:
        return {item["id"]["S"] for item in self._client.scan(TableName=self._name)["Items"]}


@pytest.fixture
def table(dynamodb: DynamoDB) -> Table:
    created = Table(dynamodb)
    created.create()
    return created


class TestDynamoDB:
    @pytest.mark.parametrize("_", range(2))
    def test_gives_each_test_an_empty_table(self, table: Table, _: int) -> None:
        assert table.keys() == set()
        table.put("a")
        assert table.keys() == {"a"}

    def test_has_an_endpoint_only_if_it_is_dynamodb_local(self, dynamodb: DynamoDB) -> None:
        assert ("endpoint_url" in dynamodb.options) is (dynamodb.name == "dynamodb-local")

    def test_marks_tests_that_need_dynamodb_local(
        self, dynamodb: DynamoDB, request: pytest.FixtureRequest
    ) -> None:
        mark = request.node.get_closest_marker("dynamodb_local")
        assert (mark is not None) is (dynamodb.name == "dynamodb-local")

    @on_dynamodb_local
    def test_marks_a_test_that_chooses_dynamodb_local(
        self, dynamodb: DynamoDB, request: pytest.FixtureRequest
    ) -> None:
        assert request.node.get_closest_marker("dynamodb_local")

    def test_hides_the_developers_aws_settings(self) -> None:
        left = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        assert left == {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


class TestWithoutDynamoDBLocal:
    """The output for a developer without Java."""

    @pytest.fixture
    def bare_environment(self, tmp_path: Path) -> dict[str, str]:
        dropped = {local.ENDPOINT_VARIABLE, "CI", "PYTEST_ADDOPTS"}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return {**kept, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}

    def run(self, environment: dict[str, str], workers: int) -> str:
        test = f"{__file__}::TestCapacity::test_is_what_dynamodb_charges"
        options = ["-p", "no:cacheprovider", "-rs", "-n", str(workers)]
        command = [sys.executable, "-m", "pytest", *options, test]
        root = Path(__file__).parent.parent.parent
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        return " ".join(done.stdout.split())

    @pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
    def test_tests_skip_and_say_what_to_do(
        self, bare_environment: dict[str, str], workers: int
    ) -> None:
        output = self.run(bare_environment, workers)
        assert "3 skipped" in output
        assert "java is missing: install Java 17" in output

    @pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
    def test_tests_fail_in_ci(self, bare_environment: dict[str, str], workers: int) -> None:
        output = self.run({**bare_environment, "CI": "true"}, workers)
        assert "3 errors" in output
        assert "java is missing: install Java 17" in output


class TestFetching:
    @pytest.fixture(autouse=True)
    def own_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def build(self, fetch: Any) -> local.Build:
        return local.Build("some-build-1.0", fetch, lambda folder: [str(folder)])

    def test_is_done_once_by_concurrent_processes(self) -> None:
        fetches: list[Path] = []

        def fetch(folder: Path) -> None:
            fetches.append(folder)
            time.sleep(0.05)
            (folder / "dynamodb").touch()

        with ThreadPoolExecutor(4) as threads:
            folders = set(threads.map(local.fetched, [self.build(fetch)] * 4))
        assert len(fetches) == 1
        assert [folder.name for folder in folders] == ["some-build-1.0"]
        assert all((folder / "dynamodb").exists() for folder in folders)

    def test_that_fails_leaves_nothing_behind(self) -> None:
        def fetch(folder: Path) -> None:
            (folder / "half").touch()
            raise local.DynamoDBLocalUnavailable("the line broke")

        with pytest.raises(local.DynamoDBLocalUnavailable, match="the line broke"):
            local.fetched(self.build(fetch))
        assert [path.name for path in local.cache_folder().iterdir()] == ["some-build-1.0.lock"]

    def test_that_fails_reports_every_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(local, "installed", self.only_java)
        with (
            pytest.raises(DynamoDBLocalUnavailable, match=r"mvn is missing; npm is missing: inst"),
            local.running_dynamodb_local(),
        ):
            pass

    def only_java(self, program: str) -> str:
        if program == "java":
            return sys.executable
        raise local.DynamoDBLocalUnavailable(f"{program} is missing")

    def test_dynamodb_local_that_exits_at_once_is_reported_with_its_output(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(local, "installed", self.only_java)
        last_words = ["-c", "raise SystemExit('too old')"]
        build = local.Build("some-build-1.0", lambda folder: None, lambda folder: last_words)
        with (
            pytest.raises(DynamoDBLocalUnavailable, match=r"did not start \(too old\): install"),
            local.running_dynamodb_local([build]),
        ):
            pass


class TestCapacity:
    @on_dynamodb_local
    @pytest.mark.parametrize(("size", "units"), [(900, 1), (1900, 2), (2100, 3)])
    def test_is_what_dynamodb_charges(
        self, table: Table, wire: Wire, size: int, units: int
    ) -> None:
        table.put("a", size)
        assert wire.units == units

    @on_dynamodb_local
    def test_of_a_batch_is_summed(self, table: Table, wire: Wire) -> None:
        table.put_together("a", "b", "c")
        assert wire.units == 3

    @on_dynamodb_local
    def test_belongs_to_the_call_of_its_own_thread(self, table: Table, wire: Wire) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(table.put, "abcdefgh", range(500, 8500, 1000)))
        units = {call.body["Item"]["id"]["S"]: call.units for call in wire.calls}
        assert units == dict(zip("abcdefgh", range(1, 9), strict=True))

    def test_is_zero_without_a_call(self, wire: Wire) -> None:
        assert wire.units == 0

    def test_is_unknown_if_the_call_does_not_request_it(self, table: Table, wire: Wire) -> None:
        table.has("a")
        assert wire.units is None


class TestWire:
    def test_records_each_call(self, table: Table, wire: Wire, dynamodb: DynamoDB) -> None:
        table.put("a")
        table.has("a")
        assert wire.operations == ["PutItem", "GetItem"]
        body = {"TableName": dynamodb.options["table_name"], "Key": {"id": {"S": "a"}}}
        assert wire.calls[-1].body == body

    def test_forgets_calls_on_clear(self, table: Table, wire: Wire) -> None:
        table.put("a")
        wire.clear()
        assert wire.calls == []

    def put_and_get(self, table: Table) -> None:
        table.put("a")
        table.has("a")

    def test_expects_exactly_these_calls(self, table: Table, wire: Wire) -> None:
        with wire.expect("PutItem", "GetItem"):
            self.put_and_get(table)
        with wire.expect():
            pass
        assert wire.operations == ["PutItem", "GetItem"]

    @pytest.mark.parametrize(
        "expected",
        [[], ["PutItem"], ["GetItem", "PutItem"], ["PutItem", "GetItem", "GetItem"]],
        ids=" ".join,
    )
    def test_an_expectation_fails_on_other_calls(
        self, table: Table, wire: Wire, expected: list[str]
    ) -> None:
        with (
            pytest.raises(AssertionError, match=r"called \['PutItem', 'GetItem'\], expected"),
            wire.expect(*expected),
        ):
            self.put_and_get(table)

    def test_an_expectation_does_not_hide_an_error(self, wire: Wire) -> None:
        with pytest.raises(ZeroDivisionError), wire.expect("PutItem"):
            raise ZeroDivisionError


class TestFaults:
    def test_an_injected_error_does_not_reach_dynamodb(self, table: Table, wire: Wire) -> None:
        wire.fail_next("PutItem", OUTAGE)
        with pytest.raises(ClientError) as caught:
            table.put("a")
        assert caught.value.response["Error"]["Code"] == "InternalServerError"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert table.keys() == set()

    def test_an_injected_exception_is_raised(self, table: Table, wire: Wire) -> None:
        wire.fail_next("PutItem", ConnectTimeoutError(endpoint_url="http://dynamodb"))
        with pytest.raises(ConnectTimeoutError):
            table.put("a")
        assert table.keys() == set()

    def test_the_next_attempt_reaches_dynamodb(
        self, table: Table, dynamodb: DynamoDB, wire: Wire
    ) -> None:
        wire.fail_next("PutItem", OUTAGE)
        with wire.expect("PutItem", "PutItem"):
            Table(dynamodb, retries=1).put("a")
        assert table.keys() == {"a"}

    def test_other_operations_are_not_affected(self, table: Table, wire: Wire) -> None:
        wire.fail_next("PutItem", OUTAGE)
        assert not table.has("a")
        with pytest.raises(ClientError):
            table.put("a")

    def test_a_fault_without_an_operation_affects_any(self, table: Table, wire: Wire) -> None:
        wire.fail_next(None, OUTAGE)
        with pytest.raises(ClientError):
            table.has("a")

    def test_an_answer_is_lost_after_the_write(self, table: Table, wire: Wire) -> None:
        wire.lose_answer_of("PutItem")
        with pytest.raises(ReadTimeoutError):
            table.put("a")
        assert wire.operations == ["PutItem"]
        assert table.keys() == {"a"}

    def test_a_client_retries_when_an_answer_is_lost(
        self, table: Table, dynamodb: DynamoDB, wire: Wire
    ) -> None:
        wire.lose_answer_of("PutItem")
        with wire.expect("PutItem", "PutItem"):
            Table(dynamodb, retries=1).put("a")
        assert table.keys() == {"a"}


class TestClock:
    def test_stands_still_until_it_is_advanced(self, clock: Clock) -> None:
        begin = clock.now
        time.sleep(0.01)
        assert time.time() == begin
        clock.advance(1.5)
        assert time.time() == clock.now == begin + 1.5

    def test_starts_half_a_day_ahead(self, clock: Clock) -> None:
        assert abs(clock.now - time.clock_gettime(time.CLOCK_REALTIME) - 43_200) < 60

    def test_is_the_one_that_beaker_reads(self, clock: Clock) -> None:
        cache = Cache("clock", type="memory", expire=60)
        assert cache.get("a", createfunc=lambda: 1) == 1
        clock.advance(59)
        assert cache.get("a", createfunc=lambda: 2) == 1
        clock.advance(2)
        assert cache.get("a", createfunc=lambda: 3) == 3

    def test_does_not_disturb_dynamodb(self, table: Table, clock: Clock) -> None:
        clock.advance(10 * 365 * 24 * 3600)
        table.put("a")
        assert table.keys() == {"a"}


class TestAVisitor:
    def test_sends_the_cookie_that_replaces_its_own(self) -> None:
        visitor = Site({"type": "memory"}).visitor(name="Ada")
        visitor.use_cookie("f" * 32)
        assert visitor.cookie_value == "f" * 32
        assert visitor.visit(lambda session: session.id) == "f" * 32
        assert visitor.read() == {}


class TestDynamoDBLocal:
    @pytest.mark.parametrize(
        ("installed", "expected"),
        [("java mvn", True), ("java npm", True), ("java", False), ("mvn", False)],
    )
    def test_is_available_with_java_and_what_fetches_it(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: str, *, expected: bool
    ) -> None:
        programs = {program: f"/usr/bin/{program}" for program in installed.split()}
        monkeypatch.delenv(local.ENDPOINT_VARIABLE, raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(shutil, "which", programs.get)
        assert local.is_available() is expected
