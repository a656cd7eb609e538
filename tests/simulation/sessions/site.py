"""Sites: Beaker's middleware with the package's sessions, over the simulated endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from beaker import middleware

from beaker_dynamodb import SessionMiddleware
from beaker_dynamodb.options import parse_options
from beaker_dynamodb.table import bind
from beaker_dynamodb.table.client import OpenClients

from ..endpoint import Endpoint
from ..world import TABLE
from .visit import LOCK_TIMEOUT, LOCK_WAIT, TIMEOUT, TOUCH_INTERVAL, answer


class OwnSerializer:
    """A serializer of the application's own."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        """A session as bytes."""
        return b"own " + json.dumps(session).encode()

    def loads(self, data: bytes) -> Any:
        """A session from bytes."""
        return json.loads(data.removeprefix(b"own "))


#: Kinds of sessions, by the options that lead to them.
SESSIONS: dict[str, dict[str, Any]] = {
    "plain pickle": {"data_serializer": "pickle"},
    "plain json": {"data_serializer": "json"},
    "pickle": {"data_serializer": "pickle"},
    "json": {"data_serializer": "json"},
    "encrypted": {
        "encrypt_key": "e" * 32,
        "validate_key": "v" * 32,
    },
    "own serializer": {"data_serializer": OwnSerializer()},
}
#: Kinds whose serializer takes any key and any value.
PICKLED = ("plain pickle", "pickle", "encrypted")
#: Kinds that plain Beaker's session class has.
PLAIN = ("plain pickle", "plain json")


@cache
def make_site(
    session: str, conflict: str, *, is_weak: bool, has_timeout: bool
) -> Callable[..., Any]:
    """A WSGI application around `answer`.

    Args:
        session: kind of sessions.
        conflict: `on_conflict`.
        is_weak: whether reads are eventually consistent.
        has_timeout: whether Beaker's `timeout` or the backend's `ttl` ends a session.
    """
    backend = {
        "region": TABLE,
        "aws_access_key_id": "simulated",
        "aws_secret_access_key": "simulated",
        "table_name": TABLE,
        "create_table": False,
        "consistent_read": not is_weak,
        "on_conflict": conflict,
        "touch_interval": TOUCH_INTERVAL,
        "lock_timeout": LOCK_TIMEOUT,
        "lock_wait": LOCK_WAIT,
    }
    _connect(backend)
    lifetime = {"timeout": TIMEOUT} if has_timeout else {"ttl": TIMEOUT}
    options = {"type": "ext:dynamodb", **backend, **lifetime, **SESSIONS[session]}
    kind = middleware.SessionMiddleware if session in PLAIN else SessionMiddleware
    site: Callable[..., Any] = kind(answer, **options)
    return site


def _connect(backend: dict[str, Any]) -> None:
    """Have the package's shared client for these options send its calls to the world."""
    options = parse_options(backend)
    shared = bind.connection_of(bind.bound_model(options)).shared
    if not isinstance(shared.current, Endpoint):
        shared._opened = OpenClients(Endpoint(options.read_timeout), None)
