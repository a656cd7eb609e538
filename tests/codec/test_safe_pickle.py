"""Reading a pickle without executing it, and writing it back."""

import copyreg
import io
import os
import pickle
import struct
import sys
from typing import Any

import numpy as np
import pytest

from beaker_dynamodb.codec import UNREADABLE
from beaker_dynamodb.codec.compare import is_equal
from beaker_dynamodb.codec.pickle_writer import write_pickle
from beaker_dynamodb.codec.safe_pickle import StandIn, StandInClass, read_pickle
from tests.codec.kinds import (
    KINDS,
    Color,
    Dynamic,
    Everything,
    Key,
    Outer,
    cyclic,
    extension,
    partial_call,
)

each_kind = pytest.mark.parametrize("value", KINDS.values(), ids=KINDS.keys())

EXECUTED: list[str] = []


def execute(name: str = "called") -> list[str]:
    EXECUTED.append(name)
    return EXECUTED


class Hostile:
    """Leaves a mark for all that unpickling it would execute."""

    def __reduce__(self) -> tuple[Any, ...]:
        return execute, (), {"a": 1}, iter([1]), iter([("a", 1)])


class HostileInstance:
    def __new__(cls) -> "HostileInstance":
        execute("new")
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        execute("state")

    def __getstate__(self) -> int:
        return 1

    def __hash__(self) -> int:
        execute("hash")
        return 1


def rewritten(value: object) -> Any:
    return pickle.loads(write_pickle(read_pickle(pickle.dumps({"value": value}, 2))))["value"]


@each_kind
def test_what_is_written_back_unpickles_as_the_original_does(value: object) -> None:
    original = pickle.loads(pickle.dumps(value, 2))
    again = rewritten(value)
    assert type(again) is type(original)
    assert again == original or repr(again) == repr(original)
    assert getattr(again, "__dict__", None) == getattr(original, "__dict__", None)


@each_kind
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read_and_written_back(value: object, protocol: int) -> None:
    payload = pickle.dumps({"value": value}, protocol)
    original = pickle.loads(payload)["value"]
    again = pickle.loads(write_pickle(read_pickle(payload)))["value"]
    assert again == original or repr(again) == repr(original)


@each_kind
def test_writing_twice_changes_nothing(value: object) -> None:
    once = write_pickle(read_pickle(pickle.dumps({"value": value}, 2)))
    assert write_pickle(read_pickle(once)) == once


def test_an_array_comes_back() -> None:
    array = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(rewritten(array), array)


def test_a_partial_call_comes_back() -> None:
    assert rewritten(partial_call())() == 9


def test_a_bound_method_comes_back() -> None:
    inner = Outer.Inner([1])
    method = rewritten(inner.__eq__)
    assert method.__self__ == inner
    assert method.__self__ is not inner


def test_an_instance_of_a_class_that_a_function_makes_comes_back() -> None:
    made = Dynamic()
    made.value = 5
    again = rewritten(made)
    assert type(again).__name__ == "Dynamic"
    assert again.value == 5


def test_cycles_and_shared_references_come_back() -> None:
    again = pickle.loads(write_pickle(read_pickle(pickle.dumps(cyclic(), 2))))
    assert again["itself"] is again
    assert again["list"][0] is again
    assert again["list"][1][0] is again["list"]
    branch = again["tree"].children[0]
    assert branch.parent is again["tree"]
    assert branch.children[0].parent is branch
    assert again["member"].value == {again["member"]}


@pytest.mark.parametrize("start", ["set", "instance"])
def test_a_cycle_through_the_arguments_of_a_call_comes_back(start: str) -> None:
    inner = Outer.Inner()
    inner.value = {inner, 1}
    if start == "instance":
        again = rewritten(inner)
    else:
        again = next(item for item in rewritten(inner.value) if item != 1)
    assert again.value == {again, 1}


def test_shared_values_stay_shared_and_equal_ones_apart() -> None:
    row = ["a", b"b", (1, 2)]
    first, second, third = rewritten([row, row, ["a", b"b", (1, 2)]])
    assert first is second
    assert first == third
    assert first is not third


def test_values_of_two_payloads_go_into_one() -> None:
    one = read_pickle(pickle.dumps({"one": cyclic(), Color.RED: Outer.Inner()}, 2))
    other = read_pickle(pickle.dumps({"other": cyclic(), b"key": Key("a")}, 2))
    again = pickle.loads(write_pickle({**one, **other}))
    assert list(again) == ["one", Color.RED, "other", b"key"]
    assert again["one"]["itself"] is again["one"]
    assert again[b"key"] == Key("a")


def test_a_written_dict_begins_as_beakers_does() -> None:
    assert write_pickle({"a": 1}).startswith(b"\x80\x02}")
    assert write_pickle({}).startswith(b"\x80\x02}")


def test_deep_chains_are_read_and_written() -> None:
    depth = 20 * sys.getrecursionlimit()
    payload = b"\x80\x02}U\x01k" + b"]" * depth + b"a" * (depth - 1) + b"s."
    written = write_pickle(read_pickle(payload))
    value = pickle.loads(written)["k"]
    found = 1
    while value:
        (value,) = value
        found += 1
    assert found == depth


