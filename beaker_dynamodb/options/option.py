"""What `Options` knows of each option besides its value."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple

from .parsers import Parser

Flag = Literal["table", "client", "secret", "session", "cache"]


class Option(NamedTuple):
    """One option, without its name.

    Attributes:
        parser: makes its value from an ini string or a Python value.
        meaning: in words, for the documentation.
        unit: of a quantity, such as `seconds`; otherwise empty.
        default: in words, for the documentation.
        flags: `table`, `client`, `secret`, `session` and `cache`, if they are set; see `option`.
    """

    parser: Parser
    meaning: str
    unit: str
    default: str
    flags: frozenset[str]


def option(
    default: Any,
    parser: Parser,
    meaning: str,
    *,
    unit: str = "",
    shown: str = "",
    **flags: bool,
) -> Any:
    """A field of `Options`.

    Args:
        default: the value if the option is not given.
        parser: makes the value from an ini string or a Python value.
        meaning: in words, for the documentation.
        unit: of a quantity.
        shown: the default in words, if it depends on something.
        flags: `table`: whether it says which table is used, or how the package creates it.
            `client`: whether it says how the client reaches DynamoDB, or with which credentials.
            `secret`: whether it is never printed, and never accepted on a command line.
            `session`, `cache`: whether it has an effect on sessions alone, or on caches alone.
    """
    described = Option(
        parser,
        meaning,
        unit,
        shown or f"`{str(default).lower()}`",
        frozenset(name for name, is_set in flags.items() if is_set),
    )
    is_secret = flags.get("secret", False)
    return dataclasses.field(default=default, repr=not is_secret, metadata={"option": described})
