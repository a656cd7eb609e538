"""Values of every kind that an application puts into a session."""

import copyreg
import enum
import functools
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np


class Attributes:
    """Equal by its attributes, so that tests can compare what real unpickling gives."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__


class Outer:
    class Inner(Attributes):
        def __init__(self, value: object = 1) -> None:
            self.value = value

        class Innermost(Attributes):
            pass

    class Level(enum.Enum):
        LOW = 1
        HIGH = 2


class Slots:  # noqa: PLW1641  # no key of a dict
    __slots__ = ("one", "other")

    def __init__(self, one: object = 1, other: object = 2) -> None:
        self.one = one
        self.other = other

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.one, self.other) == (other.one, other.other)


class SlotsAndAttributes(Slots):
    pass


class OwnState(Attributes):
    def __getstate__(self) -> list[int]:
        return [1, 2]

    def __setstate__(self, state: list[int]) -> None:
        self.restored = state


class NewArguments(Attributes):
    def __new__(cls, value: int) -> "NewArguments":
        made = super().__new__(cls)
        made.value = value
        return made

    def __getnewargs__(self) -> tuple[int]:
        return (self.value,)


class NewKeywords(NewArguments):
    def __new__(cls, *, value: int) -> Any:
        return super().__new__(cls, value)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, int]]:
        return (), {"value": self.value}


class Everything(Attributes):
    """Reduces itself to all six parts."""

    def __init__(self, state: object = None) -> None:
        self.state = state
        self.items: list[object] = []
        self.entries: dict[object, object] = {}

    def append(self, item: object) -> None:
        self.items.append(item)

    def __setitem__(self, key: object, value: object) -> None:
        self.entries[key] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Everything, (), self.state, iter([1, 2]), iter([("a", 1)]), set_state


def set_state(target: Everything, state: object) -> None:
    target.state = state


def make_class(name: str) -> type:
    return type(name, (Attributes,), {"__module__": __name__})


class Registered(type):
    """Its classes are pickled as a call that makes them."""


def reduce_class(made: type) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return make_class, (made.__name__,)


copyreg.pickle(Registered, reduce_class)
Dynamic = Registered("Dynamic", (Attributes,), {})


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Words(str, enum.Enum):
    ONE = "one"


class Numbers(enum.IntEnum):
    ONE = 1


class Flags(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: object


@dataclass
class Basket:
    owner: str
    items: list[object] = field(default_factory=list)


@dataclass(frozen=True)
class Key:
    name: str


class OwnDict(dict):
    pass


class OwnOrdered(OrderedDict):
    pass


class OwnList(list):
    pass


class OwnSet(set):
    pass


class OwnFrozenset(frozenset):
    pass


class OwnText(str):  # noqa: SLOT000
    pass


class OwnInt(int):
    pass


class Tree:
    def __init__(self, name: str, parent: "Tree | None" = None) -> None:
        self.name, self.parent = name, parent
        self.children: list[Tree] = []
        if parent:
            parent.children.append(self)


def with_attribute(value: Any) -> Any:
    value.note = "kept"
    return value


#: Values that are equal after real unpickling.
KINDS: dict[str, object] = {
    "text": "é\ud800" * 100,
    "bytes": b"\0\xff",
    "no bytes": b"",
    "bytearray": bytearray(b"ab"),
    "large number": -(2**9000),
    "complex": 1j,
    "range": range(3),
    "slice": slice(1, 2),
    "tuples": ((), (1,), (1, 2), (1, 2, 3), tuple(range(1000))),
    "list": list(range(3000)),
    "dict": {number: str(number) for number in range(3000)},
    "set": {1, "a", (2, 3)},
    "frozenset": frozenset({1, "a"}),
    "set subclass": OwnSet({1, "a"}),
    "set subclass with an attribute": with_attribute(OwnSet({1})),
    "frozenset subclass": OwnFrozenset({1}),
    "dict subclass": OwnDict(a=1, b=2),
    "dict subclass with an attribute": with_attribute(OwnDict(a=1)),
    "list subclass": OwnList([1, 2]),
    "text subclass": OwnText("a"),
    "number subclass": OwnInt(3),
    "deque": deque([1, 2], 5),
    "Counter": Counter("hello"),
    "OrderedDict": OrderedDict(a=1, b=2),
    "OrderedDict subclass": OwnOrdered(a=1, b=2),
    "defaultdict": defaultdict(list, a=[1]),
    "enum": Color.RED,
    "nested enum": Outer.Level.LOW,
    "text enum": Words.ONE,
    "number enum": Numbers.ONE,
    "flags": Flags.READ | Flags.WRITE,
    "datetime": datetime(2026, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=1))),
    "date": date(2026, 1, 2),
    "Decimal": Decimal("12.50"),
    "Fraction": Fraction(1, 3),
    "UUID": UUID(int=5),
    "namedtuple": Point(1, [2]),
    "dataclass": Basket("alice", [1]),
    "frozen dataclass": Key("a"),
    "slots": Slots(),
    "slots and attributes": with_attribute(SlotsAndAttributes()),
    "own state": OwnState(),
    "new arguments": NewArguments(1),
    "new keywords": NewKeywords(value=1),
    "nested class": Outer.Inner,
    "instance of a nested class": Outer.Inner([1]),
    "instance of a twice nested class": Outer.Inner.Innermost(),
    "function": make_class,
    "builtin function": len,
    "class method": dict.fromkeys,
    "all six parts": Everything({"a": 1}),
    "numpy number": np.float64(1.5),
}


def partial_call() -> functools.partial[int]:
    return functools.partial(int, "12", base=7)


def cyclic() -> dict[str, object]:
    """A dict, a list, a tuple, instances and a set that lead back to themselves."""
    content: dict[str, object] = {"row": [1]}
    content["itself"] = content
    items: list[object] = [content]
    content["list"] = items
    items.append((items,))
    root = Tree("root")
    Tree("leaf", Tree("branch", root))
    member = Outer.Inner()
    member.value = {member}
    content["tree"], content["member"] = root, member
    return content


@contextmanager
def extension(kind: type) -> Iterator[None]:
    """A pickle extension of copyreg's, registered for a while."""
    arguments = kind.__module__, kind.__qualname__, 0x7E57
    copyreg.add_extension(*arguments)
    try:
        yield
    finally:
        copyreg.remove_extension(*arguments)
