"""Every stand-in for DynamoDB that applications are developed against, as a server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from .dynamodb_local import (
    MAVEN,
    NPM,
    Build,
    DynamoDBLocalUnavailable,
    fetched,
    free_port,
    installed,
    run,
    running_dynamodb_local,
    running_server,
)

DYNALITE_VERSION = "3.2.2"


def _fetch_dynalite(folder: Path) -> None:
    (folder / "package.json").write_text("{}", encoding="utf-8")
    package = f"dynalite@{DYNALITE_VERSION}"
    run("npm", "install", "--no-audit", "--no-fund", "--silent", package, cwd=folder)


def _no_java_arguments(_: Path) -> list[str]:
    return []


DYNALITE = Build(f"dynalite-{DYNALITE_VERSION}", _fetch_dynalite, _no_java_arguments)


@contextmanager
def running_dynalite() -> Iterator[str]:
    """Start dynalite, which needs Node.js and npm."""
    node, port = installed("node"), free_port()
    script = fetched(DYNALITE) / "node_modules" / "dynalite" / "cli.js"
    # Tables are active after 0.1 s, and gone after 0.1 s.
    times = ["--createTableMs", "100", "--deleteTableMs", "100"]
    with running_server([node, str(script), "--port", str(port), *times], port) as endpoint:
        yield endpoint


@contextmanager
def running_moto_server() -> Iterator[str]:
    """Start moto as a server of its own, which needs flask and flask-cors."""
    missing = [name for name in ("flask", "flask_cors") if find_spec(name) is None]
    if missing:
        raise DynamoDBLocalUnavailable(f"{' and '.join(missing)} missing: pip install moto[server]")
    port = free_port()
    with running_server([sys.executable, "-m", "moto.server", "-p", str(port)], port) as endpoint:
        yield endpoint


#: What starts each of them, by its name.
ENGINES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "dynamodb-local-3.1.0": partial(running_dynamodb_local, (MAVEN,)),
    "dynamodb-local-2020": partial(running_dynamodb_local, (NPM,)),
    "dynalite": running_dynalite,
    "moto-server": running_moto_server,
}
