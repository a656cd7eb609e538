"""The commands of each example's README, as they are printed, with the example's own server."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.conftest import Copy
from tests.support.dynamodb_local import free_port

ROOT = Path(__file__).parents[2]
START_TIMEOUT = 60
#: Starts the server of an example's folder, and waits until it answers.
Start = Callable[[Path, int], None]


def readme(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def commands(folder: Path) -> list[tuple[str, str]]:
    """The commands of the README, each with the output that follows it."""
    blocks = re.findall(r"```console\n(.*?)```", readme(folder), re.DOTALL)
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)


def in_this_environment(command: str) -> str:
    """The command with this Python, which has what the first one installs."""
    assert command.count(".venv/bin/python ") == 1
    return command.replace(".venv/bin/python ", f"exec {sys.executable} ")


def variables(folder: Path, dynamodb: Any) -> dict[str, str]:
    """The environment: DynamoDB Local, or none, so that the command starts moto."""
    own = {name: value for name, value in os.environ.items() if name != "SESSION_SECRET"}
    own["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(folder.parent / "shop")))
    if "endpoint_url" in dynamodb.options:
        own["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb.options["endpoint_url"]
    return own


@pytest.fixture
def start(dynamodb: Any) -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def start_server(folder: Path, port: int) -> None:
        [_, (command, _), *_] = commands(folder)
        process = subprocess.Popen(
            ["bash", "-c", in_this_environment(command)],
            cwd=folder,
            env=variables(folder, dynamodb),
            start_new_session=True,  # Ctrl-C in a terminal reaches the whole group
        )
        running.append(process)
        wait_for(process, port)

    yield start_server
    for process in running:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(START_TIMEOUT)


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")


def output_of(command: str, folder: Path, dynamodb: Any) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=variables(folder, dynamodb),
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("framework", "port"),
    [("pyramid", 6543), ("turbogears", 8081), ("bottle", 8082), ("flask", 8084), ("wsgi", 8085)],
)
def test_the_commands_print_what_the_readme_shows(
    framework: str, port: int, copy: Copy, start: Start, dynamodb: Any
) -> None:
    free = free_port()
    folder = copy(framework, **{str(port): str(free)})
    start(folder, free)
    visits = commands(folder)[2:]
    assert [output_of(visit, folder, dynamodb) for visit, _ in visits] == [
        printed for _, printed in visits
    ]
    assert len(visits) == 4


def test_the_events_print_what_the_readme_shows(copy: Copy, dynamodb: Any) -> None:
    folder = copy("lambda")
    [_, (command, _)] = commands(folder)
    [printed] = re.findall(r"^```\n(RestApi.*?)```$", readme(folder), re.DOTALL | re.MULTILINE)
    assert output_of(in_this_environment(command), folder, dynamodb) == printed


def test_readme_shows_commands_of_an_example() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Examples")[2]
    shown = re.findall(r"^\$ .*$", section.partition("###")[0], re.MULTILINE)
    assert [line[2:] for line in shown] == [
        command for command, _ in commands(ROOT / "examples" / "bottle")[:4]
    ]
