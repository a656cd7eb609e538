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
from .settings import table_settings


@click.command(
    "create-table",
    epilog=help_end(
        "create-table --ini production.ini",
        "create-table --ini production.ini --point-in-time-recovery --tag team=web --dry-run",
        "create-table --table-name beaker --region eu-west-1 --index-keys user_id",
    ),
)
@table_options
@table_settings
@click.option("--dry-run", is_flag=True, help="only say what would be done, and what differs")
@as_json_option
def create_table_command(
    options: dict[str, object], *, settings: TableSettings, dry_run: bool, as_json: bool
) -> None:
    """Create the table and enable its TTL.

    Waits until the table is active. An existing table stays as it is, but for its TTL. Each setting
    in which a table differs, or that DynamoDB refuses to show, is named with the command that
    changes it, and the exit code is 3.
    Credentials come from the environment, a profile, or the ini file.
    """
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
