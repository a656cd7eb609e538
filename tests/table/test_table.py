"""The table: created if missing, by any number of clients at once; clear errors otherwise."""

import threading
from typing import Any

import pytest

import beaker_dynamodb
from beaker_dynamodb import StoreUnavailable, TableError, session_model
from beaker_dynamodb.testing.site import Site
from tests.support.internals import TableDefinition
from tests.support.pages import count, read
from tests.support.wire import Wire


def client(dynamodb: Any) -> Any:
    return session_model(**dynamodb.options).table_connection().connection.client


def ttl_of(dynamodb: Any) -> dict[str, Any]:
    answer = client(dynamodb).describe_time_to_live(TableName=dynamodb.options["table_name"])
    description: dict[str, Any] = answer["TimeToLiveDescription"]
    return description


def make_table(dynamodb: Any, keys: list[tuple[str, str]]) -> None:
    kinds = ["HASH", "RANGE"]
    client(dynamodb).create_table(
        TableName=dynamodb.options["table_name"],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in keys
        ],
        KeySchema=[
            {"AttributeName": name, "KeyType": kinds[at]} for at, (name, _) in enumerate(keys)
        ],
        BillingMode="PAY_PER_REQUEST",
    )


class TestAMissingTable:
    def test_is_created_with_its_ttl_by_the_first_request(self, dynamodb: Any) -> None:
        assert Site(dynamodb.options).request(count) == 1
        assert ttl_of(dynamodb)["TimeToLiveStatus"] == "ENABLED"
        assert ttl_of(dynamodb)["AttributeName"] == "expires"

    def test_is_created_by_a_first_request_that_only_reads(self, dynamodb: Any) -> None:
        site = Site(dynamodb.options)
        site.use_cookie("unknown")
        assert site.request(read) is None
        assert TableDefinition(session_model(**dynamodb.options)).describe()

    def test_needs_no_further_calls_when_it_exists(self, dynamodb: Any, wire: Wire) -> None:
        site = Site(dynamodb.options)
        site.request(count)
        with wire.expect("GetItem", "PutItem"):
            site.request(count)

    def test_is_an_error_if_create_table_is_off(self, dynamodb: Any, wire: Wire) -> None:
        site = Site(dynamodb.options, create_table=False)
        with wire.expect("PutItem", "DescribeTable"), pytest.raises(TableError) as caught:
            site.request(count)
        assert f"create-table --table-name {caught.value.table} --region us-east-1" in str(
            caught.value
        )
        assert caught.value.code == "ResourceNotFoundException"
        assert caught.value.table == dynamodb.options["table_name"]

    def test_is_created_with_the_names_that_the_options_give(self, dynamodb: Any) -> None:
        options = {**dynamodb.options, "hash_key": "pk", "range_key": "sk", "ttl_attribute": "ends"}
        site = Site(options)
        assert site.request(count) == 1
        assert site.request(count) == 2
        state = TableDefinition(session_model(**options)).describe()
        assert state
        assert state.keys == (("pk", "S"), ("sk", "S"))
        assert ttl_of(dynamodb)["AttributeName"] == "ends"

    @pytest.mark.parametrize(
        ("billing", "units"),
        [
            ({}, (0, 0)),
            ({"billing_mode": "provisioned"}, (1, 1)),
            ({"read_capacity_units": 5, "write_capacity_units": 3}, (5, 3)),
            ({"read_capacity_units": 5}, (5, 1)),
        ],
    )
    def test_is_created_with_the_capacity_of_the_options(
        self, dynamodb: Any, billing: dict[str, Any], units: tuple[int, int]
    ) -> None:
        beaker_dynamodb.create_table(**dynamodb.options, **billing)
        table = client(dynamodb).describe_table(TableName=dynamodb.options["table_name"])["Table"]
        throughput = table["ProvisionedThroughput"]
        assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == units


