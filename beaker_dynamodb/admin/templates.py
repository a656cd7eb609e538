"""The table for CloudFormation, Terraform and CDK, from what CreateTable gets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..options import Options
from ..table import PLAIN_SETTINGS, TableSettings, chosen, schema

#: The table's name inside a template.
RESOURCE = "BeakerTable"
#: The class of CDK for one item of a list.
_CDK_ITEMS = {
    "AttributeDefinitions": "AttributeDefinition",
    "GlobalSecondaryIndexes": "GlobalSecondaryIndex",
    "KeySchema": "KeySchema",
    "Tags": "CfnTag",
}


def cloudformation(options: Options, settings: TableSettings = PLAIN_SETTINGS) -> dict[str, Any]:
    """A template with the table, which outlives its stack.

    Args:
        options: of the table; each other one is the application's alone.
        settings: what else is wanted of the table.
    """
    properties: dict[str, Any] = {
        "TableName": _name(options),
        **schema(options),
        "TimeToLiveSpecification": {"AttributeName": options.ttl_attribute, "Enabled": True},
        **chosen(settings),
    }
    if settings.point_in_time_recovery:
        properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    if "SSESpecification" in properties:
        encryption = properties["SSESpecification"]
        properties["SSESpecification"] = {
            "SSEEnabled": encryption["Enabled"],
            "SSEType": encryption["SSEType"],
            "KMSMasterKeyId": encryption["KMSMasterKeyId"],
        }
    table = {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The sessions and caches of beaker-dynamodb",
        "Resources": {RESOURCE: table},
        "Outputs": {
            "TableName": {"Value": {"Ref": RESOURCE}},
            "TableArn": {"Value": {"Fn::GetAtt": [RESOURCE, "Arn"]}},
        },
    }


def terraform(options: Options, settings: TableSettings = PLAIN_SETTINGS) -> str:
    """A resource `aws_dynamodb_table`; see `cloudformation`."""
    table = schema(options)
    expires = f"attribute_name = {_hcl_text(options.ttl_attribute)}"
    lines = [
        f"name = {_hcl_text(_name(options))}",
        f"billing_mode = {_hcl_text(table['BillingMode'])}",
        *_hcl_capacity(table),
        f"hash_key = {_hcl_text(options.hash_key)}",
        f"range_key = {_hcl_text(options.range_key)}",
        *(["deletion_protection_enabled = true"] if settings.deletion_protection else []),
    ]
    blocks = [
        *(_hcl_block("attribute", _hcl_attribute(each)) for each in table["AttributeDefinitions"]),
        *(
            _hcl_block("global_secondary_index", _hcl_index(each))
            for each in table.get("GlobalSecondaryIndexes", [])
        ),
        _hcl_block("ttl", [expires, "enabled = true"]),
        *_hcl_settings(settings),
        _hcl_block("lifecycle", ["prevent_destroy = true"]),
    ]
    body = "\n\n".join(["\n".join(_aligned(lines)), *blocks])
    return f'resource "aws_dynamodb_table" "beaker" {{\n{_indented(body)}\n}}\n'


def cdk(options: Options, settings: TableSettings = PLAIN_SETTINGS) -> str:
    """A Python module with a CDK stack that has the table as a `CfnTable`."""
    properties = cloudformation(options, settings)["Resources"][RESOURCE]["Properties"]
    arguments = _python_arguments(properties, 12)
    return f'''"""The sessions and caches of beaker-dynamodb."""

from aws_cdk import CfnTag, RemovalPolicy, Stack
from aws_cdk.aws_dynamodb import CfnTable
from constructs import Construct


class BeakerStack(Stack):
    """A stack with the table, which outlives it."""

    def __init__(self, scope: Construct, construct_id: str, **options: object) -> None:
        super().__init__(scope, construct_id, **options)
        table = CfnTable(
            self,
            "{RESOURCE}",
{arguments}
        )
        table.apply_removal_policy(RemovalPolicy.RETAIN)
'''


def _name(options: Options) -> str:
    """The table's name, without the rest of an ARN."""
    return options.table_name.rpartition("/")[2]


def _hcl_capacity(table: Mapping[str, Any]) -> list[str]:
    units = table.get("ProvisionedThroughput")
    if units is None:
        return []
    return [
        f"read_capacity = {units['ReadCapacityUnits']}",
        f"write_capacity = {units['WriteCapacityUnits']}",
    ]


def _hcl_attribute(definition: Mapping[str, str]) -> list[str]:
    return [f"name = {_hcl_text(definition['AttributeName'])}", 'type = "S"']


def _hcl_index(index: Mapping[str, Any]) -> list[str]:
    return [
        f"name = {_hcl_text(index['IndexName'])}",
        f"hash_key = {_hcl_text(index['KeySchema'][0]['AttributeName'])}",
        f"projection_type = {_hcl_text(index['Projection']['ProjectionType'])}",
        *_hcl_capacity(index),
    ]


def _hcl_settings(settings: TableSettings) -> Iterator[str]:
    if settings.point_in_time_recovery:
        yield _hcl_block("point_in_time_recovery", ["enabled = true"])
    if settings.kms_key:
        key = f"kms_key_arn = {_hcl_text(settings.kms_key)}"
        yield _hcl_block("server_side_encryption", ["enabled = true", key])
    if settings.tags:
        pairs = [f"{_hcl_text(name)} = {_hcl_text(value)}" for name, value in settings.tags]
        yield _hcl_block("tags =", pairs)


def _hcl_text(text: str) -> str:
    """A literal; `${` and `%{` begin a template in it."""
    literal = json.dumps(text, ensure_ascii=False)
    return literal.replace("${", "$${").replace("%{", "%%{")


def _hcl_block(name: str, lines: list[str]) -> str:
    return f"{name} {{\n{_indented(chr(10).join(_aligned(lines)))}\n}}"


def _aligned(lines: list[str]) -> list[str]:
    """Lines with their equals signs below each other, as `terraform fmt` writes them."""
    pairs = [line.split(" = ", maxsplit=1) for line in lines]
    width = max(len(name) for name, _ in pairs)
    return [f"{name:{width}} = {value}" for name, value in pairs]


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())


def _python_arguments(properties: Mapping[str, Any], indent: int) -> str:
    """Properties of CloudFormation as the arguments of a CDK class, one a line."""
    return "\n".join(
        f"{' ' * indent}{_python_name(name)}={_python(name, value, indent)},"
        for name, value in properties.items()
    )


def _python_name(name: str) -> str:
    """The name that CDK gives a property: `SSESpecification` is `sse_specification`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _python(name: str, value: Any, indent: int) -> str:
    """An expression for the value of a property."""
    inner, outer = " " * (indent + 4), " " * indent
    if isinstance(value, list):
        lines = [f"{inner}{_python(_CDK_ITEMS[name], each, indent + 4)}," for each in value]
        return "\n".join(["[", *lines, f"{outer}]"])
    if isinstance(value, dict):
        kind = name if name == "CfnTag" else f"CfnTable.{name}Property"
        return f"{kind}(\n{_python_arguments(value, indent + 4)}\n{outer})"
    return json.dumps(value) if isinstance(value, str) else repr(value)
