"""`show` and `delete`: one session."""

from __future__ import annotations

import sys
import time

import click

from ..admin.session import SessionDetails, SessionKey, end_session, show_session
from ..options import parse_options
from .charts import in_bytes, in_seconds
from .choice import table_options, with_options, yes_option
from .exits import Failure, help_end
from .output import as_json_option, print_json, print_table


def _cookie(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str:
    if given == "-" or (given is None and not sys.stdin.isatty()):
        given = sys.stdin.readline()
        if not given.strip():
            raise click.UsageError("no session id on standard input")
    return (given or str(click.prompt("session id or cookie", hide_input=True, err=True))).strip()


_session = click.argument("session", required=False, callback=_cookie)


@click.command(
    "show",
    epilog=help_end("show --ini production.ini", "show --ini production.ini - < id.txt"),
)
@table_options
@with_options("key_prefix", "hash_ids", "max_value_size", "timeout", "max_lifetime")
@_session
@click.option("--values", is_flag=True, help="show the values, too; they may be secrets")
@as_json_option
def show_command(options: dict[str, object], session: str, *, values: bool, as_json: bool) -> None:
    """Show what is stored of a session, by its id or the value of its cookie.

    A session ends at the first of its row's end, max_lifetime and Beaker's timeout, as far as --ini
    or the options give them. An id is a password: without SESSION, the command asks for it and does
    not show it; with -, or without a terminal, it reads it from standard input. Nothing that is
    stored is executed.
    """
    details = show_session(parse_options(options), session, values=values)
    if details.state == "missing":
        raise Failure("nothing is stored under this id")
    if as_json:
        print_json(details)
    else:
        _print(details)


@click.command("delete", epilog=help_end("delete --ini production.ini"))
@table_options
@with_options("key_prefix", "hash_ids")
@_session
@yes_option
def delete_command(options: dict[str, object], session: str, *, yes: bool) -> None:
    """End a session, by its id or the value of its cookie, as a logout does.

    A request that runs meanwhile cannot bring it back.
    """
    parsed = parse_options(options)
    details = show_session(parsed, session)
    if details.state not in {"live", "renamed"}:
        raise Failure(f"there is no session to end: {details.state}")
    if not yes:
        click.confirm(f"End session {details.fingerprint}...?", abort=True, err=True)
    end_session(parsed, session)
    click.echo(f"session {details.fingerprint}... has ended")


def _print(details: SessionDetails) -> None:
    moment = time.time()
    click.echo(f"session {details.fingerprint}...: {details.state}")
    if details.state in {"live", "expired"}:
        split = f", in {details.parts} parts" if details.parts else ""
        click.echo(f"size: {in_bytes(details.size)} stored{split}")
    for name, seconds in _times(details).items():
        if seconds is not None:
            click.echo(f"{name}: {_relative(seconds - moment)}")
    for name, value in details.indexed.items():
        click.echo(f"indexed: {name} = {value}")
    _print_keys(details.keys)


def _times(details: SessionDetails) -> dict[str, float | None]:
    past = {"last write": details.touched, "created": details.created}
    if details.state not in {"live", "expired"}:
        return {**past, "its marker expires": details.expires}
    if details.ends == details.expires:
        return {**past, "session ends, and its row expires": details.ends}
    return {**past, "session ends": details.ends, "its row expires": details.expires}


def _relative(seconds: float) -> str:
    return f"in {in_seconds(seconds)}" if seconds > 0 else f"{in_seconds(-seconds)} ago"


def _print_keys(keys: tuple[SessionKey, ...] | None) -> None:
    if keys is None:
        click.echo("content: only the application can read it (encrypted, or its own serializer)")
    elif any(key.value for key in keys):
        print_table(("key", "type", "value"), ((key.name, key.type, key.value) for key in keys))
    elif keys:
        print_table(("key", "type"), ((key.name, key.type) for key in keys))
