"""`create-table`."""

from __future__ import annotations

import click

from ..admin.table import create_table
from ..options import parse_options
from ..table import Table
from .choice import table_options
from .exits import help_end


@click.command(
    "create-table",
    epilog=help_end(
        "create-table --ini production.ini",
        "create-table --table-name beaker --region eu-west-1",
    ),
)
@table_options
def create_table_command(options: dict[str, object]) -> None:
    """Create the table and enable its TTL.

    Waits until the table is active. Changes nothing if the table exists. Credentials come from
    the environment, a profile, or the ini file.
    """
    table = Table(parse_options(options))
    created = create_table(click.echo, **options)
    place = table.location
    state = "created" if created else "it existed"
    click.echo(f"table {place['table']} in {place['region']} is ready: {state}")
