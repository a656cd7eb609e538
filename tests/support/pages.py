"""Pages of a site, and the kinds of sessions that it can have."""

from __future__ import annotations

import json
from typing import Any

from beaker_dynamodb import DynamoDBSession


class OwnSerializer:
    """A serializer of the application's own."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        return b"own " + json.dumps(session).encode()

    def loads(self, data: bytes) -> Any:
        assert data.startswith(b"own ")
        return json.loads(data[4:])


KEYS = {"encrypt_key": "e" * 32, "validate_key": "v" * 32}
#: The kinds of sessions whose changes can be merged, by their options.
KINDS: dict[str, dict[str, Any]] = {
    "pickle": {"data_serializer": "pickle"},
    "json": {"data_serializer": "json"},
    "encrypted": {"session_class": DynamoDBSession, **KEYS},
    "encrypted json": {"session_class": DynamoDBSession, "data_serializer": "json", **KEYS},
    "own serializer": {"session_class": DynamoDBSession, "data_serializer": OwnSerializer()},
}


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
