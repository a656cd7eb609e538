"""Options from what Beaker passes to a backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import ConfigurationError
from .fields import OPTIONS, Options, names_of
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
#: Of which no value is shown: this package's, and Beaker's.
SECRETS = frozenset({*names_of("secret"), "encrypt_key", "secret", "validate_key"})
#: Parts of the name of an unknown option whose value may be a secret.
SECRET_WORDS = {"credentials", "key", "keys", "pass", "password", "secret", "token"}
LONGEST_SHOWN = 60


def parse_options(arguments: Mapping[str, object], prefix: str = "") -> Options:
    """Options from what Beaker passes to a backend.

    Args:
        arguments: ini strings or Python values by option name, with Beaker's own keys. A value
            of None counts as not given.
        prefix: of the application's keys, such as `session.`, for the errors.

    Raises:
        ConfigurationError: for an unknown name, a wrong value, or options that contradict each
            other.
    """
    named = {name: value for name, value in arguments.items() if _is_option(name, value)}
    in_url = options_in_url(named.pop("url", None), prefix)
    beside = _without_aliases(named, prefix)
    parsed: dict[str, Any] = {
        **{
            name: _parse(name, value, f"{prefix}url?")
            for name, value in in_url.items()
            if name not in beside
        },
        **{name: _parse(name, value, prefix) for name, value in beside.items()},
    }
    return Options(**parsed)


def options_in_url(url: object, prefix: str = "") -> dict[str, object]:
    """The options that a `url` contains, not parsed yet; none if it is None.

    Args:
        url: of the form `dynamodb://REGION/TABLE?option=value&...`.
        prefix: of the application's keys, for the errors.

    Raises:
        ConfigurationError: the url has another form.
    """
    if url is None:
        return {}
    try:
        parts = urlsplit(text(url))
    except ValueError:
        raise _wrong_url(prefix) from None
    table = parts.path.strip("/")
    if parts.scheme != "dynamodb" or "@" in parts.netloc or "/" in table or parts.fragment:
        raise _wrong_url(prefix)
    place = {"region": parts.netloc, "table_name": table}
    options: dict[str, object] = {name: value for name, value in place.items() if value}
    return _without_aliases(_with_query(options, parts.query, prefix), prefix)


def shown_value(name: str, value: object) -> str:
    """A wrong value in quotes, as the end of an error; empty if it may be a secret.

    Args:
        name: of the option, which need not exist.
        value: as the application gave it.
    """
    # A url can contain any option; in another URL a password precedes an @.
    if name in SECRETS or name == "url" or "@" in str(value):
        return ""
    if not isinstance(value, (str, int, float)):
        return f", not a {type(value).__name__}"
    return f", not {str(value)[:LONGEST_SHOWN]!r}"


def unknown_option(name: str, value: object, prefix: str, known: Iterable[str]) -> Exception:
    """The error for an option that nobody knows; it names the nearest known one.

    Args:
        name: of the option, without the prefix.
        value: as the application gave it.
        prefix: of the application's keys.
        known: the names that are known.
    """
    import difflib  # noqa: PLC0415  # an import of the backend does not wait for it

    nearest = difflib.get_close_matches(name, list(known), n=1)
    if nearest == [name]:
        hint = "it is an option of Beaker's session, not of its backend: leave it out"
    elif nearest:
        hint = f"did you mean {prefix}{nearest[0]}?"
    else:
        hint = f"the options are {', '.join(sorted([*OPTIONS, *ALIASES, 'url']))}"
    # A misspelt secret is a secret.
    is_secret = SECRETS & set(nearest) or SECRET_WORDS & set(name.split("_"))
    shown = "" if is_secret else shown_value(name, value).replace(", not", " =", 1)
    return ConfigurationError(f"unknown option {prefix}{name}{shown}: {hint}")


def _is_option(name: str, value: object) -> bool:
    return value is not None and name not in BEAKER_KEYS and not name.startswith(PARSED_BY_BEAKER)


def _without_aliases(options: Mapping[str, object], prefix: str) -> dict[str, object]:
    for alias, name in ALIASES.items():
        if alias in options and name in options:
            raise ConfigurationError(
                f"{prefix}{name} and {prefix}{alias} are the same option: remove one of them"
            )
    return {ALIASES.get(name, name): value for name, value in options.items()}


def _parse(name: str, value: object, prefix: str) -> object:
    if name not in OPTIONS:
        known = [*OPTIONS, *ALIASES, "url", *BEAKER_SESSION_OPTIONS]
        raise unknown_option(name, value, prefix, known)
    try:
        return OPTIONS[name].parser(value)
    except ValueError as error:
        # `from None`: an error of Python's, behind the parser's, may quote a secret.
        reason = f"option {prefix}{name} must be {error}{shown_value(name, value)}"
        raise ConfigurationError(reason) from None


def _wrong_url(prefix: str) -> ConfigurationError:
    return ConfigurationError(f"option {prefix}url must have the form {URL_FORM}")


def _with_query(options: dict[str, object], query: str, prefix: str) -> dict[str, object]:
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals:
            # Without the name: it may be the rest of a secret that contains `&`.
            raise ConfigurationError(
                f"option {prefix}url contains an option without a value: write {URL_FORM}"
            )
        if name in options:
            raise ConfigurationError(
                f"option {prefix}url contains {name} twice: remove one of them"
            )
        # Not parse_qsl, which decodes the `+` of a secret key as a space.
        options[name] = unquote(value)
    return options
