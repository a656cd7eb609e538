"""The servers of the soak: DynamoDB Local, which can be restarted, and gunicorn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tests.support.dynamodb_local import MAVEN, free_port, running_dynamodb_local

START_TIMEOUT = 60
WORKERS, THREADS = 2, 4
ENVIRONMENT = {
    "AWS_EC2_METADATA_DISABLED": "true",
    # glibc gives large blocks back at once, so that resident memory is what is held (mallopt(3)).
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}


class RestartableDynamoDBLocal:
    """DynamoDB Local with its tables on disk, at one port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._running = ExitStack()

    def __enter__(self) -> RestartableDynamoDBLocal:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self._port}"

    def restart(self, pause: float) -> None:
        """Stop it, and start it again after some seconds."""
        self._running.close()
        time.sleep(pause)
        self._start()

    def _start(self) -> None:
        self._running.enter_context(running_dynamodb_local([MAVEN], self._port, self._folder))


class Gunicorn:
    """The site under gunicorn."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self._process = process
        self.url = url

    def workers(self) -> list[int]:
        """The worker processes."""
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        return [int(child) for child in children.split()]

    def kill_worker(self) -> None:
        """Kill one of them; gunicorn starts another."""
        os.kill(self.workers()[0], signal.SIGKILL)


@contextmanager
def running_gunicorn(endpoint: str, log: IO[bytes]) -> Iterator[Gunicorn]:
    """gunicorn with the site, loaded before the workers are forked."""
    port = free_port()
    options = ["--preload", "--worker-class=gthread", f"--workers={WORKERS}"]
    options += [f"--threads={THREADS}", f"--bind=127.0.0.1:{port}", "--timeout=120"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, "tests.soak.application:from_environment()"],
        env={**os.environ, **ENVIRONMENT, "SOAK_ENDPOINT": endpoint},
        stdout=log,
        stderr=log,
    )
    try:
        server = Gunicorn(process, f"http://127.0.0.1:{port}")
        _wait_until_it_answers(server.url, process)
        yield server
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/vitals", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("gunicorn did not start")
