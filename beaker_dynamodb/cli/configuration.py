"""The table's options from an ini file, as Beaker's frameworks read it."""

from __future__ import annotations

from collections.abc import Iterator
from configparser import ConfigParser, Error
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigurationError
from ..options import ALIASES, BEAKER_KEYS, BEAKER_SESSION_OPTIONS, OPTIONS, names_of

PREFIXES = ("session.", "beaker.session.")
_DEFAULT = "DEFAULT"
#: Keys that Beaker and pyramid_beaker do not pass on, and options that concern no table.
_IGNORED = (
    {*BEAKER_SESSION_OPTIONS, *BEAKER_KEYS, *OPTIONS, "cookie_on_exception"}
    - {*names_of("table")}
    - {*names_of("client")}
)


class _Key(NamedTuple):
    section: str
    name: str
    value: str


def options_in(path: Path) -> dict[str, str]:
    """The options under `session.*` or `beaker.session.*` that concern the table.

    Args:
        path: the ini file. All of its sections are read; each of them overrides [DEFAULT].

    Raises:
        ConfigurationError: the file cannot be read, has none of these keys, or contradicts itself.
    """
    keys = list(_session_keys(_parsed(path)))
    if not keys:
        raise ConfigurationError(f"{path.name} has no key that begins with session.")
    # An unknown name is kept: `parse_options` refuses it and names the nearest known one.
    needed = [key for key in keys if key.name not in _IGNORED]
    options = {key.name: key.value for key in needed if key.section == _DEFAULT}
    options.update(_agreed([key for key in needed if key.section != _DEFAULT], path.name))
    for name, value in options.items():
        if "%(" in value:
            raise ConfigurationError(
                f"{path.name} composes session.{name} from other keys, which --config cannot read: "
                "leave --config out and give the options to the command"
            )
    return options


def _agreed(keys: list[_Key], file: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for key in keys:
        if options.setdefault(key.name, key.value) != key.value:
            raise ConfigurationError(f"{file} gives session.{key.name} two different values")
    return options


def _parsed(path: Path) -> ConfigParser:
    # configparser adds the keys of its default section to each other section. No file has a
    # section of this name, so [DEFAULT] is read as it is.
    parser = ConfigParser(interpolation=None, default_section="\0")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(path.read_text(encoding="utf-8"), path.name)
    except (Error, OSError, UnicodeDecodeError) as error:
        # The parser's message quotes the line, which may hold a secret.
        line = f", line {error.lineno}" if hasattr(error, "lineno") else ""
        reason = f"{path.name}{line} cannot be read as an ini file ({type(error).__name__})"
        raise ConfigurationError(reason) from None
    return parser


def _session_keys(parser: ConfigParser) -> Iterator[_Key]:
    for section in parser.sections():
        for key, value in parser.items(section):
            for prefix in PREFIXES:
                if key.startswith(prefix):
                    name = key.removeprefix(prefix)
                    yield _Key(section, ALIASES.get(name, name), value)
