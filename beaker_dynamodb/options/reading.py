"""From what Beaker hands to a backend to Options."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..errors import ConfigurationError
from .fields import Options
from .values import text

#: Keys that Beaker and its frameworks hand to every backend, and that mean nothing to this one.
BEAKER_KEYS = frozenset(
    {
        "auto",
        "class",  # what is left of session_class where Beaker takes its own prefix off
        "data_dir",
        "digest_filenames",
        "enabled",
        "environ_key",
        "key_length",
        "lock_dir",
        "log_file",
        "regions",
        "session_class",
        "type",
        "webtest_varname",
    }
)
ALIASES = {"host": "endpoint_url"}

_FIELDS = {field.name: field for field in dataclasses.fields(Options)}


def parse_options(arguments: Mapping[str, object]) -> Options:
    """Options from what Beaker hands to a backend.

    Args:
        arguments: ini strings or Python values by option name, Beaker's own keys among them.

    Raises:
        ConfigurationError: for an unknown name, a wrong value, or options that contradict.
    """
    arguments = {ALIASES.get(name, name): value for name, value in arguments.items()}
    from_url = _options_in_url(arguments.pop("url", None))
    given = {
        name: value
        for name, value in {**from_url, **arguments}.items()
        if name not in BEAKER_KEYS and value is not None
    }
    parsed: dict[str, Any] = {name: _parse(name, value) for name, value in given.items()}
    return Options(**parsed)


def option_rows() -> Iterable[tuple[str, str, str, str]]:
    """Name, default, unit and meaning of each option, for the documentation."""
    for field in dataclasses.fields(Options):
        default = field.metadata["shown"] or f"`{str(field.default).lower()}`"
        yield f"`{field.name}`", default, field.metadata["unit"], field.metadata["meaning"]


def _parse(name: str, value: object) -> object:
    if name not in _FIELDS:
        raise _unknown(name)
    try:
        return _FIELDS[name].metadata["parser"](value)
    except ValueError as error:
        # `from None`: the parser's error may quote the value, which may be a secret.
        raise ConfigurationError(f"option {name} must be {error}") from None


def _unknown(name: str) -> ConfigurationError:
    known = [*_FIELDS, *ALIASES, "url"]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(sorted(known))}"
    return ConfigurationError(f"unknown option {name}: {hint}")


def _options_in_url(url: object) -> dict[str, object]:
    """The options inside ``dynamodb://REGION/TABLE?option=value&...``."""
    if url is None:
        return {}
    form = "option url must have the form dynamodb://REGION/TABLE?option=value&..."
    try:
        parts = urlsplit(text(url))
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError(form) from None
    table = parts.path.strip("/")
    if parts.scheme != "dynamodb" or "@" in parts.netloc or "/" in table or parts.fragment:
        raise ConfigurationError(form)
    options: dict[str, object] = {"region": parts.netloc or None, "table_name": table or None}
    for written, value in pairs:
        name = ALIASES.get(written, written)
        if options.get(name) is not None:
            raise ConfigurationError(f"option url gives {name} twice")
        options[name] = value
    return options
