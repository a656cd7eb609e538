"""Options from what Beaker passes to a backend."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import ConfigurationError
from .fields import OPTIONS, Options
from .parsers import text

#: Keys that Beaker and its frameworks pass to every backend, and that this one ignores.
BEAKER_KEYS = frozenset(
    {
        "auto",
        "class",  # session_class, after Beaker has removed its prefix `session_`
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
#: Options that Beaker's Session keeps to itself: a backend receives only a misspelt one.
BEAKER_SESSION_OPTIONS = frozenset(
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
#: Beaker's middleware passes a keyword such as `session.type` on unchanged, and also parses it.
PARSED_BY_BEAKER = ("session.", "cache.", "beaker.session.", "beaker.cache.", "session_", "cache_")
URL_FORM = "dynamodb://REGION/TABLE?option=value&..."
ALIASES = {"host": "endpoint_url"}


def parse_options(arguments: Mapping[str, object]) -> Options:
    """Options from what Beaker passes to a backend.

    Args:
        arguments: ini strings or Python values by option name, with Beaker's own keys. A value
            of None counts as not given.

    Raises:
        ConfigurationError: for an unknown name, a wrong value, or options that contradict each
            other.
    """
    named = {name: value for name, value in arguments.items() if _is_option(name, value)}
    in_url = _options_in_url(named.pop("url", None))
    given = {**in_url, **_without_aliases(named)}
    parsed: dict[str, Any] = {name: _parse(name, value) for name, value in given.items()}
    return Options(**parsed)


def _is_option(name: str, value: object) -> bool:
    return value is not None and name not in BEAKER_KEYS and not name.startswith(PARSED_BY_BEAKER)


def _without_aliases(options: Mapping[str, object]) -> dict[str, object]:
    for alias, name in ALIASES.items():
        if alias in options and name in options:
            raise ConfigurationError(f"give {name} or {alias}, not both")
    return {ALIASES.get(name, name): value for name, value in options.items()}


def _parse(name: str, value: object) -> object:
    if name not in OPTIONS:
        raise _unknown(name)
    try:
        return OPTIONS[name].parser(value)
    except ValueError as error:
        # `from None`: an error of Python's, behind the parser's, may quote a secret.
        raise ConfigurationError(f"option {name} must be {error}") from None


def _unknown(name: str) -> ConfigurationError:
    known = [*OPTIONS, *ALIASES, "url"]
    nearest = difflib.get_close_matches(name, [*known, *BEAKER_SESSION_OPTIONS], n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(sorted(known))}"
    return ConfigurationError(f"unknown option {name}: {hint}")


def _options_in_url(url: object) -> dict[str, object]:
    if url is None:
        return {}
    try:
        parts = urlsplit(text(url))
    except ValueError:
        raise _wrong_url() from None
    table = parts.path.strip("/")
    if parts.scheme != "dynamodb" or "@" in parts.netloc or "/" in table or parts.fragment:
        raise _wrong_url()
    place = {"region": parts.netloc, "table_name": table}
    options: dict[str, object] = {name: value for name, value in place.items() if value}
    return _without_aliases(_with_query(options, parts.query))


def _wrong_url() -> ConfigurationError:
    return ConfigurationError(f"option url must have the form {URL_FORM}")


def _with_query(options: dict[str, object], query: str) -> dict[str, object]:
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals:
            # Without the name: it may be the rest of a secret that contains `&`.
            raise ConfigurationError(f"option url gives an option without a value: {URL_FORM}")
        if name in options:
            raise ConfigurationError(f"option url gives {name} twice")
        # Not parse_qsl, which decodes the `+` of a secret key as a space.
        options[name] = unquote(value)
    return options
