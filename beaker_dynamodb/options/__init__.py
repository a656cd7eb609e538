"""Options: parse, check, document."""

from .fields import SECRETS, TABLE_OPTIONS, Options
from .reading import ALIASES, BEAKER_KEYS, option_rows, parse_options

__all__ = [
    "ALIASES",
    "BEAKER_KEYS",
    "SECRETS",
    "TABLE_OPTIONS",
    "Options",
    "option_rows",
    "parse_options",
]
