"""Fixtures that all tests share; DynamoDB and its stand-in are in support/plugin.py."""

import pytest

from tests.support.plugin import DynamoDB

pytest_plugins = ["tests.support.plugin"]


@pytest.fixture
def engine(dynamodb: DynamoDB) -> DynamoDB:
    """The old name of `dynamodb`, for tests/test_cli.py."""
    return dynamodb
