"""The engines as fixtures: moto in this process, and DynamoDB Local, one for the whole run."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from multiprocessing.connection import Client, Listener
from typing import Any

import botocore.loaders
import botocore.session
import moto
import pytest

from .dynamodb_local import ENDPOINT_VARIABLE, EngineUnavailable, running_engine
from .wire import Wire, open_wire

#: The endpoint of DynamoDB Local, or why it can't be had.
Answer = str | EngineUnavailable


@dataclass(frozen=True)
class Engine:
    """An engine, and the options that lead to a table of the test's own."""

    name: str
    options: dict[str, object]


class Clock:
    """Given time: stands still until it is advanced.

    It starts a day ahead, on a whole second: DynamoDB Local removes what has expired by its own
    clock, and would do so while the given one stands still.
    """

    def __init__(self) -> None:
        self.now = float(int(time.time()) + 86_400)

    def advance(self, seconds: float) -> None:
        """Let seconds pass."""
        self.now += seconds


class SharedEngine:
    """DynamoDB Local for the whole run, in the process that the run began in.

    It starts when a test first asks for it. Workers of xdist ask through a socket.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resources = ExitStack()
        self._answer: Answer | None = None

    def answer(self) -> Answer:
        """The endpoint; the first call starts the engine."""
        with self._lock:
            self._answer = self._answer or self._start()
            return self._answer

    @cached_property
    def address(self) -> Any:
        """Where workers ask for the endpoint."""
        listener = self._resources.enter_context(Listener(("127.0.0.1", 0), backlog=64))
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
        return listener.address

    def close(self) -> None:
        """Stop the engine; what still asks for it learns that the run is over."""
        with self._lock:
            self._answer = EngineUnavailable("the run is over")
            self._resources.close()

    def _start(self) -> Answer:
        try:
            given = os.environ.get(ENDPOINT_VARIABLE)
            return given or self._resources.enter_context(running_engine())
        except EngineUnavailable as error:
            return error

    def _serve(self, listener: Listener) -> None:
        while True:
            try:
                worker = listener.accept()
            except OSError:
                return  # closed: the run is over
            with suppress(OSError), worker:
                worker.send(self.answer())


_shared_engine = pytest.StashKey[SharedEngine]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and see to it that the engine ends with the run."""
    config.addinivalue_line("markers", "dynamodb_local: asks DynamoDB Local")
    if not hasattr(config, "workerinput"):
        config.stash[_shared_engine] = SharedEngine()
        config.add_cleanup(config.stash[_shared_engine].close)
        # What stops a run from outside, such as `timeout`, then stops the engine too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where to ask for the endpoint."""
    node.workerinput["engine_address"] = node.config.stash[_shared_engine].address


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs DynamoDB Local, so that `-m "not dynamodb_local"` leaves it out."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    fixtures = getattr(item, "fixturenames", [])
    if parameters.get("engine") == "dynamodb-local" or "dynamodb_local" in fixtures:
        item.add_marker("dynamodb_local")


@pytest.fixture(autouse=True)
def _no_settings_of_the_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session", autouse=True)
def _one_loader_for_all_clients() -> Iterator[None]:
    """Read botocore's service files once: each test's client else reads, and keeps, its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(scope="session")
def dynamodb_local(pytestconfig: pytest.Config) -> str:
    """Endpoint of DynamoDB Local; without it the test skips, or fails where CI=true."""
    answer = _ask_for_engine(pytestconfig)
    if isinstance(answer, str):
        return answer
    if os.environ.get("CI") == "true":
        pytest.fail(str(answer), pytrace=False)
    pytest.skip(str(answer))


def _ask_for_engine(config: pytest.Config) -> Answer:
    worker_input = getattr(config, "workerinput", None)
    if worker_input is None:
        return config.stash[_shared_engine].answer()
    with Client(worker_input["engine_address"]) as controller:
        answer: Answer = controller.recv()
        return answer


@pytest.fixture(params=["moto", "dynamodb-local"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine in turn, with a table of the test's own that is not created yet."""
    options: dict[str, object] = {
        "region": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "table_name": f"test-{uuid.uuid4().hex}",
    }
    if request.param == "moto":
        with moto.mock_aws():
            yield Engine("moto", options)
    else:
        options["endpoint_url"] = request.getfixturevalue("dynamodb_local")
        yield Engine("dynamodb-local", options)


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
