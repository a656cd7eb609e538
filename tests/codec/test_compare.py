"""The structural comparison: same type and equal value, at any depth."""

import copy
import json
import math
import os
import pickle
import subprocess
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Hashable
from datetime import date, datetime, timezone
from decimal import Decimal
from types import ModuleType
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beaker_dynamodb.codec import shapes
from beaker_dynamodb.codec.compare import by_key, changed, is_equal, key_identity
from beaker_dynamodb.codec.pickle_writer import write_pickle
from beaker_dynamodb.codec.safe_pickle import read_pickle
from tests.codec.kinds import (
    KINDS,
    Basket,
    Color,
    Flags,
    Key,
    Numbers,
    Outer,
    OwnDict,
    OwnFrozenset,
    OwnList,
    OwnOrdered,
    OwnSet,
    OwnText,
    Point,
    Tree,
    Words,
    cyclic,
    partial_call,
    with_attribute,
)

each_kind = pytest.mark.parametrize("value", KINDS.values(), ids=KINDS.keys())


def read(value: object) -> Any:
    return read_pickle(pickle.dumps(value, 2))


def is_equal_everywhere(one: object, other: object) -> bool:
    """Whether two values are equal; loaded, read from pickles, and mixed."""
    answers = {
        is_equal(one, other),
        is_equal(other, one),
        is_equal(read(one), read(other)),
        is_equal([1, one], [1, other]),
        is_equal({"a": read(one)}, {"a": read(other)}),
    }
    assert len(answers) == 1
    return answers.pop()


@each_kind
def test_a_value_is_equal_to_itself_read_again(value: object) -> None:
    assert is_equal(read(value), read(value))
    assert is_equal(read(value), read(pickle.loads(pickle.dumps(value))))
    assert is_equal(read_pickle(write_pickle({"k": read(value)})), read({"k": value}))


@each_kind
def test_a_loaded_value_is_equal_to_its_stand_in(value: object) -> None:
    # What `__getnewargs_ex__` returns is pickled in another form.
    if value is not KINDS["new keywords"]:
        assert is_equal(value, read(value))
        assert key_identity(value) == key_identity(read(value))


@pytest.mark.parametrize("one", KINDS)
def test_values_of_different_kinds_differ(one: str) -> None:
    equal = {other for other in KINDS if is_equal(read(KINDS[one]), read(KINDS[other]))}
    assert equal == {one}
    assert {other for other in KINDS if is_equal(KINDS[one], KINDS[other])} == {one}


@each_kind
def test_a_value_of_every_kind_differs_inside_another(value: object) -> None:
    assert not is_equal_everywhere([value, 1], [value, 2])
    assert is_equal_everywhere((value, value), (value, pickle.loads(pickle.dumps(value))))


SAME = {
    "dict in another order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "keys of several types in another order": ({1: 1, "b": 2}, {"b": 2, 1: 1}),
    "dict subclass": (OwnDict(a=1, b=2), OwnDict(b=2, a=1)),
    "Counter": (Counter("ab"), Counter("ba")),
    "defaultdict": (defaultdict(int, a=1, b=2), defaultdict(int, b=2, a=1)),
    "set": ({8, 0}, {0, 8}),
    "set of texts": (set("abcdefgh"), set("hgfedcba")),
    "set subclass": (OwnSet([8, 0]), OwnSet([0, 8])),
    "frozenset subclass": (OwnFrozenset([8, 0]), OwnFrozenset([0, 8])),
    "set of dataclasses": ({Key("a"), Key("b")}, {Key("b"), Key("a")}),
    "set of sets": ({frozenset({8, 0}), 1}, {1, frozenset({0, 8})}),
    "set of enums": ({Color.RED, Color.BLUE}, {Color.BLUE, Color.RED}),
    "keys that are frozensets": ({frozenset({8, 0}): 1}, {frozenset({0, 8}): 1}),
    "minus zero": (-0.0, 0.0),
    "minus zero as a key": ({-0.0: 1}, {0.0: 1}),
    "minus zero in a tuple that is a key": ({(-0.0,): 1}, {(0.0,): 1}),
    "not a number": ([math.nan], [float("nan")]),
    "not a number as a key": ({math.nan: 1}, {float("nan"): 1}),
    "partial call": (partial_call().keywords, partial_call().keywords),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME.keys())
