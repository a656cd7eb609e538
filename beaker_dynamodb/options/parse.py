"""From what Beaker hands to a backend to Options."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

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
#: Options that Beaker takes itself, so that they come here only with a typo.
BEAKER_SESSION_KEYS = frozenset(
    {
        "cookie_domain",
        "cookie_expires",
        "cookie_path",
        "crypto_type",
        "data_serializer",
        "encrypt_key",
        "encrypt_nonce_bits",
        "httponly",
        "invalidate_corrupt",
        "key",
        "samesite",
        "save_accessed_time",
        "secret",
        "secure",
        "use_cookies",
        "validate_key",
    }
)
#: Beaker's middleware hands a keyword such as `session.type` on as it is, besides parsing it.
PARSED_BY_BEAKER = ("session.", "cache.", "beaker.session.", "beaker.cache.", "session_", "cache_")
FORM_OF_URL = "dynamodb://REGION/TABLE?option=value&..."
ALIASES = {"host": "endpoint_url"}

_FIELDS = {field.name: field for field in dataclasses.fields(Options)}


def parse_options(arguments: Mapping[str, object]) -> Options:
    """Options from what Beaker hands to a backend.

    Args:
        arguments: ini strings or Python values by option name, Beaker's own keys among them.

    Raises:
        ConfigurationError: for an unknown name, a wrong value, or options that contradict.
    """
    beside = {name: value for name, value in arguments.items() if _is_option(name, value)}
    in_url = _options_in_url(beside.pop("url", None))
    given = {**in_url, **_unaliased(beside)}
    parsed: dict[str, Any] = {name: _parse(name, value) for name, value in given.items()}
    return Options(**parsed)


def _is_option(name: str, value: object) -> bool:
    return value is not None and name not in BEAKER_KEYS and not name.startswith(PARSED_BY_BEAKER)


def _unaliased(options: Mapping[str, object]) -> dict[str, object]:
    for alias, name in ALIASES.items():
        if alias in options and name in options:
            raise ConfigurationError(f"give {name} or {alias}, not both")
    return {ALIASES.get(name, name): value for name, value in options.items()}


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
    nearest = difflib.get_close_matches(name, [*known, *BEAKER_SESSION_KEYS], n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(sorted(known))}"
    return ConfigurationError(f"unknown option {name}: {hint}")


def _options_in_url(url: object) -> dict[str, object]:
    """The options inside ``dynamodb://REGION/TABLE?option=value&...``."""
    if url is None:
        return {}
    try:
        parts = urlsplit(text(url))
    except ValueError:
        raise ConfigurationError(f"option url must have another form: {FORM_OF_URL}") from None
    table = parts.path.strip("/")
    if parts.scheme != "dynamodb" or "@" in parts.netloc or "/" in table or parts.fragment:
        raise ConfigurationError(f"option url must have another form: {FORM_OF_URL}")
    options: dict[str, object] = {}
    if parts.netloc:
        options["region"] = parts.netloc
    if table:
        options["table_name"] = table
    return _unaliased(_with_query(options, parts.query))


def _with_query(options: dict[str, object], query: str) -> dict[str, object]:
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals:
            # Without the name: it may be the rest of a secret with an `&` in it.
            raise ConfigurationError(f"option url gives an option no value: {FORM_OF_URL}")
        if name in options:
            raise ConfigurationError(f"option url gives {name} twice")
        # Not parse_qsl, which takes the `+` of a secret key for a space.
        options[name] = unquote(value)
    return options
