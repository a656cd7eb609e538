"""The session stores that are compared, and what each of them needs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

#: The settings of `ext:dynamodb`, by the words after its name.
SETTINGS: dict[str, dict[str, Any]] = {
    "zlib": {},
    "zlib, eventual": {"consistent_read": False},
    "zstd": {"compression": "zstd", "dictionary": "none"},
    "dictionary = auto": {"compression": "zstd", "dictionary": "auto"},
    "dictionary = auto, eventual": {
        "compression": "zstd",
        "dictionary": "auto",
        "consistent_read": False,
    },
    "zlib, client = botocore": {"client": "botocore"},
}

#: The raw client of AWS, which the CPU time of all stores is compared with.
RAW = "botocore, one GetItem"
RAW_FAMILY = "raw"
OURS = "ext:dynamodb"
NODE = "node"


@dataclass(frozen=True)
class Store:
    """A store in one of its settings.

    Attributes:
        name: as tables and plots show it.
        family: the project that it belongs to.
        kind: what serves it: a kind of `application`, or a package of npm.
        settings: of the store; `REDIS_URL` and `FOLDER` in a text are replaced.
        programs: that must be in the PATH.
        modules: that Python must be able to import.
    """

    name: str
    family: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    programs: Sequence[str] = ()
    modules: Sequence[str] = ()

    @property
    def trains(self) -> bool:
        """Whether it trains a dictionary on the sessions of its site."""
        return self.settings.get("dictionary") == "auto"

    @property
    def runs_in_node(self) -> bool:
        """Whether node serves it."""
        return self.family == "npm"

    @property
    def uses_redis(self) -> bool:
        """Whether its sessions are in Redis."""
        return self.settings.get("type") == "ext:redis"

    @property
    def missing(self) -> str | None:
        """What is not installed, as a text; None if nothing is missing."""
        absent = [f"{name} is not in the PATH" for name in self.programs if not shutil.which(name)]
        absent += [f"Python cannot import {name}" for name in self.modules if not is_there(name)]
        return "; ".join(absent) or None


def is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it would be in
        return False


def ours(words: str) -> Store:
    settings = {"type": OURS, **SETTINGS[words]}
    has_zstd = "compression.zstd" if is_there("compression") else "backports.zstd"
    modules = [has_zstd] if settings.get("compression") == "zstd" else []
    return Store(f"{OURS}, {words}", OURS, "beaker", settings, modules=modules)


def of_npm(package: str, words: str) -> Store:
    return Store(words, "npm", package, programs=[NODE, "npm"])


STORES = [
    Store(RAW, RAW_FAMILY, "raw", {"ConsistentRead": True}),
    *map(ours, SETTINGS),
    Store(
        "Beaker ext:redis",
        "Beaker",
        "beaker",
        {"type": "ext:redis", "url": "REDIS_URL"},
        programs=["redis-server"],
        modules=["redis"],
    ),
    Store("Beaker memory", "Beaker", "beaker", {"type": "memory"}),
    Store("Beaker file", "Beaker", "beaker", {"type": "file", "data_dir": "FOLDER"}),
    Store(
        "Beaker ext:database, SQLite",
        "Beaker",
        "beaker",
        {"type": "ext:database", "url": "sqlite:///FOLDER/sessions.db", "lock_dir": "FOLDER"},
        modules=["sqlalchemy"],
    ),
    Store(
        "Flask-Session 0.8.0",
        "Flask-Session",
        "flask",
        modules=["flask_session", "boto3", "mypy_boto3_dynamodb"],
    ),
    of_npm("connect-dynamodb", "connect-dynamodb 3.0.5"),
    of_npm("dynamodb-store", "dynamodb-store 1.2.0"),
    of_npm("@pwrdrvr/dynamodb-session-store", "@pwrdrvr 1.1.0, eventual"),
]
