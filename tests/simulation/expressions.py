"""DynamoDB's expressions: conditions and updates, parsed once each into functions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

Value: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, Value]
Values: TypeAlias = Mapping[str, Value]
Test: TypeAlias = Callable[[Item, Values], bool]
#: A parsed condition: the name of a node and its parts.
Node: TypeAlias = tuple[Any, ...]
#: Replaces nodes of a condition, before it becomes a function.
Rewrite: TypeAlias = Callable[[Node], Node]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|[#:]?[A-Za-z_0-9.]+)")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FUNCTIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2}
_ORDERED_TYPES = {"S", "N", "B"}


class ExpressionError(Exception):
    """DynamoDB refuses the expression."""


class Condition(NamedTuple):
    """A parsed condition, and the placeholders that it uses."""

    test: Test
    used: frozenset[str]


class Assignment(NamedTuple):
    """An attribute and the placeholder of its new value.

    With `kept`, the value of that attribute is assigned instead, if the item has one.
    """

    name: str
    placeholder: str
    kept: str | None = None

    def value(self, item: Item, values: Values) -> Value:
        """What an item's attribute becomes."""
        return item.get(self.kept or "") or values[self.placeholder]


class Update(NamedTuple):
    """A parsed update: what it assigns, and the attributes that it removes."""

    assigned: tuple[Assignment, ...]
    removed: tuple[str, ...]
    used: frozenset[str]


def same(node: Node) -> Node:
    """The rewrite that changes nothing."""
    return node


@lru_cache(maxsize=4096)
def parse_condition(
    text: str, names: tuple[tuple[str, str], ...], rewrite: Rewrite = same
) -> Condition:
    """A condition as a function.

    Args:
        text: of the expression.
        names: the placeholders of attribute names.
        rewrite: replaces each node of the condition.

    Raises:
        ExpressionError: DynamoDB refuses the expression.
    """
    parser = _Parser(text, dict(names))
    node = parser.disjunction()
    parser.end()
    return Condition(_compile(node, rewrite), frozenset(parser.used))


@lru_cache(maxsize=4096)
def parse_update(text: str, names: tuple[tuple[str, str], ...]) -> Update:
    """An update with SET and REMOVE."""
    parser = _Parser(text, dict(names))
    assigned: list[Assignment] = []
    removed: list[str] = []
    while parser.next is not None:
        clause = parser.take()
        if clause == "SET":
            assigned += parser.list_of(parser.assignment)
        elif clause == "REMOVE":
            removed += parser.list_of(parser.name)
        else:
            raise ExpressionError(f"unknown clause {clause}")
    paths = [each.name for each in assigned] + removed
    if not paths or len(paths) != len(set(paths)):
        raise ExpressionError("two document paths overlap with each other, or there is none")
    return Update(tuple(assigned), tuple(removed), frozenset(parser.used))


def equal(one: Value | None, other: Value | None) -> bool:
    """Whether two attribute values are the same in DynamoDB's eyes."""
    if one is None or other is None or one.keys() != other.keys():
        return False
    if "N" in one:
        return Decimal(one["N"]) == Decimal(other["N"])
    return one == other


