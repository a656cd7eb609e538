"""Read a pickle without executing any of it, and write it back. Pure.

Stand-ins replace the classes and functions that a pickle names, and record what the pickle does
with them. `write_pickle` repeats the record, so unpickling gives what the first pickle gives.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Generator, Iterator
from copyreg import _extension_cache, _inverted_registry  # type: ignore[attr-defined]
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar

Steps = Generator[object, None, None]

GETATTR = frozenset({("__builtin__", "getattr"), ("builtins", "getattr")})
#: Protocol 2 has no bytes: it writes the call `_codecs.encode(text, "latin1")`.
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
        """The operands of the last operation, which goes on."""
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
    attributes = {"__slots__": (), "reference": (module, name)}
    return StandInClass("NamedStandIn", (StandIn,), attributes)


@lru_cache(maxsize=1024)
def _attribute(getter: StandInClass, owner: StandInClass, name: str) -> StandInClass:
    """The stand-in for a class in another one: `__new__` accepts nothing but a class."""
    attributes = {"__slots__": (), "attribute": (getter, owner, name)}
    return StandInClass("NestedStandIn", (StandIn,), attributes)


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
    reader = _FastReader(io.BufferedReader(io.BytesIO(payload)))
    try:
        value = reader.load()
    except (pickle.UnpicklingError, TypeError):
        if not reader.has_names:
            raise
        return _read_slowly(payload)
    return _read_slowly(payload) if reader.has_names and STATE_SETTER in payload else value


class _FastReader(pickle.Unpickler):
    has_names = False

    def find_class(self, module: str, name: str) -> StandInClass:
        self.has_names = True
        return _resolve(module, name)


def _read_slowly(payload: bytes) -> Any:
    """Read what the C unpickler can't read, or what it reads from copyreg's process-wide cache."""
    try:
        return _SlowReader(io.BytesIO(payload)).load()
    except (AssertionError, struct.error) as error:
        raise pickle.UnpicklingError("the pickle is cut off") from error


class _SlowReader(pickle._Unpickler):  # noqa: SLF001  # documented in pickle.py, and stable
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)  # noqa: SLF001

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
            raise pickle.UnpicklingError("an instance of what is no class")
        self.stack.append(stand_in(maker, Making.NEW, tuple(arguments)))

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_pop(self) -> None:
        """Record a call for its effect on the object below it, before the result is dropped."""
        match self.stack:
            case [*_, StandIn() as made, StandIn(arguments=(first, _)) as call] if first is made:
                made.operations.append((Action.CALL_WITH, [call.maker, call.arguments]))
        super().load_pop()  # type: ignore[misc]

    dispatch[pickle.POP[0]] = load_pop


def write_pickle(value: Any) -> bytes:
    """A pickle (protocol 2) of what `read_pickle` returns.

    Unpickling it gives what unpickling the original gives, shared references and cycles included.
    Values from several pickles can be mixed.

    Raises:
        pickle.PicklingError: it holds something else than builtin values and stand-ins.
    """
    writer = _Writer()
    writer.write(value)
    return pickle.PROTO + b"\x02" + bytes(writer.output) + pickle.STOP


#: Their pickles refer to nothing else.
_ATOMS = frozenset({type(None), bool, int, float})
_TUPLES = {0: pickle.EMPTY_TUPLE, 1: pickle.TUPLE1, 2: pickle.TUPLE2, 3: pickle.TUPLE3}

#: The last number that the short forms of the memo's opcodes hold.
LAST_SHORT = 255


class _Writer:
    """Writes by generators that yield the values to be written next: a deep chain is no recursion.

    Like pickle.py it writes an object that is met again inside its own arguments a second time,
    and drops the outer one.
    """

    def __init__(self) -> None:
        self.output = bytearray()
        #: The number of each text, and of each other object by its id.
        self._memo: dict[str | int, int] = {}
        #: Objects made here, whose ids must not be used again.
        self._kept: list[object] = []

    def write(self, value: Any) -> None:
        pending: list[Iterator[object]] = [iter((value,))]
        while pending:
            for child in pending[-1]:
                steps = self._begin(child)
                if steps is not None:
                    pending.append(steps)
                    break
            else:
                pending.pop()

    def _begin(self, value: Any) -> Steps | None:
        """Write a value that refers to no other; the steps of writing another one."""
        if type(value) in _ATOMS:
            self.output += pickle.dumps(value, 2)[2:-1]
        elif not self._refer(value):
            if type(value) is not str:
                return self._steps(value)
            text = value.encode("utf-8", "surrogatepass")
            self.output += pickle.BINUNICODE + struct.pack("<I", len(text)) + text
            self._remember(value)
        return None

    def _refer(self, value: Any) -> bool:
        """Refer to a value that is written already."""
        number = self._memo.get(_memo_key(value))
        if number is None:
            return False
        self.output += _numbered(pickle.BINGET, pickle.LONG_BINGET, number)
        return True

    def _remember(self, value: Any) -> None:
        number = self._memo[_memo_key(value)] = len(self._memo)
        self.output += _numbered(pickle.BINPUT, pickle.LONG_BINPUT, number)

    def _steps(self, value: Any) -> Steps:
        if isinstance(value, StandInClass):
            return self._class(value)
        if isinstance(value, StandIn):
            return self._object(value, value)
        write = _CONTAINERS.get(type(value))
        if write is not None:
            return write(self, value)
        call = _call_for(value)
        self._kept.append(call)
        return self._object(value, call)

    def _list(self, value: list[Any]) -> Steps:
        self.output += pickle.EMPTY_LIST
        self._remember(value)
        yield from self._operation(Action.APPEND, value)

    def _dict(self, value: dict[Any, Any]) -> Steps:
        self.output += pickle.EMPTY_DICT
        self._remember(value)
        operands = [operand for entry in value.items() for operand in entry]
        yield from self._operation(Action.SET_ITEM, operands)

    def _tuple(self, value: tuple[Any, ...]) -> Steps:
        yield from self._items(value)
        if value and not self._replace(value):
            self._remember(value)

    def _class(self, value: StandInClass) -> Steps:
        if value.attribute:
            getter, owner, name = value.attribute
            yield from self._object(value, stand_in(getter, Making.CALL, (owner, name)))
        else:
            module, name = value.reference
            self.output += pickle.GLOBAL + f"{module}\n{name}\n".encode()
            self._remember(value)

    def _object(self, value: Any, record: StandIn) -> Steps:
        yield record.maker
        yield from self._items(record.arguments)
        self.output += record.making.value
        if self._replace(value):
            return
        self._remember(value)
        for action, operands in record.operations:
            yield from self._operation(action, operands)

    def _items(self, items: tuple[Any, ...]) -> Steps:
        """A tuple that nothing refers to."""
        if len(items) not in _TUPLES:
            self.output += pickle.MARK
        yield from items
        self.output += _TUPLES.get(len(items), pickle.TUPLE)

    def _replace(self, value: Any) -> bool:
        """Drop what was just written if the value was also written inside it."""
        if _memo_key(value) not in self._memo:
            return False
        self.output += pickle.POP
        return self._refer(value)

    def _operation(self, action: Action, operands: list[Any]) -> Steps:
        if action is Action.CALL_WITH:
            function, arguments = operands
            yield function
            yield from self._items(arguments)
        elif action is Action.SET_STATE:
            yield from operands
        elif operands:
            self.output += pickle.MARK
            yield from operands
        else:
            return
        self.output += action.value


_CONTAINERS: dict[type, Callable[[_Writer, Any], Steps]] = {
    list: _Writer._list,  # noqa: SLF001
    dict: _Writer._dict,  # noqa: SLF001
    tuple: _Writer._tuple,  # noqa: SLF001
}


def _memo_key(value: Any) -> str | int:
    return value if type(value) is str else id(value)


def _numbered(short: bytes, long: bytes, number: int) -> bytes:
    return short + bytes([number]) if number <= LAST_SHORT else long + struct.pack("<I", number)


def _call_for(value: Any) -> StandIn:
    """The call that protocol 2 writes for a builtin value that it has no opcode for."""
    kind = type(value)
    if kind is bytes:
        return stand_in(named(*ENCODE), Making.CALL, (value.decode(LATIN1), LATIN1))
    if kind is bytearray:
        return stand_in(named("__builtin__", "bytearray"), Making.CALL, (bytes(value),))
    if kind in {set, frozenset}:
        return stand_in(named("__builtin__", kind.__name__), Making.CALL, ([*value],))
    raise pickle.PicklingError(f"{kind.__qualname__} is neither a builtin value nor a stand-in")


#: In bytes. Larger values count as changed.
LONGEST_FINGERPRINT = 4 * 1024 * 1024


def fingerprint(value: object) -> bytes:
    """Bytes that are equal for values that are equal in value and type."""
    buffer = _BoundedBuffer()
    pickler = _FingerprintPickler(buffer, protocol=4)
    # Without the memo, two equal objects and two references to one object give the same bytes.
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()


class _BoundedBuffer(io.BytesIO):
    """A buffer with an end: without the memo, a value that refers to itself has none."""

    def write(self, data: Any) -> int:
        if self.tell() > LONGEST_FINGERPRINT:
            raise ValueError("the value is too large to be compared")
        return super().write(data)


class _FingerprintPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, StandInClass):
            return tuple, (value.attribute or value.reference,)
        if not isinstance(value, StandIn):
            return NotImplemented
        arguments: Any = value.arguments
        if getattr(value.maker, "reference", None) in _SETS:
            arguments = sorted(map(fingerprint, arguments[0]))
        operations = [(action.name, operands) for action, operands in value.operations]
        return tuple, ([value.maker, value.making.name, arguments, operations],)


#: A set's order depends on the process (Python's hash seed), so its items are sorted.
_SETS = {("__builtin__", "set"), ("__builtin__", "frozenset")}
