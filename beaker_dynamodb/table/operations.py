"""Every operation of DynamoDB that this package calls, and who needs it.

The IAM policies of `admin.policies` come from this table; a test compares it with the calls that
are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

#: `application` serves pages, `may-create` also creates a missing table, `operator` runs the
#: command.
Role = Literal["application", "may-create", "operator"]


class Operation(NamedTuple):
    """How an operation of DynamoDB is called, and who calls it.

    Attributes:
        role: the first role that needs it; each role has the operations of those before it.
        is_bound_to_key: whether a policy can bind it to partition keys (`dynamodb:LeadingKeys`).
        reports_capacity: whether it returns the capacity units it has consumed, if requested.
    """

    role: Role
    is_bound_to_key: bool = False
    reports_capacity: bool = False


#: What an operator's `doctor` reads of throttling; CloudWatch cannot bind it to a table.
METRICS_ACTION = "cloudwatch:GetMetricStatistics"

_OF_ITEMS = Operation("application", is_bound_to_key=True, reports_capacity=True)

OPERATIONS: Mapping[str, Operation] = {
    "BatchGetItem": _OF_ITEMS,
    "BatchWriteItem": _OF_ITEMS,
    "DeleteItem": _OF_ITEMS,
    "GetItem": _OF_ITEMS,
    "PutItem": _OF_ITEMS,
    "Query": _OF_ITEMS,
    "UpdateItem": _OF_ITEMS,
    "DescribeTable": Operation("application"),
    "DescribeTimeToLive": Operation("application"),
    "CreateTable": Operation("may-create"),
    "UpdateTimeToLive": Operation("may-create"),
    "DescribeContinuousBackups": Operation("operator"),
    "ListTagsOfResource": Operation("operator"),
    "Scan": Operation("operator", reports_capacity=True),
    "TagResource": Operation("operator"),
    "UpdateContinuousBackups": Operation("operator"),
}
