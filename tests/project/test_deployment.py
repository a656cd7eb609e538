"""The page about deployment: its programs, settings and commands run in real servers."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_gateway import EVENTS, Event, answer_of_function
from tests.support.dynamodb_local import free_port

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
START_TIMEOUT = 60
STOP_TIMEOUT = 20

pytestmark = [
    pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True),
    pytest.mark.usefixtures("create_table"),
]


def block(text: str, language: str, part: str) -> str:
    [found] = [
        each for each in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if part in each
    ]
    return found


def command(server: str) -> str:
    """The line of the page that starts a server."""
    [found] = re.findall(rf"^\$ ({re.escape(server)} .*)$", PAGE, re.MULTILINE)
    return found


@pytest.fixture
def folder(dynamodb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the site, whose table is the test's, and the environment for it."""
    table = dynamodb.options["table_name"]
    files = {
        "app.py": block(README, "python", "make_server").replace('"sessions"', repr(table)),
        "wsgi.py": block(PAGE, "python", "site = Session"),
        "asgi.py": block(PAGE, "python", "a2wsgi"),
        "uwsgi.ini": block(PAGE, "ini", "[uwsgi]"),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = {
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.options["endpoint_url"],
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "SESSION_SECRET": "a-secret-of-my-own",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[str], "Browser"]]:
    """Runs a command in the folder of the site, and opens a browser at the port that it gets."""
    running = []

    def start(line: str) -> Browser:
        name, *arguments = shlex.split(line.replace("8080", str(port := free_port())))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [program(name), *arguments], cwd=folder, stdout=log, stderr=log
            )
        running.append(process)
        return Browser(f"http://127.0.0.1:{port}/", process)

    yield start
    for process in running:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def program(name: str) -> str:
    """The path of a server's program; without it the test is skipped."""
    beside_python = Path(sys.executable).parent
    path = shutil.which(name, path=f"{beside_python}{os.pathsep}{os.environ['PATH']}")
    return path or pytest.skip(f"{name} is not installed")


class Browser:
    """A browser of one site; it waits until the site's server answers."""

    def __init__(self, url: str, process: "subprocess.Popen[bytes]") -> None:
        self._url = url
        self._process = process
        self._cookie = ""

    def visit(self) -> str:
        """The text of the page, or its status if that is an error."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                return self._request()
            except urllib.error.HTTPError as error:
                return f"status {error.code}\n"
            except OSError:
                time.sleep(0.1)
        return "no answer\n"

    def _request(self) -> str:
        request = urllib.request.Request(self._url, headers={"Cookie": self._cookie})
        with urllib.request.urlopen(request, timeout=10) as response:
            cookies = response.headers.get_all("Set-Cookie", [])
            self._cookie = cookies[0].partition(";")[0] if cookies else self._cookie
            return str(response.read(), "utf-8")


@pytest.mark.parametrize("server", ["gunicorn", "uwsgi", "waitress-serve", "uvicorn", "hypercorn"])
def test_the_command_of_a_server_counts_visits(
    start: Callable[[str], Browser], server: str
) -> None:
    browser = start(command(server))
    assert [browser.visit() for _ in range(3)] == ["visit 1\n", "visit 2\n", "visit 3\n"]


@pytest.mark.parametrize("options", ["--worker-class=sync", "--worker-class=gthread --threads=2"])
def test_gunicorn_with_preload_counts_visits(start: Callable[[str], Browser], options: str) -> None:
    browser = start(f"gunicorn --bind=127.0.0.1:8080 --workers=2 {options} --preload wsgi:site")
    assert [browser.visit() for _ in range(3)] == ["visit 1\n", "visit 2\n", "visit 3\n"]


class TestGeventWithPreload:
    COMMAND = "gunicorn --bind=127.0.0.1:8080 --worker-class=gevent --preload wsgi:site"

    @pytest.fixture(autouse=True)
    def gevent(self) -> None:
        pytest.importorskip("gevent")

    def test_works_with_the_lines_of_the_page(
        self, folder: Path, start: Callable[[str], Browser]
    ) -> None:
        lines = block(PAGE, "python", "patch_all")
        (folder / "gunicorn.conf.py").write_text(lines, encoding="utf-8")
        assert start(self.COMMAND).visit() == "visit 1\n"

    def test_fails_without_them_as_the_page_says(
        self, folder: Path, start: Callable[[str], Browser]
    ) -> None:
        [message] = re.findall(r"^ConfigurationError: (gevent .*)$", PAGE, re.MULTILINE)
        assert start(self.COMMAND).visit() == "status 500\n"
        assert message in (folder / "log").read_text(encoding="utf-8")


class TestTheFunctionOfLambda:
    @pytest.fixture
    def function(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        """The page's handler, imported once, as an execution environment does it."""
        pytest.importorskip("apig_wsgi")
        handler = folder / "lambda_function.py"
        handler.write_text(block(PAGE, "python", "apig_wsgi"), encoding="utf-8")
        monkeypatch.syspath_prepend(folder)
        yield runpy.run_path(str(handler))["lambda_handler"]
        for name in ("app", "wsgi"):
            del sys.modules[name]

    @pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
    def test_counts_visits(self, function: Any, event: Event) -> None:
        cookie, pages = "shop=7", []
        for _ in range(3):
            page, cookie = answer_of_function(function(event(cookie), None), cookie)
            pages.append(page)
        assert pages == ["visit 1\n", "visit 2\n", "visit 3\n"]
