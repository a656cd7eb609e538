"""The page about deployment: its programs and its gunicorn.conf.py run in a real server."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.dynamodb_local import free_port

pytest.importorskip("gevent")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
START_TIMEOUT = 30
Server = Callable[..., str]

pytestmark = [
    pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True),
    pytest.mark.usefixtures("create_table"),
]


def program(text: str, part: str) -> str:
    [block] = [
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if part in block
    ]
    return block


@pytest.fixture
def server(dynamodb: Any, tmp_path: Path) -> Iterator[Server]:
    """Starts gunicorn with gevent and --preload, and returns what it answers."""
    table = dynamodb.options["table_name"]
    application = program(README, "make_server").replace('"sessions"', repr(table))
    (tmp_path / "app.py").write_text(application, encoding="utf-8")
    (tmp_path / "wsgi.py").write_text(program(PAGE, "site = Session"), encoding="utf-8")
    log, running = tmp_path / "log", []

    def start(configuration: str) -> str:
        (tmp_path / "gunicorn.conf.py").write_text(configuration, encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        options = [f"--bind={address}", "--worker-class=gevent", "--preload", "wsgi:site"]
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.options["endpoint_url"],
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "SESSION_SECRET": "a-secret-of-my-own",
        }
        command = [sys.executable, "-m", "gunicorn", *options]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=output, stderr=output
            )
        running.append(process)
        return answer_of(f"http://{address}/", process) + log.read_text(encoding="utf-8")

    yield start
    for process in running:
        process.terminate()
        process.wait()


def answer_of(url: str, process: subprocess.Popen[bytes]) -> str:
    """The text of a page, once the server answers, or its status if that is an error."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return str(response.read(), "utf-8")
        except urllib.error.HTTPError as error:
            return f"status {error.code}\n"
        except OSError:
            time.sleep(0.1)
    return "no answer\n"


def test_gevent_with_preload_works_with_the_lines_of_the_page(server: Server) -> None:
    assert server(program(PAGE, "patch_all")).startswith("visit 1\n")


def test_gevent_with_preload_fails_without_them_as_the_page_says(server: Server) -> None:
    [message] = re.findall(r"^ConfigurationError: (gevent .*)$", PAGE, re.MULTILINE)
    answer = server("")
    assert answer.startswith("status 500\n")
    assert message in answer
