"""Sites whose sessions are in another backend of Beaker's, and the options that lead there."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest
import redis
from mongomock import MongoClient
from mongomock.store import ServerStore

from beaker_dynamodb.testing.site import Site, Visitor

BACKENDS = ["file", "sqlite", "postgresql", "redis", "mongodb"]

on_dynamodb_local = pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)


def id_of(visitor: Visitor) -> str:
    """The id in the browser's cookie; WebTest puts it in quotes."""
    return (visitor.cookie_value or "").strip('"')


@dataclass(frozen=True)
class OldBackend:
    """A backend that a site comes from.

    Attributes:
        name: its name.
        beakers: Beaker's options for it.
    """

    name: str
    beakers: dict[str, Any]

    @property
    def fallback(self) -> dict[str, Any]:
        """The options under which this package finds it."""
        return {f"fallback_{name}": value for name, value in self.beakers.items()}

    def site(self, **options: Any) -> Site:
        """A site whose sessions are there."""
        return Site(self.beakers, **options)


@pytest.fixture(params=BACKENDS)
def old_backend(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> OldBackend:
    """Each backend that can be migrated; MongoDB in memory, all others real."""
    name = str(request.param)
    table_name = f"sessions_{uuid.uuid4().hex}"
    if name == "file":
        return OldBackend(name, {"type": "file", "data_dir": f"{tmp_path}"})
    if name == "sqlite":
        url = f"sqlite:///{tmp_path}/sessions.db"
        return OldBackend(name, {"type": "ext:database", "url": url})
    if name == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        return OldBackend(name, {"type": "ext:database", "url": url, "table_name": table_name})
    if name == "redis":
        url = request.getfixturevalue("redis_url")
        redis.Redis.from_url(url).flushdb()
        return OldBackend(name, {"type": "ext:redis", "url": url})
    store = ServerStore()
    monkeypatch.setattr(pymongo, "MongoClient", lambda url: MongoClient(url, _store=store))
    return OldBackend(name, {"type": "ext:mongodb", "url": f"mongodb://127.0.0.1/{table_name}"})
