"""A table in each of its states: waited for, created again, or an error that says what to do."""

from __future__ import annotations

from functools import partialmethod
from typing import Any

import botocore.session
import pytest

import beaker_dynamodb
from beaker_dynamodb import SessionModel, TableError, session_model
from beaker_dynamodb.testing.site import Site
from tests.support.internals import TableDefinition, create
from tests.support.pages import count, read
from tests.support.wire import Wire

USABLE = {"ACTIVE", "UPDATING"}


class States:
    """What DescribeTable reports, one state after the other, and then the truth."""

    def __init__(self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slept: list[float] = []
        self.next: list[str] = []
        self.model = session_model(**dynamodb.options)
        # For every bound model: a backend that was used before may have an older one than this.
        monkeypatch.setattr(SessionModel, "describe_table", classmethod(self.describe))
        limited = partialmethod(
            TableDefinition.create, sleep=self.slept.append, clock=lambda: sum(self.slept)
        )
        monkeypatch.setattr(TableDefinition, "create", limited)

    def describe(self, model: type[SessionModel]) -> Any:
        if not self.next:
            return super(SessionModel, model).describe_table()
        keys = [("id", "HASH"), ("item", "RANGE")]
        return {
            "TableStatus": self.next.pop(0),
            "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"} for name, _ in keys
            ],
        }


@pytest.fixture
def states(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> States:
    return States(dynamodb, monkeypatch)


class TestATableBeingDeleted:
    def test_is_created_again_by_the_request_that_waits_for_it(
        self, dynamodb: Any, states: States, wire: Wire
    ) -> None:
        states.next = ["DELETING"] * 3
        wire.fail_next("CreateTable", (400, "ResourceInUseException"))
        assert Site(dynamodb.options).request(count) == 1
        assert wire.operations.count("CreateTable") == 2
        # Three times it is being deleted, once it is gone.
        assert states.slept == [1.0] * 4

    def test_is_an_error_if_that_takes_longer_than_a_request_waits(
        self, dynamodb: Any, states: States, wire: Wire
    ) -> None:
        states.next = ["DELETING"] * 20
        wire.fail_next("CreateTable", (400, "ResourceInUseException"))
        with pytest.raises(TableError, match=r"not active after 10 s \(status: DELETING\)"):
            Site(dynamodb.options).request(count)
        states.next = []
        assert Site(dynamodb.options).request(count) == 1

    def test_is_an_error_that_says_so_if_create_table_is_off(
        self, dynamodb: Any, states: States
    ) -> None:
        states.next = ["DELETING"]
        with pytest.raises(TableError, match="is being deleted: wait until it is active"):
            Site(dynamodb.options, create_table=False).request(count)


@pytest.mark.usefixtures("create_table")
class TestATableThatExists:
    def test_is_used_while_it_is_updated(self, states: States) -> None:
        states.next = ["CREATING", "UPDATING", "UPDATING"]
        assert TableDefinition(states.model).create() is False
        assert states.slept == [1.0]

    @pytest.mark.parametrize("status", sorted(create._UNUSABLE))
    def test_in_a_state_that_waiting_does_not_end_is_an_error_at_once(
        self, states: States, status: str
    ) -> None:
        states.next = [status]
        with pytest.raises(TableError):
            TableDefinition(states.model).create()
        assert states.slept == []

    def test_without_its_encryption_key_says_so_in_a_request(
        self, dynamodb: Any, states: States, wire: Wire
    ) -> None:
        site = Site(dynamodb.options)
        site.request(count)
        wire.fail_next("GetItem", (400, "ResourceInUseException"))
        states.next = ["INACCESSIBLE_ENCRYPTION_CREDENTIALS"] * 2
        with pytest.raises(TableError, match="KMS key: enable the key"):
            site.request(read)


class TestALimit:
    def test_on_creations_at_a_time_is_waited_for(
        self, dynamodb: Any, states: States, wire: Wire
    ) -> None:
        wire.fail_next("CreateTable", (400, "LimitExceededException"))
        assert beaker_dynamodb.create_table(**dynamodb.options, max_retries=0) is True
        assert wire.operations.count("CreateTable") == 2

    def test_that_does_not_end_is_an_error(self, dynamodb: Any, states: States, wire: Wire) -> None:
        for _ in range(200):
            wire.fail_next("CreateTable", (400, "LimitExceededException"))
        with pytest.raises(TableError, match=r"not active after 120 s \(status: not visible yet\)"):
            beaker_dynamodb.create_table(**dynamodb.options, max_retries=0)
        wire.forget_prepared()


def test_every_state_of_the_service_model_is_known() -> None:
    model = botocore.session.get_session().get_service_model("dynamodb")
    known = USABLE | create._CHANGING.keys() | create._UNUSABLE.keys()
    assert set(model.shape_for("TableStatus").enum) <= known
