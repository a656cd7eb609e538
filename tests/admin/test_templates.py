"""Templates: checked by their own tools, and the table that they describe is created."""

import json
import sys
import uuid
from types import ModuleType
from typing import Any

import hcl2
import pytest
from cfnlint.api import lint_all
from click.testing import CliRunner

from beaker_dynamodb import session_model
from beaker_dynamodb.admin.templates import RESOURCE
from beaker_dynamodb.cli.commands import command
from beaker_dynamodb.options import names_of, parse_options
from tests.support.internals import TableDefinition

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KINDS: dict[str, list[str]] = {
    "plain": [],
    "provisioned": ["--read-capacity-units=3", "--write-capacity-units=2"],
    "own names": ["--hash-key=pk", "--range-key=sk", "--ttl-attribute=until"],
    "indexes": ["--index-keys=user_id,shop-id"],
    "everything": [
        *("--index-keys=user_id", "--write-capacity-units=2", "--point-in-time-recovery"),
        *("--deletion-protection", f"--kms-key={KEY}", "--tag=team=web", "--tag=a=b c"),
    ],
}
each_kind = pytest.mark.parametrize("kind", KINDS)
local_alone = pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)


@pytest.fixture
def name(dynamodb: Any) -> str:
    return str(dynamodb.options["table_name"])


def template(language: str, kind: str, name: str) -> str:
    place = ["--table-name", name, "--region", "us-east-1"]
    result = CliRunner().invoke(command, [language, *place, *KINDS[kind]])
    assert result.exit_code == 0, result.output
    return result.stdout


def options_of(dynamodb: Any, kind: str) -> dict[str, Any]:
    """The options of the backend among those of the command."""
    own = names_of("table")
    pairs = [word.removeprefix("--").split("=", 1) for word in KINDS[kind] if "=" in word]
    named = {name.replace("-", "_"): value for name, value in pairs}
    return {**dynamodb.options, **{key: value for key, value in named.items() if key in own}}


def create(dynamodb: Any, properties: dict[str, Any], kind: str) -> None:
    """Create the table that properties describe, and look at it as the package does."""
    client: Any = session_model(**dynamodb.options).table_connection().connection.client
    client.create_table(**properties)
    model = session_model(**options_of(dynamodb, kind))
    definition = TableDefinition(model)
    assert definition.find_error() is None
    table = model.describe_table()
    wanted = parse_options(options_of(dynamodb, kind))
    indexes = {each["IndexName"] for each in table.get("GlobalSecondaryIndexes", [])}
    assert indexes == {f"{key}-index" for key in wanted.index_keys}
    units = table["ProvisionedThroughput"]["ReadCapacityUnits"]
    assert units == (wanted.read_capacity_units or 1 if wanted.is_provisioned else 0)


