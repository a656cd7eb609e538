"""Redis and PostgreSQL, started by the tests that need them; skipped at home if they are absent."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from .dynamodb_local import free_port
from .effort import IS_EXHAUSTIVE

Check = Callable[[], bool]

#: In seconds.
START_TIMEOUT = 60
POLL_INTERVAL = 0.02
#: Debian keeps PostgreSQL's programs out of the PATH.
POSTGRESQL_FOLDERS = "/usr/lib/postgresql"
#: PostgreSQL refuses to run as root.
POSTGRESQL_USER = "postgres"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis of this run."""
    program = shutil.which("redis-server") or _absent("redis-server")
    port = free_port()
    options = ["--port", f"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with _running([program, *options], _listens(port)):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this run."""
    programs = _postgresql_programs() or _absent("postgresql")
    port = free_port()
    with ExitStack() as stack:
        # Not tmp_path: its folders let nobody else in.
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        as_user: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:
            shutil.chown(folder, POSTGRESQL_USER)
            as_user["user"] = POSTGRESQL_USER
        data = f"{folder}/data"
        init: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "beaker",
            "-A",
            "trust",
            "--no-sync",
        ]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL, **as_user)
        options = ["-D", data, "-p", f"{port}", "-k", folder, "-F"]
        is_ready = partial(_succeeds, [programs / "pg_isready", "-h", "127.0.0.1", "-p", f"{port}"])
        stack.enter_context(_running([f"{programs / 'postgres'}", *options], is_ready, **as_user))
        yield f"postgresql+psycopg://beaker@127.0.0.1:{port}/postgres"


def _postgresql_programs() -> Path | None:
    folders = sorted(Path(POSTGRESQL_FOLDERS).glob("*/bin"), reverse=True)
    in_path = shutil.which("initdb")
    return next(iter([*folders, *([Path(in_path).parent] if in_path else [])]), None)


def _absent(service: str) -> NoReturn:
    reason = f"{service} is not installed: run `apt-get install {service}`"
    if IS_EXHAUSTIVE:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextmanager
def _running(arguments: list[str], is_ready: Check, **settings: Any) -> Iterator[None]:
    output = subprocess.DEVNULL
    process = subprocess.Popen(arguments, stdout=output, stderr=output, **settings)
    try:
        _wait_for(process, is_ready)
        yield
    finally:
        # To PostgreSQL, SIGTERM means to wait until all clients are gone.
        process.send_signal(signal.SIGINT)
        process.wait(START_TIMEOUT)


def _wait_for(process: subprocess.Popen[bytes], is_ready: Check) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        if is_ready():
            return
        time.sleep(POLL_INTERVAL)
    pytest.fail(f"{process.args!r} did not start", pytrace=False)


def _listens(port: int) -> Check:
    def connects() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return connects


def _succeeds(command: Sequence[str | Path]) -> bool:
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
