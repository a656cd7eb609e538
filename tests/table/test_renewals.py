"""Renewed credentials that are given as options: clients and sockets are bounded."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from beaker.cache import Cache
from botocore.client import BaseClient

from beaker_dynamodb import create_table, session_model
from tests.support.effort import EFFORT
from tests.support.internals import SharedClient, bind, connection_of

pytestmark = pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
MOST_CLIENTS = 8
MOST_MODELS = 32


@pytest.fixture
def options(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The options of a table, and bounds that a short test reaches too."""
    create_table(**dynamodb.options)
    monkeypatch.setattr(bind, "MOST_CLIENTS", MOST_CLIENTS)
    monkeypatch.setattr(bind, "MOST_MODELS", MOST_MODELS)
    options: dict[str, Any] = dynamodb.options
    return options


def sockets() -> int:
    """The sockets that this process has open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(link.readlink()).startswith("socket:") for link in links)


def alive(kind: type) -> int:
    """How many objects of a type are alive."""
    gc.collect()
    return sum(isinstance(each, kind) for each in gc.get_objects())


def client_with(token: str, options: dict[str, Any]) -> SharedClient:
    return connection_of(session_model(**options, aws_session_token=token)).shared


@pytest.mark.skipif(sys.platform != "linux", reason="counts sockets in /proc")
def test_many_renewals_leave_a_bounded_number_of_clients_and_sockets(
    options: dict[str, Any],
) -> None:
    gc.collect()
    sockets_before, clients_before = sockets(), alive(BaseClient)
    for _ in range(EFFORT.renewals):
        cache = Cache("renewed", type="ext:dynamodb", **options, aws_session_token=uuid4().hex)
        assert cache.get("a", createfunc=lambda: "made") == "made"
    assert sockets() - sockets_before <= MOST_CLIENTS
    assert alive(BaseClient) - clients_before <= MOST_CLIENTS


def test_the_client_that_was_used_last_is_kept(options: dict[str, Any]) -> None:
    in_use = Cache("used", type="ext:dynamodb", **options, aws_session_token="in-use")
    in_use.put("a", 1)
    client = client_with("in-use", options).current
    for _ in range(3 * MOST_CLIENTS):
        Cache("used", type="ext:dynamodb", **options, aws_session_token=uuid4().hex).get("a")
        in_use.get("a")
    assert client_with("in-use", options).current is client


def test_a_client_that_was_let_go_still_works(options: dict[str, Any]) -> None:
    old = Cache("old", type="ext:dynamodb", **options, aws_session_token="old")
    old.put("a", 1)
    shared = client_with("old", options)
    for _ in range(MOST_CLIENTS + 1):
        Cache("old", type="ext:dynamodb", **options, aws_session_token=uuid4().hex).get("a")
    assert shared.current is None
    assert old.get("a") == 1


def test_models_that_are_let_go_share_the_client_of_later_ones(options: dict[str, Any]) -> None:
    model = session_model(**options)
    for number in range(MOST_MODELS):
        session_model(**{**options, "table_name": f"table-{number}"})
    again = session_model(**options)
    assert again is not model
    assert connection_of(again).shared is connection_of(model).shared
