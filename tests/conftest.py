"""Fixtures that all tests share; DynamoDB and its stand-in are in support/plugin.py."""

from typing import Any

import pytest

pytest_plugins = ["tests.support.plugin"]


@pytest.fixture
def engine(dynamodb: Any) -> Any:
    """The old name of `dynamodb`, for tests/test_cli.py."""
    return dynamodb
