"""Options: parse, check, document."""

from .fields import Options
from .reading import ALIASES, BEAKER_KEYS, option_rows, parse_options

__all__ = ["ALIASES", "BEAKER_KEYS", "Options", "option_rows", "parse_options"]
