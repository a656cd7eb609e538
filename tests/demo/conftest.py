"""The demo on moto in this process, and a visitor."""

from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb.demo import server
from beaker_dynamodb.demo.site import demo_application
from beaker_dynamodb.demo.table import DemoTable, Endpoint
from tests.demo.visitor import Visitor


@pytest.fixture
def embedded() -> Iterator[Endpoint]:
    """Moto in this process, with the demo's table."""
    with server.moto_in_process() as endpoint:
        DemoTable(endpoint).create()
        yield endpoint


@pytest.fixture
def visitor(embedded: Endpoint, clock: Any) -> Visitor:
    return Visitor(demo_application(embedded))
