"""A pytest plugin for the tests of sites: a table of each test's own, and a clock.

Put `pytest_plugins = ["beaker_dynamodb.testing"]` into the `conftest.py` at the root of your tests.
It needs `pip install pytest moto`, or a DynamoDB Local instead of moto.
`beaker_dynamodb.testing.contract` has the promises of every Beaker backend as classes of tests.
"""

from .clock import Clock
from .plugin import FreshTable, clock, dynamodb_endpoint, dynamodb_table

__all__ = ["Clock", "FreshTable", "clock", "dynamodb_endpoint", "dynamodb_table"]
