"""Values without a shape that an application's own serializer writes: compared as written."""

import json
import pickle
from collections import namedtuple
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from beaker_dynamodb import DynamoDBSession
from beaker_dynamodb.testing.site import Site
from tests.support.overlap import browsers, contents, put, save, while_loaded
from tests.support.pages import KEYS
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


class MakesClasses:
    """JSON that becomes objects of classes made at each load."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        plain = {
            key: getattr(value, "_asdict", lambda v=value: v)() for key, value in session.items()
        }
        return json.dumps(plain).encode()

    def loads(self, data: bytes) -> Any:
        return {key: record(value) for key, value in json.loads(data).items()}


def record(value: Any) -> Any:
    return namedtuple("Record", value)(**value) if isinstance(value, dict) else value  # noqa: PYI024


class Protocol5:
    """Pickle in a protocol that Beaker does not use."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        return pickle.dumps(session, 5)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


class Salted(Protocol5):
    """Another text at each write."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        return uuid4().bytes + super().dumps(session)

    def loads(self, data: bytes) -> Any:
        return super().loads(data[16:])


class Modern:
    """An object that protocol 2 cannot write, and without equality."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __reduce_ex__(self, protocol: Any) -> Any:
        if protocol < 5:
            raise TypeError("protocol 5 only")
        return type(self), (self.value,)


class Equal(Modern):
    """The same, and equal to all others."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    __hash__ = None  # type: ignore[assignment]


def value_of(site: Site) -> Any:
    value: Any = contents(site)["value"]
    return value.value


@pytest.fixture(params=[{}, KEYS], ids=["plain", "encrypted"])
def kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"session_class": DynamoDBSession, "data_serializer": Protocol5(), **request.param}


@pytest.mark.parametrize("make", [Modern, Equal, lambda v: [Modern(v)], lambda v: {1: Equal(v)}])
class TestAValueWithoutAShape:
    def test_that_is_only_read_is_not_written(
        self, dynamodb: Any, kind: dict[str, Any], make: Any, wire: Wire
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind)
        one.request(put(value=make(1), same=make(1)))
        with wire.expect("GetItem"):
            one.request(save)

    def test_is_not_undone_by_a_reader(
        self, dynamodb: Any, kind: dict[str, Any], make: Any
    ) -> None:
        one, other = browsers(dynamodb.options, **kind)
        one.request(put(value=make(1)))
        one.request(while_loaded(partial(other.request, put(value=make(2))), put(mine=1)))
        assert pickle.dumps(contents(one)["value"], 5) == pickle.dumps(make(2), 5)

    def test_that_has_changed_is_written(
        self, dynamodb: Any, kind: dict[str, Any], make: Any, wire: Wire
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind)
        one.request(put(value=make(1), same=make(1)))
        with wire.expect("GetItem", "PutItem"):
            one.request(put(value=make(2)))
        assert pickle.dumps(contents(one)["value"], 5) == pickle.dumps(make(2), 5)


def test_objects_of_classes_made_at_each_load_are_compared(dynamodb: Any, wire: Wire) -> None:
    one, other = browsers(
        dynamodb.options, session_class=DynamoDBSession, data_serializer=MakesClasses()
    )
    one.request(put(value=record({"name": "ada"})))
    with wire.expect("GetItem"):
        one.request(save)
    one.request(while_loaded(partial(other.request, put(value=record({"name": "bob"}))), save))
    assert contents(one)["value"] == ("bob",)


def test_a_serializer_that_writes_one_value_in_many_ways_compares_by_equality(
    dynamodb: Any, wire: Wire
) -> None:
    one, _ = browsers(dynamodb.options, session_class=DynamoDBSession, data_serializer=Salted())
    one.request(put(value=Equal(1)))
    with wire.expect("GetItem"):
        one.request(save)
