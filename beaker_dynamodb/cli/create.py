"""`create-table`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..admin.table import Progress, TableReport, prepare_table
from ..options import parse_options
from ..table import TableSettings
from .choice import table_options
from .exits import Exit, help_end
from .output import as_json_option, console, print_json


def _tags(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(each.split("=", maxsplit=1)) for each in given]
    if not all(len(pair) > 1 and pair[0] for pair in pairs):
        raise click.BadParameter("a tag has the form NAME=VALUE", context, parameter)
    return tuple((name, value) for name, value in pairs)


@click.command(
    "create-table",
    epilog=help_end(
        "create-table --ini production.ini",
        "create-table --ini production.ini --point-in-time-recovery --tag team=web --dry-run",
        "create-table --table-name beaker --region eu-west-1 --index-keys user_id",
    ),
)
@table_options
@click.option("--point-in-time-recovery", is_flag=True, help="keep continuous backups of 35 days")
@click.option("--deletion-protection", is_flag=True, help="refuse to delete the table")
@click.option(
    "--kms-key", metavar="ARN", help="encrypt the table with this key of AWS KMS (ARN or alias/...)"
)
@click.option("--tag", "tags", multiple=True, callback=_tags, metavar="NAME=VALUE")
@click.option("--dry-run", is_flag=True, help="only say what would be done, and what differs")
@as_json_option
def create_table_command(
    options: dict[str, object],
    *,
    dry_run: bool,
    as_json: bool,
    point_in_time_recovery: bool,
    deletion_protection: bool,
    kms_key: str | None,
    tags: tuple[tuple[str, str], ...],
) -> None:
    """Create the table and enable its TTL.

    Waits until the table is active. An existing table stays as it is, but for its TTL; each
    setting in which it differs is named, with the command that changes it, and the exit code is 3.
    Credentials come from the environment, a profile, or the ini file.
    """
    settings = TableSettings(point_in_time_recovery, deletion_protection, kms_key, tags)
    parsed = parse_options(options)
    with _progress(is_shown=not as_json) as progress:
        report = prepare_table(parsed, settings, progress, dry_run=dry_run)
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report.differences:
        raise click.exceptions.Exit(Exit.UNFINISHED)


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Progress]:
    """Lines on stdout for what is done, and in a terminal one line that says what it waits for."""
    err = console(stderr=True)
    waiting = err.status("waiting")

    def show(step: str) -> None:
        if step.endswith("waiting") and err.is_terminal:
            waiting.update(step)
            waiting.start()
        else:
            waiting.stop()
            click.echo(step)

    try:
        yield show if is_shown else lambda _step: None
    finally:
        waiting.stop()


def _print(report: TableReport) -> None:
    place = f"table {report.table} in {report.region}"
    if report.state == "missing":
        click.echo(f"{place} is missing; without --dry-run this would be done:")
        for step in report.steps:
            click.echo(f"  {step}")
        return
    state = "created" if report.state == "created" else "it existed"
    click.echo(f"{place} is ready: {state}")
    for each in report.differences:
        click.echo(f"{each.setting}: {each.found}, wanted: {each.wanted}. To change it:")
        click.echo(f"  {each.command}")
