"""DynamoDB as a fixture: moto in this process, and DynamoDB Local, once for the whole run."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from multiprocessing.connection import Client, Listener
from types import CodeType
from typing import Any

import botocore.compat
import botocore.hooks
import botocore.loaders
import botocore.session
import pytest
from moto.core.models import botocore_stubber
from moto.dynamodb.models import dynamodb_backends

from .dynamodb_local import (
    ENDPOINT_VARIABLE,
    DynamoDBLocalUnavailable,
    is_available,
    running_dynamodb_local,
)
from .effort import IS_EXHAUSTIVE, load_hypothesis_profile
from .internals import forget_outages, forgetting_locks
from .tables import Tables
from .wire import Wire, open_wire

#: The endpoint of DynamoDB Local, or the reason why there is none.
Answer = str | DynamoDBLocalUnavailable

#: The account in which moto keeps every table (moto.core.models.DEFAULT_ACCOUNT_ID).
MOTO_ACCOUNT = "123456789012"


@dataclass(frozen=True)
class DynamoDB:
    """DynamoDB or its stand-in, and the options that lead to a table of the test's own."""

    name: str
    options: dict[str, Any]


class SharedDynamoDBLocal:
    """DynamoDB Local for the whole run, in the process that the run began in.

    It starts when the first test needs it. Workers of xdist get its endpoint through a socket.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resources = ExitStack()
        self._answer: Answer | None = None

    def answer(self) -> Answer:
        """The endpoint; the first call starts DynamoDB Local."""
        with self._lock:
            self._answer = self._answer or self._start()
            return self._answer

    @cached_property
    def address(self) -> Any:
        """The address at which workers get the endpoint."""
        listener = self._resources.enter_context(Listener(("127.0.0.1", 0), backlog=64))
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
        return listener.address

    def close(self) -> None:
        """Stop DynamoDB Local; later requests for its endpoint learn that the run has ended."""
        with self._lock:
            self._answer = DynamoDBLocalUnavailable("the run has ended")
            self._resources.close()

    def _start(self) -> Answer:
        try:
            given = os.environ.get(ENDPOINT_VARIABLE)
            return given or self._resources.enter_context(running_dynamodb_local())
        except DynamoDBLocalUnavailable as error:
            return error

    def _serve(self, listener: Listener) -> None:
        while True:
            try:
                worker = listener.accept()
            except OSError:
                return  # closed: the run has ended
            with suppress(OSError), worker:
                worker.send(self.answer())


_shared = pytest.StashKey[SharedDynamoDBLocal]()


def pytest_configure(config: pytest.Config) -> None:
    """Load hypothesis's profile, and stop DynamoDB Local when the run ends."""
    load_hypothesis_profile()
    # A shell lets what it starts in the background ignore SIGINT, and the commands under test
    # inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.stash[_shared] = SharedDynamoDBLocal()
        config.add_cleanup(config.stash[_shared].close)
        # A signal that stops the run, such as the one of `timeout`, then stops DynamoDB Local too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a worker of xdist the address at which it gets the endpoint."""
    node.workerinput["dynamodb_local_address"] = node.config.stash[_shared].address


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that need DynamoDB Local, and those that repeat on moto what it shows."""
    stand_in = parameters_of(item).get("dynamodb")
    if stand_in == "dynamodb-local" or "dynamodb_local" in getattr(item, "fixturenames", []):
        item.add_marker("dynamodb_local")
    if stand_in == "moto" and is_available():
        item.add_marker("exhaustive")


def parameters_of(item: pytest.Item) -> dict[str, Any]:
    """The parameters of a test."""
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    return parameters


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave exhaustive tests out at home, unless `-m` names their mark."""
    if IS_EXHAUSTIVE or "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(autouse=True)
def _without_the_developers_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(autouse=True)
def _without_locks_of_other_tests() -> Iterator[None]:
    with forgetting_locks():
        yield


@pytest.fixture(scope="session", autouse=True)
def _cheap_clients() -> Iterator[None]:
    """Compute once what botocore computes for every client."""
    aliaser = botocore.hooks.EventAliaser
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.loaders.create_loader))
        patch.setattr(botocore.hooks, "accepts_kwargs", _once_for_each_code())
        patch.setattr(aliaser, "_alias_event_name", _once_for_each_name(aliaser))
        yield


def _once_for_each_code() -> Callable[[Any], bool]:
    # By the code, because a cache of the handlers themselves would keep every client.
    compute, known = botocore.compat.accepts_kwargs, dict[CodeType, bool]()

    def accepts_kwargs(handler: Any) -> bool:
        code = getattr(handler, "__code__", None)
        if code is None:
            return bool(compute(handler))
        if code not in known:
            known[code] = bool(compute(handler))
        return known[code]

    return accepts_kwargs


def _once_for_each_name(aliaser: type[Any]) -> Callable[[Any, str], str]:
    compute, known = aliaser._alias_event_name, dict[str, str]()

    def alias_event_name(self: Any, event_name: str) -> str:
        if event_name not in known:
            known[event_name] = compute(self, event_name)
        return known[event_name]

    return alias_event_name


@pytest.fixture(scope="session")
def dynamodb_local(pytestconfig: pytest.Config) -> str:
    """Endpoint of DynamoDB Local; without it the test is skipped, or fails if CI=true."""
    answer = _endpoint_or_reason(pytestconfig)
    if isinstance(answer, str):
        return answer
    if IS_EXHAUSTIVE:
        pytest.fail(str(answer), pytrace=False)
    pytest.skip(str(answer))


def _endpoint_or_reason(config: pytest.Config) -> Answer:
    worker_input = getattr(config, "workerinput", None)
    if worker_input is None:
        return config.stash[_shared].answer()
    with Client(worker_input["dynamodb_local_address"]) as controller:
        answer: Answer = controller.recv()
        return answer


@pytest.fixture(params=["moto", "dynamodb-local"])
def dynamodb(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDB]:
    """DynamoDB Local or moto, with the name of a table that does not exist yet."""
    options: dict[str, Any] = {
        "region": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "table_name": f"test-{uuid.uuid4().hex}",
    }
    if request.param == "moto":
        # All that moto.mock_aws() does for botocore; the rest of it takes longer than most tests.
        monkeypatch.setattr(botocore_stubber, "enabled", True)
        own_table = options["table_name"]
        yield DynamoDB("moto", options)
        dynamodb_backends[MOTO_ACCOUNT][options["region"]].tables.pop(own_table, None)
    else:
        options["endpoint_url"] = request.getfixturevalue("dynamodb_local")
        yield DynamoDB("dynamodb-local", options)


@pytest.fixture(scope="session")
def _tables() -> Tables:
    return Tables()


@pytest.fixture
def create_table(dynamodb: DynamoDB, _tables: Tables) -> None:
    """Let the test begin with an empty table, so that its creation is not counted."""
    _tables.give(dynamodb.name, dynamodb.options)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """The calls to DynamoDB during the test."""
    with open_wire() as opened:
        yield opened
    forget_outages()
