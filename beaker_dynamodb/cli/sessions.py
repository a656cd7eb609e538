"""`sessions` and `end-sessions`: those of one user."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from ..admin.sessions import SessionSummary, end_found, find_sessions
from ..options import Options, parse_options
from .charts import in_bytes, in_seconds
from .choice import table_options, with_options, yes_option
from .exits import help_end
from .output import as_json_option, print_json, print_table

_OWN = ("key_prefix", "hash_ids", "timeout")
#: Options that click does not know are the names of indexed keys.
_ANY_KEY = {"ignore_unknown_options": True}
_who: Callable[[Callable[..., Any]], Callable[..., Any]] = click.argument(
    "who", nargs=-1, type=click.UNPROCESSED, metavar="--KEY VALUE", required=True
)


class _Who(NamedTuple):
    key: str
    value: str

    @classmethod
    def of(cls, words: Sequence[str], options: Options) -> _Who:
        """The key and the value in `--user-id 42`, `--user-id=42` or `--user_id 42`."""
        option, equals, value = words[0].partition("=")
        values = [value, *words[1:]] if equals else list(words[1:])
        known = options.index_keys
        wanted = option.removeprefix("--").replace("-", "_")
        key = next((each for each in known if each.replace("-", "_") == wanted), None)
        if not option.startswith("--") or len(values) != 1 or (known and key is None):
            names = [f"--{each.replace('_', '-')} VALUE" for each in known]
            raise click.UsageError(f"give one of {', '.join(names or ['--user-id VALUE'])}")
        return cls(key or wanted, values[0])


@click.command(
    "sessions",
    context_settings=_ANY_KEY,
    epilog=help_end(
        "sessions --ini production.ini --user-id 42",
        "sessions --url dynamodb://eu-west-1/beaker --index-keys user_id --user-id 42 --json",
    ),
)
@table_options
@with_options(*_OWN)
@_who
@as_json_option
def sessions_command(options: dict[str, object], who: tuple[str, ...], *, as_json: bool) -> None:
    """List the live sessions of a user, or of any other value of index_keys.

    A login can take a second to be listed.
    """
    parsed = parse_options(options)
    found = find_sessions(parsed, *_Who.of(who, parsed))
    if as_json:
        print_json(found)
    else:
        _print(found)


@click.command(
    "end-sessions",
    context_settings=_ANY_KEY,
    epilog=help_end(
        "end-sessions --ini production.ini --user-id 42",
        "end-sessions --ini production.ini --user-id 42 --yes --json",
    ),
)
@table_options
@with_options(*_OWN)
@_who
@yes_option
@as_json_option
def end_sessions_command(
    options: dict[str, object], who: tuple[str, ...], *, yes: bool, as_json: bool
) -> None:
    """Log a user out everywhere: end the sessions that have a value of index_keys.

    A request that runs meanwhile cannot bring its session back.
    """
    parsed = parse_options(options)
    chosen = _Who.of(who, parsed)
    if not yes:
        found = find_sessions(parsed, *chosen)
        _print(found, err=True)
        if not found:
            return
        question = f"End {_count(found)} with {chosen.key} = {chosen.value}?"
        click.confirm(question, abort=True, err=True)
    ended = end_found(parsed, *chosen)
    if as_json:
        print_json(ended)
    else:
        click.echo(f"{_count(ended)} ended")


def _count(sessions: Sequence[SessionSummary]) -> str:
    return f"{len(sessions)} session{'' if len(sessions) == 1 else 's'}"


def _print(sessions: Sequence[SessionSummary], *, err: bool = False) -> None:
    if not sessions:
        click.echo("no live session", err=err)
        return
    moment = time.time()
    rows = (
        (
            f"{each.fingerprint}...",
            in_seconds(moment - each.touched),
            "never" if each.expires is None else in_seconds(each.expires - moment),
            in_bytes(each.size),
        )
        for each in sessions
    )
    print_table(("session", "idle", "expires in", "size"), rows, err=err)
