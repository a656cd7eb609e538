"""Fixtures that all tests share; the engines are in support/plugin.py."""

from typing import Any

import pytest

import beaker_dynamodb

pytest_plugins = ["tests.support.plugin"]


@pytest.fixture
def create_table(engine: Any) -> None:
    """The table is there before the test begins, so that its creation is not counted."""
    beaker_dynamodb.create_table(**engine.options)
