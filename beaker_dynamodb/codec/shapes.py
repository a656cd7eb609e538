"""The shape of a value: a label, and the values it refers to. Pure.

A value that is loaded and its stand-in from `read_pickle` have the same shape.
"""

from __future__ import annotations

import copyreg
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from .data import UNREADABLE
from .safe_pickle import Action, Making, StandIn, StandInClass, read_pickle, stand_in

#: They refer to nothing else.
PRIMITIVES = frozenset({type(None), bool, int, float, str, bytes})

#: What an application's objects raise when they are compared or prepared for a pickle.
FAILURES = (*UNREADABLE, pickle.PicklingError)


class Shape(NamedTuple):
    """What a value is, and the values it refers to.

    Attributes:
        label: equal for equal values.
        ordered: values whose order matters.
        entries: keys with their values, in no order; a set's members with None.
        opaque: whether the shape does not say what the value is.
    """

    label: tuple[object, ...]
    ordered: Sequence[Any] = ()
    entries: Sequence[tuple[Any, Any]] = ()
    opaque: bool = False


class Shapes:
    """The shapes of values. It keeps alive what is made to describe an object."""

    def __init__(self) -> None:
        self._of_objects: dict[int, tuple[object, Shape]] = {}

    def of(self, value: Any) -> Shape:
        """The shape of a value that is not one of the primitives."""
        describe = _DESCRIBE.get(type(value))
        if describe:
            return describe(value)
        if isinstance(value, StandInClass):
            return _shape_of_class(value)
        if id(value) not in self._of_objects:
            self._of_objects[id(value)] = value, _shape_of_object(value)
        return self._of_objects[id(value)][1]


def _shape_of_sequence(value: Sequence[Any]) -> Shape:
    return Shape((type(value).__name__, len(value)), value)


def _shape_of_dict(value: dict[Any, Any]) -> Shape:
    return Shape(("dict",), (), tuple(value.items()))


def _shape_of_set(value: Iterable[Any]) -> Shape:
    return Shape((type(value).__name__,), (), _as_entries(value))


def _as_entries(members: Iterable[Any]) -> list[tuple[Any, None]]:
    return [(member, None) for member in members]


def _shape_of_class(value: StandInClass) -> Shape:
    if value.attribute:
        getter, owner, name = value.attribute
        return _shape_of_stand_in(stand_in(getter, Making.CALL, (owner, name)))
    return Shape(("named", *_python3_name(value)))


def _python3_name(value: StandInClass) -> tuple[str, str]:
    module, name = value.reference
    return ("builtins" if module == "__builtin__" else module), name


def _shape_of_stand_in(value: StandIn) -> Shape:
    kind = loaded_class(value.maker)
    members = _members(value, kind)
    if members is not None and kind in {set, frozenset}:
        return Shape((kind.__name__,), (), _as_entries(members))
    ordered = [value.maker, *(value.arguments if members is None else ())]
    label: list[object] = ["made", value.making.name, len(ordered)]
    entries: list[tuple[Any, Any]] = _as_entries(members or ())
    for action, operands in value.operations:
        label += (action.name, len(operands))
        if action is Action.SET_ITEM and _is_unordered_dict(kind):
            entries += zip(operands[::2], operands[1::2], strict=True)
        else:
            ordered += operands
    return Shape(tuple(label), ordered, entries)


def _members(value: StandIn, kind: type | None) -> list[Any] | None:
    """The members of a set, which set.__reduce__ writes as a list."""
    match value.arguments:
        case [list() as members] if value.making is Making.CALL and _is_set(kind):
            return members
    return None


def _is_unordered_dict(kind: type | None) -> bool:
    return kind is not None and dict in mro_of(kind) and OrderedDict not in mro_of(kind)


def _is_set(kind: type | None) -> bool:
    """Whether a class is a set and pickled as one: a class that keeps an order pickles itself."""
    for base in mro_of(kind) if kind else ():
        if base in {set, frozenset}:
            return True
        if not names_of(base).keys().isdisjoint({"__reduce__", "__reduce_ex__"}):
            break
    return False


#: Read as the interpreter stores them: no class can execute anything instead.
names_of: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


def loaded_class(maker: Any) -> type | None:
    """The class that a stand-in replaces, if this process has loaded it. Executes nothing."""
    path = []
    while isinstance(maker, StandInClass) and maker.attribute:
        _, maker, name = maker.attribute
        path.append(name)
    if not isinstance(maker, StandInClass):
        return maker if issubclass(type(maker), type) else None
    module, name = _python3_name(maker)
    found: Any = sys.modules.get(module)
    names = object.__getattribute__(found, "__dict__") if type(found) is ModuleType else {}
    for step in (name, *reversed(path)):
        found = names.get(step)
        if not issubclass(type(found), type):
            return None
        names = names_of(found)
    return found  # type: ignore[no-any-return]


def _shape_of_object(value: Any) -> Shape:
    """The shape of an object that is loaded, by what a pickle of it holds."""
    try:
        parts = _reduce(value)
        if isinstance(parts, str):
            return _shape_of_class(read_pickle(pickle.dumps(value, 2)))
        return _shape_of_stand_in(_as_stand_in(value, *parts))
    except FAILURES:
        return Shape(("opaque", *_name_of(type(value)), _hash(value)), opaque=True)


def _reduce(value: Any) -> str | tuple[Any, ...]:
    """What a pickle holds of one object (pickle.py, save): a name, or how it is made."""
    if isinstance(value, (type, FunctionType)):
        return value.__qualname__
    if type(value) is bytearray:
        return bytearray, (bytes(value),) if value else ()
    reduce = copyreg.dispatch_table.get(type(value))
    parts: str | tuple[Any, ...] = reduce(value) if reduce else value.__reduce_ex__(2)
    return parts


def _as_stand_in(  # the six parts that `__reduce__` may return
    value: Any,
    maker: Any,
    arguments: Sequence[Any],
    state: Any = None,
    items: Iterable[Any] | None = None,
    entries: Iterable[tuple[Any, Any]] | None = None,
    setter: Any = None,
) -> StandIn:
    making = Making.CALL
    if getattr(maker, "__name__", "") == "__newobj__":
        making, (maker, *arguments) = Making.NEW, arguments
    made = stand_in(maker, making, tuple(arguments))
    for item in items or ():
        made.append(item)
    for key, item in entries or ():
        made[key] = item
    if setter is not None:
        made.operations.append((Action.CALL_WITH, [setter, (value, state)]))
    elif state is not None:
        made.__setstate__(state)
    return made


def _name_of(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__qualname__


def _hash(value: Any) -> int | None:
    try:
        return hash(value)
    except FAILURES:
        return None


_DESCRIBE: dict[type, Callable[[Any], Shape]] = {
    list: _shape_of_sequence,
    tuple: _shape_of_sequence,
    dict: _shape_of_dict,
    set: _shape_of_set,
    frozenset: _shape_of_set,
    StandIn: _shape_of_stand_in,
}
