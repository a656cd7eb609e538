"""Fixtures that all tests share; DynamoDB and its stand-in are in support/plugin.py."""

pytest_plugins = ["beaker_dynamodb.testing", "tests.support.plugin", "tests.support.services"]
