"""The part of the contract that runs at home."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: One kind of session on moto: all kinds run on DynamoDB Local, which is closer to DynamoDB.
ON_MOTO = {"serializer": "pickle", "auto": False}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what only repeats on moto what DynamoDB Local shows."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if HERE in item.path.parents and parameters.get("dynamodb") == "moto":
            is_sample = all(parameters.get(name, one) == one for name, one in ON_MOTO.items())
            if not is_sample or "OfTheClass" in item.nodeid:
                item.add_marker("exhaustive")
