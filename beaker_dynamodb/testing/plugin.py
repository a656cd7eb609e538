"""The fixtures: DynamoDB or its stand-in, a table of the test's own, and the time."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from ..admin.table import create_table
from ..errors import ConfigurationError
from ..table import session_model
from .clock import Clock

ENDPOINT_VARIABLE = "BEAKER_DYNAMODB_TEST_ENDPOINT"

#: moto and DynamoDB Local need a region and credentials, and accept any.
PLACE = {
    "region": "us-east-1",
    "aws_access_key_id": "testing",
    "aws_secret_access_key": "testing",
}


@dataclass(frozen=True)
class FreshTable:
    """An empty table that only one test uses.

    Attributes:
        options: Beaker's options that lead to it, without a prefix: `type`, `table_name`, ...
    """

    options: dict[str, Any]

    def settings(self, prefix: str = "session.") -> dict[str, Any]:
        """The options as settings of a middleware, to be merged over those of the site.

        Args:
            prefix: before each name; `cache.` or `cache.REGION.` for caches.
        """
        return {f"{prefix}{name}": value for name, value in self.options.items()}


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> str | None:
    """URL of DynamoDB Local, from BEAKER_DYNAMODB_TEST_ENDPOINT; None for moto in this process."""
    return os.environ.get(ENDPOINT_VARIABLE) or None


@pytest.fixture
def dynamodb_table(
    dynamodb_endpoint: str | None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FreshTable]:
    """An empty table of the test's own; it is deleted after the test.

    While the test runs without an endpoint, moto answers all calls to AWS of this process.

    Raises:
        ConfigurationError: moto is needed and missing.
    """
    place = {**PLACE, "endpoint_url": dynamodb_endpoint} if dynamodb_endpoint else PLACE
    options: dict[str, Any] = {**place, "table_name": f"test-{uuid.uuid4().hex}"}
    # A developer's own settings must not lead away from moto.
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    with nullcontext() if dynamodb_endpoint else _moto():
        create_table(**options)
        yield FreshTable({"type": "ext:dynamodb", **options})
        model = session_model(**options)
        if model.exists():
            model.delete_table()


def _moto() -> AbstractContextManager[Any]:
    try:
        import moto  # noqa: PLC0415  # not needed with DynamoDB Local
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "without DynamoDB Local, the fixture dynamodb_table needs moto: pip install moto; "
            f"or set {ENDPOINT_VARIABLE}=http://127.0.0.1:8000"
        ) from error
    mock: AbstractContextManager[Any] = moto.mock_aws()
    return mock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that `time.time` returns, to Beaker and to this package."""
    given = Clock()
    monkeypatch.setattr(time, "time", lambda: given.now)
    return given
