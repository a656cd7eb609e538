"""Sites with the stores, each in a process of its own, and the browsers that visit them."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from tests.support.dynamodb_local import cache_folder, free_port, run
from tests.support.trace import CHANGES, READS

from .sessions import content
from .stores import NODE, Store

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
START_TIMEOUT, TIMEOUT = 60, 600

#: The requests of a user after the login.
STEPS: list[tuple[str, dict[str, Any]]] = [
    *[("/read", {})] * READS,
    *[("/change", {"page": page}) for page in range(CHANGES)],
    ("/logout", {}),
]


@dataclass(frozen=True)
class Site:
    """A running site.

    Attributes:
        store: where it keeps its sessions.
        port: where it listens.
        table: the DynamoDB table of its own.
    """

    store: Store
    port: int
    table: str

    def log_in(self, number: int) -> Browser:
        """A new browser, logged in as a user with this number."""
        browser = Browser(self.port)
        browser.post("/login", content(number))
        return browser

    def visit(self, number: int) -> None:
        """What one user of the trace does."""
        self.visit_in_turn([number])

    def visit_in_turn(self, numbers: Iterable[int]) -> None:
        """What some users do, each a request in turn."""
        browsers = [(self._user_of(number), self.log_in(number)) for number in numbers]
        for path, values in STEPS:
            for user, browser in browsers:
                answer = browser.post(path, values)
                if path == "/read" and answer != user:
                    raise RuntimeError(f"{self.store.name} has lost a session: it has {answer}")

    def _user_of(self, number: int) -> str:
        return "b" * 12 if self.store.kind == "raw" else f"{content(number)['user_id']}"

    def take_times(self) -> list[int]:
        """CPU time of each request since the last call, in microseconds."""
        times: list[int] = json.loads(Browser(self.port).post("/cpu"))
        return times


class Browser:
    """A browser with the cookies of one site.

    Args:
        port: of the site.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies: SimpleCookie = SimpleCookie()

    def post(self, path: str, values: dict[str, Any] | None = None) -> str:
        """Request a page.

        Raises:
            RuntimeError: the site answers with an error.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        cookie = "; ".join(f"{name}={each.coded_value}" for name, each in self._cookies.items())
        headers = {"Content-Type": "application/json", "Connection": "close", "Cookie": cookie}
        connection.request("POST", path, json.dumps(values or {}), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path} on port {self._port}: {answer.status} {text}")
        for header in answer.headers.get_all("Set-Cookie", []):
            self._cookies.load(header)
        return text


@contextmanager
def running_site(
    store: Store, endpoint: str, table: str, redis_url: str, pause: float = 0.0
) -> Iterator[Site]:
    """A site with a store, until the context ends.

    Args:
        store: where it keeps its sessions.
        endpoint: URL of DynamoDB.
        table: a DynamoDB table of its own.
        redis_url: of a running Redis.
        pause: seconds that its clock advances before each request; it stands still meanwhile.
    """
    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps(store.settings).replace("REDIS_URL", redis_url).replace("FOLDER", folder)
        given = {"kind": store.kind, "endpoint": endpoint, "table": table}
        words = json.dumps({**given, "settings": json.loads(text), "pause": pause})
        program, place = _program_of(store)
        # A session of its own: Ctrl-C reaches the command alone, which then ends the site.
        with subprocess.Popen(
            [*program, words], cwd=place, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout
            try:
                yield Site(store, int(process.stdout.readline()), table)
            finally:
                process.terminate()


def _program_of(store: Store) -> tuple[list[str], Path]:
    if store.runs_in_node:
        return [NODE, str(HERE / "server.mjs")], npm_folder()
    return [sys.executable, "-m", f"{__package__}.application"], ROOT


def npm_folder() -> Path:
    """The folder with the installed packages of npm, outside the source tree."""
    listed = HERE / "package.json"
    digest = sha256(listed.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"npm-stores-{digest}"
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(listed, folder)
        run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
    return folder


@contextmanager
def running_redis() -> Iterator[str]:
    """URL of an empty Redis; one that leads nowhere if Redis is not installed."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    program = shutil.which("redis-server")
    if program is None:
        yield url
        return
    options = ["--port", f"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen([program, *options], cwd=os.sep, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield url
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {START_TIMEOUT} seconds")
