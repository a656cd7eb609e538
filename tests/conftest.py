"""Fixtures that all tests share; DynamoDB and its stand-in are in support/plugin.py."""

import pytest

import beaker_dynamodb
from tests.support.plugin import DynamoDB

pytest_plugins = ["tests.support.plugin"]


@pytest.fixture
def create_table(dynamodb: DynamoDB) -> None:
    """Create the table before the test begins, so that its creation is not counted."""
    beaker_dynamodb.create_table(**dynamodb.options)


@pytest.fixture
def engine(dynamodb: DynamoDB) -> DynamoDB:
    """The old name of `dynamodb`, for tests/test_cli.py."""
    return dynamodb
