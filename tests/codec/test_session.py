"""SavedSession: what has changed in a session, found without executing it."""

import collections
import datetime as dt
import decimal
import enum
import functools
import pickle
import time
import uuid
from typing import Any, ClassVar, NamedTuple

import pytest
from beaker.util import JsonSerializer, PickleSerializer

from tests.codec.kinds import OwnList, extension
from tests.support.internals import SavedSession


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


class Reduced:
    """Is pickled as the call that it is given."""

    def __init__(self, *reduced: object) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


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


def has_changed(before: bytes, after: bytes) -> bool:
    saved, base = SavedSession.from_payload(after), SavedSession.from_payload(before)
    assert saved.content is not None
    assert base.content is not None
    return saved.has_changed(base)


@pytest.mark.parametrize("index", range(len(DISTINCT)))
def test_a_value_has_changed_exactly_if_it_differs_in_value_or_type(index: int) -> None:
    before = pickled(value=DISTINCT[index])
    same = [not has_changed(before, pickled(value=other)) for other in DISTINCT]
    assert same == [position == index for position in range(len(DISTINCT))]


def test_the_access_time_is_no_change_but_a_nested_change_is() -> None:
    before = pickled(_accessed_time=1, _creation_time=1, own={"_accessed_time": 1})
    assert not has_changed(
        before, pickled(_accessed_time=2, _creation_time=1, own={"_accessed_time": 1})
    )
    assert has_changed(
        before, pickled(_accessed_time=1, _creation_time=1, own={"_accessed_time": 2})
    )


def test_equal_values_stored_again_are_no_change() -> None:
    before = pickled(a=1, b=2, zero=-0.0, shared=[["a"], ["a"]])
    shared = ["a"]
    assert not has_changed(before, pickled(zero=0.0, shared=[shared, shared], b=2, a=1))


def test_a_value_that_contains_itself_is_compared() -> None:
    one: list[object] = [1]
    one.append(one)
    other: list[object] = [2]
    other.append(other)
    assert not has_changed(pickled(value=one), pickled(value=one))
    assert has_changed(pickled(value=one), pickled(value=other))


def test_an_item_is_distinct_from_an_attribute() -> None:
    with_item = OwnList([{"owner": "bob"}])
    with_attribute = OwnList()
    vars(with_attribute)["owner"] = "bob"
    assert has_changed(pickled(value=with_item), pickled(value=with_attribute))
    assert not has_changed(pickled(value=with_item), pickled(value=OwnList([{"owner": "bob"}])))


def test_a_call_without_arguments_is_compared() -> None:
    assert not has_changed(pickled(value=Reduced(set, ())), pickled(value=Reduced(set, ())))
    assert has_changed(pickled(value=Reduced(set, ())), pickled(value=Reduced(set, ([1],))))


def test_a_value_that_is_shared_exponentially_takes_no_exponential_time() -> None:
    one: list[object] = ["a"]
    other: list[object] = ["b"]
    for _ in range(60):
        one, other = [one, one], [other, other]
    begin = time.process_time()
    assert not has_changed(pickled(value=one), pickled(value=one))
    assert has_changed(pickled(value=one), pickled(value=other))
    assert time.process_time() - begin < 5


def test_json_sessions_are_compared() -> None:
    dumps = JsonSerializer().dumps
    assert not has_changed(dumps({"a": [1]}), dumps({"a": [1], "_accessed_time": 1}))
    assert has_changed(dumps({"a": [1]}), dumps({"a": [1.0]}))


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
    saved.has_changed(SavedSession.from_payload(payload))
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


def test_an_application_with_pickle_extensions_is_served_like_any_other() -> None:
    with extension(WithoutEquality):
        one, other = (pickled(a=WithoutEquality(value)) for value in (1, 2))
        assert not has_changed(one, pickled(a=WithoutEquality(1)))
        assert has_changed(one, other)


def test_a_cleared_session_is_distinct_from_an_empty_one() -> None:
    cleared = {"_domain": None, "_path": "/"}
    empty = {**cleared, "_creation_time": 1, "_accessed_time": 1}
    saved = [SavedSession.from_payload(pickled(**each)) for each in (cleared, empty)]
    assert [each.is_cleared for each in saved] == [True, False]
    assert [each.is_empty for each in saved] == [True, True]
    assert not SavedSession.from_payload(pickled(**empty, _csrft_="token")).is_empty
