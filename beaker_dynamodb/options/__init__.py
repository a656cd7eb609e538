"""The options: what each means, and how it is parsed and checked."""

from .consistency import zstd_library
from .fields import (
    FALLBACK_OPTIONS,
    LONGEST_LIFE,
    ONE_DAY,
    OPTIONS,
    Options,
    longest_pause,
    names_of,
    option_rows,
)
from .option import Option
from .parse import (
    ALIASES,
    BEAKER_KEYS,
    BEAKER_SESSION_OPTIONS,
    options_in_url,
    parse_options,
    shown_value,
)
from .scopes import (
    FRAMEWORK_SESSION_KEYS,
    backend_options,
    check_cache_settings,
    parse_cache_options,
    parse_session_options,
)

__all__ = [
    "ALIASES",
    "BEAKER_KEYS",
    "BEAKER_SESSION_OPTIONS",
    "FALLBACK_OPTIONS",
    "FRAMEWORK_SESSION_KEYS",
    "LONGEST_LIFE",
    "ONE_DAY",
    "OPTIONS",
    "Option",
    "Options",
    "backend_options",
    "check_cache_settings",
    "longest_pause",
    "names_of",
    "option_rows",
    "options_in_url",
    "parse_cache_options",
    "parse_options",
    "parse_session_options",
    "shown_value",
    "zstd_library",
]