def test_equal_values_are_equal(one: object, other: object) -> None:
    assert is_equal_everywhere(one, other)


DIFFERENT = {
    "1 and True": (1, True),
    "1 and 1.0": (1, 1.0),
    "0 and False": ([0], [False]),
    "None and False": (None, False),
    "text and bytes": ("a", b"a"),
    "text and its subclass": ("a", OwnText("a")),
    "text and enum": ("one", Words.ONE),
    "number and enum": (1, Numbers.ONE),
    "list and tuple": ([1], (1,)),
    "list and its subclass": ([1], OwnList([1])),
    "list order": ([1, 2], [2, 1]),
    "dict and its subclass": ({"a": 1}, OwnDict(a=1)),
    "key types": ({1: "a"}, {True: "a"}),
    "keys": ({"a": 1, "b": 2}, {"a": 1, "c": 2}),
    "an additional key": ({"a": 1}, {"a": 1, "b": None}),
    "OrderedDict order": (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
    "order in an OrderedDict subclass": (OwnOrdered(a=1, b=2), OwnOrdered(b=2, a=1)),
    "deque order": (deque([1, 2]), deque([2, 1])),
    "deque length": (deque([1], 2), deque([1], 3)),
    "set and frozenset": ({1}, frozenset({1})),
    "set members": ({1, 2}, {1, 3}),
    "set member types": ({1}, {True}),
    "set subclass members": (OwnSet({1}), OwnSet({2})),
    "set subclass attributes": (OwnSet({1}), with_attribute(OwnSet({1}))),
    "Counter": (Counter("a"), Counter("aa")),
    "defaultdict factory": (defaultdict(int), defaultdict(list)),
    "enum": (Color.RED, Color.BLUE),
    "flags": (Flags.READ, Flags.READ | Flags.WRITE),
    "dataclass": (Basket("a", [1]), Basket("a", [2])),
    "namedtuple and tuple": (Point(1, 2), (1, 2)),
    "nested class": (Outer.Inner(1), Outer.Inner(2)),
    "bound methods of different objects": (Outer.Inner(1).__eq__, Outer.Inner(2).__eq__),
    "array": (np.arange(3), np.arange(1, 4)),
    "array type": (np.arange(3), np.arange(3.0)),
    "time zone": (datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone.utc)),  # noqa: DTZ001
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different_values_differ(one: object, other: object) -> None:
    assert not is_equal_everywhere(one, other)
    assert key_identity(read(one)) != key_identity(read(other))


def test_the_order_of_attributes_does_not_matter() -> None:
    one, other = Outer.Inner(), Outer.Inner()
    vars(one)["extra"] = 1
    other.__dict__ = {"extra": 1, "value": 1}
    assert is_equal_everywhere(one, other)


def test_json_values_are_compared() -> None:
    one = json.loads('{"a": [1, 2.0, null, true], "b": {}}')
    assert is_equal(one, json.loads('{"b": {}, "a": [1, 2.0, null, true]}'))
    assert not is_equal(one, json.loads('{"b": {}, "a": [1, 2, null, true]}'))


def test_a_class_that_is_not_loaded_is_compared_in_order(monkeypatch: Any) -> None:
    one, other = read(OwnDict(a=1, b=2)), read(OwnDict(b=2, a=1))
    same = read(OwnDict(a=1, b=2))
    monkeypatch.delitem(sys.modules, OwnDict.__module__)
    assert is_equal(one, same) is True
    assert is_equal(one, other) is False
    assert OwnDict.__module__ not in sys.modules


class Module(ModuleType):
    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)


def test_looking_a_class_up_executes_nothing(monkeypatch: Any) -> None:
    maker = read(OwnDict()).maker
    monkeypatch.setitem(sys.modules, OwnDict.__module__, Module("hostile"))
    assert shapes.loaded_class(maker) is None


