"""Read a pickle without executing any of it, and write it back. Pure.

Stand-ins replace what a pickle names, and record what it does with them. `write_pickle` repeats it.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Generator
from copyreg import _extension_cache, _inverted_registry  # type: ignore[attr-defined]
from enum import Enum
from functools import lru_cache
from pickle import _Unpickler  # the documented algorithm, in Python
from typing import Any, ClassVar

Steps = Generator[object, None, None]

GETATTR = frozenset({("__builtin__", "getattr"), ("builtins", "getattr")})
#: Protocol 2 has no bytes: it writes the calls `_codecs.encode(text, "latin1")` and `bytes()`.
BYTES = ("__builtin__", "bytes")
ENCODE = ("_codecs", "encode")
LATIN1 = "latin1"

#: Opcodes that name a class by its number in copyreg's registry.
EXTENSIONS = (pickle.EXT1, pickle.EXT2, pickle.EXT4)
#: A call with two arguments whose result is dropped: the sixth item of what `__reduce__` returns.
STATE_SETTER = pickle.TUPLE2 + pickle.REDUCE + pickle.POP


class Making(Enum):
    """How a pickle makes an object: `maker(*arguments)` or `maker.__new__(maker, *arguments)`."""

    CALL = pickle.REDUCE
    NEW = pickle.NEWOBJ


class Action(Enum):
    """What a pickle does with an object that it has made."""

    APPEND = pickle.APPENDS
    SET_ITEM = pickle.SETITEMS
    SET_STATE = pickle.BUILD
    #: A function that the pickle calls with the object, for its effect alone.
    CALL_WITH = pickle.REDUCE + pickle.POP


class StandInClass(type):
    """Type of the stand-ins for classes and functions.

    Attributes:
        reference: the module and the name in the pickle.
        attribute: `getattr` and its two arguments, if the pickle reads the class from another one.
    """

    reference: tuple[str, str]
    attribute: tuple[StandInClass, StandInClass, str] | None

    def __call__(cls, *arguments: Any) -> Any:
        """Record a call."""
        match arguments:
            case (str(text), str(encoding)) if cls.reference == ENCODE and encoding == LATIN1:
                return text.encode(LATIN1)
            case () if cls.reference == BYTES:
                return b""
            case (StandInClass() as owner, str(name)) if cls.reference in GETATTR:
                return _attribute(cls, owner, name)
        return stand_in(cls, Making.CALL, arguments)


class StandIn(metaclass=StandInClass):
    """Replaces an object that a pickle makes.

    Attributes:
        maker: the stand-in that makes it.
        making: how.
        arguments: what the maker receives.
        operations: what the pickle does with the object, in order; each with its operands. The
            operands of `SET_ITEM` are keys and values by turns.
    """

    __slots__ = ("arguments", "maker", "making", "operations")

    reference: ClassVar[tuple[str, str]] = ("", "")
    attribute: ClassVar[tuple[StandInClass, StandInClass, str] | None] = None

    maker: Any
    making: Making
    arguments: tuple[Any, ...]
    operations: list[tuple[Action, list[Any]]]

    def __new__(cls, *arguments: Any, **keywords: Any) -> StandIn:
        """Record that the pickle makes an object by `__new__`."""
        if keywords:
            make = named("copyreg", "__newobj_ex__")
            return stand_in(make, Making.CALL, (cls, arguments, keywords))
        return stand_in(cls, Making.NEW, arguments)

    def __call__(self, *arguments: Any) -> StandIn:
        """Record a call of the object itself."""
        return stand_in(self, Making.CALL, arguments)

    def __setstate__(self, state: Any) -> None:
        self.operations.append((Action.SET_STATE, [state]))

    def append(self, item: Any) -> None:
        """Record an item."""
        self.extend([item])

    def extend(self, items: list[Any]) -> None:
        """Record items."""
        self._operands(Action.APPEND).extend(items)

    def __setitem__(self, key: Any, item: Any) -> None:
        self._operands(Action.SET_ITEM).extend((key, item))

    def _operands(self, action: Action) -> list[Any]:
        """The operands of the last operation, which more can be added to."""
        if not self.operations or self.operations[-1][0] is not action:
            self.operations.append((action, []))
        return self.operations[-1][1]


def stand_in(maker: Any, making: Making, arguments: tuple[Any, ...]) -> StandIn:
    """A stand-in for an object that a pickle makes."""
    made = object.__new__(StandIn)
    made.maker = maker
    made.making = making
    made.arguments = arguments
    made.operations = []
    return made


@lru_cache(maxsize=1024)
def named(module: str, name: str) -> StandInClass:
    """The stand-in for what a pickle names."""
    return StandInClass("Named", (StandIn,), {"__slots__": (), "reference": (module, name)})


@lru_cache(maxsize=1024)
def _attribute(getter: StandInClass, owner: StandInClass, name: str) -> StandInClass:
    """The stand-in for a class in another one: `__new__` accepts nothing but a class."""
    return StandInClass("Nested", (StandIn,), {"__slots__": (), "attribute": (getter, owner, name)})


def _resolve(module: str, name: str) -> StandInClass:
    """The stand-in for a name, which newer protocols write with dots for a nested class."""
    outermost, *nested = name.split(".")
    found = named(module, outermost)
    for attribute in nested:
        found = _attribute(named("__builtin__", "getattr"), found, attribute)
    return found


def read_pickle(payload: bytes) -> Any:
    """The contents of a pickle, with stand-ins for all that it names.

    Raises:
        Exception: one of `codec.UNREADABLE`, if it is no pickle.
    """
    if (_extension_cache or _inverted_registry) and any(code in payload for code in EXTENSIONS):
        return _read_slowly(payload)
    # From a plain BytesIO the C unpickler reads byte by byte, and takes four times as long.
    stream = io.BufferedReader(io.BytesIO(payload))
    reader = _FastReader(stream)
    try:
        value = _load_whole(reader, stream)
    except (pickle.UnpicklingError, TypeError):
        if not reader.has_names:
            raise
        return _read_slowly(payload)
    return _read_slowly(payload) if reader.has_names and STATE_SETTER in payload else value


def _load_whole(reader: Any, stream: io.BufferedIOBase) -> Any:
    value = reader.load()
    if stream.read(1):
        raise pickle.UnpicklingError("the pickle continues after its end")
    return value


class _FastReader(pickle.Unpickler):
    has_names = False

    def find_class(self, module: str, name: str) -> StandInClass:
        self.has_names = True
        return _resolve(module, name)


def _read_slowly(payload: bytes) -> Any:
    """Read what the C unpickler can't read, or what it reads from copyreg's process-wide cache."""
    stream = io.BytesIO(payload)
    try:
        return _load_whole(_SlowReader(stream), stream)
    except (AssertionError, struct.error) as error:
        raise pickle.UnpicklingError("the pickle is cut off") from error


class _SlowReader(_Unpickler):
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(_Unpickler.dispatch)

    stack: list[Any]

    def find_class(self, module: str, name: str) -> StandInClass:
        return _resolve(module, name)

    def get_extension(self, code: int) -> None:
        if code not in _inverted_registry:
            raise pickle.UnpicklingError(f"no extension is registered under the code {code}")
        self.stack.append(_resolve(*_inverted_registry[code]))

    def load_newobj(self) -> None:
        """Accept any maker: a function can make classes."""
        arguments, maker = self.stack.pop(), self.stack.pop()
        if not isinstance(maker, (StandIn, StandInClass)):
            raise pickle.UnpicklingError("an instance of something that is not a class")
        self.stack.append(stand_in(maker, Making.NEW, tuple(arguments)))

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_pop(self) -> None:
        """Record a call for its effect on the object below it, before the result is dropped."""
        match self.stack[-2:]:
            case [StandIn() as made, StandIn(arguments=(first, _)) as call] if first is made:
                made.operations.append((Action.CALL_WITH, [call.maker, call.arguments]))
        super().load_pop()  # type: ignore[misc]

    dispatch[pickle.POP[0]] = load_pop


def type_in_words(value: Any) -> str:
    """The name of a value's type; for a stand-in, of what makes the object in the application."""
    if not isinstance(value, StandIn):
        return type(value).__name__
    maker = value.maker
    # A function such as `copyreg._reconstructor` receives the class.
    first = value.arguments[0] if value.arguments else None
    named_class = first if isinstance(first, StandInClass) else maker
    reference = getattr(named_class, "reference", ("", ""))
    return ".".join(filter(None, reference)) or "object"
