"""The commands and their options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..admin.table import create_table
from ..errors import BeakerDynamoDBError
from ..options import ALIASES, OPTIONS, names_of, parse_options
from ..table import Table
from ..version import __version__
from .configuration import options_in


class _Command(click.Group):
    """A group that prints this package's errors in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BeakerDynamoDBError as error:
            raise click.ClickException(" ".join(str(error).split())) from error


def _option_of(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The command-line option for an option of the backend."""
    option = OPTIONS[name]
    names = [name, *(alias for alias, meant in ALIASES.items() if meant == name)]
    return click.option(
        *[f"--{each.replace('_', '-')}" for each in names],
        name,
        metavar=option.unit.upper() or "TEXT",
        help=f"{option.meaning}  [default: {option.default}]".replace("`", ""),
    )


def _table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    # No secret on a command line, which other users of the machine can read.
    shown = {*names_of("table"), *names_of("client")} - {*names_of("secret")}
    for name in reversed([name for name in OPTIONS if name in shown]):
        function = _option_of(name)(function)
    return function


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="beaker-dynamodb %(version)s")
def command() -> None:
    """Sessions and caches for Beaker, in Amazon DynamoDB."""


@command.command("create-table")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.ini",
    help="read the options from the session.* keys of an ini file; those given here win",
)
@click.option(
    "--url",
    metavar="URL",
    help="read the options from dynamodb://REGION/TABLE?option=value&...; those given here win",
)
@_table_options
def create_table_command(config: Path | None, url: str | None, **given: str | None) -> None:
    """Create the table and enable its TTL.

    Waits until the table is active. Changes nothing if the table exists. Credentials come from
    the environment, a profile, or the ini file.
    """
    if config and url:
        raise click.UsageError("give --config or --url, not both")
    options: dict[str, object] = {"url": url, **(options_in(config) if config else {})}
    options.update({name: value for name, value in given.items() if value is not None})
    table = Table(parse_options(options))
    created = create_table(click.echo, **options)
    place = table.location
    state = "created" if created else "it existed"
    click.echo(f"table {place['table']} in {place['region']} is ready: {state}")


@command.command("demo")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--endpoint-url",
    metavar="URL",
    help="DynamoDB or its stand-in, such as http://127.0.0.1:8000, instead of moto",
)
def demo_command(host: str, port: int, endpoint_url: str | None) -> None:
    """Serve a page that shows how a session works.

    Shows what is stored, and the calls to DynamoDB of each request. Needs no AWS account and no
    network: moto stands in for DynamoDB in this process, and forgets everything when it ends.
    """
    _serve_demo()(host, port, endpoint_url)


def _serve_demo() -> Callable[[str, int, str | None], None]:
    try:
        # Imported here: its libraries come with an extra, and no other command needs them.
        from ..demo.server import serve  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if f"{error.name}".startswith("beaker_dynamodb"):
            raise
        raise click.ClickException(
            f"the demo needs {error.name}: pip install 'beaker-dynamodb[demo]'"
        ) from error
    return serve