def test_a_long_linked_list_is_read_and_written() -> None:
    maker = read_pickle(pickle.dumps(Outer.Inner(), 2)).maker
    length = 20 * sys.getrecursionlimit()
    nodes = [maker.__new__(maker) for _ in range(length)]
    for number, node in enumerate(nodes):
        node.__setstate__({"value": number, "next": nodes[(number + 1) % length]})
    again = pickle.loads(write_pickle({"first": nodes[0]}))
    assert again["first"].next.next.value == 2


def test_more_than_256_values_are_remembered() -> None:
    rows = [[number] for number in range(70_000)]
    again = rewritten(rows + rows)
    assert all(one is other for one, other in zip(again[:70_000], again[70_000:], strict=True))


def test_a_state_setter_is_recorded() -> None:
    one, other = (read_pickle(pickle.dumps(Everything(state), 2)) for state in (1, 2))
    assert not is_equal(one, other)
    assert rewritten(Everything(5)).state == 5


def test_nothing_in_a_pickle_is_executed() -> None:
    payload = pickle.dumps({"a": Hostile(), HostileInstance(): {HostileInstance()}}, 2)
    EXECUTED.clear()
    content = read_pickle(payload)
    assert is_equal(content, read_pickle(payload))
    write_pickle(content)
    assert EXECUTED == []


def test_nothing_is_executed_in_the_slow_reader_either() -> None:
    payload = pickle.dumps({"a": Hostile(), "b": Everything(HostileInstance()), "c": Dynamic()}, 2)
    EXECUTED.clear()
    assert is_equal(read_pickle(payload), read_pickle(payload))
    assert EXECUTED == []


def test_nothing_is_imported() -> None:
    content = read_pickle(b"\x80\x02cantigravity\nfly\nq\x00.")
    assert is_equal(content, read_pickle(write_pickle(content)))
    assert "antigravity" not in sys.modules


def test_a_command_is_not_run() -> None:
    content = read_pickle(b"cos\nsystem\n(S'false'\ntR.")
    assert content.maker.reference == ("os", "system")
    assert content.arguments == ("false",)
    assert not isinstance(content.maker, type(os.system))


@pytest.mark.parametrize(
    "opcode", [b"\x82\x7e", b"\x83\x57\x7e", b"\x84" + struct.pack("<i", 0x7E57)]
)
def test_a_registered_extension_gives_a_stand_in(opcode: bytes) -> None:
    code = {0x82: 0x7E, 0x83: 0x7E57, 0x84: 0x7E57}[opcode[0]]
    copyreg.add_extension(Key.__module__, "Key", code)
    try:
        cache: dict[int, object] = vars(copyreg)["_extension_cache"]
        cache[code] = Key
        assert isinstance(read_pickle(b"\x80\x02" + opcode + b"."), StandInClass)
        cache.clear()
        read_pickle(b"\x80\x02" + opcode + b".")
        assert code not in cache
    finally:
        copyreg.remove_extension(Key.__module__, "Key", code)


def test_an_instance_of_a_registered_class_is_equal_to_one_that_is_named() -> None:
    plain = pickle.dumps({"k": Key("a"), "l": "text \x82 \u0102"}, 2)
    with extension(Key):
        short = pickle.dumps({"k": Key("a"), "l": "text \x82 \u0102"}, 2)
        assert short != plain
        assert is_equal(read_pickle(short), read_pickle(plain))
        assert pickle.loads(write_pickle(read_pickle(short)))["k"] == Key("a")
        assert is_equal(read_pickle(plain), read_pickle(plain))


def test_extensions_and_deep_chains_go_together() -> None:
    depth = 20 * sys.getrecursionlimit()
    with extension(Key):
        inside = pickle.dumps(Key("a"), 2)[2:-1]
        content = read_pickle(b"\x80\x02" + b"]" * depth + inside + b"a" * depth + b".")
    assert isinstance(content, list)


def test_an_unknown_extension_is_unreadable() -> None:
    with extension(Key), pytest.raises(pickle.UnpicklingError):
        read_pickle(b"\x80\x02\x82\x05.")


def test_persistent_ids_are_unreadable() -> None:
    class Persistent(pickle.Pickler):
        def persistent_id(self, value: object) -> str | None:
            return "id" if isinstance(value, Key) else None

    buffer = io.BytesIO()
    Persistent(buffer, 2).dump({"k": Key("a"), "e": Everything()})
    with pytest.raises(pickle.UnpicklingError):
        read_pickle(buffer.getvalue())


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x80", b"\x80\x02", b"\x80\x02ca\nb\n", b"\x80\x02K\x01)\x81.", b"no pickle"],
)
def test_what_is_no_pickle_raises_a_known_error(payload: bytes) -> None:
    with pytest.raises(UNREADABLE):
        read_pickle(payload)


def test_a_cut_pickle_raises_a_known_error() -> None:
    payload = pickle.dumps({"e": Everything(), "i": Outer.Inner(1.5), "d": Dynamic()}, 2)
    for length in range(len(payload)):
        with pytest.raises(UNREADABLE):
            read_pickle(payload[:length])


def test_real_objects_are_not_written() -> None:
    with pytest.raises(pickle.PicklingError, match="Key is neither"):
        write_pickle({"k": Key("a")})


def test_a_stand_in_says_how_it_was_made() -> None:
    made = read_pickle(pickle.dumps(Outer.Inner(5), 2))
    assert isinstance(made, StandIn)
    assert made.making.name == "NEW"
    assert [action.name for action, _ in made.operations] == ["SET_STATE"]
    called = read_pickle(pickle.dumps(Color.RED, 2))
    assert called.making.name == "CALL"
