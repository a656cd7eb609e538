"""`purge`."""

from __future__ import annotations

import re

import click
from rich.progress import Progress as Bar
from rich.progress import TextColumn, TimeRemainingColumn

from ..admin.purge import MARGIN, WORKERS, Plan, PurgeReport, Start, purge
from ..options import Options, parse_options
from .choice import table_options, with_options, yes_option
from .exits import Exit, help_end
from .output import as_json_option, print_json, progress_bar

_START = re.compile(r"([0-9]+)/([0-9]+)")


def _start(context: click.Context, parameter: click.Parameter, given: str | None) -> Start | None:
    if given is None:
        return None
    parts = _START.fullmatch(given)
    if parts is None:
        raise click.BadParameter("the form is SEGMENT/SEGMENTS, as printed", context, parameter)
    return Start(int(parts[1]), int(parts[2]))


@click.command(
    "purge",
    epilog=help_end(
        "purge --ini production.ini --dry-run",
        "purge --ini production.ini --max-units 50 --yes",
        "purge --ini production.ini --from 37/400",
    ),
)
@table_options
@with_options("key_prefix")
@click.option(
    "--max-units",
    type=click.FloatRange(0, min_open=True),
    metavar="UNITS",
    help="most read units, and most write units, a second  [default: no bound]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=WORKERS,
    show_default=True,
    help="threads that work at once",
)
@click.option(
    "--from",
    "start",
    callback=_start,
    metavar="SEGMENT/SEGMENTS",
    help="go on where an earlier purge has stopped",
)
@click.option("--dry-run", is_flag=True, help="only count what would be deleted")
@yes_option
@as_json_option
def purge_command(
    options: dict[str, object],
    *,
    max_units: float | None,
    workers: int,
    start: Start | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete what has expired, sooner than DynamoDB's TTL does.

    Safe beside live traffic: an item is deleted only as it was read. Ctrl-C stops it, and --from
    goes on. What has expired in the last minute stays.
    """
    parsed = parse_options(options)
    plan = Plan(max_units, workers, dry_run, start)
    if not (dry_run or yes):
        click.confirm(_question(parsed), abort=True, err=True)
    columns = ("{task.fields[rate]}", "{task.fields[found]}")
    with progress_bar(*map(TextColumn, columns), TimeRemainingColumn()) as bar:
        report = purge(parsed, plan, _Watch(bar, is_dry=dry_run))
    if as_json:
        print_json(report)
    else:
        _print(report, is_dry=dry_run)
    if report.next:
        raise click.exceptions.Exit(Exit.INTERRUPTED)


class _Watch:
    """Shows a report in a bar: the rate, what was found, and the time left."""

    def __init__(self, bar: Bar, *, is_dry: bool) -> None:
        self._bar = bar
        self._is_dry = is_dry
        self._task = bar.add_task("purging", total=None, rate="", found="")

    def __call__(self, report: PurgeReport) -> None:
        handled = report.scanned if self._is_dry else report.handled
        is_done = report.done == report.segments
        rate = f"{handled / max(report.seconds, 0.1):,.0f} items/s"
        self._bar.update(
            self._task,
            # DynamoDB's count may be six hours old.
            total=report.scanned if is_done else max(report.items, report.scanned + 1),
            completed=handled,
            rate=rate,
            found=f"{report.deleted:,} of {report.expired:,} expired deleted",
        )


def _question(options: Options) -> str:
    own = f", under the prefix {options.key_prefix}," if options.key_prefix else ""
    return f"Table {options.table_name}: delete what{own} expired over {MARGIN} seconds ago?"


def _print(report: PurgeReport, *, is_dry: bool) -> None:
    click.echo(
        f"read {report.scanned:,} items in {report.seconds:,.1f} s: "
        f"{report.expired:,} expired over {MARGIN} seconds ago"
    )
    if is_dry:
        click.echo("nothing was deleted (--dry-run)")
        click.echo(f"left out: what expired within the last {MARGIN} seconds, here and in a purge")
    else:
        click.echo(f"deleted {report.deleted:,}; kept {report.kept:,} that were written meanwhile")
    units = f"{report.read_units:,.1f} read units, {report.write_units:,.0f} write units"
    click.echo(f"consumed {units}")
    if report.next:
        where = f"{report.next.segment}/{report.next.segments}"
        click.echo(f"stopped before the end: go on with --from {where}")
