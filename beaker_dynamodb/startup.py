"""Check the options when an application starts and, if it is configured, its table."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from .admin.check import Finding, check
from .errors import BeakerDynamoDBError, ConfigurationError
from .options import Options, check_cache_settings, options_in_url, parse_options
from .session import OWN_TYPES, parse_settings
from .table import ErrorHook

logger = logging.getLogger("beaker_dynamodb.startup")

PREFIXES = ("session.", "beaker.session.")
#: The options whose table this process has checked.
_checked: set[Options] = set()


def prepare_sessions(config: Mapping[str, Any], **settings: Any) -> None:
    """Check the settings of sessions and, with `startup_check`, their table, once per process.

    Does nothing if the sessions are stored elsewhere.

    Args:
        config: the settings with Beaker's prefix `session.` or `beaker.session.` count.
        settings: further ones, with or without a prefix; they take precedence.

    Raises:
        ConfigurationError: for a wrong setting; no call is made.
        BeakerDynamoDBError: with `startup_check = fail`, for an error that the check has found.
    """
    given = [item for item in (*config.items(), *settings.items()) if item[0].startswith(PREFIXES)]
    own = {_without_prefix(key): value for key, value in given}
    own |= {key: value for key, value in settings.items() if not key.startswith(PREFIXES)}
    if own.get("type") in OWN_TYPES:
        is_long = any(key.startswith("beaker.") for key, _ in given)
        with _reported(own):
            options = parse_settings(own, "beaker.session." if is_long else "session.")
            if options.startup_check != "off" and options not in _checked:
                _check(own, must_pass=options.startup_check == "fail")
                _checked.add(options)


def prepare_caches(config: Mapping[str, Any], *, regions_alone: bool = False) -> None:
    """Check the settings of all caches in DynamoDB; no call is made.

    Args:
        config: the settings with Beaker's prefix `cache.` or `beaker.cache.` count.
        regions_alone: whether the framework reads cache regions, and no other cache.

    Raises:
        ConfigurationError: for a wrong setting.
    """
    check_cache_settings(config, regions_alone=regions_alone, around=_reported)


@contextmanager
def _reported(settings: Mapping[str, Any]) -> Iterator[None]:
    """Hand the error of a start to the application's function, unless that setting is wrong."""
    try:
        yield
    except BeakerDynamoDBError as error:
        with suppress(ConfigurationError):
            given = {**options_in_url(settings.get("url")), **settings}
            hook = parse_options({"on_error": given.get("on_error")}).on_error
            ErrorHook(hook).report(error)
        raise


def _without_prefix(key: str) -> str:
    return key.removeprefix("beaker.").removeprefix("session.")


def _check(settings: Mapping[str, Any], *, must_pass: bool) -> None:
    findings = check(**settings)
    for finding in findings:
        if finding.level != "ok":
            logger.warning("startup_check: %s", _in_words(finding))
    errors = [_in_words(finding) for finding in findings if finding.level == "error"]
    if errors and must_pass:
        raise BeakerDynamoDBError(f"startup_check = fail: {'; '.join(errors)}")


def _in_words(finding: Finding) -> str:
    remedy = "" if finding.remedy is None else f": {finding.remedy}"
    return f"{finding.name}: {finding.message}{remedy}".replace("\n", ", ")
