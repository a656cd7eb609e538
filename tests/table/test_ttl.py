"""A table's TTL is never left off silently, and never fails a page."""

import logging
from typing import Any

import pytest

from beaker_dynamodb import TableError, create_table
from tests.contract.site import Site
from tests.support.internals import session_model, table_module
from tests.support.pages import count
from tests.support.wire import Wire
from tests.table.test_table import client, make_table, ttl_of

KEYS = [("id", "S"), ("item", "S")]
USER = "arn:aws:iam::123456789012:user/shop"


def is_ttl_on(dynamodb: Any) -> bool:
    return bool(ttl_of(dynamodb)["TimeToLiveStatus"] == "ENABLED")


def denied(action: str) -> str:
    return f"User: {USER} is not authorized to perform: dynamodb:{action} on resource: arn:x"


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "beaker_dynamodb")
    return caplog


class TestATableThatBecomesActiveLate:
    def test_gets_its_ttl_by_the_next_request(
        self, dynamodb: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The request that creates it gives up before the table is active."""
        monkeypatch.setattr(table_module, "WAIT_IN_REQUEST", -1)
        site, model = Site(dynamodb.options), session_model(**dynamodb.options)
        original = model.describe_table
        with monkeypatch.context() as slow:
            slow.setattr(model, "describe_table", lambda: {**original(), "TableStatus": "CREATING"})
            with pytest.raises(TableError, match="not active"):
                site.request(count)
        assert not is_ttl_on(dynamodb)
        assert site.request(count) == 1
        assert is_ttl_on(dynamodb)

    def test_gets_it_from_another_process(self, dynamodb: Any) -> None:
        """That process meets an active table, and nothing says that its TTL is off."""
        make_table(dynamodb, KEYS)
        assert Site(dynamodb.options).request(count) == 1
        assert is_ttl_on(dynamodb)


def test_a_process_looks_at_the_ttl_once(dynamodb: Any, wire: Wire) -> None:
    make_table(dynamodb, KEYS)
    site, another = Site(dynamodb.options), Site(dynamodb.options, ttl=60)
    site.request(count)
    assert wire.operations.count("DescribeTimeToLive") == 1
    with wire.expect("GetItem", "PutItem", "PutItem"):
        site.request(count)
        another.request(count)


def test_a_process_that_may_not_create_the_table_leaves_its_ttl_alone(
    dynamodb: Any, wire: Wire
) -> None:
    make_table(dynamodb, KEYS)
    with wire.expect("PutItem"):
        Site(dynamodb.options, create_table=False).request(count)
    assert not is_ttl_on(dynamodb)


class TestARefusal:
    @pytest.mark.parametrize("action", ["DescribeTimeToLive", "UpdateTimeToLive"])
    def test_by_iam_warns_with_the_policy_and_the_page_works(
        self, dynamodb: Any, wire: Wire, warnings: pytest.LogCaptureFixture, action: str
    ) -> None:
        wire.fail_next(action, (400, "AccessDeniedException"), denied(action))
        assert Site(dynamodb.options).request(count) == 1
        assert not is_ttl_on(dynamodb)
        assert "expired items stay stored" in warnings.text
        assert f'add {{"Effect": "Allow", "Action": "dynamodb:{action}"' in warnings.text

    def test_in_few_words_warns_with_the_policy(
        self, dynamodb: Any, wire: Wire, warnings: pytest.LogCaptureFixture
    ) -> None:
        wire.fail_next("UpdateTimeToLive", (400, "AccessDeniedException"))
        assert Site(dynamodb.options).request(count) == 1
        name = dynamodb.options["table_name"]
        arn = f"arn:aws:dynamodb:us-east-1:*:table/{name}"
        assert f'"Action": "dynamodb:UpdateTimeToLive", "Resource": "{arn}"' in warnings.text

    def test_by_a_stand_in_that_has_no_ttl_is_a_warning(
        self, dynamodb: Any, wire: Wire, warnings: pytest.LogCaptureFixture
    ) -> None:
        wire.fail_next("DescribeTimeToLive", (400, "UnknownOperationException"))
        assert Site(dynamodb.options).request(count) == 1
        assert "the TTL could not be switched on" in warnings.text
        assert "UnknownOperationException" in warnings.text

    def test_is_no_error_of_create_table(
        self, dynamodb: Any, wire: Wire, warnings: pytest.LogCaptureFixture
    ) -> None:
        wire.fail_next("UpdateTimeToLive", (400, "AccessDeniedException"))
        assert create_table(**dynamodb.options) is True
        assert "the TTL could not be switched on" in warnings.text
        assert create_table(**dynamodb.options) is False
        assert is_ttl_on(dynamodb)


class TestATableOfAnotherKind:
    def test_with_its_ttl_on_another_attribute_names_the_option(
        self, dynamodb: Any, warnings: pytest.LogCaptureFixture
    ) -> None:
        make_table(dynamodb, KEYS)
        client(dynamodb).update_time_to_live(
            TableName=dynamodb.options["table_name"],
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"},
        )
        assert Site(dynamodb.options).request(count) == 1
        assert "on for the attribute until, not expires: set ttl_attribute = until" in warnings.text

    def test_does_not_get_a_ttl(self, dynamodb: Any, warnings: pytest.LogCaptureFixture) -> None:
        """A first PutItem succeeds there: DynamoDB takes any attribute beside the key."""
        make_table(dynamodb, [("id", "S")])
        Site(dynamodb.options).request(count)
        assert not is_ttl_on(dynamodb)
        assert "the table has the keys id (S), and needs" in warnings.text


def test_two_processes_may_switch_it_on_at_once(dynamodb: Any, wire: Wire) -> None:
    make_table(dynamodb, KEYS)

    def other_process() -> None:
        create_table(**dynamodb.options)

    wire.before_next("UpdateTimeToLive", other_process)
    assert Site(dynamodb.options).request(count) == 1
    assert is_ttl_on(dynamodb)
