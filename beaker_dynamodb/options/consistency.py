"""Options that contradict each other, or mean something only together."""

from __future__ import annotations

import sys
from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .fields import Options

#: Attributes of an item whose names are fixed.
RESERVED_ATTRIBUTES = (
    *("data", "version", "birth", "ended", "touched", "created", "parts", "key", "signature"),
    *("lock_owner", "lock_until", "lock_wanted", "chain", "content_expires"),
)


def check_together(options: Options) -> None:
    """Check what no parser of a single option can see.

    Raises:
        ConfigurationError: two options contradict each other, or one needs another.
    """
    _check_attribute_names(options)
    _check_credentials(options)
    _check_billing(options)
    _check_fallback(options)
    _check_index(options)
    _check_compression(options)


@cache
def zstd_library() -> Any:
    """The module `compression.zstd` of Python 3.14, or `backports.zstd`.

    Raises:
        ConfigurationError: it is not installed.
    """
    is_included = sys.version_info >= (3, 14)
    try:
        return import_module("compression.zstd" if is_included else "backports.zstd")
    except ImportError as error:
        cure = (
            "this Python was built without it: use another build of Python"
            if is_included
            else "it is not installed: run `pip install 'beaker-dynamodb[zstd]'`"
        )
        message = f"compression = zstd, and sessions written with it, need a zstd library; {cure}"
        raise ConfigurationError(message, cause=error) from error


def _check_attribute_names(options: Options) -> None:
    own = [options.hash_key, options.range_key, options.ttl_attribute, *options.index_keys]
    names = [*own, *RESERVED_ATTRIBUTES]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigurationError(
            f"two attributes have the name {repeated[0]}: give hash_key, range_key, "
            "ttl_attribute and index_keys different names, other than "
            f"{', '.join(RESERVED_ATTRIBUTES)}"
        )


def _check_credentials(options: Options) -> None:
    if bool(options.aws_access_key_id) != bool(options.aws_secret_access_key):
        raise ConfigurationError(
            "one of aws_access_key_id and aws_secret_access_key is missing: set both or neither"
        )
    if options.aws_session_token and not options.aws_access_key_id:
        raise ConfigurationError("aws_session_token is set without aws_access_key_id: set both")
    if options.profile and options.aws_access_key_id:
        raise ConfigurationError("profile and aws_access_key_id are both set: remove one of them")


def _check_billing(options: Options) -> None:
    units_given = options.read_capacity_units or options.write_capacity_units
    if options.billing_mode == "on_demand" and units_given:
        raise ConfigurationError(
            "capacity units have no effect with billing_mode = on_demand: set billing_mode = "
            "provisioned, or remove them"
        )


def _check_fallback(options: Options) -> None:
    names = [field.name for field in fields(options) if field.name.startswith("fallback_")]
    given = [name for name in names if getattr(options, name) is not None]
    if given and options.fallback_type is None:
        raise ConfigurationError(f"{given[0]} is set without fallback_type: set both")


def _check_index(options: Options) -> None:
    if options.index_keys and options.opaque_sessions:
        raise ConfigurationError(
            "index_keys reads each session, but opaque_sessions stores sessions that the backend "
            "cannot read: use beaker_dynamodb.SessionMiddleware, and remove opaque_sessions"
        )


def _check_compression(options: Options) -> None:
    if options.compression == "zstd":
        zstd_library()
    elif options.dictionary == "auto":
        raise ConfigurationError("dictionary = auto needs compression = zstd: set both")
