"""`train`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.progress import TextColumn

from ..admin.train import TrainingReport, retire, train
from ..dictionaries import ENOUGH
from ..options import Options, parse_options
from .charts import in_bytes
from .choice import table_options, with_options
from .exits import Failure, help_end
from .output import as_json_option, print_json, print_table, progress_bar


@click.command(
    "train",
    epilog=help_end(
        "train --ini production.ini --dry-run",
        "train --ini production.ini",
        "train --ini production.ini --from sessions.jsonl",
        "train --ini production.ini --retire",
    ),
)
@table_options
@with_options("key_prefix", "compression")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="train on this file instead: a JSON object in each line, as the content of a session",
)
@click.option("--dry-run", is_flag=True, help="only measure what a dictionary would save")
@click.option("--retire", "is_end", is_flag=True, help="use no dictionary any more, and train none")
@as_json_option
def train_command(
    options: dict[str, object], *, file: Path | None, dry_run: bool, is_end: bool, as_json: bool
) -> None:
    """Train the dictionary that sessions are compressed with, and store it in the table.

    Reads about 400 sessions: 300 train it, and the others show what it saves. It is stored only if
    it saves write units. It contains pieces of those sessions, but never of encrypted ones.
    Processes with compression = zstd use it within minutes.
    """
    parsed = parse_options(options)
    if is_end:
        click.echo(_retired(retire(parsed)))
        return
    contents = None if file is None else list(_contents(file))
    with progress_bar(TextColumn("{task.fields[read]}")) as bar:
        task = bar.add_task("sessions", total=ENOUGH, read="")

        def show(samples: int, read: int) -> None:
            bar.update(task, completed=samples, read=f"{read:,} items read")

        report = train(parsed, contents, show, dry_run=dry_run)
    if as_json:
        print_json(report)
    else:
        _print(report, parsed, dry_run=dry_run)


def _retired(name: str | None) -> str:
    if name is None:
        raise Failure("there is no current dictionary")
    return f"retired: dictionary {name}; it is removed once no session can need it"


def _contents(file: Path) -> Iterator[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            content = json.loads(line)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Failure(f"line {number} of {file} is no JSON object")
        yield content


def _print(report: TrainingReport, options: Options, *, dry_run: bool) -> None:
    left_out = f", {report.left_out:,} left out" if report.left_out else ""
    click.echo(f"read {report.scanned:,} items: {report.samples:,} sessions used{left_out}")
    if report.dictionary is None:
        raise Failure("these are too few sessions, or too small ones, for a dictionary")
    click.echo(f"trained on {report.trained:,}, measured on {report.held_back:,} others:")
    columns = ("a session, on average", f"now ({options.compression})", "with the dictionary")
    print_table(columns, _rows(report))
    click.echo(_outcome(report, options, dry_run=dry_run))


def _rows(report: TrainingReport) -> Iterator[tuple[str, str, str]]:
    yield "before compression", in_bytes(report.size), in_bytes(report.size)
    yield "data as stored", in_bytes(report.size_before), in_bytes(report.size_after)
    yield "write units", f"{report.units_before:.2f}", f"{report.units_after:.2f}"


def _outcome(report: TrainingReport, options: Options, *, dry_run: bool) -> str:
    if dry_run:
        return "nothing was stored (--dry-run)"
    if not report.is_stored:
        return "nothing was stored: the dictionary saves no write units"
    size = in_bytes(report.dictionary_size)
    stored = f"stored: dictionary {report.dictionary}, {size}; processes use it within 5 minutes"
    is_used = options.compression == "zstd"
    return stored if is_used else f"{stored}, once session.compression = zstd is set"
