"""The demo as a command, and Chromium; skipped if Playwright or Chromium is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.effort import IS_EXHAUSTIVE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
#: On a machine with other things to do, in milliseconds.
TIMEOUT = 60_000

#: A browser with cookies of its own, for Playwright's options of a context.
NewContext = Callable[..., "BrowserContext"]


@pytest.fixture(scope="session")
def demo() -> Iterator[str]:
    """The address of a demo in a process of its own."""
    with running_demo() as address:
        yield address


@contextmanager
def running_demo() -> Iterator[str]:
    """Run `beaker-dynamodb demo` at a free port."""
    arguments = [sys.executable, "-m", "beaker_dynamodb", "demo", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[4]
        finally:
            process.kill()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    reason = "Playwright is not installed: run `pip install --group browser`"
    sync_api = pytest.importorskip("playwright.sync_api", reason=reason)
    if installed_program() is None:
        absent("no Chromium in the PATH: run `apt-get install chromium`")
    with sync_api.sync_playwright() as playwright:
        yield launch(playwright)


def absent(reason: str) -> None:
    """Skip a test, or with CI=true fail it."""
    if IS_EXHAUSTIVE:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def installed_program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def launch(playwright: Any) -> Browser:
    """Start the machine's Chromium."""
    # Its sandbox refuses to run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    browser: Browser = playwright.chromium.launch(
        executable_path=installed_program(), args=arguments
    )
    return browser


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[NewContext]:
    contexts = []

    def new(**options: Any) -> BrowserContext:
        context = chromium.new_context(**options)
        context.set_default_timeout(TIMEOUT)
        contexts.append(context)
        return context

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def tab(new_context: NewContext, demo: str) -> Page:
    """A new visitor's tab on the page of DynamoDB."""
    page = new_context().new_page()
    page.goto(demo)
    return page
