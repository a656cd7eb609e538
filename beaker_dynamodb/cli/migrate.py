"""`migrate`."""

from __future__ import annotations

import click
from rich.progress import Progress as Bar
from rich.progress import TextColumn, TimeRemainingColumn

from ..admin.migrate import THREADS, Migration, migrate
from .choice import table_options, with_options
from .exits import Exit, Failure, help_end
from .output import as_json_option, print_json, print_table, progress_bar

_IN_WORDS = {
    "stored": "stored, under the same id",
    "present": "were in the table already, and stay as they are there",
    "expired": "have expired",
    "unreadable": "are in no form that Beaker writes",
    "too_large": "take more than max_value_size",
}


@click.command(
    "migrate",
    epilog=help_end(
        "migrate --ini production.ini --dry-run",
        "migrate --ini production.ini",
        "migrate --table-name beaker --fallback-type file --fallback-data-dir sessions",
    ),
)
@table_options
@with_options("key_prefix", "ttl", "timeout", "fallback_type")
@click.option(
    "--fallback-url",
    envvar="BEAKER_DYNAMODB_FALLBACK_URL",
    show_envvar=True,
    metavar="URL",
    help="url of that backend; one with a password belongs in the ini file or the variable",
)
@with_options("fallback_data_dir", "fallback_table_name")
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=THREADS,
    show_default=True,
    help="sessions that are stored at the same time",
)
@click.option("--dry-run", is_flag=True, help="read everything, and store nothing")
@as_json_option
def migrate_command(
    options: dict[str, object],
    *,
    fallback_url: str | None,
    threads: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy the sessions of another Beaker backend into the table.

    Nobody is logged out: ids, contents and the life that is left stay as they are. The backend is
    one of file, ext:database, ext:sqla, ext:redis and ext:mongodb, and stays as it is. The site
    may run meanwhile: a session that the table has is never overwritten. Ctrl-C stops the command;
    the same command goes on.
    """
    if fallback_url is not None:
        options["fallback_url"] = fallback_url
    with progress_bar(TextColumn("{task.fields[counts]}"), TimeRemainingColumn()) as bar:
        watch = _Watch(bar)
        try:
            done = migrate(watch, dry_run=dry_run, threads=threads, **options)
        except KeyboardInterrupt as error:
            reason = f"interrupted, {watch.state.stored:,} sessions are stored: "
            raise Failure(reason + "run the same command again", Exit.INTERRUPTED) from error
    if as_json:
        print_json(done._asdict())
    else:
        _print(done, is_dry=dry_run)
    if done.unreadable or done.too_large:
        raise click.exceptions.Exit(Exit.UNFINISHED)


class _Watch:
    """Shows a migration in a bar."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("migrating", total=None, counts="")
        self.state = Migration(0)

    def __call__(self, state: Migration) -> None:
        self.state = state
        counts = f"{state.read:,} of {state.entries:,} read, {state.stored:,} stored"
        self._bar.update(self._task, total=state.entries, completed=state.read, counts=counts)


def _print(done: Migration, *, is_dry: bool) -> None:
    counts = done._asdict()
    rows = [(f"{counts[name]:,}", meaning) for name, meaning in _IN_WORDS.items() if counts[name]]
    print_table(("sessions", "of the old backend"), [*rows, (f"{done.read:,}", "in all")])
    if is_dry:
        click.echo("nothing was stored (--dry-run)")
