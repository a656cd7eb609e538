"""HTML from templates, in which each value is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from string import Template


class Markup(str):
    """HTML that is ready, and not escaped again."""

    __slots__ = ()


def fill(template: str, **values: object) -> Markup:
    """A template with its values, escaped unless they are markup."""
    return Markup(Template(template).substitute({n: _escaped(v) for n, v in values.items()}))


def join(parts: Iterable[Markup]) -> Markup:
    """Several pieces of markup, one after the other."""
    return Markup("".join(parts))


@cache
def read(name: str) -> Markup:
    """A file of this folder."""
    return Markup(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _escaped(value: object) -> str:
    return value if isinstance(value, Markup) else escape(str(value))
