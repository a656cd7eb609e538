"""A request that only reads writes nothing, whatever the session holds."""

import copyreg
import itertools
import subprocess
import sys
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from beaker_dynamodb import DynamoDBSession
from tests.support.overlap import (
    EVERY_KIND,
    PICKLED,
    browsers,
    contents,
    kinds,
    put,
    save,
    while_loaded,
)
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

MEGABYTE = 1024 * 1024


class Node:
    """An object with links, and without __eq__."""

    def __init__(self, name: object = None) -> None:
        self.name = name
        self.links: list[object] = []


class Slotted:
    """An object without a __dict__."""

    __slots__ = ("parent", "value")

    def __init__(self, value: object) -> None:
        self.value = value
        self.parent: object = self


class Named(dict):  # type: ignore[type-arg]
    """A dict subclass with attributes."""


class OwnSet(set):  # type: ignore[type-arg]
    """A set subclass."""


class Unequal:
    """An object that equals nothing."""

    def __eq__(self, _: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class Raising:
    """An object that refuses to be compared."""

    def __eq__(self, _: object) -> bool:
        raise RuntimeError("do not compare")

    def __hash__(self) -> int:
        return 1


class Reduced:
    """An object that pickles by calls."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduced, (self.value,), {"more": [self.value]}


def tree() -> Node:
    root = Node("root")
    for name in "ab":
        child = Node(name)
        child.links.append(root)
        root.links.append(child)
    return root


def own_list() -> list[object]:
    ring: list[object] = [1]
    ring.append(ring)
    return ring


def own_dict() -> dict[str, object]:
    ring: dict[str, object] = {}
    ring["self"] = [ring]
    return ring


def own_key() -> dict[object, object]:
    node = Node()
    keyed: dict[object, object] = {node: 1}
    node.links.append(keyed)
    return keyed


def chain(length: int) -> Node:
    first = last = Node(0)
    for number in range(1, length):
        following = Node(number)
        last.links.append(following)
        last = following
    return first


def both_ways(length: int) -> list[Node]:
    nodes = [Node(n) for n in range(length)]
    for node, following in itertools.pairwise(nodes):
        node.links.append(following)
        following.links.append(node)
    return nodes


def linked_slots() -> Slotted:
    first = Slotted(1)
    first.value = Slotted(first)
    return first


def named() -> Named:
    made = Named(a=1)
    made.owner = made  # type: ignore[attr-defined]
    return made


def deep(depth: int) -> list[object]:
    nested: list[object] = []
    for _ in range(depth):
        nested = [nested]
    return nested


def nested_exception() -> Exception:
    error: Any = ValueError("a", 1)
    error.__notes__ = ["n"]
    return error


ROW = {"text": "x" * 20_000}
VALUES: dict[str, Callable[[], object]] = {
    "a tree with parents": tree,
    "a list in itself": own_list,
    "a dict in itself": own_dict,
    "a key that holds its dict": own_key,
    "slots in a cycle": linked_slots,
    "a dict subclass in itself": named,
    "150 linked objects": partial(chain, 150),
    "1,000 objects linked both ways": partial(both_ways, 150),
    "an object without equality": Node,
    "an object that equals nothing": Unequal,
    "an object that raises": Raising,
    "an object that pickles by calls": partial(Reduced, [1]),
    "a row referenced 300 times": lambda: [ROW] * 300,
    "rows that share a value": lambda: [{"row": ROW, "n": n} for n in range(300)],
    "400 levels of lists": partial(deep, 400),
    "texts in a set": lambda: {str(n) for n in range(200)},
    "sets in a set": lambda: {frozenset({str(n), n}) for n in range(50)},
    "a set subclass": lambda: OwnSet({"a", "b"}),
    "NaN": lambda: [float("nan"), Decimal("nan"), complex("nan")],
    "containers": lambda: [
        OrderedDict(a=1, b=2),
        Counter("abracadabra"),
        defaultdict(list, a=[1]),
        deque([1, 2], 5),
        UserDict({"a": 1}),
    ],
    "numbers": lambda: [-0.0, 2**70, -(2**70), Fraction(1, 3), True, 1, 1.0, 1 + 0j, None],
    "times": lambda: [
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 1, 1, fold=1),  # noqa: DTZ001
        timedelta(1),
    ],
    "an array": lambda: np.arange(1000),
    "a record array": lambda: np.array([(1, "a")], dtype=[("n", int), ("t", "U3")]),
    "bytes": lambda: [b"\x80\x02", bytearray(b"a"), UUID(int=1)],
    "surrogates": lambda: "\ud800 \udfff",
    "classes and functions": lambda: [Node, len, Node.__init__, OwnSet.add],
    "an exception": nested_exception,
}


@pytest.fixture(params=kinds(*PICKLED))
def kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
class TestAReadingRequest:
    def test_writes_nothing(
        self, dynamodb: Any, kind: dict[str, Any], make: Any, wire: Wire
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, compression="none")
        one.request(put(value=make()))
        with wire.expect("GetItem", "GetItem"):
            one.request(save)
            other.request(save)

    def test_does_not_undo_a_change_nor_fail(
        self, dynamodb: Any, kind: dict[str, Any], make: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, on_conflict="raise")
        one.request(put(value=make()))
        one.request(while_loaded(partial(other.request, put(theirs=1)), save))
        assert contents(other)["theirs"] == 1

    def test_merges_its_change(self, dynamodb: Any, kind: dict[str, Any], make: Any) -> None:
        one, other = browsers(dynamodb.options, **kind)
        one.request(put(value=make()))
        one.request(while_loaded(partial(other.request, put(theirs=1)), put(mine=1)))
        found = contents(other)
        assert (found["mine"], found["theirs"], "value" in found) == (1, 1, True)


@pytest.mark.parametrize("kind_name", ["pickle", "json", "encrypted", "own serializer"])
def test_a_large_session_that_is_only_read_is_not_written(
    dynamodb: Any, wire: Wire, kind_name: str
) -> None:
    options: dict[str, Any] = {"max_value_size": 12 * MEGABYTE, "compression": "zlib"}
    one, _ = browsers(dynamodb.options, **EVERY_KIND[kind_name], **options)
    one.request(put(rows=[{"n": n, "text": "x" * 500} for n in range(8 * MEGABYTE // 512)]))
    wire.clear()
    one.request(save)
    assert {"PutItem", "UpdateItem"}.isdisjoint(wire.operations)


EQUAL: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "a dict in another order": (lambda: {"a": 1, "b": 2}, lambda: {"b": 2, "a": 1}),
    "a counter in another order": (lambda: Counter("aab"), lambda: Counter("baa")),
    "a set in another order": (lambda: {8, 0, 16}, lambda: {16, 8, 0}),
    "a set subclass": (lambda: OwnSet("ab"), lambda: OwnSet("ba")),
    "negative zero": (lambda: [0.0], lambda: [-0.0]),
    "shared and not": (lambda: [ROW, ROW], lambda: [ROW, dict(ROW)]),
    "a nested dict": (lambda: [{"a": {"b": 1, "c": 2}}], lambda: [{"a": {"c": 2, "b": 1}}]),
    "a defaultdict": (lambda: defaultdict(int, a=1, b=2), lambda: defaultdict(int, b=2, a=1)),
    "frozensets in a set": (lambda: {frozenset("ab")}, lambda: {frozenset("ba")}),
    "an object's attributes": (lambda: _node(a=1, b=2), lambda: _node(b=2, a=1)),
    "an interned text": (lambda: ["ab", "ab"], lambda: ["".join("ab"), "ab"]),
    "two instants": (
        lambda: [datetime(2026, 1, 1, tzinfo=timezone.utc)],
        lambda: [datetime(2026, 1, 1, tzinfo=timezone(timedelta(0)))],
    ),
}
DIFFERENT: dict[str, tuple[object, object]] = {
    "the order of a list": ([1, 2], [2, 1]),
    "the order of an OrderedDict": (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
    "a bool for a number": (1, True),
    "a float for a number": (1, 1.0),
    "a subclass": ({"a"}, OwnSet({"a"})),
    "a deeper list": ([[]], [[[]]]),
    "the end of a deque": (deque([1], 2), deque([1], 3)),
}


def _node(**attributes: object) -> Node:
    node = Node()
    node.__dict__.update(attributes)
    return node


@pytest.mark.parametrize("values", EQUAL.values(), ids=EQUAL)
def test_an_equal_value_stored_again_is_no_change(
    dynamodb: Any, kind: dict[str, Any], values: Any, wire: Wire
) -> None:
    one, other = browsers(dynamodb.options, **kind)
    one.request(put(value=values[0]()))
    with wire.expect("GetItem", "GetItem"):
        one.request(put(value=values[1]()))
        other.request(put(value=values[0]()))


@pytest.mark.parametrize("values", DIFFERENT.values(), ids=DIFFERENT)
def test_another_value_is_a_change(
    dynamodb: Any, kind: dict[str, Any], values: Any, wire: Wire
) -> None:
    one, _ = browsers(dynamodb.options, **kind)
    one.request(put(value=values[0]))
    with wire.expect("GetItem", "PutItem"):
        one.request(put(value=values[1]))


@pytest.fixture
def _extension() -> Iterator[None]:
    copyreg.add_extension(__name__, "Node", 240)
    yield
    copyreg.remove_extension(__name__, "Node", 240)
    copyreg.clear_extension_cache()


@pytest.mark.usefixtures("_extension")
class TestAnExtensionOfCopyreg:
    """A class that pickles name by a number that the process has registered."""

    def test_does_not_make_a_session_opaque(
        self, dynamodb: Any, kind: dict[str, Any], wire: Wire
    ) -> None:
        one, other = browsers(dynamodb.options, **kind)
        one.request(put(value=tree(), kind=Node))
        with wire.expect("GetItem"):
            other.request(save)

    def test_is_kept_by_a_merge(self, dynamodb: Any, kind: dict[str, Any]) -> None:
        one, other = browsers(dynamodb.options, **kind)
        one.request(put(value=tree()))
        one.request(while_loaded(partial(other.request, put(theirs=1)), put(mine=1)))
        found = contents(other)
        assert (found["value"].name, found["theirs"], found["mine"]) == ("root", 1, 1)  # type: ignore[attr-defined]


class SetsAsLists:
    """A serializer whose output depends on the order of a set, and so on the hash seed."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        return repr(session).encode()

    def loads(self, data: bytes) -> Any:
        return eval(data)  # a serializer for this test


READER = """
import sys
from beaker_dynamodb.testing.site import Site
from tests.sessions.test_unchanged import SetsAsLists
from tests.support.overlap import save
from tests.support.wire import open_wire
from beaker_dynamodb import DynamoDBSession
site = Site({options!r}, session_class=DynamoDBSession, data_serializer=SetsAsLists())
site.use_cookie({cookie!r})
with open_wire() as wire:
    site.request(save)
print(wire.operations)
"""


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_a_process_with_another_hash_seed_writes_nothing(dynamodb: Any, seed: str) -> None:
    site, _ = browsers(
        dynamodb.options, session_class=DynamoDBSession, data_serializer=SetsAsLists()
    )
    site.request(put(names={f"name {n}" for n in range(50)}))
    options = {**dynamodb.options, "create_table": False}  # the TTL is read once per process
    program = READER.format(options=options, cookie=str(site.cookie))
    reader = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert reader.stdout.strip() == "['GetItem']", reader.stderr
