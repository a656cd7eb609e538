"""What a table is and how it answers, read without changing it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .bind import connection_of
from .connection import CredentialSource
from .table import Table
from .translate import translated


class Description(NamedTuple):
    """One answer to DescribeTable, and how it came.

    Attributes:
        table: the description, as DynamoDB returns it.
        endpoint: the URL that answered.
        seconds: from the call to the answer.
        clock_difference: seconds by which this machine's clock is ahead of the server's, to within
            a second; None if the answer has no date.
    """

    table: Mapping[str, Any]
    endpoint: str
    seconds: float
    clock_difference: float | None

    @property
    def account(self) -> str:
        """The AWS account that the table belongs to."""
        return str(self.table["TableArn"]).split(":")[4]

    @property
    def is_in_aws(self) -> bool:
        """Whether DynamoDB itself answered, and no stand-in: CloudWatch counts its calls."""
        host = urlsplit(self.endpoint).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def describe_table(table: Table) -> Description:
    """Call DescribeTable once.

    Raises:
        TableError: the table is missing, or the call is not allowed.
        StoreUnavailable: DynamoDB did not answer.
    """
    sent, started = time.time(), time.monotonic()
    answer = table.call("DescribeTable", {})
    seconds = time.monotonic() - started
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    ahead = _clock_difference(date, sent, seconds) if date else None
    return Description(answer["Table"], table.client.meta.endpoint_url, seconds, ahead)


def credential_source(table: Table) -> CredentialSource | None:
    """Where the credentials for a table come from; None if there are none."""
    connection = connection_of(table.model)
    with translated(connection):
        return connection.shared.credential_source()


def throttle_events(table: Table, seconds: int) -> int:
    """The calls that DynamoDB has throttled lately, as CloudWatch counts them.

    Args:
        table: whose calls count.
        seconds: how far to look back.

    Raises:
        BeakerDynamoDBError: CloudWatch did not answer, or the call is not allowed.
    """
    connection = connection_of(table.model)
    end = datetime.now(timezone.utc)
    arguments = {
        "Namespace": "AWS/DynamoDB",
        "Dimensions": [{"Name": "TableName", "Value": table.location["table"].rpartition("/")[2]}],
        "StartTime": end - timedelta(seconds=seconds),
        "EndTime": end,
        "Period": seconds,
        "Statistics": ["Sum"],
    }
    with translated(connection):
        client = connection.shared.client_of("cloudwatch")
        answers = [
            client.get_metric_statistics(MetricName=f"{kind}ThrottleEvents", **arguments)
            for kind in ("Read", "Write")
        ]
    return int(sum(point["Sum"] for answer in answers for point in answer["Datapoints"]))


def _clock_difference(date: str, sent: float, seconds: float) -> float:
    """How far a clock is ahead of a `Date` header, whose fraction of a second is cut off."""
    earliest = parsedate_to_datetime(date).timestamp()
    latest = earliest + 1
    return max(sent - latest, 0.0) or min(sent + seconds - earliest, 0.0)
