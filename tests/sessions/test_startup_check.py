"""startup_check: the table is checked when the application is built, once per process."""

import logging
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb import BeakerDynamoDBError, SessionMiddleware
from tests.options.test_scopes import BUILDERS, Build
from tests.support.tables import stored_items
from tests.support.wire import Wire
from tests.table.test_table import make_table


def settings_of(dynamodb: Any, **more: str) -> dict[str, Any]:
    options = {"type": "ext:dynamodb", **dynamodb.options, **more}
    return {f"session.{name}": value for name, value in options.items()}


def build(settings: dict[str, Any]) -> SessionMiddleware:
    return SessionMiddleware(lambda environ, start_response: [], settings)


def test_is_off_by_default(dynamodb: Any, wire: Wire) -> None:
    with wire.expect():
        build(settings_of(dynamodb))


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("dynamodb", ["moto"], indirect=True)
def test_fail_refuses_to_start_in_every_framework(
    dynamodb: Any, builder: Build, tmp_path: Path
) -> None:
    make_table(dynamodb, [("id", "S")])
    with pytest.raises(BeakerDynamoDBError, match=r"startup_check = fail: keys: the table has"):
        builder(settings_of(dynamodb, startup_check="fail"), tmp_path)


def test_fail_refuses_a_table_without_a_sort_key_before_anything_is_written(
    dynamodb: Any, wire: Wire
) -> None:
    make_table(dynamodb, [("id", "S")])
    wire.clear()
    for _ in range(2):
        with pytest.raises(BeakerDynamoDBError, match="beaker-dynamodb create-table --table-name"):
            build(settings_of(dynamodb, startup_check="fail"))
    assert set(wire.operations) == {"DescribeTable"}
    assert stored_items(dynamodb) == []


def test_fail_starts_with_a_table_that_is_as_it_should_be(
    dynamodb: Any, create_table: None, wire: Wire
) -> None:
    build(settings_of(dynamodb, startup_check="fail", timeout="601"))
    assert set(wire.operations) == {"DescribeTable", "DescribeTimeToLive"}


def test_runs_once_per_process(dynamodb: Any, create_table: None, wire: Wire) -> None:
    build(settings_of(dynamodb, startup_check="warn", timeout="602"))
    with wire.expect():
        build(settings_of(dynamodb, startup_check="warn", timeout="602"))


def test_warn_logs_each_finding_with_its_remedy_and_starts(
    dynamodb: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
        build(settings_of(dynamodb, startup_check="warn", create_table="false"))
    assert "startup_check: table: table" in caplog.text
    assert "is missing: beaker-dynamodb create-table --table-name" in caplog.text


def test_fail_is_an_error_in_an_outage(dynamodb: Any) -> None:
    options = {"endpoint_url": "http://127.0.0.1:9", "max_retries": "0"}
    with pytest.raises(BeakerDynamoDBError, match="reachable: DynamoDB could not be reached"):
        build(settings_of(dynamodb, startup_check="fail", **options))