class _Parser:
    def __init__(self, text: str, names: dict[str, str]) -> None:
        self._tokens = _tokens(text)
        self._names = names
        self.used: set[str] = set()
        self.next: str | None = next(self._tokens, None)

    def take(self, expected: str | None = None) -> str:
        token = self.next
        if token is None or (expected is not None and token != expected):
            raise ExpressionError(f"expected {expected or 'more'}, found {token}")
        self.next = next(self._tokens, None)
        return token

    def end(self) -> None:
        if self.next is not None:
            raise ExpressionError(f"unexpected {self.next}")

    def list_of(self, element: Callable[[], Any]) -> list[Any]:
        elements = [element()]
        while self.next == ",":
            self.take()
            elements.append(element())
        return elements

    def disjunction(self) -> Node:
        node = self.conjunction()
        while self.next == "OR":
            self.take()
            node = ("or", node, self.conjunction())
        return node

    def conjunction(self) -> Node:
        node = self.negation()
        while self.next == "AND":
            self.take()
            node = ("and", node, self.negation())
        return node

    def negation(self) -> Node:
        if self.next == "NOT":
            self.take()
            return ("not", self.negation())
        return self.primary()

    def primary(self) -> Node:
        if self.next == "(":
            self.take()
            node = self.disjunction()
            self.take(")")
            return node
        if self.next in _FUNCTIONS:
            return self.function(self.take())
        left = self.operand()
        comparison = self.take()
        if comparison not in {"=", "<>", *_COMPARISONS}:
            raise ExpressionError(f"unknown comparison {comparison}")
        return ("compare", comparison, left, self.operand())

    def function(self, name: str) -> Node:
        self.take("(")
        path = self.name()
        if _FUNCTIONS[name] == 1:
            self.take(")")
            return (name, path)
        self.take(",")
        value = self.placeholder()
        self.take(")")
        return (name, path, value)

    def operand(self) -> Node:
        is_value = self.next is not None and self.next.startswith(":")
        return ("value", self.placeholder()) if is_value else ("name", self.name())

    def placeholder(self) -> str:
        token = self.take()
        if not token.startswith(":"):
            raise ExpressionError(f"{token} is not a value")
        self.used.add(token)
        return token

    def name(self) -> str:
        token = self.take()
        if not token.startswith("#"):
            return token
        if token not in self._names:
            raise ExpressionError(f"name {token} is not defined")
        self.used.add(token)
        return self._names[token]

    def assignment(self) -> Assignment:
        name = self.name()
        self.take("=")
        if self.next != "if_not_exists":
            return Assignment(name, self.placeholder())
        self.take()
        self.take("(")
        kept = self.name()
        self.take(",")
        assigned = Assignment(name, self.placeholder(), kept)
        self.take(")")
        return assigned


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"cannot read {text[position:]}")
        yield match[1]
        position = match.end()


def _compile(node: Node, rewrite: Rewrite) -> Test:
    kind, *parts = rewrite(node)
    if kind in {"or", "and"}:
        return _junction(kind, _compile(parts[0], rewrite), _compile(parts[1], rewrite))
    if kind == "not":
        inner = _compile(parts[0], rewrite)
        return lambda item, values: not inner(item, values)
    if kind == "compare":
        return _comparison(parts[0], _operand(parts[1]), _operand(parts[2]))
    return _function(kind, parts)


def _junction(kind: str, one: Test, other: Test) -> Test:
    if kind == "or":
        return lambda item, values: one(item, values) or other(item, values)
    return lambda item, values: one(item, values) and other(item, values)


def _function(kind: str, parts: list[str]) -> Test:
    name = parts[0]
    if kind == "attribute_exists":
        return lambda item, values: name in item
    if kind == "attribute_not_exists":
        return lambda item, values: name not in item
    placeholder = parts[1]
    return lambda item, values: name in item and values[placeholder]["S"] in item[name]


def _operand(node: Node) -> Callable[[Item, Values], Value | None]:
    kind, name = node
    if kind == "value":
        return lambda item, values: values[name]
    return lambda item, values: item.get(name)


def _comparison(sign: str, left: Any, right: Any) -> Test:
    if sign == "=":
        return lambda item, values: equal(left(item, values), right(item, values))
    if sign == "<>":
        return lambda item, values: not equal(left(item, values), right(item, values))
    compare = _COMPARISONS[sign]
    return lambda item, values: _is_ordered(compare, left(item, values), right(item, values))


def _is_ordered(
    compare: Callable[[Any, Any], bool], one: Value | None, other: Value | None
) -> bool:
    if one is None or other is None or one.keys() != other.keys():
        return False
    ((kind, mine),) = one.items()
    ((_, theirs),) = other.items()
    if kind not in _ORDERED_TYPES:
        return False
    return compare(Decimal(mine), Decimal(theirs)) if kind == "N" else compare(mine, theirs)
