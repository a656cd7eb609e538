"""The table as CreateTable, CloudFormation and Terraform describe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..options import Options


@dataclass(frozen=True)
class TableSettings:
    """What an operator chooses for a table, and no request depends on.

    Attributes:
        point_in_time_recovery: whether DynamoDB keeps continuous backups.
        deletion_protection: whether DynamoDB refuses to delete the table.
        kms_key: the key that encrypts the table, an ARN or `alias/...`; None for DynamoDB's own.
        tags: names and values.
    """

    point_in_time_recovery: bool = False
    deletion_protection: bool = False
    kms_key: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


#: What DynamoDB does if nothing is chosen.
PLAIN_SETTINGS = TableSettings()


def index_name(key: str) -> str:
    """The name of the index by a key of the session."""
    return f"{key}-index"


def schema(options: Options) -> dict[str, Any]:
    """Keys, indexes and billing of the table, as CreateTable accepts them.

    An index contains keys alone: a write that leaves a session's indexed key as it is costs no
    write unit there (developer guide, "Using Global Secondary Indexes").
    """
    names = (options.hash_key, options.range_key, *options.index_keys)
    table: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
        "KeySchema": [
            {"AttributeName": options.hash_key, "KeyType": "HASH"},
            {"AttributeName": options.range_key, "KeyType": "RANGE"},
        ],
        **_capacity(options),
    }
    if options.index_keys:
        table["GlobalSecondaryIndexes"] = [index(options, key) for key in options.index_keys]
    return table


def index(options: Options, key: str) -> dict[str, Any]:
    """The index by a key of the session."""
    capacity = _capacity(options)
    capacity.pop("BillingMode")
    return {
        "IndexName": index_name(key),
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
        **capacity,
    }


def chosen(settings: TableSettings) -> dict[str, Any]:
    """What CreateTable accepts of the settings; backups are a call of their own."""
    table: dict[str, Any] = {}
    if settings.deletion_protection:
        table["DeletionProtectionEnabled"] = True
    if settings.kms_key:
        key = settings.kms_key
        table["SSESpecification"] = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    if settings.tags:
        table["Tags"] = [{"Key": name, "Value": value} for name, value in settings.tags]
    return table


def _capacity(options: Options) -> dict[str, Any]:
    if not options.is_provisioned:
        return {"BillingMode": "PAY_PER_REQUEST"}
    units = {
        "ReadCapacityUnits": options.read_capacity_units or 1,
        "WriteCapacityUnits": options.write_capacity_units or 1,
    }
    return {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
