"""The options for what an operator wants of a table that is created, besides its keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from ..table import TableSettings
from .choice import CAPACITY, with_options


def _tags(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(each.split("=", maxsplit=1)) for each in given]
    if not all(len(pair) > 1 and pair[0] for pair in pairs):
        raise click.BadParameter("a tag has the form NAME=VALUE", context, parameter)
    return tuple((name, value) for name, value in pairs)


_OPTIONS = (
    click.option(
        "--point-in-time-recovery", is_flag=True, help="keep continuous backups of 35 days"
    ),
    click.option("--deletion-protection", is_flag=True, help="refuse to delete the table"),
    click.option(
        "--kms-key",
        metavar="ARN",
        help="encrypt the table with this key of AWS KMS (ARN or alias/...)",
    ),
    click.option("--tag", "tags", multiple=True, callback=_tags, metavar="NAME=VALUE"),
)


def table_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add these options, and those of the table's capacity, to a command.

    It receives them as `settings`, and the capacity with its `options`; goes below the options
    that choose the table.
    """

    @wraps(function)
    def with_settings(
        *arguments: Any,
        point_in_time_recovery: bool,
        deletion_protection: bool,
        kms_key: str | None,
        tags: tuple[tuple[str, str], ...],
        **given: Any,
    ) -> Any:
        settings = TableSettings(point_in_time_recovery, deletion_protection, kms_key, tags)
        return function(*arguments, settings=settings, **given)

    command: Callable[..., Any] = with_settings
    for option in reversed(_OPTIONS):
        command = option(command)
    return with_options(*CAPACITY)(command)
