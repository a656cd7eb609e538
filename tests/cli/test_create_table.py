"""`create-table`: its settings, what differs in an existing table, and its progress."""

import json
import shlex
from typing import Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb import session_model
from beaker_dynamodb.admin import table as admin_table
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.options import names_of, parse_options
from tests.support.wire import Wire

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#: As AWS words it.
DENIED = (
    "User: arn:aws:iam::123456789012:user/web is not authorized to perform: dynamodb:{} on "
    "resource: arn:aws:dynamodb:us-east-1:123456789012:table/beaker"
)
SETTINGS = (
    "--point-in-time-recovery",
    "--deletion-protection",
    *("--kms-key", KEY),
    *("--tag", "team=web", "--tag", "stage=prod"),
)

local_alone = pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
moto_alone = pytest.mark.parametrize("dynamodb", ["moto"], indirect=True)


@pytest.fixture
def place(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        monkeypatch.setenv(name.upper(), dynamodb.options[name])
    shown = dynamodb.options.items()
    pairs = {name: value for name, value in shown if name not in names_of("secret")}
    return [f"--{name.replace('_', '-')}={value}" for name, value in pairs.items()]


def create(place: list[str], *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(command, ["create-table", *place, *arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def description(dynamodb: Any) -> dict[str, Any]:
    client: Any = session_model(**dynamodb.options).table_connection().connection.client
    table: dict[str, Any] = client.describe_table(TableName=dynamodb.options["table_name"])["Table"]
    return table


class TestANewTable:
    # DynamoDB Local has no continuous backups, and ignores protection and keys.
    @moto_alone
    def test_has_what_was_chosen(self, dynamodb: Any, place: list[str]) -> None:
        shown = create(place, *SETTINGS)
        assert "point-in-time recovery switched on" in shown
        table = description(dynamodb)
        assert table["DeletionProtectionEnabled"] is True
        assert table["SSEDescription"]["KMSMasterKeyArn"] == KEY
        report = json.loads(create(place, *SETTINGS, "--json"))
        assert report["state"] == "existed"
        assert report["differences"] == []

    def test_has_an_index_by_keys_alone(self, dynamodb: Any, place: list[str]) -> None:
        create(place, "--index-keys", "user_id,shop_id")
        indexes = description(dynamodb)["GlobalSecondaryIndexes"]
        assert sorted(index["IndexName"] for index in indexes) == ["shop_id-index", "user_id-index"]
        assert {index["Projection"]["ProjectionType"] for index in indexes} == {"KEYS_ONLY"}

    def test_has_capacity_in_its_indexes_too(self, dynamodb: Any, place: list[str]) -> None:
        create(place, "--index-keys=user_id", "--read-capacity-units=3")
        [index] = description(dynamodb)["GlobalSecondaryIndexes"]
        assert index["ProvisionedThroughput"]["ReadCapacityUnits"] == 3

    def test_waits_for_its_backups(self, dynamodb: Any, place: list[str], wire: Wire) -> None:
        if dynamodb.name != "moto":
            pytest.skip("DynamoDB Local has no continuous backups")
        for _ in range(3):
            wire.fail_next(
                "UpdateContinuousBackups", (400, "ContinuousBackupsUnavailableException")
            )
        assert "recovery switched on" in create(place, "--point-in-time-recovery")

    def test_says_which_step_a_stand_in_lacks(self, place: list[str], wire: Wire) -> None:
        wire.fail_next("UpdateContinuousBackups", (400, "UnknownOperationException"))
        arguments = ["create-table", *place, "--point-in-time-recovery"]
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 1
        assert "point-in-time recovery could not be switched on" in result.output

    @local_alone
    def test_lacks_what_a_stand_in_ignores(self, place: list[str]) -> None:
        shown = create(place, "--tag=team=web", code=3)
        assert "is ready: created" in shown
        assert "tag team: not known (http://127.0.0.1:" in shown

    def test_is_not_created_in_a_dry_run(self, place: list[str], wire: Wire) -> None:
        shown = create(place, "--dry-run", "--point-in-time-recovery")
        assert "is missing; without --dry-run this would be done:" in shown
        assert "switch point-in-time recovery on" in shown
        assert wire.operations == ["DescribeTable"]


class TestAnExistingTable:
    @moto_alone
    def test_is_compared_with_what_is_wanted(self, place: list[str]) -> None:
        create(place)
        wanted = (*SETTINGS, "--index-keys=user_id", "--write-capacity-units=7")
        report = json.loads(create(place, *wanted, "--json", code=3))
        assert [each["setting"] for each in report["differences"]] == [
            "billing",
            "index user_id-index",
            "deletion protection",
            "point-in-time recovery",
            "encryption key",
            "tag team",
            "tag stage",
        ]
        assert report["differences"][0]["found"] == "on demand"

    @moto_alone
    def test_comes_with_commands_that_remove_each_difference(
        self, dynamodb: Any, place: list[str]
    ) -> None:
        create(place)
        # moto ignores a key in UpdateTable.
        settings = [each for each in SETTINGS if each not in {"--kms-key", KEY}]
        wanted = (*settings, "--index-keys=user_id", "--write-capacity-units=7")
        report = json.loads(create(place, *wanted, "--json", code=3))
        for each in report["differences"]:
            run_aws(dynamodb, each["command"])
        assert json.loads(create(place, *wanted, "--json"))["differences"] == []

    @pytest.mark.parametrize("billing", ["--read-capacity-units=3", "--billing-mode=on_demand"])
    def test_gets_an_index_billed_as_the_table_is(
        self, dynamodb: Any, place: list[str], billing: str
    ) -> None:
        create(place, billing)
        report = json.loads(create(place, "--index-keys=user_id", "--json", code=3))
        [missing] = report["differences"]
        words = shlex.split(missing["command"])
        update = json.loads(words[words.index("--global-secondary-index-updates") + 1])
        throughput = update[0]["Create"].get("ProvisionedThroughput", {})
        assert throughput.get("ReadCapacityUnits") == (3 if "units" in billing else None)
        run_aws(dynamodb, missing["command"])

    def test_names_what_differs_in_words(self, place: list[str]) -> None:
        create(place)
        shown = create(place, "--index-keys=user_id", code=3)
        assert "index user_id-index: missing, wanted: by keys alone. To change it:" in shown
        assert "  aws dynamodb update-table --table-name test-" in shown

    @pytest.mark.parametrize(
        ("setting", "operation", "name"),
        [
            ("--point-in-time-recovery", "DescribeContinuousBackups", "point-in-time recovery"),
            ("--tag=team=web", "ListTagsOfResource", "tag team"),
            ("--deletion-protection", "DescribeTimeToLive", "TTL"),
        ],
    )
    @pytest.mark.parametrize("code", ["UnknownOperationException", "AccessDeniedException"])
    def test_says_who_refuses_to_show_what(
        self, place: list[str], wire: Wire, setting: str, operation: str, name: str, code: str
    ) -> None:
        create(place)
        for _ in range(2 if name == "TTL" else 1):  # one to switch it on
            wire.fail_next(operation, (400, code), DENIED.format(operation))
        shown = create(place, setting, "--index-keys=user_id", code=3)
        [line] = [each for each in shown.splitlines() if each.startswith(f"{name}: not known (")]
        assert operation in line
        assert ("is a stand-in for DynamoDB" in line) is (code == "UnknownOperationException")
        # What holds now, and what else differs, is still printed.
        assert "is ready: it existed" in shown
        assert "index user_id-index: missing" in shown

    def test_is_only_compared_in_a_dry_run(self, place: list[str], wire: Wire) -> None:
        create(place)
        wire.clear()
        create(place, "--dry-run", "--index-keys=user_id", code=3)
        assert set(wire.operations) == {"DescribeTable", "DescribeTimeToLive"}

    def test_is_not_compared_in_what_was_not_chosen(self, place: list[str]) -> None:
        create(place, "--read-capacity-units=3")
        create(place)

    def test_shows_a_ttl_that_is_off(self, dynamodb: Any, place: list[str]) -> None:
        create(place)
        off = {"Enabled": False, "AttributeName": "expires"}
        client: Any = session_model(**dynamodb.options).table_connection().connection.client
        name = dynamodb.options["table_name"]
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=off)
        shown = create(place, "--dry-run", code=3)
        assert "TTL: off, wanted: on for expires" in shown


@pytest.mark.parametrize("tag", ["team", "=web"])
def test_a_tag_without_a_name_or_a_value_is_refused(tag: str) -> None:
    result = CliRunner().invoke(command, ["create-table", "--tag", tag])
    assert result.exit_code == 2
    assert "a tag has the form NAME=VALUE" in result.output


def test_the_steps_are_reported_while_the_table_is_waited_for(dynamodb: Any) -> None:
    steps: list[str] = []
    report = admin_table.prepare_table(parse_options(dynamodb.options), progress=steps.append)
    assert steps == ["table created", "TTL switched on"]
    assert report.steps == tuple(steps)


def run_aws(dynamodb: Any, command_line: str) -> None:
    """What the AWS command line does with a command of `differences`."""
    words = shlex.split(command_line)
    assert words[:2] == ["aws", "dynamodb"]
    client: Any = session_model(**dynamodb.options).table_connection().connection.client
    arguments: dict[str, Any] = {}
    flags = {"region", "endpoint_url", "profile"}
    pending = words[3:]
    while pending:
        name = pending.pop(0).removeprefix("--").replace("-", "_")
        value = pending.pop(0) if pending and not pending[0].startswith("--") else "true"
        if name not in flags:
            arguments[name] = _parsed(name, value)
    parameters = {_member(client, words[2], name): value for name, value in arguments.items()}
    getattr(client, words[2].replace("-", "_"))(**parameters)


def _member(client: Any, name: str, option: str) -> str:
    if option == "deletion_protection_enabled":
        return "DeletionProtectionEnabled"
    operation = client.meta.method_to_api_mapping[name.replace("-", "_")]
    members = client.meta.service_model.operation_model(operation).input_shape.members
    return next(each for each in members if each.lower() == option.replace("_", ""))


def _parsed(name: str, value: str) -> Any:
    if value.startswith("["):
        return json.loads(value)
    if "=" not in value:
        return {"true": True}.get(value, value)
    pairs = dict(each.split("=", maxsplit=1) for each in value.split(","))
    typed = {key: _typed(text) for key, text in pairs.items()}
    return [typed] if name in {"tags", "attribute_definitions"} else typed


def _typed(text: str) -> Any:
    return {"true": True}.get(text, int(text) if text.isdigit() else text)
