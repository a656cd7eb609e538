"""A small site over `ext:dynamodb`, driven through WSGI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from beaker.middleware import SessionMiddleware
from webtest import TestApp

from beaker_dynamodb import DynamoDBSession


class OwnSerializer:
    """A serializer of the application's own."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        return b"own " + json.dumps(session).encode()

    def loads(self, data: bytes) -> Any:
        assert data.startswith(b"own ")
        return json.loads(data[4:])


KEYS = {"encrypt_key": "e" * 32, "validate_key": "v" * 32}
#: The kinds of sessions that can be compared, by the options that lead to them.
KINDS: dict[str, dict[str, Any]] = {
    "pickle": {"data_serializer": "pickle"},
    "json": {"data_serializer": "json"},
    "encrypted": {"session_class": DynamoDBSession, **KEYS},
    "encrypted json": {"session_class": DynamoDBSession, "data_serializer": "json", **KEYS},
    "own serializer": {"session_class": DynamoDBSession, "data_serializer": OwnSerializer()},
}

Action = Callable[[Any], object]


class Site:
    """Runs a function on the session inside a request, as one browser with one cookie jar."""

    def __init__(self, backend: dict[str, Any], **session_options: Any) -> None:
        options = {"type": "ext:dynamodb", **backend, **session_options}
        self._action: Action = lambda session: None
        self._result: object = None
        middleware = SessionMiddleware(self._application, **options)
        self._browser = TestApp(middleware)

    def request(self, action: Action) -> Any:
        """What the function returns for the session of a request."""
        self._action = action
        self._browser.get("/")
        return self._result

    @property
    def cookie(self) -> str | None:
        """The session id as the browser keeps it."""
        return self._browser.cookies.get("beaker.session.id")

    def use_cookie(self, session_id: str) -> None:
        """Take over another browser's session, or an old one."""
        self._browser.set_cookie("beaker.session.id", session_id)

    def _application(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        self._result = self._action(environ["beaker.session"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]


def read(session: Any) -> Any:
    """A page that only reads."""
    return session.get("n")


def save(session: Any) -> None:
    """A page that saves without a change."""
    session.get("n")
    session.save()


def count(session: Any) -> int:
    """A page that changes the session."""
    session["n"] = session.get("n", 0) + 1
    session.save()
    return int(session["n"])


def log_out(session: Any) -> None:
    """A page that ends the session."""
    session.delete()
