"""The options: what each means, and how it is parsed and checked."""

from .fields import (
    FALLBACK_OPTIONS,
    LONGEST_LIFE,
    ONE_DAY,
    OPTIONS,
    Option,
    Options,
    names_of,
    option_rows,
)
from .parse import ALIASES, BEAKER_KEYS, BEAKER_SESSION_OPTIONS, parse_options

__all__ = [
    "ALIASES",
    "BEAKER_KEYS",
    "BEAKER_SESSION_OPTIONS",
    "FALLBACK_OPTIONS",
    "LONGEST_LIFE",
    "ONE_DAY",
    "OPTIONS",
    "Option",
    "Options",
    "names_of",
    "option_rows",
    "parse_options",
]
