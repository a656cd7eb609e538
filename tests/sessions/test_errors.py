"""Sessions in an outage, and sessions that cannot be read."""

from contextlib import nullcontext
from typing import Any

import pytest

from beaker_dynamodb import (
    BeakerDynamoDBError,
    CorruptItem,
    DynamoDBNamespaceManager,
    StoreUnavailable,
    session_model,
)
from beaker_dynamodb.testing.site import Site
from tests.support.internals import Rows
from tests.support.pages import count, log_out, read
from tests.support.tables import stored_sessions
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


class TestAnOutage:
    @pytest.mark.parametrize("invalidate_corrupt", [True, False])
    def test_is_an_error_and_never_a_logout(
        self, dynamodb: Any, wire: Wire, outage: Any, invalidate_corrupt: bool
    ) -> None:
        site = Site(dynamodb.options, max_retries=0, invalidate_corrupt=invalidate_corrupt)
        site.request(count)
        cookie, before = site.cookie, stored_sessions(dynamodb)
        wire.fail_next("GetItem", outage)
        with (
            pytest.raises(BeakerDynamoDBError),
            pytest.warns() if invalidate_corrupt else nullcontext(),
        ):
            site.request(read)
        assert site.cookie == cookie
        assert site.request(read) == 1
        assert [row.version for row in stored_sessions(dynamodb)] == [row.version for row in before]

    @pytest.mark.parametrize("fails", [True, False])
    def test_at_the_last_touch_leaves_the_end_as_it_was(
        self, dynamodb: Any, wire: Wire, clock: Any, fails: bool
    ) -> None:
        site = Site(dynamodb.options, max_retries=0, timeout=600)
        site.request(count)
        clock.advance(590)
        if fails:
            wire.fail_next("PutItem", (500, "InternalServerError"))
        assert site.request(read) == 1
        clock.advance(11)
        assert site.request(read) == (None if fails else 1)

    @pytest.mark.parametrize("fault", [KeyError("item"), TypeError("None")])
    def test_caused_by_a_bug_of_this_package_is_no_logout(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, fault: Exception
    ) -> None:
        """Beaker treats these two errors of a load as a missing session."""

        def fails(*_: object, **__: object) -> None:
            raise fault

        site.request(count)
        cookie = site.cookie
        with monkeypatch.context() as patch:
            patch.setattr(Rows, "get", fails)
            refused = pytest.raises(BeakerDynamoDBError, match="a bug in beaker_dynamodb")
            with refused, pytest.warns():
                site.request(read)
        assert (site.request(read), site.cookie) == (1, cookie)

    def test_of_a_change_is_an_error(self, site: Site, wire: Wire) -> None:
        site.request(count)
        wire.fail_next("PutItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable, match="DynamoDB refused the call for now") as caught:
            site.request(count)
        assert caught.value.code == "InternalServerError"
        assert site.request(read) == 1

    def test_of_a_logout_is_an_error(self, site: Site, wire: Wire) -> None:
        site.request(count)
        wire.fail_next("PutItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable):
            site.request(log_out)

    def test_names_the_table_and_the_region_but_no_id(
        self, site: Site, dynamodb: Any, wire: Wire
    ) -> None:
        site.request(count)
        wire.fail_next("GetItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable) as caught, pytest.warns():
            site.request(read)
        assert str(dynamodb.options["table_name"]) in str(caught.value)
        assert str(dynamodb.options["region"]) in str(caught.value)
        assert str(site.cookie) not in str(caught.value)
        assert caught.value.cause is caught.value.__cause__ is not None

    def test_does_not_fail_the_next_request(self, dynamodb: Any, wire: Wire) -> None:
        """An error page can load the same session again."""
        namespace = DynamoDBNamespaceManager("an-id", max_retries=0, **dynamodb.options)
        wire.fail_next("GetItem", (500, "InternalServerError"))
        try:
            namespace["session"]
        except StoreUnavailable:
            assert "session" not in DynamoDBNamespaceManager("an-id", **dynamodb.options)


class TestACorruptItem:
    def corrupt(self, dynamodb: Any) -> None:
        [row] = stored_sessions(dynamodb)
        row.data = b"\xff" + row.data
        row.save()

    def test_costs_one_session(self, site: Site, dynamodb: Any) -> None:
        site.request(count)
        self.corrupt(dynamodb)
        with pytest.warns(match="Invalidating corrupt session"):
            assert site.request(read) is None

    def test_is_an_error_if_asked(self, dynamodb: Any) -> None:
        site = Site(dynamodb.options, invalidate_corrupt=False)
        site.request(count)
        self.corrupt(dynamodb)
        with pytest.raises(CorruptItem, match=str(dynamodb.options["table_name"])):
            site.request(read)

    @pytest.mark.parametrize("attribute", ["data", "version", "touched"])
    def test_can_lack_an_attribute(self, dynamodb: Any, attribute: str) -> None:
        site = Site(dynamodb.options, invalidate_corrupt=False)
        site.request(count)
        [row] = stored_sessions(dynamodb)
        row.update(actions=[getattr(type(row), attribute).remove()])
        with pytest.raises(CorruptItem, match="lacks"):
            site.request(read)

    def test_can_have_attributes_of_another_type(self, dynamodb: Any) -> None:
        site = Site(dynamodb.options, invalidate_corrupt=False)
        site.request(count)
        [row] = stored_sessions(dynamodb)
        session_model(**dynamodb.options).table_connection().connection.client.update_item(
            TableName=dynamodb.options["table_name"],
            Key={"id": {"S": row.id}, "item": {"S": row.item}},
            UpdateExpression="SET expires = :text",
            ExpressionAttributeValues={":text": {"S": "tomorrow"}},
        )
        with pytest.raises(CorruptItem, match="do not have the form"):
            site.request(read)
