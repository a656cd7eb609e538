"""Every operation of DynamoDB that this package calls, and who needs it.

The IAM policies of `admin.policies` come from this table, and the connection makes no other call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

#: `application`: serves pages. `creation`: may also create the table. `operation`: an operator.
Role = Literal["application", "creation", "operation"]


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
    "CreateTable": Operation("creation"),
    "UpdateTimeToLive": Operation("creation"),
    "DescribeContinuousBackups": Operation("operation"),
    "ListTagsOfResource": Operation("operation"),
    "Scan": Operation("operation", reports_capacity=True),
    "TagResource": Operation("operation"),
    "UpdateContinuousBackups": Operation("operation"),
}
