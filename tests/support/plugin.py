"""The engines as fixtures: moto in this process, and DynamoDB Local, one for the whole run."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import moto
import pytest

from .dynamodb_local import EngineUnavailable, running_engine
from .wire import Wire, open_wire

ENDPOINT_VARIABLE = "BEAKER_DYNAMODB_TEST_ENDPOINT"
#: DynamoDB Local, and why it can't be had, as the controller tells its workers.
_endpoint = pytest.StashKey[str]()
_reason = pytest.StashKey[str]()
_stack = pytest.StashKey[ExitStack]()


@dataclass(frozen=True)
class Engine:
    """An engine, and the options that lead to a table of the test's own."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


class Clock:
    """Given time: stands still until it is advanced."""

    def __init__(self) -> None:
        self.now = time.time()

    def advance(self, seconds: float) -> None:
        """Let seconds pass."""
        self.now += seconds


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "dynamodb_local: asks DynamoDB Local")
    config.stash[_stack] = ExitStack()
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[_endpoint] = worker["endpoint"]
        config.stash[_reason] = worker["reason"]
        return
    config.stash[_endpoint], config.stash[_reason] = _start(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_stack].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["endpoint"] = node.config.stash[_endpoint]
    node.workerinput["reason"] = node.config.stash[_reason]


def _start(config: pytest.Config) -> tuple[str, str]:
    given = os.environ.get(ENDPOINT_VARIABLE)
    if given or config.option.collectonly:
        return given or "", "only collected"
    try:
        return config.stash[_stack].enter_context(running_engine()), ""
    except EngineUnavailable as error:
        return "", str(error)


@pytest.fixture(autouse=True)
def _no_settings_of_the_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        if name != "AWS_CA_BUNDLE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def dynamodb_local(pytestconfig: pytest.Config) -> str:
    """Endpoint of DynamoDB Local; without it the test skips, or fails where CI=true."""
    if not pytestconfig.stash[_endpoint]:
        reason = f"DynamoDB Local: {pytestconfig.stash[_reason]}"
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(reason)
    return pytestconfig.stash[_endpoint]


@pytest.fixture(params=["moto", pytest.param("dynamodb-local", marks=pytest.mark.dynamodb_local)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine in turn, with a table of the test's own that is not created yet."""
    options: dict[str, Any] = {
        "region": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "table_name": f"test-{uuid.uuid4().hex}",
    }
    if request.param == "moto":
        with moto.mock_aws():
            yield Engine("moto", options)
    else:
        endpoint = request.getfixturevalue("dynamodb_local")
        yield Engine("dynamodb-local", {**options, "endpoint_url": endpoint})


@pytest.fixture
def wire() -> Iterator[Wire]:
    """What is asked of the engine during the test."""
    with open_wire() as opened:
        yield opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that `time.time` tells, for Beaker and for us."""
    given = Clock()
    monkeypatch.setattr(time, "time", lambda: given.now)
    return given
