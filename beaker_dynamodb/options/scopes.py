"""Which options sessions take, and which caches: a key without an effect is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext

from ..errors import ConfigurationError
from .fields import OPTIONS, Options, names_of
from .parse import (
    ALIASES,
    BEAKER_KEYS,
    BEAKER_SESSION_OPTIONS,
    PARSED_BY_BEAKER,
    options_in_url,
    parse_options,
    unknown_option,
)

#: Keys under `session.` that a framework reads itself: pyramid_beaker.
FRAMEWORK_SESSION_KEYS = frozenset({"constant_csrf_token", "cookie_on_exception"})
#: Keys of a cache that Beaker reads itself.
BEAKER_CACHE_OPTIONS = frozenset({"expire"})
#: Keys that have no effect on sessions, and the one that has.
_FOR_SESSIONS = {
    "class": "session_class",
    "cookie_age": "cookie_expires",
    "cookie_httponly": "httponly",
    "cookie_name": "key",
    "cookie_samesite": "samesite",
    "cookie_secure": "secure",
    "endpoint": "endpoint_url",
    "expire": "ttl",
    "expires": "ttl",
    "key_length": "",
    "lifetime": "ttl",
    "max_age": "cookie_expires",
    "regions": "",
    "serializer": "data_serializer",
    "table": "table_name",
}
#: Keys that have no effect on caches, and the one that has.
_FOR_CACHES = {
    "data_serializer": "serializer",
    "endpoint": "endpoint_url",
    "expires": "expire",
    "max_age": "expire",
    "table": "table_name",
    "ttl": "expire",
}


def backend_options(settings: Mapping[str, object]) -> Options:
    """The backend's options among the settings of sessions or caches.

    Args:
        settings: by name, without the prefix; those that Beaker and the frameworks read themselves
            are left out.

    Raises:
        ConfigurationError: for an unknown name, a wrong value, or options that contradict each
            other.
    """
    ignored = BEAKER_SESSION_OPTIONS | FRAMEWORK_SESSION_KEYS | BEAKER_CACHE_OPTIONS
    return parse_options({name: value for name, value in settings.items() if name not in ignored})


def parse_session_options(settings: Mapping[str, object], prefix: str = "session.") -> Options:
    """The backend's options among the settings of sessions; Beaker's own are only known.

    Args:
        settings: by name, without the prefix.
        prefix: of the application's keys, for the errors.

    Raises:
        ConfigurationError: for an unknown name, a name without an effect on sessions, a wrong
            value, or options that contradict each other; it names the full key.
    """
    _refuse_ineffective(settings, prefix, _FOR_SESSIONS, names_of("cache"), "cache")
    return _parse(settings, prefix, BEAKER_SESSION_OPTIONS)


def parse_cache_options(settings: Mapping[str, object], prefix: str = "cache.") -> Options:
    """As `parse_session_options`, for the settings of a cache or a cache region."""
    _refuse_ineffective(settings, prefix, _FOR_CACHES, names_of("session"), "session")
    return _parse(settings, prefix, BEAKER_CACHE_OPTIONS)


def _parse(settings: Mapping[str, object], prefix: str, ignored: frozenset[str]) -> Options:
    known = {*OPTIONS, *ALIASES, "url", *BEAKER_KEYS, *ignored}
    own = {name: value for name, value in settings.items() if name not in ignored}
    for name, value in own.items():
        if name not in known and not name.startswith(PARSED_BY_BEAKER) and value is not None:
            raise unknown_option(name, value, prefix, known)
    try:
        return parse_options(own, prefix)
    except ConfigurationError as error:
        if prefix in error.message:
            raise
        raise ConfigurationError(f"{prefix}*: {error.message}") from error


def _refuse_ineffective(
    settings: Mapping[str, object],
    prefix: str,
    right_names: Mapping[str, str],
    foreign: Iterable[str],
    other: str,
) -> None:
    given = dict.fromkeys(options_in_url(settings.get("url"), prefix), f"{prefix}url?")
    given |= {name: prefix for name, value in settings.items() if value is not None}
    for name, found in given.items():
        right = right_names.get(name)
        if right:
            # A url holds the backend's options, and not Beaker's own.
            place = found if right in OPTIONS else prefix
            raise ConfigurationError(f"{found}{name} has no effect: set {place}{right}")
        if name in foreign or name in right_names:
            raise ConfigurationError(
                f"{found}{name} has no effect, it concerns {other}s: set {other}.{name}, or "
                "remove the key"
            )


def check_cache_settings(
    config: Mapping[str, object],
    *,
    regions_alone: bool = False,
    around: Callable[[Mapping[str, object]], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Check the settings of all caches in DynamoDB, as Beaker's frameworks read them.

    Args:
        config: the settings with Beaker's prefix `cache.` or `beaker.cache.` count.
        regions_alone: whether the framework reads cache regions, and no other cache.
        around: the context in which each cache is checked, for its settings without a prefix.

    Raises:
        ConfigurationError: for a wrong setting; it names the full key.
    """
    prefix, own = _of_caches(config)
    names = [name.strip() for name in str(own.get("regions") or "").split(",") if name.strip()]
    for name in names:
        region = {
            key.removeprefix(f"{name}."): value
            for key, value in own.items()
            if key.startswith(f"{name}.")
        }
        if (region.get("type") or own.get("type")) == "ext:dynamodb":
            with around(region):
                parse_cache_options(region, f"{prefix}{name}.")
    shared = {key: value for key, value in own.items() if "." not in key}
    if shared.get("type") == "ext:dynamodb":
        with around(shared):
            parse_cache_options(shared, prefix)
            if names and regions_alone:
                _refuse_unshared(shared, prefix, names[0])


def _of_caches(config: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """The prefix of the settings of caches, and those settings without it."""
    given = {
        key: value
        for key, value in config.items()
        if isinstance(key, str) and key.startswith(("cache.", "beaker.cache."))
    }
    prefix = "beaker.cache." if any(key.startswith("beaker.") for key in given) else "cache."
    own = {
        key.removeprefix("beaker.").removeprefix("cache."): value for key, value in given.items()
    }
    return prefix, own


def _refuse_unshared(shared: Mapping[str, object], prefix: str, region: str) -> None:
    """Refuse what no region gets: a framework hands on only a few of the keys that all share."""
    for name in shared:
        if name in OPTIONS or name in ALIASES:
            raise ConfigurationError(
                f"{prefix}{name} has no effect on the regions: set {prefix}{region}.{name}, or "
                f"put it into {prefix}url"
            )
