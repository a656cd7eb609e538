"""What a site costs with `dictionary = auto`, in the capacity units that DynamoDB Local charges."""

from typing import Any

import pytest

from beaker_dynamodb.testing.site import Site
from tests.support.dictionaries import content, needs_zstd, payload
from tests.support.plugin import DynamoDB
from tests.support.trace import CHANGES, READS, REQUESTS, USERS, Charge, trace
from tests.support.wire import Wire

pytestmark = needs_zstd

#: Sessions before `dictionary = auto` trains.
ENOUGH = 400


@pytest.fixture
def local(dynamodb: DynamoDB, create_table: None, clock: Any) -> dict[str, Any]:
    return dynamodb.options


only_dynamodb_local = pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)


def test_the_sessions_have_the_size_that_the_figures_are_for() -> None:
    sizes = [len(payload(number)) for number in range(100)]
    assert 2350 < sum(sizes) / len(sizes) < 2450


@only_dynamodb_local
def test_without_a_dictionary_each_write_costs_two_units(local: dict[str, Any]) -> None:
    charge = trace(Site(local), 5000)
    assert charge == Charge(USERS * (READS + CHANGES + 1), 2 * USERS * (CHANGES + 2))


@only_dynamodb_local
@pytest.mark.parametrize(("consistent", "most"), [(True, 0.21), (False, 0.15)])
def test_from_an_empty_table_auto_reaches_one_unit_for_each_write(
    local: dict[str, Any], consistent: bool, most: float
) -> None:
    options = {"compression": "zstd", "dictionary": "auto", "consistent_read": consistent}
    site = Site(local, **options)
    for number in range(ENOUGH + 1):
        site.visitor(**content(number))
    charge = trace(site, 5000)
    requested = USERS * (READS + CHANGES + 1)
    assert charge == Charge(requested if consistent else requested / 2, USERS * (CHANGES + 2))
    assert charge.dollars / REQUESTS <= most


@only_dynamodb_local
def test_what_training_costs(local: dict[str, Any], wire: Wire) -> None:
    site = Site(local, compression="zstd", dictionary="auto")
    for number in range(ENOUGH + 1):
        site.visitor(**content(number))
    own = [call for call in wire.calls if not is_of_a_session(call.body)]
    assert [call.operation for call in own] == [
        "GetItem",  # the refresh of a new process
        "UpdateItem",  # the lease
        "GetItem",  # the current name
        "PutItem",  # the dictionary
        "GetItem",
        "PutItem",  # the current name
        "UpdateItem",  # the lease, for a day
    ]
    assert sum(call.units or 0 for call in own) <= 16


def is_of_a_session(body: dict[str, Any]) -> bool:
    key = body.get("Key") or body["Item"]
    return bool(key["item"]["S"] == "session")
