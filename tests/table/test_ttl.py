"""A table's TTL is never left off silently, and never fails a page."""

import logging
from collections import OrderedDict
from typing import Any

import pytest

from beaker_dynamodb import BeakerDynamoDBError, TableError, create_table
from beaker_dynamodb.testing.site import Site
from tests.support.internals import create, session_model, table_module
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


def test_a_process_remembers_a_bounded_number_of_tables(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewed credentials that are given as options name a table again."""
    monkeypatch.setattr(create, "_known_ttl", OrderedDict())
    monkeypatch.setattr(create, "MOST_KNOWN_TTL", 2)
    for number in range(4):
        create_table(**{**dynamodb.options, "aws_access_key_id": f"renewed{number}"})
    assert [place[-1] for place in create._known_ttl] == ["renewed2", "renewed3"]


def test_a_process_does_not_forget_the_table_that_it_uses(
    dynamodb: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "_known_ttl", OrderedDict())
    monkeypatch.setattr(create, "MOST_KNOWN_TTL", 2)
    make_table(dynamodb, KEYS)
    site = Site(dynamodb.options)
    for number in range(4):
        site.request(count)
        create_table(**{**dynamodb.options, "aws_access_key_id": f"renewed{number}"})
    wire.clear()
    site.request(count)
    assert "DescribeTimeToLive" not in wire.operations


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
        errors: list[BeakerDynamoDBError] = []
        assert Site(dynamodb.options, on_error=errors.append).request(count) == 1
        assert not is_ttl_on(dynamodb)
        [error] = errors
        assert error.message.startswith("expired items stay stored. The TTL could not be")
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

    @pytest.mark.parametrize("action", ["DescribeTimeToLive", "UpdateTimeToLive"])
    def test_by_a_stand_in_that_has_no_ttl_is_one_plain_warning(
        self, dynamodb: Any, wire: Wire, warnings: pytest.LogCaptureFixture, action: str
    ) -> None:
        wire.fail_next(action, (400, "UnknownOperationException"))
        site = Site(dynamodb.options)
        assert [site.request(count) for _ in range(2)] == [1, 2]
        [message] = warnings.messages
        name = dynamodb.options["table_name"]
        assert message == (
            f"table {name}: expired items stay stored. This stand-in for DynamoDB has no TTL: "
            "delete them with `beaker-dynamodb purge`"
        )

    @pytest.mark.parametrize(
        "refusal", [(400, "AccessDeniedException"), (500, "InternalServerError")]
    )
    def test_is_no_error_of_create_table(
        self,
        dynamodb: Any,
        wire: Wire,
        warnings: pytest.LogCaptureFixture,
        refusal: tuple[int, str],
    ) -> None:
        wire.fail_next("UpdateTimeToLive", refusal)
        options = {**dynamodb.options, "max_retries": 0}
        assert create_table(**options) is True
        assert "The TTL could not be switched on" in warnings.text
        assert create_table(**options) is False
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
        assert "the table has the keys id (S), but needs" in warnings.text


def test_two_processes_may_switch_it_on_at_once(dynamodb: Any, wire: Wire) -> None:
    make_table(dynamodb, KEYS)

    def other_process() -> None:
        create_table(**dynamodb.options)

    wire.before_next("UpdateTimeToLive", other_process)
    assert Site(dynamodb.options).request(count) == 1
    assert is_ttl_on(dynamodb)
