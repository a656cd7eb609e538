"""The commands, their options and what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..admin.table import create_table
from ..errors import BeakerDynamoDBError
from ..model import location, session_model
from ..options import ALIASES, SECRETS, TABLE_OPTIONS, Options
from ..version import __version__
from .configuration import options_in
from .demo import HOST, PORT, serve

_FIELDS = Options.__dataclass_fields__


class _Command(click.Group):
    """A group that tells this package's errors in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BeakerDynamoDBError as error:
            raise click.ClickException(" ".join(str(error).split())) from error


def _option_of(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The command's option for one of the backend's."""
    field = _FIELDS[name]
    words = [name, *(alias for alias, meant in ALIASES.items() if meant == name)]
    default = field.metadata["shown"] or field.default
    unit = field.metadata["unit"]
    return click.option(
        *[f"--{word.replace('_', '-')}" for word in words],
        name,
        metavar=unit.upper() or "TEXT",
        help=f"{field.metadata['meaning']}  [default: {default}]".replace("`", ""),
    )


def _table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    # No secret on a command line, where other users of the machine can read it.
    for name in reversed([name for name in TABLE_OPTIONS if name not in SECRETS]):
        function = _option_of(name)(function)
    return function


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="beaker-dynamodb %(version)s")
def command() -> None:
    """Sessions and caches of Beaker in Amazon DynamoDB."""


@command.command("create-table")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.ini",
    help="take the options from the session.* keys of an ini file; those given here win",
)
@click.option(
    "--url",
    metavar="URL",
    help="take the options from dynamodb://REGION/TABLE?option=value&...; those given here win",
)
@_table_options
def create_table_command(config: Path | None, url: str | None, **given: str | None) -> None:
    """Create the table, with its TTL on.

    Waits until the table can be used. Does nothing where it is there. Credentials come from the
    environment, a profile, or the ini file.
    """
    if config and url:
        raise click.UsageError("give --config or --url, not both")
    options: dict[str, object] = {"url": url, **(options_in(config) if config else {})}
    options.update({name: value for name, value in given.items() if value is not None})
    model = session_model(**options)
    created = create_table(click.echo, **options)
    place = location(model)
    state = "created now" if created else "it was there"
    click.echo(f"table {place['table']} in {place['region']} is ready: {state}")


@command.command("demo")
@click.option("--host", default=HOST, show_default=True, help="the address to listen at")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--endpoint-url",
    metavar="URL",
    help="an engine to use instead of the embedded one, such as http://127.0.0.1:8000",
)
def demo_command(host: str, port: int, endpoint_url: str | None) -> None:
    """Serve a page that shows a session at work.

    Shows what is stored, and what each request asks of the engine. Needs no AWS account and no
    network: the engine is inside this process, and forgets all when it ends.
    """
    serve(host, port, endpoint_url)
