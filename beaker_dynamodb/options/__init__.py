"""Options: parse, check, document."""

from .binding import SECRETS, TABLE_OPTIONS
from .fields import LONGEST_LIFE, ONE_DAY, Options
from .reading import ALIASES, BEAKER_KEYS, option_rows, parse_options

__all__ = [
    "ALIASES",
    "BEAKER_KEYS",
    "LONGEST_LIFE",
    "ONE_DAY",
    "SECRETS",
    "TABLE_OPTIONS",
    "Options",
    "option_rows",
    "parse_options",
]