def test_a_nested_class_is_looked_up() -> None:
    assert shapes.loaded_class(read(Outer.Inner)) is Outer.Inner
    assert shapes.loaded_class(read(Outer.Inner.Innermost)) is Outer.Inner.Innermost


class OrderedSet(set):
    """Keeps an order, so it pickles itself."""

    def __init__(self, items: list[object]) -> None:
        super().__init__(items)
        self.items = items

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedSet, (self.items,)


def test_a_set_that_pickles_itself_keeps_its_order() -> None:
    assert not is_equal_everywhere(OrderedSet([1, 2]), OrderedSet([2, 1]))


def test_cycles_are_equal() -> None:
    assert is_equal_everywhere(cyclic(), cyclic())
    assert changed(read(cyclic()), read(cyclic())) == set()


def test_a_change_inside_a_cycle_is_found() -> None:
    one: Any = cyclic()
    other: Any = cyclic()
    other["tree"].children[0].children[0].name = "other"
    assert not is_equal_everywhere(one, other)
    one, other = cyclic(), cyclic()
    other["member"].extra = 1
    assert not is_equal_everywhere(one, other)


def test_a_cycle_is_equal_to_the_same_cycle_unrolled() -> None:
    one: list[object] = []
    one.append(one)
    inner: list[object] = []
    other: list[object] = [inner]
    inner.append(other)
    assert is_equal(one, other)
    assert key_identity(one) == key_identity(other)


def test_children_in_a_set_that_refer_to_their_parent_are_matched() -> None:
    def family(names: str) -> Outer.Inner:
        parent = Outer.Inner()
        parent.value = {Outer.Inner((name, parent)) for name in names}
        return parent

    assert is_equal_everywhere(family("abc"), family("cab"))
    assert not is_equal_everywhere(family("abc"), family("abd"))


def linked(length: int, last: object = "end") -> Any:
    """The first node of a doubly linked list, as read from a pickle."""
    maker = read(Outer.Inner)
    nodes = [maker.__new__(maker) for _ in range(length)]
    ends = [None, *nodes, last]
    for number, node in enumerate(nodes):
        node.__setstate__({"number": number, "before": ends[number], "next": ends[number + 2]})
    return read_pickle(write_pickle(nodes[0]))


def test_a_long_linked_list_is_compared() -> None:
    assert is_equal(linked(5000), linked(5000))
    assert not is_equal(linked(5000), linked(5000, last="another end"))
    assert not is_equal(linked(5000), linked(5001))


def test_a_long_linked_list_of_loaded_objects_is_compared() -> None:
    def nodes() -> Tree:
        root = node = Tree("0")
        for number in range(5000):
            node = Tree(str(number), node)
        return root

    one, other = nodes(), nodes()
    assert is_equal(one, other)
    other.children[0].children[0].name = "other"
    assert not is_equal(one, other)


def test_deep_chains_are_compared() -> None:
    depth = 20 * sys.getrecursionlimit()
    chains: list[Any] = [[[end]] for end in (1, 1, 2)]
    one, other, third = chains
    for _ in range(depth):
        one, other, third = [one], ([other]), [third]
    assert is_equal(one, other)
    assert not is_equal(one, third)


def test_a_deep_tuple_is_a_key() -> None:
    one: Any = ()
    other: Any = ()
    for _ in range(20 * sys.getrecursionlimit()):
        one, other = (one,), (other,)
    assert key_identity(one) == key_identity(other)
    assert key_identity(one) != key_identity((other,))


def counted_shapes(monkeypatch: Any) -> list[object]:
    """The values whose shape is taken from here on."""
    expanded: list[object] = []
    of = shapes.Shapes.of

    def counted(self: shapes.Shapes, value: object) -> Any:
        expanded.append(value)
        return of(self, value)

    monkeypatch.setattr(shapes.Shapes, "of", counted)
    return expanded


def test_shared_rows_are_compared_once(monkeypatch: Any) -> None:
    expanded = counted_shapes(monkeypatch)
    row = [[number, Key] for number in range(1000)]
    one = {str(number): [row, Key] for number in range(300)}
    other = {str(number): [row_copy, Key] for row_copy in [[*row]] for number in range(300)}
    assert changed(one, other) == set()
    assert len(expanded) < 10 * (1000 + 300)


