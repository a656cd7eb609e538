"""Examine a table: all that `check` looks at, permissions, speed, billing and throttling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from statistics import median
from typing import Any

from ..errors import BeakerDynamoDBError, StoreUnavailable
from ..options import Options, backend_options
from ..table import (
    ACCESS_DENIED,
    Description,
    RowKey,
    Table,
    describe_table,
    policy_statement,
    throttle_events,
)
from .check import Finding, Level, check
from .differences import AwsCommand

#: Both parts of a key that no session and no cache value has.
NO_KEY = "beaker-dynamodb doctor"
#: Reads whose time is measured.
READS = 5
#: In seconds. DynamoDB answers in some milliseconds in its own region.
SLOW_READ = 0.1
#: In seconds.
LOOK_BACK = 3600


def examine(**options: object) -> list[Finding]:
    """Examine a table and what leads to it; no item changes.

    Permissions are tried by calls without an effect: writes whose condition cannot be met, the
    deletion of an item that does not exist, the creation of a table that exists.

    Args:
        options: as for `check`.

    Returns:
        The findings of `check`, then `permissions`, `round trip`, `billing` and `throttling`. After
        an error that hides the rest, the rest is missing.

    Raises:
        ConfigurationError: for an unknown option or a wrong value.
        StoreUnavailable: DynamoDB answered `check`, and no longer.
    """
    findings = check(**options)
    is_usable = any(finding.name == "keys" and finding.level == "ok" for finding in findings)
    if not is_usable:
        return findings
    parsed = backend_options(options)
    table = Table(replace(parsed, create_table=False))
    description = describe_table(table)
    return [
        *findings,
        *_permissions(table, parsed),
        _round_trip(table, parsed),
        _billing(description),
        *_throttling(table, parsed, description),
    ]


def _permissions(table: Table, options: Options) -> Iterator[Finding]:
    """Try each operation that the application, and the operator's commands, call."""
    allowed: list[str] = []
    for operation, (level, attempt) in _attempts(table, options).items():
        try:
            attempt()
        except StoreUnavailable:
            raise
        except BeakerDynamoDBError as error:
            if error.code == ACCESS_DENIED:
                statement = policy_statement(f"dynamodb:{operation}", table.arn)
                yield Finding("permissions", level, f"{operation}: {error.message}", statement)
                continue
        # Any other refusal shows that the call is allowed.
        allowed.append(operation)
    yield Finding("permissions", "ok", f"allowed: {', '.join(allowed)}")


def _attempts(table: Table, options: Options) -> dict[str, tuple[Level, Callable[[], object]]]:
    """Each operation with a call without an effect, and the level of its refusal."""
    partition = f"{options.key_prefix}{NO_KEY}"
    row_key = RowKey(partition, NO_KEY)
    key = {options.hash_key: {"S": partition}, options.range_key: {"S": NO_KEY}}
    names = {"ExpressionAttributeNames": {"#key": options.hash_key}}
    unmet = {"ConditionExpression": "attribute_exists(#key)", **names}
    query = {
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeValues": {":key": {"S": partition}},
        "Limit": 1,
        **names,
    }
    attempts: dict[str, tuple[Level, Callable[[], object]]] = {
        "GetItem": ("error", lambda: table.get(row_key, consistent=True)),
        "PutItem": ("error", lambda: table.call("PutItem", {"Item": key, **unmet})),
        "UpdateItem": ("error", lambda: table.call("UpdateItem", {"Key": key, **unmet})),
        "DeleteItem": ("error", lambda: table.call("DeleteItem", {"Key": key, **unmet})),
        "Query": ("error", lambda: table.call("Query", query)),
        "BatchGetItem": ("error", lambda: table.get_batch(row_key, [row_key])),
        "BatchWriteItem": ("error", lambda: table.delete_batch(row_key, [row_key])),
        "Scan": ("warning", lambda: table.call("Scan", {"Limit": 1})),
    }
    if options.create_table:
        attempts |= _attempts_to_create(table, options)
    return attempts


def _attempts_to_create(
    table: Table, options: Options
) -> Mapping[str, tuple[Level, Callable[[], object]]]:
    """The operations that `create_table` needs, on a table that exists and has its TTL."""
    specification = {"Enabled": True, "AttributeName": options.ttl_attribute}
    update = {"TimeToLiveSpecification": specification}
    found: dict[str, tuple[Level, Callable[[], object]]] = {
        "CreateTable": ("warning", lambda: table.call("CreateTable", dict(table.model.Meta.schema)))
    }
    if table.definition.time_to_live().attribute == options.ttl_attribute:
        found["UpdateTimeToLive"] = ("warning", lambda: table.call("UpdateTimeToLive", update))
    return found


def _round_trip(table: Table, options: Options) -> Finding:
    key = RowKey(f"{options.key_prefix}{NO_KEY}", NO_KEY)
    times = []
    for _ in range(READS):
        started = time.monotonic()
        table.get(key, consistent=False)
        times.append(time.monotonic() - started)
    took = median(times)
    message = f"a read takes {took * 1000:.1f} ms (the median of {READS})"
    if took < SLOW_READ:
        return Finding("round trip", "ok", message)
    remedy = "session.region = THE-REGION-OF-THIS-MACHINE"
    return Finding("round trip", "warning", f"{message}: each page waits for it", remedy)


def _billing(description: Description) -> Finding:
    if _is_on_demand(description):
        return Finding("billing", "ok", "on demand")
    units = description.table["ProvisionedThroughput"]
    read, write = units["ReadCapacityUnits"], units["WriteCapacityUnits"]
    return Finding("billing", "ok", f"provisioned: {read} read and {write} write units")


def _throttling(table: Table, options: Options, description: Description) -> Iterator[Finding]:
    if not description.is_in_aws:
        return
    try:
        events = throttle_events(table, LOOK_BACK)
    except BeakerDynamoDBError as error:
        statement = policy_statement("cloudwatch:GetMetricStatistics", "*")
        yield Finding("throttling", "warning", f"not known: {error.message}", statement)
        return
    message = f"{events} calls throttled in the last hour"
    if not events:
        yield Finding("throttling", "ok", message)
        return
    aws = AwsCommand(options, table.location["region"])
    remedy = aws.update("--billing-mode", "PAY_PER_REQUEST")
    if _is_on_demand(description):
        remedy = aws.of("describe-table", "--query", "Table.OnDemandThroughput")
    yield Finding("throttling", "warning", message, remedy)


def _is_on_demand(description: Description) -> bool:
    summary: Mapping[str, Any] = description.table.get("BillingModeSummary", {})
    return "PAY_PER_REQUEST" in summary.values()
