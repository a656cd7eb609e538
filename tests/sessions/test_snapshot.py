"""Snapshots: what has changed in a session, found without executing it."""

import collections
import copyreg
import datetime as dt
import decimal
import enum
import functools
import pickle
import subprocess
import sys
import uuid
from typing import ClassVar, NamedTuple

import pytest
from beaker.util import JsonSerializer, PickleSerializer

from tests.support.internals import SavedSession, changed_keys


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class WithoutEquality:
    def __init__(self, value: object) -> None:
        self.value = value


class WithKeywords:
    def __new__(cls, size: int = 0) -> "WithKeywords":
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, int]]:
        return (), {"size": 1}


class Point(NamedTuple):
    x: int
    y: int


#: No two of these are equal in value and type.
DISTINCT = [
    1,
    True,
    1.0,
    2,
    0.0,
    -0.0,
    float("nan"),
    10**50,
    None,
    "1",
    b"1",
    [1],
    [True],
    (1,),
    [[[1]]],
    {1: 2},
    {True: 2},
    {"a": 1, "_accessed_time": 1},
    {"a": 1, "_accessed_time": 2},
    {1},
    {"a", "b", "c"},
    frozenset({1}),
    WithoutEquality(1),
    WithoutEquality(2),
    WithoutEquality([WithoutEquality(1)]),
    WithoutEquality,
    WithKeywords(),
    Colour.RED,
    Colour.BLUE,
    Point(1, 2),
    dt.date(2020, 1, 1),
    dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc),
    dt.timedelta(1),
    decimal.Decimal("1.0"),
    decimal.Decimal("1.00"),
    uuid.UUID(int=1),
    collections.OrderedDict(a=1),
    collections.defaultdict(list, a=[1]),
    collections.Counter("a"),
    collections.deque([1]),
    functools.partial(int, base=3),
    bytearray(b"1"),
    range(1),
    complex(1),
    {dt.date(2020, 1, 1): 1},
    {(1, Colour.RED): 1},
]


def pickled(**session: object) -> bytes:
    return bytes(PickleSerializer().dumps(session))


def changed(before: bytes, after: bytes) -> frozenset[object]:
    saved, base = SavedSession.from_payload(after), SavedSession.from_payload(before)
    assert saved.content is not None
    assert base.content is not None
    keys = changed_keys(base.content, saved.content)
    assert saved.has_changed(base) == bool(keys)
    return keys


@pytest.mark.parametrize("index", range(len(DISTINCT)))
def test_a_value_has_changed_exactly_if_it_differs_in_value_or_type(index: int) -> None:
    before = pickled(value=DISTINCT[index])
    same = [changed(before, pickled(value=other)) == frozenset() for other in DISTINCT]
    assert same == [position == index for position in range(len(DISTINCT))]


def test_the_access_time_is_no_change_but_a_nested_change_is() -> None:
    before = pickled(_accessed_time=1, _creation_time=1, own={"_accessed_time": 1})
    assert (
        changed(before, pickled(_accessed_time=2, _creation_time=1, own={"_accessed_time": 1}))
        == set()
    )
    after = pickled(_accessed_time=2, _creation_time=1, own={"_accessed_time": 2})
    assert changed(before, after) == {"own"}


def test_changed_added_and_removed_keys_are_named() -> None:
    before = pickled(kept=1, changed=1, removed=1)
    assert changed(before, pickled(kept=1, changed=2, added=1)) == {"changed", "removed", "added"}


def test_the_order_of_keys_is_no_change() -> None:
    assert changed(pickled(a=1, b=2), pickled(b=2, a=1)) == frozenset()


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ("1", 1)])
def test_a_key_of_another_type_is_another_key(one: object, other: object) -> None:
    before = PickleSerializer().dumps({one: "x"})
    assert changed(before, PickleSerializer().dumps({other: "x"}))


def test_one_object_twice_equals_two_equal_objects() -> None:
    shared = ["a long enough text"]
    before = pickled(a=[shared, shared])
    after = pickled(a=[["a long enough text"], ["a long enough text"]])
    assert changed(before, after) == frozenset()


def test_a_set_pickled_under_another_hash_seed_is_unchanged() -> None:
    program = (
        "import pickle, sys;"
        "sys.stdout.buffer.write(pickle.dumps({'s': {str(i) for i in range(50)}}, 2))"
    )
    payloads = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(payloads) > 1
    first, *rest = payloads
    assert all(changed(first, payload) == frozenset() for payload in rest)


def test_values_that_contain_themselves_count_as_changed() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert changed(pickled(value=endless), pickled(value=endless)) == {"value"}


def test_numpy_arrays_are_compared() -> None:
    numpy = pytest.importorskip("numpy", reason="needs numpy")
    one, other = numpy.arange(5), numpy.arange(5)
    assert changed(pickled(value=one), pickled(value=other)) == frozenset()
    other[3] = 0
    assert changed(pickled(value=one), pickled(value=other)) == {"value"}


def test_json_sessions_are_compared() -> None:
    dumps = JsonSerializer().dumps
    assert changed(dumps({"a": [1]}), dumps({"a": [1], "_accessed_time": 1})) == frozenset()
    assert changed(dumps({"a": [1]}), dumps({"a": [1.0]})) == {"a"}


class Hostile:
    """Leaves a mark if its pickle is executed."""

    marks: ClassVar[list[str]] = []

    def __reduce__(self) -> tuple[object, ...]:
        return Hostile.marks.append, ("executed",)


@pytest.mark.parametrize(
    "payload",
    [
        pickled(value=Hostile()),
        b"\x80\x02}U\x01ac__builtin__\neval\nU\x0etests_marks()U\x01a\x85Rs.",
        b"\x80\x02}q\x00U\x01vi__builtin__\nexec\n(U\x041/0x\x00\x00\x00\x00oos.",
    ],
)
def test_reading_executes_nothing(payload: bytes) -> None:
    Hostile.marks.clear()
    saved = SavedSession.from_payload(payload)
    if saved.content is not None:
        changed_keys(saved.content, saved.content)
    assert Hostile.marks == []


def test_a_process_that_writes_json_does_not_read_a_stored_pickle() -> None:
    known = SavedSession.from_payload(JsonSerializer().dumps({"a": 1})).format
    assert known is not None
    assert SavedSession.from_payload(pickled(a=1)).read_as(known) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"encrypted, or written by a serializer of the application's own",
        b"\x80\x02}",
        b"\x80\x02}\xff\xff",
        b"\x80\x02]q\x00.",
        b"\x78\x9cno zlib",
        JsonSerializer().dumps([1]),
        pickle.dumps({"a": 1}, 4),
    ],
)
def test_an_unreadable_payload_is_not_recognised(payload: bytes) -> None:
    assert SavedSession.from_payload(payload).format is None


def test_an_application_with_pickle_extensions_is_left_alone() -> None:
    copyreg.add_extension(__name__, "Hostile", 240)
    try:
        assert SavedSession.from_payload(pickled(a=1)).format is None
    finally:
        copyreg.remove_extension(__name__, "Hostile", 240)


def test_a_cleared_session_is_distinct_from_an_empty_one() -> None:
    cleared = {"_domain": None, "_path": "/"}
    empty = {**cleared, "_creation_time": 1, "_accessed_time": 1}
    saved = [SavedSession.from_payload(pickled(**each)) for each in (cleared, empty)]
    assert [each.is_cleared for each in saved] == [True, False]
    assert [each.is_empty for each in saved] == [True, True]
    assert not SavedSession.from_payload(pickled(**empty, _csrft_="token")).is_empty
