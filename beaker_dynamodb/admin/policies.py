"""IAM policies with the operations that the package calls, and no others."""

from __future__ import annotations

import re
from typing import Any, get_args

from ..options import Options
from ..table import METRICS_ACTION, OPERATIONS, Operation, Role, index_name

ROLES: tuple[Role, ...] = get_args(Role)
#: What a policy's StringLike reads as a wildcard or a variable (IAM user guide, "IAM policy
#: elements: Variables and tags").
_SPECIAL = re.compile(r"[*?$]")


def iam_policy(options: Options, role: Role = "application", account: str = "*") -> dict[str, Any]:
    """The policy of a role, for one table.

    With `key_prefix`, items of other applications in the table are out of reach, except for the
    operator's Scan, which DynamoDB cannot bind to keys.

    Args:
        options: of the backend.
        role: `application` serves pages, `may-create` also creates a missing table, `operator`
            runs the command.
        account: the AWS account's number, or * for any.
    """
    table = table_arn(options, account)
    indexes = [f"{table}/index/{index_name(key)}" for key in options.index_keys]
    statements = [
        _statement("Items", _actions("application", bound=True), [table], _condition(options)),
        _statement("Table", _actions("application", bound=False), [table]),
    ]
    if indexes:
        index = _statement("Index", ["dynamodb:Query"], indexes, _condition(options))
        statements.insert(1, index)
    for more in ROLES[1 : ROLES.index(role) + 1]:
        name = "".join(word.capitalize() for word in more.split("-"))
        statements.append(_statement(name, _actions(more, bound=False), [table]))
    if role == "operator":
        statements.append(_statement("Metrics", [METRICS_ACTION], ["*"]))
    return {"Version": "2012-10-17", "Statement": statements}


def table_arn(options: Options, account: str = "*") -> str:
    """The ARN of a table; a region that the options do not name is *."""
    if options.table_name.startswith("arn:"):
        return options.table_name
    region = options.region or "*"
    partitions = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    found = (name for start, name in partitions.items() if region.startswith(start))
    partition = next(found, "aws")
    return f"arn:{partition}:dynamodb:{region}:{account}:table/{options.table_name}"


def _actions(role: Role, *, bound: bool) -> list[str]:
    def is_wanted(operation: Operation) -> bool:
        return operation.role == role and operation.is_bound_to_key is bound

    return [f"dynamodb:{name}" for name, each in OPERATIONS.items() if is_wanted(each)]


def _condition(options: Options) -> dict[str, Any]:
    """That each partition key begins with the prefix."""
    if not options.key_prefix:
        return {}
    escaped = _SPECIAL.sub(lambda found: f"${{{found[0]}}}", options.key_prefix)
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{escaped}*"]}}


def _statement(
    name: str, actions: list[str], resources: list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": name,
        "Effect": "Allow",
        "Action": actions,
        "Resource": resources,
    }
    return {**statement, "Condition": condition} if condition else statement
