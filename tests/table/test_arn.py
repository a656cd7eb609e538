"""An ARN as `table_name`: DynamoDB keys the answers to batches by the table's name."""

import random
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb.testing.site import Site
from tests.support.pages import count, log_out, read
from tests.support.tables import stored_items

pytestmark = pytest.mark.usefixtures("create_table")

#: Random, so that no compression makes one item of it.
LARGE = random.Random(1).randbytes(900_000)


@pytest.fixture
def options(dynamodb: Any) -> dict[str, Any]:
    """The options of the test's table, which they name by its ARN."""
    name = dynamodb.options["table_name"]
    arn = f"arn:aws:dynamodb:us-east-1:123456789012:table/{name}"
    return {**dynamodb.options, "table_name": arn}


def test_a_large_value_is_stored_read_and_cleared(options: dict[str, Any], dynamodb: Any) -> None:
    cache = Cache("arn", type="ext:dynamodb", **options)
    cache.put("large", LARGE)
    assert cache.get("large") == LARGE
    cache.clear()
    assert stored_items(dynamodb) == []


def test_a_session_is_stored_and_ended(options: dict[str, Any]) -> None:
    site = Site(options)
    site.request(count)
    assert site.request(read) == 1
    site.request(log_out)
    assert site.request(read) is None
