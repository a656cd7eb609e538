"""A client whose calls to DynamoDB Local go through the proxy, and a limit for its time."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import create_table, session_model
from tests.support.internals import breaker, connection_of, parse_options, retry
from tests.support.plugin import parameters_of
from tests.support.proxy import Fault, Proxy, answer_lost, hang, proxy_for, reset

TIMEOUTS = {"connect_timeout": 0.5, "read_timeout": 1.0, "max_retries": 2}
#: For the fault that takes a whole read timeout for each attempt.
SHORT_TIMEOUTS = {**TIMEOUTS, "read_timeout": 0.4}
ATTEMPTS = 3
#: How many attempts meet the fault: all but one, or all; in CI also the first alone.
TIMES = [pytest.param(1, marks=pytest.mark.exhaustive), ATTEMPTS - 1, ATTEMPTS]


def meetings(fault: Fault, times: int) -> int:
    """How often a fault is injected so that it is met by some attempts, from the first on.

    A call whose connection ends has one attempt more: the connection may have died while idle.
    """
    return times + 1 if fault in {reset, answer_lost} else times


class Pauses:
    """A clock for retries whose pauses take no time."""

    def __init__(self) -> None:
        self.total = 0.0

    def sleep(self, seconds: float) -> None:
        self.total += seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@pytest.fixture(scope="session")
def running_proxy(dynamodb_local: str) -> Iterator[Proxy]:
    with proxy_for(dynamodb_local) as proxy:
        yield proxy


@pytest.fixture
def proxy(running_proxy: Proxy) -> Iterator[Proxy]:
    yield running_proxy
    running_proxy.forget()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    pauses = Pauses()
    monkeypatch.setattr(retry, "time", pauses)
    return pauses


@pytest.fixture(
    scope="session", params=["lean", pytest.param("botocore", marks=pytest.mark.exhaustive)]
)
def table(request: pytest.FixtureRequest, dynamodb_local: str) -> dict[str, Any]:
    """The options of one table for all of these tests; each test has its own ids there."""
    options: dict[str, Any] = {
        "region": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "table_name": f"test-{uuid.uuid4().hex}",
        "endpoint_url": dynamodb_local,
        "client": request.param,
    }
    create_table(**options)
    return options


def pytest_itemcollected(item: pytest.Item) -> None:
    """At home, let calls hang only in tests of plain sessions, and in all of their attempts.

    A hanging call takes more than a second. CI lets each call hang, and the last attempt succeed.
    """
    if parameters_of(item).get("fault") is hang and not _is_sample(item):
        item.add_marker(pytest.mark.exhaustive)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a call of botocore hang in the same sample only: what follows is the same code."""
    items[:] = [item for item in items if not _hangs_in_botocore(item) or _is_sample(item)]


def _is_sample(item: pytest.Item) -> bool:
    times = parameters_of(item).get("times")
    return item.path.name == "test_sessions.py" and times == ATTEMPTS


def _hangs_in_botocore(item: pytest.Item) -> bool:
    parameters = parameters_of(item)
    return parameters.get("fault") is hang and parameters.get("table") == "botocore"


@pytest.fixture
def proxied_options(
    request: pytest.FixtureRequest,
    table: dict[str, Any],
    proxy: Proxy,
    pauses: Pauses,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:
    """The options of a client whose calls go through the proxy, and that forgets an outage."""
    monkeypatch.setattr(breaker, "FIRST_REST", 0.0)
    timeouts = SHORT_TIMEOUTS if parameters_of(request.node).get("fault") is hang else TIMEOUTS
    options = {**table, **timeouts, "endpoint_url": proxy.url}
    connection_of(session_model(**options)).shared.breaker.note_answer()
    return options


class TimeLimit:
    """Asserts that the code inside takes no longer than one call can take."""

    def __init__(self, proxied_options: dict[str, Any], pauses: Pauses) -> None:
        self._limit = parse_options(proxied_options).longest_call
        self._pauses = pauses

    def __enter__(self) -> None:
        self._began = time.monotonic(), self._pauses.total

    def __exit__(self, *_: object) -> None:
        began, paused = self._began
        took = time.monotonic() - began + self._pauses.total - paused
        # The other calls of the request take milliseconds.
        assert took < self._limit + 1


@pytest.fixture
def time_limit(proxied_options: dict[str, Any], pauses: Pauses) -> TimeLimit:
    return TimeLimit(proxied_options, pauses)
