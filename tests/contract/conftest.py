"""The part of the contract that runs at home."""

from pathlib import Path

import pytest

from tests.support.plugin import has_dynamodb_local, parameters_of

HERE = Path(__file__).parent
#: One kind of session on moto: all kinds run on DynamoDB Local, which is closer to DynamoDB.
ON_MOTO = {"serializer": "pickle", "auto": False}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests on moto that repeat a test on DynamoDB Local."""
    for item in items:
        parameters = parameters_of(item)
        if HERE in item.path.parents and parameters.get("dynamodb") == "moto":
            is_sample = all(parameters.get(name, one) == one for name, one in ON_MOTO.items())
            if has_dynamodb_local() and (not is_sample or "OfTheClass" in item.nodeid):
                item.add_marker("exhaustive")
