"""What the command prints: tables for people, JSON for programs, progress in a terminal."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.table import Table

#: In columns. A file or a pipe gets each table row in one line.
WIDTH_OF_A_FILE = 200

as_json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="print one JSON document, for programs"
)


def print_json(data: Any) -> None:
    """Print data as one JSON document; a dataclass becomes an object."""
    click.echo(json.dumps(data, default=_plain, indent=2))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, err: bool = False
) -> None:
    """Print a table; numbers are aligned to the right."""
    table = Table()
    cells = [[str(cell) for cell in row] for row in rows]
    for number, column in enumerate(columns):
        filled = [row[number] for row in cells if row[number]]
        is_number = bool(filled) and all(map(_is_number, filled))
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    console(stderr=err).print(table)


def console(*, stderr: bool = False) -> Console:
    """A console for stdout or stderr as they are now."""
    found = Console(stderr=stderr, highlight=False, markup=False, soft_wrap=False)
    if not found.is_terminal:
        found.width = WIDTH_OF_A_FILE
    return found


def progress_bar(*columns: str | ProgressColumn) -> Progress:
    """A bar on stderr, so that stdout holds the result alone; none if stderr is no terminal."""
    bar = console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(bar_width=30), *columns)
    return Progress(*shown, console=bar, transient=True, disable=not bar.is_terminal)


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace(" ", "")[:1].isdigit()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)