def creatable(properties: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's properties as CreateTable accepts them."""
    others = {
        "TimeToLiveSpecification",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        "DeletionProtectionEnabled",
    }
    return {name: value for name, value in properties.items() if name not in others}


class TestCloudFormation:
    @each_kind
    def test_passes_cfn_lint(self, kind: str) -> None:
        found = lint_all(template("cloudformation", kind, "beaker"))
        # Its rules I... are no more than information.
        assert [each for each in found if not each.rule.id.startswith("I")] == []

    @local_alone
    @each_kind
    def test_describes_the_table(self, dynamodb: Any, name: str, kind: str) -> None:
        properties = json.loads(template("cloudformation", kind, name))["Resources"][RESOURCE]
        create(dynamodb, creatable(properties["Properties"]), kind)

    def test_has_what_was_chosen(self) -> None:
        resource = json.loads(template("cloudformation", "everything", "beaker"))["Resources"]
        properties = resource[RESOURCE]["Properties"]
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert properties["SSESpecification"]["KMSMasterKeyId"] == KEY
        assert properties["DeletionProtectionEnabled"]
        assert {"Key": "a", "Value": "b c"} in properties["Tags"]
        assert properties["TimeToLiveSpecification"] == {
            "AttributeName": "expires",
            "Enabled": True,
        }
        assert resource[RESOURCE]["DeletionPolicy"] == "Retain"

    def test_names_the_table_of_an_arn(self) -> None:
        arn = "arn:aws:dynamodb:us-east-1:123456789012:table/beaker"
        properties = json.loads(template("cloudformation", "plain", arn))["Resources"][RESOURCE]
        assert properties["Properties"]["TableName"] == "beaker"


class TestTerraform:
    @local_alone
    @each_kind
    def test_describes_the_table(self, dynamodb: Any, name: str, kind: str) -> None:
        create(dynamodb, from_terraform(template("terraform", kind, name)), kind)

    def test_has_what_was_chosen(self) -> None:
        table = terraform_table(template("terraform", "everything", "beaker"))
        assert first(table["point_in_time_recovery"])["enabled"] is True
        assert unquoted(first(table["server_side_encryption"])["kms_key_arn"]) == KEY
        assert table["deletion_protection_enabled"] is True
        assert first(table["ttl"])["enabled"] is True
        assert first(table["lifecycle"])["prevent_destroy"] is True
        tags = {unquoted(name): unquoted(value) for name, value in table["tags"].items()}
        assert tags == {"team": "web", "a": "b c"}

    def test_escapes_what_terraform_would_evaluate(self) -> None:
        arguments = ["terraform", "--hash-key", 'a"${b}']
        assert r'"a\"$${b}"' in CliRunner().invoke(command, arguments).stdout


class TestCDK:
    @local_alone
    @each_kind
    def test_describes_the_table(
        self, dynamodb: Any, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = run_cdk(template("cdk", kind, name), monkeypatch)
        create(dynamodb, creatable(made["properties"]), kind)

    def test_has_the_properties_of_cloudformation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = run_cdk(template("cdk", "everything", "beaker"), monkeypatch)
        resource = json.loads(template("cloudformation", "everything", "beaker"))["Resources"]
        assert made["properties"] == resource[RESOURCE]["Properties"]
        assert made["policy"] == "retain"


def first(block: Any) -> Any:
    return block[0] if isinstance(block, list) else block


def unquoted(value: Any) -> Any:
    """hcl2 keeps the quotes of a literal."""
    return json.loads(value) if isinstance(value, str) and value.startswith('"') else value


def terraform_table(text: str) -> dict[str, Any]:
    resource = first(hcl2.loads(text)["resource"])
    kinds = {unquoted(kind): value for kind, value in resource.items()}
    [table] = [value for key, value in kinds["aws_dynamodb_table"].items() if "beaker" in key]
    found: dict[str, Any] = first(table)
    return found


def from_terraform(text: str) -> dict[str, Any]:
    """What Terraform's AWS provider passes to CreateTable."""
    table = terraform_table(text)
    attributes = table["attribute"]
    properties: dict[str, Any] = {
        "TableName": unquoted(table["name"]),
        "BillingMode": unquoted(table["billing_mode"]),
        "AttributeDefinitions": [
            {"AttributeName": unquoted(each["name"]), "AttributeType": unquoted(each["type"])}
            for each in attributes
        ],
        "KeySchema": [
            {"AttributeName": unquoted(table["hash_key"]), "KeyType": "HASH"},
            {"AttributeName": unquoted(table["range_key"]), "KeyType": "RANGE"},
        ],
        **throughput(table),
    }
    indexes = [
        {
            "IndexName": unquoted(each["name"]),
            "KeySchema": [{"AttributeName": unquoted(each["hash_key"]), "KeyType": "HASH"}],
            "Projection": {"ProjectionType": unquoted(each["projection_type"])},
            **throughput(each),
        }
        for each in table.get("global_secondary_index", [])
    ]
    return {**properties, "GlobalSecondaryIndexes": indexes} if indexes else properties


def throughput(block: dict[str, Any]) -> dict[str, Any]:
    if "read_capacity" not in block:
        return {}
    units = {"Read": block["read_capacity"], "Write": block["write_capacity"]}
    return {
        "ProvisionedThroughput": {f"{kind}CapacityUnits": value for kind, value in units.items()}
    }


#: The classes in aws_cdk.aws_dynamodb.CfnTable that the stack uses, as aws-cdk-lib 2 has them.
CDK_CLASSES = (
    *(
        "AttributeDefinition",
        "GlobalSecondaryIndex",
        "KeySchema",
        "PointInTimeRecoverySpecification",
    ),
    *("Projection", "ProvisionedThroughput", "SSESpecification", "TimeToLiveSpecification"),
)


def of_cloudformation(**arguments: Any) -> dict[str, Any]:
    """The properties of CloudFormation that arguments of CDK become."""
    capitals = {"sse": "SSE", "kms": "KMS"}
    return {
        "".join(capitals.get(word, word.capitalize()) for word in name.split("_")): value
        for name, value in arguments.items()
    }


def run_cdk(text: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the stack passes to CDK, which itself needs Node."""
    made: dict[str, Any] = {}

    class Stack:
        def __init__(self, *_: object, **__: object) -> None: ...

    class CfnTable:
        def __init__(self, scope: object, name: str, **given: Any) -> None:
            made.update({"properties": of_cloudformation(**given), "name": name})

        def apply_removal_policy(self, policy: str) -> None:
            made["policy"] = policy

    policies = type("RemovalPolicy", (), {"RETAIN": "retain"})
    for kind in CDK_CLASSES:
        setattr(CfnTable, f"{kind}Property", staticmethod(of_cloudformation))
    fakes: dict[str, dict[str, Any]] = {
        "aws_cdk": {"Stack": Stack, "CfnTag": of_cloudformation, "RemovalPolicy": policies},
        "aws_cdk.aws_dynamodb": {"CfnTable": CfnTable},
        "constructs": {"Construct": object},
    }
    for module, contents in fakes.items():
        fake = ModuleType(module)
        vars(fake).update(contents)
        monkeypatch.setitem(sys.modules, module, fake)
    program: dict[str, Any] = {}
    exec(compile(text, "beaker_stack.py", "exec"), program)
    program["BeakerStack"](None, uuid.uuid4().hex)
    return made
