"""The command: the group of its parts, one module for each subject."""

from __future__ import annotations

import click

from ..version import __version__
from .create import create_table_command
from .demo import demo_command
from .doctor import doctor_command
from .exits import OneLineErrors, help_end
from .migrate import migrate_command
from .plan import plan_command
from .purge import purge_command
from .session import delete_command, show_command
from .sessions import end_sessions_command, sessions_command
from .stats import stats_command
from .templates import (
    cdk_command,
    cloudformation_command,
    iam_policy_command,
    terraform_command,
)
from .train import train_command

_EXAMPLES = (
    "create-table --ini production.ini",
    "create-table --url dynamodb://eu-west-1/beaker",
    "doctor --ini production.ini",
    "purge --ini production.ini --dry-run",
    "migrate --ini production.ini --dry-run",
    "train --ini production.ini --dry-run",
    "plan --rate 500",
    "demo",
)
_COMPLETION = """\b
Shell completion, for one shell:
  eval "$(_BEAKER_DYNAMODB_COMPLETE=bash_source beaker-dynamodb)"
  (zsh_source for zsh; fish: _BEAKER_DYNAMODB_COMPLETE=fish_source beaker-dynamodb | source)
"""


@click.group(
    cls=OneLineErrors,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\n".join([help_end(*_EXAMPLES), _COMPLETION]),
)
@click.version_option(__version__, message="beaker-dynamodb %(version)s")
def command() -> None:
    """Sessions and caches for Beaker, in Amazon DynamoDB."""


_PARTS = (
    cdk_command,
    cloudformation_command,
    create_table_command,
    delete_command,
    demo_command,
    doctor_command,
    end_sessions_command,
    iam_policy_command,
    migrate_command,
    plan_command,
    purge_command,
    sessions_command,
    show_command,
    stats_command,
    terraform_command,
    train_command,
)
for _part in _PARTS:
    command.add_command(_part)
