"""Write what `read_pickle` returns as a pickle again. Pure."""

from __future__ import annotations

import pickle
import struct
from collections import Counter
from collections.abc import Generator, Iterator
from itertools import count
from typing import Any

from .safe_pickle import ENCODE, LATIN1, Action, Making, StandIn, StandInClass, named, stand_in

Steps = Generator[object, None, None]


def write_pickle(value: Any) -> bytes:
    """A pickle (protocol 2) of what `read_pickle` returns.

    Unpickling it gives what unpickling the original gives, shared references and cycles included.
    Values from several pickles can be mixed.

    Raises:
        pickle.PicklingError: it holds something other than builtin values and stand-ins.
    """
    writer = _Writer()
    writer.write(value)
    return pickle.PROTO + b"\x02" + bytes(writer.output) + pickle.STOP


#: Their pickles refer to nothing else.
_ATOMS = frozenset({type(None), bool, int, float})
_TUPLES = {0: pickle.EMPTY_TUPLE, 1: pickle.TUPLE1, 2: pickle.TUPLE2, 3: pickle.TUPLE3}

#: The last number that the short forms of the memo's opcodes hold.
LAST_SHORT = 255
#: The writing of an object begins again inside its own arguments.
AGAIN = 2


class _Writer:
    """Writes by generators, which yield the values to be written next: nothing recurses.

    An object met again inside its own arguments is written twice, as by pickle.py.
    """

    def __init__(self) -> None:
        self.output = bytearray()
        #: The number of each text, and of each other object by its id.
        self._memo: dict[str | int, int] = {}
        self._numbers = count()
        #: How often the writing of each object has begun.
        self._begun: Counter[int] = Counter()
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
        if number is not None:
            self.output += _numbered(pickle.BINGET, pickle.LONG_BINGET, number)
        return number is not None

    def _remember(self, value: Any) -> None:
        number = self._memo[_memo_key(value)] = next(self._numbers)
        self.output += _numbered(pickle.BINPUT, pickle.LONG_BINPUT, number)

    def _steps(self, value: Any) -> Steps:
        if isinstance(value, StandInClass):
            return self._class(value)
        if isinstance(value, StandIn):
            return self._object(value, value)
        if type(value) is list:
            return self._list(value)
        if type(value) is dict:
            return self._dict(value)
        if type(value) is tuple:
            return self._tuple(value)
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
        self._begun[id(value)] += 1
        if self._begun[id(value)] == AGAIN:
            # A set copies the list that it receives, and the outer one is not complete yet.
            for argument in record.arguments:
                if type(argument) in {list, dict}:
                    self._memo.pop(id(argument), None)
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


def _memo_key(value: Any) -> str | int:
    return value if type(value) is str else id(value)


def _numbered(short: bytes, long: bytes, number: int) -> bytes:
    return short + bytes([number]) if number <= LAST_SHORT else long + struct.pack("<I", number)


def _call_for(value: Any) -> StandIn:
    """The call that protocol 2 writes for a builtin value that it has no opcode for."""
    kind = type(value)
    if kind is bytes:
        return stand_in(named(*ENCODE), Making.CALL, (value.decode(LATIN1), LATIN1))
    if kind in {bytearray, set, frozenset}:
        content = bytes(value) if kind is bytearray else [*value]
        return stand_in(named("__builtin__", kind.__name__), Making.CALL, (content,))
    raise pickle.PicklingError(f"{kind.__qualname__} is neither a builtin value nor a stand-in")
