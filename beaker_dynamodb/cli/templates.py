"""`iam-policy`, `cloudformation`, `terraform` and `cdk`: what others create and allow."""

from __future__ import annotations

import json

import click

from ..admin.policies import ROLES, iam_policy
from ..admin.templates import cdk, cloudformation, terraform
from ..options import parse_options
from ..table import Role, TableSettings
from .choice import table_options, with_options
from .exits import help_end
from .settings import table_settings


@click.command(
    "iam-policy",
    epilog=help_end(
        "iam-policy --ini production.ini --account 123456789012",
        "iam-policy operator --url dynamodb://eu-west-1/beaker",
    ),
)
@click.argument("role", type=click.Choice(ROLES), default="application")
@table_options
@with_options("key_prefix")
@click.option("--account", default="*", show_default=True, help="the AWS account's number")
def iam_policy_command(options: dict[str, object], *, role: Role, account: str) -> None:
    """Print the least IAM policy for a role.

    application serves pages; may-create also creates a missing table; operator runs this command.
    With a key prefix, the items of other applications in the table are out of reach, except for
    the operator's Scan. To create a table with a KMS key, a role also needs kms:DescribeKey and
    kms:CreateGrant for it.
    """
    click.echo(json.dumps(iam_policy(parse_options(options), role, account), indent=2))


@click.command(
    "cloudformation", epilog=help_end("cloudformation --ini production.ini > beaker.json")
)
@table_options
@table_settings
def cloudformation_command(options: dict[str, object], settings: TableSettings) -> None:
    """Print a CloudFormation template with the table."""
    click.echo(json.dumps(cloudformation(parse_options(options), settings), indent=2))


@click.command("terraform", epilog=help_end("terraform --ini production.ini > beaker.tf"))
@table_options
@table_settings
def terraform_command(options: dict[str, object], settings: TableSettings) -> None:
    """Print a Terraform resource for the table."""
    click.echo(terraform(parse_options(options), settings), nl=False)


@click.command("cdk", epilog=help_end("cdk --ini production.ini > beaker_stack.py"))
@table_options
@table_settings
def cdk_command(options: dict[str, object], settings: TableSettings) -> None:
    """Print a Python module with a CDK stack that has the table."""
    click.echo(cdk(parse_options(options), settings), nl=False)
