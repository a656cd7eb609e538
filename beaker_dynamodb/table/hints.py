"""What to do about an error, as a command or a policy that can be pasted."""

from __future__ import annotations

import json
import re
import shlex

from ..options import OPTIONS, Options, names_of
from .connection import Location

#: As AWS words it: "User: ARN is not authorized to perform: dynamodb:GetItem on resource: ARN
#: because ..." (IAM user guide, "Access denied error messages").
_REFUSAL = re.compile(
    r"User: \S+ is not authorized to perform: (?P<action>\S+)"
    r"(?: on resource: (?P<resource>\S+))?.*",
    re.DOTALL,
)


def create_command(options: Options, region: str | None) -> str:
    """The command that creates the table and switches its TTL on.

    Args:
        options: lead to the table; secrets are left out.
        region: of the client, if the options give none.
    """
    shown = {*names_of("table"), "endpoint_url", "profile"}
    changed = {
        name: getattr(options, name)
        for name in OPTIONS
        if name in shown and getattr(options, name) != getattr(Options, name)
    }
    given = {"table_name": options.table_name, "region": region, **changed}
    words = [
        f"--{name.replace('_', '-')} {shlex.quote(_in_ini(value))}"
        for name, value in given.items()
        if value is not None
    ]
    return " ".join(["beaker-dynamodb create-table", *words])


def _in_ini(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def policy_statement(action: str, resource: str) -> str:
    """The statement of an IAM policy that allows an action."""
    return json.dumps({"Effect": "Allow", "Action": action, "Resource": resource})


def table_arn(location: Location) -> str:
    """The ARN of a table in any account."""
    table = location["table"]
    if table.startswith("arn:"):
        return table
    return f"arn:aws:dynamodb:{location['region'] or '*'}:*:table/{table}"


def explain_refusal(text: str, location: Location) -> str:
    """What AWS refused, to whom, on what and why, in its words, and the policy that allows it.

    Args:
        text: of the error, as AWS worded it.
        location: of the table, if the text does not name the resource.
    """
    refusal = _REFUSAL.search(text)
    if refusal is None:
        return "access was denied: allow the call in the IAM policy of the credentials in use"
    statement = policy_statement(refusal["action"], refusal["resource"] or table_arn(location))
    return f"access was denied: {' '.join(refusal[0].split())}: add {statement} to the IAM policy"
