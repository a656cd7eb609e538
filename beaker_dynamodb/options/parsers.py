"""The parsers of options.

A parser accepts an ini string or a Python value. It raises ValueError with what it expects, and
never quotes the value: the value may be a secret.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

Parser = Callable[[object], Any]
Number = TypeVar("Number", int, float)

#: In bytes. A partition key has at most 2048; the prefix may take half of them.
LONGEST_PREFIX = 1024
#: Of the name of a key attribute or TTL attribute, in bytes.
LONGEST_ATTRIBUTE_NAME = 255
#: The keys of a session that become attributes and names of indexes (developer guide, "Naming
#: rules"); PynamoDB reads a dot in an attribute's name as a path.
INDEX_KEY = re.compile(r"[a-zA-Z0-9_-]{3,200}")
#: A row has 9,600 bytes for its keys and for what its indexes find it by (`rows.parts`).
MOST_INDEXES = 5
#: Of a key for HMAC-SHA256, in characters.
SHORTEST_KEY = 32
#: DynamoDB's developer guide, "Naming rules".
TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
TABLE_ARN = re.compile(
    rf"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{{12}}:table/{TABLE_NAME.pattern}"
)

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


def text(value: object) -> str:
    """A text that is not empty, without the white space around it."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("a non-empty string")


def credential(value: object) -> str:
    """A text that fits into an HTTP header; the client library quotes one that does not."""
    try:
        given = text(value)
    except ValueError:
        given = ""
    if given.isascii() and given.isprintable() and given and " " not in given:
        return given
    raise ValueError("an ASCII string without white space")


def table(value: object) -> str:
    """The name or the ARN of a table."""
    name = text(value)
    if name.startswith("arn:"):
        if TABLE_ARN.fullmatch(name):
            return name
        raise ValueError("an ARN such as arn:aws:dynamodb:eu-west-1:123456789012:table/beaker")
    if TABLE_NAME.fullmatch(name):
        return name
    raise ValueError("3 to 255 characters: a-z, A-Z, 0-9, _, - and .")


def attribute_name(value: object) -> str:
    """The name of an attribute that an expression can contain."""
    expected = f"a string of 1 to {LONGEST_ATTRIBUTE_NAME} bytes without the characters . [ and ]"
    try:
        name = text(value)
    except ValueError:
        raise ValueError(expected) from None
    # PynamoDB reads them as a path into a document (pynamodb/expressions/util.py).
    if any(character in name for character in ".[]"):
        raise ValueError(expected)
    if not _is_utf8(name) or len(name.encode()) > LONGEST_ATTRIBUTE_NAME:
        raise ValueError(expected)
    return name


def prefix(value: object) -> str:
    """A text that leaves room for a namespace after it; may be empty."""
    if isinstance(value, str) and _is_utf8(value) and len(value.encode()) <= LONGEST_PREFIX:
        return value
    raise ValueError(f"a string of at most {LONGEST_PREFIX} bytes")


def endpoint(value: object) -> str:
    """The URL of DynamoDB or of its stand-in."""
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
    """True or false, or one of the words for them in ini files."""
    word = str(value).strip().lower()
    if isinstance(value, (bool, str)) and word in _WORDS:
        return _WORDS[word]
    raise ValueError("true or false")


def whole_number(smallest: int, largest: int) -> Parser:
    """A parser of whole numbers between two bounds, both allowed."""
    expected = f"a whole number from {smallest} to {largest}"
    return lambda value: _number(value, int, smallest, largest, expected)


def seconds(smallest: float, largest: float) -> Parser:
    """A parser of seconds, with fractions, between two bounds, both allowed."""
    expected = f"a number of seconds from {smallest:g} to {largest:g}"
    return lambda value: _number(value, float, smallest, largest, expected)


def keys(value: object) -> tuple[str, ...]:
    """One key, or several separated by commas; RFC 2104 recommends the length of the digest."""
    expected = (
        f"one key or several, separated by commas, of at least {SHORTEST_KEY} characters each"
    )
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or not all(isinstance(key, str) for key in given):
        raise ValueError(expected)
    parsed = tuple(key.strip() for key in given)
    if min(map(len, parsed), default=0) < SHORTEST_KEY or not _is_utf8("".join(parsed)):
        raise ValueError(expected)
    return parsed


def index_keys(value: object) -> tuple[str, ...]:
    """Names of keys of a session, separated by commas."""
    given = value.split(",") if isinstance(value, str) else value
    names = tuple(str(name).strip() for name in given) if isinstance(given, (list, tuple)) else ()
    if not all(map(INDEX_KEY.fullmatch, names)) or not 0 < len(set(names)) == len(names):
        names = ()
    if 0 < len(names) <= MOST_INDEXES:
        return names
    raise ValueError(
        f"at most {MOST_INDEXES} names, separated by commas, each of 3 to 200 characters: "
        "a-z, A-Z, 0-9, _ and -"
    )


def function(value: object) -> Callable[..., Any]:
    """A function, or the one that a name such as `package.module:function` imports."""
    if callable(value):
        return value
    expected = "a function, or the name of one to import, such as package.module:function"
    module, _, name = str(value).strip().partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (AttributeError, ImportError, TypeError, ValueError):
        raise ValueError(expected) from None
    if callable(found):
        return cast("Callable[..., Any]", found)
    raise ValueError(expected)


def choice(*choices: str) -> Parser:
    """A parser of one of a few words."""

    def parse(value: object) -> str:
        if value in choices:
            return str(value)
        raise ValueError(" or ".join(choices))

    return parse


def _is_utf8(value: str) -> bool:
    """Whether a text can be written as UTF-8: a lone surrogate cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


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
