"""How an existing table differs from what is wanted, and the commands that change it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import BeakerDynamoDBError, ConfigurationError, StoreUnavailable
from ..options import Options
from ..table import Table, TableSettings, index, index_name, schema


@dataclass(frozen=True)
class Difference:
    """One setting in which a table differs.

    Attributes:
        setting: in words.
        found: its value.
        wanted: the value it should have.
        command: removes the difference.
    """

    setting: str
    found: str
    wanted: str
    command: str


def differences(
    table: Table, options: Options, settings: TableSettings, found: Mapping[str, Any]
) -> list[Difference]:
    """How a table differs from what is wanted; what was not chosen is not compared.

    Args:
        table: to compare.
        options: its keys, indexes, TTL, and its billing if they name it.
        settings: what else is wanted.
        found: what DescribeTable returns.
    """
    aws = AwsCommand(options, table.location["region"])
    # What DynamoDB or a stand-in refuses to show is a difference, too.
    return [
        *_in_billing(options, found, aws),
        *index_differences(options, found, table.location["region"]),
        *_in_ttl(table, options, aws),
        *_in_protection(settings, found, aws),
        *_in_backups(table, settings, aws),
        *_in_encryption(settings, found, aws),
        *_in_tags(table, settings, found, aws),
    ]


class AwsCommand:
    """Commands of the AWS command line for a table, to be pasted.

    Args:
        options: of the table.
        region: of the table.
    """

    def __init__(self, options: Options, region: str | None) -> None:
        place = {"region": region, "endpoint-url": options.endpoint_url, "profile": options.profile}
        self._place = [
            word for name, value in place.items() if value for word in (f"--{name}", value)
        ]
        self._table = ["--table-name", options.table_name]

    def update(self, *words: str) -> str:
        """An `update-table`."""
        return self.of("update-table", *words)

    def of(self, name: str, *words: str) -> str:
        """A command about the table."""
        return shlex.join(["aws", "dynamodb", name, *self._table, *self._place, *words])

    def about(self, arn: str, name: str, *words: str) -> str:
        """A command about a resource."""
        return shlex.join(["aws", "dynamodb", name, "--resource-arn", arn, *self._place, *words])


def _in_billing(
    options: Options, found: Mapping[str, Any], aws: AwsCommand
) -> Iterator[Difference]:
    if options.billing_mode is None and not options.is_provisioned:
        return
    throughput = found.get("ProvisionedThroughput", {})
    is_on_demand = "PAY_PER_REQUEST" in found.get("BillingModeSummary", {}).values()
    units = (throughput.get("ReadCapacityUnits", 0), throughput.get("WriteCapacityUnits", 0))
    has = (
        "on demand" if is_on_demand else f"provisioned, {units[0]} read and {units[1]} write units"
    )
    if not options.is_provisioned:
        if not is_on_demand:
            yield Difference(
                "billing", has, "on demand", aws.update("--billing-mode", "PAY_PER_REQUEST")
            )
        return
    read, write = options.read_capacity_units or 1, options.write_capacity_units or 1
    if is_on_demand or units != (read, write):
        wanted = f"provisioned, {read} read and {write} write units"
        given = f"ReadCapacityUnits={read},WriteCapacityUnits={write}"
        words = ("--billing-mode", "PROVISIONED", "--provisioned-throughput", given)
        yield Difference("billing", has, wanted, aws.update(*words))


def index_differences(
    options: Options, found: Mapping[str, Any], region: str | None
) -> Iterator[Difference]:
    """How the indexes of a table differ from `index_keys`.

    Args:
        options: of the table.
        found: what DescribeTable returns.
        region: of the table.
    """
    aws = AwsCommand(options, region)
    existing = {each["IndexName"]: each for each in found.get("GlobalSecondaryIndexes", [])}
    for key in options.index_keys:
        name = index_name(key)
        if name not in existing:
            attributes = json.dumps(schema(options)["AttributeDefinitions"])
            update = json.dumps([{"Create": index(_with_billing(options, found), key)}])
            yield Difference(
                f"index {name}",
                "missing",
                "by keys alone",
                aws.update(
                    "--attribute-definitions",
                    attributes,
                    "--global-secondary-index-updates",
                    update,
                ),
            )
        elif existing[name]["Projection"]["ProjectionType"] != "KEYS_ONLY":
            update = json.dumps([{"Delete": {"IndexName": name}}])
            yield Difference(
                f"index {name}",
                "contains more than keys: each touch costs a write unit in it",
                "by keys alone",
                aws.update("--global-secondary-index-updates", update),
            )


def _with_billing(options: Options, found: Mapping[str, Any]) -> Options:
    """The options with the billing that the table has: its new index needs the same."""
    units = found.get("ProvisionedThroughput", {})
    read, write = units.get("ReadCapacityUnits", 0), units.get("WriteCapacityUnits", 0)
    mode = "provisioned" if read else "on_demand"
    return replace(options, billing_mode=mode, read_capacity_units=read, write_capacity_units=write)


def _in_ttl(table: Table, options: Options, aws: AwsCommand) -> Iterator[Difference]:
    wanted = options.ttl_attribute
    on = f"Enabled=true,AttributeName={wanted}"
    command = aws.of("update-time-to-live", "--time-to-live-specification", on)
    try:
        ttl = table.definition.time_to_live()
    except BeakerDynamoDBError as error:
        yield Difference("TTL", _unknown(error), f"on for {wanted}", command)
        return
    if ttl.is_on and ttl.attribute == wanted:
        return
    if ttl.is_on:
        command = f"set ttl_attribute = {ttl.attribute}"
    has = f"on for {ttl.attribute}" if ttl.is_on else "off"
    yield Difference("TTL", has, f"on for {wanted}", command)


def _in_protection(
    settings: TableSettings, found: Mapping[str, Any], aws: AwsCommand
) -> Iterator[Difference]:
    if settings.deletion_protection and not found.get("DeletionProtectionEnabled"):
        command = aws.update("--deletion-protection-enabled")
        yield Difference("deletion protection", "off", "on", command)


def _in_backups(table: Table, settings: TableSettings, aws: AwsCommand) -> Iterator[Difference]:
    if not settings.point_in_time_recovery:
        return
    on = ("--point-in-time-recovery-specification", "PointInTimeRecoveryEnabled=true")
    command = aws.of("update-continuous-backups", *on)
    try:
        found = table.call("DescribeContinuousBackups", {})["ContinuousBackupsDescription"]
    except BeakerDynamoDBError as error:
        yield Difference("point-in-time recovery", _unknown(error), "on", command)
        return
    recovery = found.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        yield Difference("point-in-time recovery", "off", "on", command)


def _in_encryption(
    settings: TableSettings, found: Mapping[str, Any], aws: AwsCommand
) -> Iterator[Difference]:
    key = settings.kms_key
    if key is None:
        return
    has = found.get("SSEDescription", {}).get("KMSMasterKeyArn")
    # Which key an alias stands for, only KMS knows.
    if has and (has == key or not key.startswith("arn:") or ":alias/" in key):
        return
    specification = f"Enabled=true,SSEType=KMS,KMSMasterKeyId={key}"
    yield Difference(
        "encryption key",
        has or "DynamoDB's own",
        key,
        aws.update("--sse-specification", specification),
    )


def _in_tags(
    table: Table, settings: TableSettings, found: Mapping[str, Any], aws: AwsCommand
) -> Iterator[Difference]:
    if not settings.tags:
        return
    arn, otherwise = found["TableArn"], "missing"
    existing: dict[str, str] = {}
    try:
        tags = table.call("ListTagsOfResource", {"ResourceArn": arn}).get("Tags", [])
        existing = {tag["Key"]: tag["Value"] for tag in tags}
    except BeakerDynamoDBError as error:
        otherwise = _unknown(error)
    for name, value in settings.tags:
        if existing.get(name) != value:
            words = ("tag-resource", "--tags", f"Key={name},Value={value}")
            has = existing.get(name, otherwise)
            yield Difference(f"tag {name}", has, value, aws.about(arn, *words))


def _unknown(error: BeakerDynamoDBError) -> str:
    """What is found of a setting that was refused to show; an outage is raised again."""
    if isinstance(error, (ConfigurationError, StoreUnavailable)):
        raise error
    return f"not known ({error.message})"