@pytest.mark.parametrize("kind", [list, Outer.Inner], ids=["plain", "objects"])
def test_steps_grow_linearly(monkeypatch: Any, kind: Any) -> None:
    def steps(size: int) -> int:
        with monkeypatch.context() as patch:
            expanded = counted_shapes(patch)
            one, other = (read({"rows": [kind([n]) for n in range(size)]}) for _ in "ab")
            other["rows"].append(1)
            one["rows"].append(2)
            one["rows"].reverse()
            other["rows"].reverse()
            assert not is_equal(one, other)
        return len(expanded)

    assert steps(2000) <= 2.2 * steps(1000) + 10


def test_a_failed_comparison_leaves_no_trace() -> None:
    shared = [1, Key("a")]
    copied = [1, Key("b")]
    before = {"a": [shared, 1], "b": shared, "c": [[shared]]}
    after = {"a": [copied, 1], "b": copied, "c": [[copied]]}
    assert changed(before, after) == {(str, "a"), (str, "b"), (str, "c")}
    assert changed(read(before), read(after)) == {(str, "a"), (str, "b"), (str, "c")}


class Unpicklable:
    def __init__(self, value: int) -> None:
        self.value = value

    def __reduce__(self) -> str:
        raise TypeError("not for pickles")

    def __eq__(self, other: object) -> bool:
        if self.value < 0:
            raise ValueError("no truth")
        return isinstance(other, Unpicklable) and self.value == other.value

    def __hash__(self) -> int:
        return self.value


def test_what_cannot_be_pickled_is_compared_by_itself() -> None:
    assert is_equal(Unpicklable(1), Unpicklable(1))
    assert not is_equal(Unpicklable(1), Unpicklable(2))
    assert not is_equal(Unpicklable(-1), Unpicklable(-1))
    assert is_equal({Unpicklable(1): 1, "a": 2}, {"a": 2, Unpicklable(1): 1})
    lock = threading.Lock()
    assert is_equal([lock], [lock])
    assert not is_equal([lock], [threading.Lock()])
    assert not is_equal(lambda: 1, lambda: 1)


KEYS: list[Hashable] = [
    "a",
    b"a",
    1,
    1.0,
    True,
    None,
    Color.RED,
    Words.ONE,
    Numbers.ONE,
    UUID(int=1),
    date(2026, 1, 1),
    Decimal(1),
    ("a", Color.RED),
    frozenset({1, "a"}),
    frozenset({True, "a"}),
    Point(1, 2),
    OwnText("a"),
    Key("a"),
    Outer.Inner,
    (1,),
    (True,),
    math.nan,
]


def test_every_key_has_an_identity_of_its_own() -> None:
    identities = [key_identity(key) for key in KEYS]
    assert len(set(identities)) == len(KEYS)
    assert [key_identity(read(key)) for key in KEYS] == identities
    assert [key_identity(copy.deepcopy(key)) for key in KEYS] == identities


# By the type: the order in a set's repr differs between the workers of xdist.
@pytest.mark.parametrize("key", KEYS, ids=[type(key).__name__ for key in KEYS])
def test_a_key_of_every_kind_is_found_again(key: Hashable) -> None:
    before, after = {"other": 1, key: 1}, {key: 2, "other": 1}
    assert changed(read(before), read(before)) == set()
    assert changed(read(before), read(after)) == {key_identity(key)}
    assert changed(read(before), read({"other": 1})) == {key_identity(key)}
    assert changed(before, after) == {key_identity(key)}
    assert by_key(after)[key_identity(key)] == (key, 2)


def test_keys_of_one_identity_survive() -> None:
    one, other = Outer.Inner(), Outer.Inner()
    entries = by_key({one: 1, other: 2})
    assert [value for _, value in entries.values()] == [1, 2]
    assert is_equal({one: 1, other: 2}, {one: 2, other: 1})
    assert not is_equal({one: 1, other: 2}, {one: 1, other: 3})
    assert len(changed({one: 1, other: 2}, {one: 1})) == 1


