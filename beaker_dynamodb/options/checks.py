"""Checks of options that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .fields import Options

#: Attributes of an item whose names are fixed.
OTHER_ATTRIBUTES = (
    *("data", "version", "touched", "created", "parts", "key", "signature"),
    *("lock_owner", "lock_until"),
)


def check_together(options: Options) -> None:
    """Refuse options that contradict each other.

    Raises:
        ConfigurationError: names the options, and what to give instead.
    """
    _check_attribute_names(options)
    _check_credentials(options)
    _check_billing(options)


def _check_attribute_names(options: Options) -> None:
    names = [options.hash_key, options.range_key, options.ttl_attribute]
    names += OTHER_ATTRIBUTES
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"the attribute name {twice[0]} is taken twice: give hash_key, range_key and "
            f"ttl_attribute names of their own, other than {', '.join(OTHER_ATTRIBUTES)}"
        )


def _check_credentials(options: Options) -> None:
    if bool(options.aws_access_key_id) != bool(options.aws_secret_access_key):
        raise ConfigurationError("give aws_access_key_id and aws_secret_access_key together")
    if options.aws_session_token and not options.aws_access_key_id:
        raise ConfigurationError("aws_session_token needs aws_access_key_id beside it")
    if options.profile and options.aws_access_key_id:
        raise ConfigurationError("give profile or aws_access_key_id, not both")


def _check_billing(options: Options) -> None:
    units_given = options.read_capacity_units or options.write_capacity_units
    if options.billing_mode == "on_demand" and units_given:
        raise ConfigurationError("capacity units belong to billing_mode = provisioned")
