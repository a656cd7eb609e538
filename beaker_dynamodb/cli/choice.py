"""The options that choose a table: an ini file, a URL, or one option for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias

import click
from click.shell_completion import CompletionItem

from ..options import ALIASES, OPTIONS, names_of
from .configuration import settings_in

Command: TypeAlias = Callable[..., Any]

#: The options that have an effect only when a table is defined.
CAPACITY = ("billing_mode", "read_capacity_units", "write_capacity_units")
#: Under which the context of a command holds the settings of its ini file.
_SETTINGS = "beaker_dynamodb.settings"


def table_options(function: Command) -> Command:
    """Add the options that choose a table to a command: the same to each.

    The command receives them as `options`, a dict as `parse_options` accepts it.
    """

    @wraps(function)
    def with_options(
        *arguments: Any, ini: dict[str, str] | None, url: str | None, **given: Any
    ) -> Any:
        if ini is not None and url:
            raise click.UsageError("give --ini or --url, not both")
        options: dict[str, object] = {**(ini or {}), **({"url": url} if url else {})}
        for name in _shown():
            value = given.pop(name)
            if value is not None:
                options[name] = value
        return function(*arguments, options=options, **given)

    command: Command = with_options
    for name in reversed(_shown()):
        command = _option_of(name)(command)
    return _ini(_url(command))


def with_options(*names: str) -> Callable[[Command], Command]:
    """Add more options of the backend to a command, below those that choose the table."""

    def add(function: Command) -> Command:
        @wraps(function)
        def with_more(*arguments: Any, options: dict[str, object], **given: Any) -> Any:
            values = {name: given.pop(name) for name in names}
            chosen = {name: value for name, value in values.items() if value is not None}
            return function(*arguments, options={**options, **chosen}, **given)

        command: Command = with_more
        for name in reversed(names):
            command = _option_of(name)(command)
        return command

    return add


yes_option: Callable[[Command], Command] = click.option(
    "--yes", is_flag=True, help="do not ask before something is destroyed"
)


def _read(
    context: click.Context, parameter: click.Parameter, file: str | None
) -> dict[str, str] | None:
    """The options in an ini file, or in a part of it."""
    if file is None:
        return None
    name, _, part = file.partition("#")
    if not Path(name).is_file():
        raise click.BadParameter(f"{name} is no file", context, parameter)
    settings = settings_in(Path(name), part)
    context.meta[_SETTINGS] = settings
    return settings.backend_options()


def settings_of_beaker() -> dict[str, str]:
    """What the ini file of the running command sets besides the backend's options."""
    settings = click.get_current_context().meta.get(_SETTINGS)
    if settings is None:
        return {}
    options = {*settings.backend_options(), *ALIASES}
    return {name: value for name, value in settings.values.items() if name not in options}


def _complete(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete the name of the file."""
    return [CompletionItem(incomplete, type="file")]


_ini = click.option(
    "--ini",
    callback=_read,
    shell_complete=_complete,
    metavar="FILE.ini[#NAME]",
    help="read the options from an ini file, as the application does: those of its sessions, or "
    "of its caches; NAME is a section or a cache region. Options that are given here win",
)
_url = click.option(
    "--url",
    metavar="URL",
    help="read the options from dynamodb://REGION/TABLE?option=value&...; those given here win",
)


def _shown() -> list[str]:
    """The options of a table and of a client, but for secrets, which other users could read."""
    left_out = {*CAPACITY, *names_of("secret")}
    names = {*names_of("table"), *names_of("client")} - left_out
    return [name for name in OPTIONS if name in names]


def _option_of(name: str) -> Callable[[Command], Command]:
    """The command-line option for an option of the backend."""
    option = OPTIONS[name]
    names = [name, *(alias for alias, meant in ALIASES.items() if meant == name)]
    return click.option(
        *[f"--{each.replace('_', '-')}" for each in names],
        name,
        metavar=option.unit.upper() or "TEXT",
        help=f"{option.meaning}  [default: {option.default}]".replace("`", ""),
    )