def test_added_removed_and_changed_keys_are_found() -> None:
    before = {"kept": [1], "removed": 1, "changed": {"a": 1}}
    after = {"kept": [1], "added": None, "changed": {"a": True}}
    expected = {(str, "removed"), (str, "added"), (str, "changed")}
    assert changed(before, after) == expected
    assert changed({**before, 1: 1}, {**after, 1: 1}) == expected


def test_a_row_is_the_same_under_another_hash_seed() -> None:
    program = (
        "import pickle, sys; from tests.codec.kinds import *; sys.stdout.buffer.write("
        "pickle.dumps({'s': set('abcdefgh'), 'k': {Color.RED, Key('a'), OwnText('b'), 'c', 1.5},"
        "'o': OwnSet('abcdefgh'), frozenset('abcdefgh'): Basket('a', [{*'xyz'}])}, 2))"
    )
    payloads = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(3)
    }
    assert len(payloads) > 1
    first, *others = map(read_pickle, payloads)
    assert all(is_equal(first, other) for other in others)
    assert all(changed(first, other) == set() for other in others)


atoms = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats()
    | st.text(max_size=2)
    | st.binary(max_size=2)
    | st.sampled_from([Color.RED, Words.ONE, Flags.READ, Outer.Level.HIGH, UUID(int=1), -(2**70)])
)
keys = st.recursive(
    atoms | st.builds(Key, st.text(max_size=1)),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
        | st.builds(OwnSet, st.sets(keys, max_size=4))
        | st.builds(OwnDict, st.dictionaries(keys, inner, max_size=4))
        | st.builds(Basket, st.text(max_size=1), st.lists(inner, max_size=3))
        | st.builds(Outer.Inner, inner)
    ),
    max_leaves=20,
)


def shuffled(value: Any, turn: Any) -> Any:
    """An equal value that was built in another order, and shares nothing."""
    if type(value) in {dict, OwnDict, set, OwnSet}:
        items = list(value.items() if isinstance(value, dict) else value)
        turn(items)
        if isinstance(value, dict):
            return type(value)((key, shuffled(item, turn)) for key, item in items)
        return type(value)(items)
    if type(value) is list:
        return [shuffled(item, turn) for item in value]
    if type(value) is Outer.Inner:
        return Outer.Inner(shuffled(value.value, turn))
    if type(value) is Basket:
        return Basket(value.owner, shuffled(value.items, turn))
    return value


@given(values, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_a_value_built_in_another_order_is_equal(value: Any, random: Any) -> None:
    other = shuffled(value, random.shuffle)
    assert is_equal_everywhere(value, other)
    assert is_equal(value, read(other))
    assert key_identity(read(value)) == key_identity(read(other))
    assert is_equal(read_pickle(write_pickle(read(value))), read(other))


@given(values, values, st.lists(st.sampled_from(["itself", "other", "twice"]), max_size=3))
@settings(max_examples=200, deadline=None)
def test_one_change_is_found_in_a_graph_with_cycles(value: Any, other: Any, links: Any) -> None:
    def graph(leaf: object) -> dict[object, object]:
        inner = Outer.Inner()
        root: dict[object, object] = {"value": value, "object": inner}
        items = [root, inner, leaf]
        targets = {"itself": root, "other": items, "twice": [items, items]}
        inner.value = [targets[link] for link in links] + [items]
        return root

    assert is_equal_everywhere(graph(other), graph(copy.deepcopy(other)))
    assert not is_equal_everywhere(graph(other), graph([other]))
    assert changed(read(graph(1)), read(graph(2))) == {(str, "object")}


@given(values, values)
@settings(max_examples=200, deadline=None)
def test_equality_and_digests_agree(one: Any, other: Any) -> None:
    assert is_equal_everywhere(one, other) == (key_identity(one) == key_identity(other))


@given(values)
@settings(max_examples=200, deadline=None)
def test_what_is_written_back_unpickles_to_an_equal_value(value: Any) -> None:
    again = pickle.loads(write_pickle({"value": read(value)}))
    assert is_equal(again, {"value": value})