class TestCreating:
    def test_reports_whether_it_created_the_table_and_logs_it(self, dynamodb: Any) -> None:
        log: list[str] = []
        assert beaker_dynamodb.create_table(log.append, **dynamodb.options) is True
        assert log == ["table created", "TTL switched on"]
        assert beaker_dynamodb.create_table(log.append, **dynamodb.options) is False
        assert "table exists" in log

    def test_at_the_same_time_succeeds_for_every_client(self, dynamodb: Any) -> None:
        barrier = threading.Barrier(4)
        created: list[bool] = []

        def create_one() -> None:
            model = session_model(**dynamodb.options)
            barrier.wait()
            created.append(TableDefinition(model).create())

        threads = [threading.Thread(target=create_one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(created) == [False, False, False, True]

    def test_succeeds_if_another_client_creates_the_table_first(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        """The other process has the table, but not its TTL, when this one begins."""
        make_table(dynamodb, [("id", "S"), ("item", "S")])
        assert beaker_dynamodb.create_table(**dynamodb.options) is False
        assert ttl_of(dynamodb)["TimeToLiveStatus"] == "ENABLED"

    def test_waits_until_the_table_is_active(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = session_model(**dynamodb.options)
        states = iter(["CREATING", "CREATING"])
        slept: list[float] = []
        original = model.describe_table

        def describe_table() -> Any:
            return {**original(), "TableStatus": next(states, "ACTIVE")}

        monkeypatch.setattr(model, "describe_table", describe_table)
        TableDefinition(model).create(sleep=slept.append, clock=lambda: sum(slept))
        assert slept == [1.0, 1.0]

    def test_gives_up_after_two_minutes(
        self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = session_model(**dynamodb.options)
        slept: list[float] = []
        original = model.describe_table
        monkeypatch.setattr(
            model, "describe_table", lambda: {**original(), "TableStatus": "CREATING"}
        )
        with pytest.raises(TableError, match="not active after 120 s"):
            TableDefinition(model).create(sleep=slept.append, clock=lambda: sum(slept))
        assert sum(slept) == 120

    def test_in_an_outage_is_an_error(self, dynamodb: Any, wire: Wire) -> None:
        wire.fail_next("CreateTable", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable):
            beaker_dynamodb.create_table(**dynamodb.options, max_retries=0)


class TestATableOfAnotherKind:
    @pytest.mark.parametrize(
        "keys",
        [
            [("id", "S")],
            [("pk", "S"), ("sk", "S")],
            [("id", "N"), ("item", "S")],
            [("id", "S"), ("item", "B")],
        ],
    )
    def test_is_an_error_if_its_keys_differ(
        self, dynamodb: Any, keys: list[tuple[str, str]]
    ) -> None:
        make_table(dynamodb, keys)
        with pytest.raises(TableError, match=r"has the keys .*, but needs id \(S\) and item \(S\)"):
            beaker_dynamodb.create_table(**dynamodb.options)

    @pytest.mark.parametrize("keys", [[("id", "S")], [("pk", "S"), ("sk", "S")]])
    def test_is_an_error_in_a_request(self, dynamodb: Any, keys: list[tuple[str, str]]) -> None:
        make_table(dynamodb, keys)
        site = Site(dynamodb.options)
        site.use_cookie("unknown")
        with pytest.raises(TableError, match="set hash_key and range_key, or name another table"):
            site.request(read)


@pytest.mark.usefixtures("create_table")
class TestDeniedAccess:
    @pytest.mark.parametrize(
        ("code", "way_out"),
        [
            ("AccessDeniedException", "IAM policy"),
            ("ExpiredTokenException", "renew the temporary credentials"),
            ("UnrecognizedClientException", "check the access key"),
            ("InvalidSignatureException", "this machine's clock"),
        ],
    )
    def test_is_an_error_that_says_what_to_do(
        self, dynamodb: Any, wire: Wire, code: str, way_out: str
    ) -> None:
        wire.fail_next("PutItem", (400, code))
        with pytest.raises(TableError, match=way_out) as caught:
            Site(dynamodb.options).request(count)
        assert caught.value.code == code


@pytest.mark.usefixtures("create_table")
def test_an_unknown_error_keeps_its_code(dynamodb: Any, wire: Wire) -> None:
    wire.fail_next("PutItem", (400, "SomethingNewException"))
    with pytest.raises(
        beaker_dynamodb.BeakerDynamoDBError, match="SomethingNewException"
    ) as caught:
        Site(dynamodb.options).request(count)
    assert type(caught.value) is beaker_dynamodb.BeakerDynamoDBError
