"""Values of options: how a field is described, and what parses it.

A parser takes an ini string or a Python value. It raises ValueError with what it expected, and
never quotes the value: it may be a secret.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

Parser = Callable[[object], Any]
Number = TypeVar("Number", int, float)

#: DynamoDB's longest partition key is 2048 bytes; the prefix may take half of it.
LONGEST_PREFIX = 1024
#: Of a key for HMAC-SHA256, in characters.
SHORTEST_KEY = 32
TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


def text(value: object) -> str:
    """A text that is not empty, without the white space around it."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("a text that is not empty")


def credential(value: object) -> str:
    """A text that fits into an HTTP header, where a library would quote what does not."""
    try:
        given = text(value)
    except ValueError:
        given = ""
    if given.isascii() and given.isprintable() and given and " " not in given:
        return given
    raise ValueError("a text in ASCII without white space")


def table(value: object) -> str:
    """A table's name or ARN; DynamoDB's developer guide, "Naming rules"."""
    name = text(value)
    if TABLE_NAME.fullmatch(name) or name.startswith("arn:"):
        return name
    raise ValueError("3 to 255 of the characters a-z, A-Z, 0-9, _, - and .")


def prefix(value: object) -> str:
    """A text that leaves room for a namespace behind it; may be empty."""
    if isinstance(value, str) and len(value.encode()) <= LONGEST_PREFIX:
        return value
    raise ValueError(f"a text of at most {LONGEST_PREFIX} bytes")


def endpoint(value: object) -> str:
    """The URL of an engine."""
    expected = "a URL such as http://127.0.0.1:8000"
    url = text(value)
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError(expected) from None
    if not well_formed or "@" in parts.netloc or " " in url:
        raise ValueError(expected)
    return url


def flag(value: object) -> bool:
    """True or false, or one of the words that ini files have for them."""
    word = str(value).strip().lower()
    if isinstance(value, (bool, str)) and word in _WORDS:
        return _WORDS[word]
    raise ValueError("true or false")


def whole(smallest: int, largest: int) -> Parser:
    """A parser of whole numbers between two bounds, both allowed."""
    expected = f"a whole number from {smallest} to {largest}"
    return lambda value: _number(value, int, smallest, largest, expected)


def seconds(smallest: float, largest: float) -> Parser:
    """A parser of seconds, with fractions, between two bounds, both allowed."""
    expected = f"a number of seconds from {smallest:g} to {largest:g}"
    return lambda value: _number(value, float, smallest, largest, expected)


def keys(value: object) -> tuple[str, ...]:
    """One key or several, in a text by commas; RFC 2104 asks for as many bytes as SHA-256 has."""
    expected = f"one text or several, comma separated, of at least {SHORTEST_KEY} characters each"
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or not all(isinstance(key, str) for key in given):
        raise ValueError(expected)
    parsed = tuple(key.strip() for key in given)
    if min(map(len, parsed), default=0) < SHORTEST_KEY or not _is_unicode("".join(parsed)):
        raise ValueError(expected)
    return parsed


def _is_unicode(value: str) -> bool:
    """Whether a text can be written as UTF-8: a lone surrogate cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def choice(*choices: str) -> Parser:
    """A parser of one of a few words."""

    def parse(value: object) -> str:
        if value in choices:
            return str(value)
        raise ValueError(" or ".join(choices))

    return parse


def _number(
    value: object, kind: type[Number], smallest: Number, largest: Number, expected: str
) -> Number:
    if isinstance(value, (str, int, kind)) and not isinstance(value, bool):
        try:
            number = kind(value)
        except (OverflowError, ValueError):
            raise ValueError(expected) from None
        if smallest <= number <= largest:
            return number
    raise ValueError(expected)


def option(
    default: Any,
    parser: Parser,
    meaning: str,
    *,
    unit: str = "",
    shown: str | None = None,
    secret: bool = False,
) -> Any:
    """A field of the dataclass of options.

    Args:
        default: what it is where it is not given.
        parser: from an ini string or a Python value.
        meaning: in words, for the table of options.
        unit: of a quantity.
        shown: the default in words, where it depends.
        secret: whether it is left out of what is printed.
    """
    metadata = {"parser": parser, "meaning": meaning, "unit": unit, "shown": shown}
    return dataclasses.field(default=default, repr=not secret, metadata=metadata)
