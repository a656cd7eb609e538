"""`doctor`: what it finds, with the remedy of each, and that no item changes."""

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from beaker import crypto
from beaker.crypto import noencryption
from botocore.exceptions import ClientError

from beaker_dynamodb import Finding
from beaker_dynamodb import create_table as create_another
from beaker_dynamodb.admin import doctor
from beaker_dynamodb.admin.doctor import examine
from beaker_dynamodb.testing.site import Site
from tests.cli.test_cli import Ini, arguments, credentials, ini, lines_of, place, run, section
from tests.support.internals import SharedClient, forget_connections
from tests.support.pages import count
from tests.support.tables import stored_items
from tests.support.wire import Wire
from tests.table.test_table import make_table

__all__ = ["credentials", "ini", "place"]

USER = "arn:aws:iam::123456789012:user/shop"
OF_THE_APPLICATION = [
    *("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
    *("Query", "BatchGetItem", "BatchWriteItem"),
]


def found(dynamodb: Any, **options: Any) -> dict[str, Finding]:
    """The findings by name; of several permissions the worst."""
    levels = ["ok", "warning", "error"]
    findings = examine(**{**dynamodb.options, **options})
    return {each.name: each for each in sorted(findings, key=lambda each: levels.index(each.level))}


class TestTheIndex:
    def test_is_looked_for_with_index_keys(self, dynamodb: Any) -> None:
        create_another(**dynamodb.options)
        assert "index" not in found(dynamodb)
        missing = found(dynamodb, index_keys="user_id")["index"]
        assert missing.level == "warning"
        assert str(missing.remedy).startswith("aws dynamodb update-table")
        assert "user_id-index" in str(missing.remedy)

    def test_is_there_if_the_table_was_created_with_it(self, dynamodb: Any) -> None:
        create_another(**dynamodb.options, index_keys="user_id")
        assert found(dynamodb, index_keys="user_id")["index"].level == "ok"


class TestTheCommand:
    def test_says_that_all_is_well(self, place: dict[str, str]) -> None:
        run("create-table", *arguments(place))
        result = run("doctor", *arguments(place))
        assert result.exit_code == 0, result.output
        assert lines_of(result)[-1] == "all is well"

    def test_prints_remedies_that_can_be_pasted_until_all_is_well(
        self, place: dict[str, str]
    ) -> None:
        result = run("doctor", *arguments(place))
        assert result.exit_code == 3
        assert "table, to mend it:" in lines_of(result)
        program, *pasted = shlex.split(lines_of(result)[-1])
        assert program == "beaker-dynamodb"
        assert run(*pasted).exit_code == 0
        assert run("doctor", *arguments(place)).exit_code == 0

    def test_ends_with_1_for_an_error(self, dynamodb: Any, place: dict[str, str]) -> None:
        make_table(dynamodb, [("id", "S")])
        result = run("doctor", *arguments(place))
        assert result.exit_code == 1
        assert "ERROR" in result.output
        assert f"create-table --table-name {place['table_name']}-2" in lines_of(result)[-1]

    def test_prints_json_for_programs(self, place: dict[str, str]) -> None:
        result = run("doctor", *arguments(place), "--json")
        assert result.exit_code == 3
        assert json.loads(result.stdout)[-1] == {
            "name": "table",
            "level": "warning",
            "message": f"table {place['table_name']} is missing: the first request creates it",
            "remedy": f"beaker-dynamodb create-table {shlex.join(sorted_arguments(place))}",
        }

    @pytest.mark.usefixtures("create_table")
    def test_reads_beakers_own_settings_from_an_ini_file(
        self, dynamodb: Any, ini: Ini, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(crypto.CRYPTO_MODULES, "default", noencryption)
        keys = {"encrypt_key": "a-secret-key", "validate_key": "another-secret"}
        result = run("doctor", "--ini", ini(section({**dynamodb.options, **keys})))
        assert result.exit_code == 1
        assert lines_of(result)[-1] == "  pip install cryptography"
        assert "secret" not in result.output

    def test_without_an_answer_ends_with_1_and_no_traceback(self, place: dict[str, str]) -> None:
        nowhere = {**place, "endpoint_url": "http://127.0.0.1:9", "max_retries": "0"}
        result = run("doctor", *arguments(nowhere))
        assert result.exit_code == 1
        assert lines_of(result)[-1] == "  curl -sS http://127.0.0.1:9"

    def test_without_credentials_ends_with_1(self) -> None:
        forget_connections()
        result = run("doctor", "--region", "eu-west-1")
        assert result.exit_code == 1
        assert lines_of(result)[-1] == "  aws configure"


def sorted_arguments(place: dict[str, str]) -> list[str]:
    names = [name for name in ("table_name", "region", "endpoint_url") if name in place]
    return [word for name in names for word in (f"--{name.replace('_', '-')}", place[name])]


@pytest.mark.usefixtures("create_table")
class TestPermissions:
    def test_are_tried_without_an_effect(self, dynamodb: Any) -> None:
        Site(dynamodb.options).request(count)
        [before] = stored_items(dynamodb)
        assert found(dynamodb)["permissions"].level == "ok"
        [after] = stored_items(dynamodb)
        assert before.serialize() == after.serialize()

    def test_are_those_of_the_application_and_of_creation(self, dynamodb: Any) -> None:
        message = found(dynamodb)["permissions"].message
        others = ["Scan", "CreateTable", "UpdateTimeToLive"]
        assert message == f"allowed: {', '.join([*OF_THE_APPLICATION, *others])}"
        message = found(dynamodb, create_table=False)["permissions"].message
        assert message == f"allowed: {', '.join([*OF_THE_APPLICATION, 'Scan'])}"

    @pytest.mark.parametrize("operation", OF_THE_APPLICATION)
    def test_that_are_missing_are_errors_with_their_statement(
        self, dynamodb: Any, wire: Wire, operation: str
    ) -> None:
        text = f"User: {USER} is not authorized to perform: dynamodb:{operation}"
        wire.fail_next(operation, (400, "AccessDeniedException"), text)
        permissions = found(dynamodb)["permissions"]
        assert permissions.level == "error"
        assert permissions.message.startswith(f"{operation}: access was denied: {text}")
        assert json.loads(str(permissions.remedy))["Action"] == f"dynamodb:{operation}"

    @pytest.mark.parametrize("operation", ["Scan", "CreateTable", "UpdateTimeToLive"])
    def test_of_an_operator_are_warnings(self, dynamodb: Any, wire: Wire, operation: str) -> None:
        wire.fail_next(operation, (400, "AccessDeniedException"))
        assert found(dynamodb)["permissions"].level == "warning"

    def test_stay_within_the_prefix_of_the_application(self, dynamodb: Any, wire: Wire) -> None:
        found(dynamodb, key_prefix="shop:")
        keys = [call.body["Key"]["id"]["S"] for call in wire.calls if "Key" in call.body]
        assert keys
        assert all(key.startswith("shop:") for key in keys)


@pytest.mark.usefixtures("create_table")
class TestSpeedAndBilling:
    def test_of_a_slow_read_is_a_warning(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert found(dynamodb)["round trip"].message.endswith("ms (the median of 5)")
        monkeypatch.setattr(doctor, "SLOW_READ", 0.0)
        slow = found(dynamodb)["round trip"]
        assert (slow.level, slow.remedy) == (
            "warning",
            "session.region = THE-REGION-OF-THIS-MACHINE",
        )

    def test_is_named(self, dynamodb: Any) -> None:
        assert found(dynamodb)["billing"].message == "on demand"
        options = {"table_name": f"{dynamodb.options['table_name']}-units"}
        units = {"read_capacity_units": "3", "write_capacity_units": "2"}
        place = {**dynamodb.options, **options, **units}
        doctor_of = {**options, **units}
        create_another(**place)
        assert found(dynamodb, **doctor_of)["billing"].message == (
            "provisioned: 3 read and 2 write units"
        )


@pytest.mark.usefixtures("create_table")
@pytest.mark.parametrize("dynamodb", ["moto"], indirect=True)
class TestThrottling:
    @pytest.fixture
    def throttled(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        def let(events: int) -> None:
            monkeypatch.setattr(doctor, "throttle_events", lambda *_: events)

        return let

    def test_is_read_from_cloudwatch(self, dynamodb: Any) -> None:
        assert found(dynamodb)["throttling"].message == "0 calls throttled in the last hour"

    def test_is_a_warning(self, dynamodb: Any, throttled: Callable[[int], None]) -> None:
        throttled(12)
        throttling = found(dynamodb)["throttling"]
        assert throttling.level == "warning"
        assert throttling.message == "12 calls throttled in the last hour"
        assert str(throttling.remedy).startswith("aws dynamodb describe-table --table-name")

    def test_that_is_not_known_names_the_statement(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:9")
        throttling = found(dynamodb, max_retries="0")["throttling"]
        assert throttling.level == "warning"
        assert '"cloudwatch:GetMetricStatistics"' in str(throttling.remedy)

    def test_that_may_not_be_read_says_so(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = f"User: {USER} is not authorized to perform: cloudwatch:GetMetricStatistics"
        answer = {"Error": {"Code": "AccessDenied", "Message": text}}

        def refuse(*_: Any, **__: Any) -> None:
            raise ClientError(answer, "GetMetricStatistics")

        monkeypatch.setattr(SharedClient, "client_of", refuse)
        assert f"not known: access was denied: {text}" in found(dynamodb)["throttling"].message


def test_a_stand_in_has_no_throttling(dynamodb: Any, create_table: None) -> None:
    assert ("throttling" in found(dynamodb)) == (dynamodb.name == "moto")
