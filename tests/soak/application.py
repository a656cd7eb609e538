"""The site under load: Pyramid, with its sessions and a cache in DynamoDB.

gunicorn loads it before it forks, and its connection is already in use.
"""

import gc
import os
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from zlib import crc32

from beaker.cache import cache_region
from pyramid.config import Configurator

from beaker_dynamodb import StoreUnavailable

SETTINGS = {
    "session.region": "us-east-1",
    "session.aws_access_key_id": "test",
    "session.aws_secret_access_key": "test",
    "session.table_name": "soak",
    "session.connect_timeout": "0.5",
    "session.read_timeout": "1",
    "session.touch_interval": "1",
    "session.signing_key": "a key of more than thirty-two characters",
    "cache.regions": "short",
    "cache.short.type": "ext:dynamodb",
    "cache.short.expire": "1",
}
IN_URL = "aws_access_key_id=test&aws_secret_access_key=test&connect_timeout=0.5&read_timeout=1"


#: Larger than one item, and incompressible.
LARGE = random.Random(1).randbytes(450_000)


@cache_region("short", "article")
def article_text(number: str) -> str:
    """A slow function."""
    return f"article {number}"


class Account:
    """Contains the class of a session's value: pickle stores its qualified name."""

    @dataclass
    class Login:
        """Who is logged in."""

        user: str


class Window(Enum):
    """A key of a session that is no text."""

    B = "b"


#: A session's keys, by their names in a request and on a page.
KEYS: dict[str, Any] = {"a": b"a", "b": Window.B}


def shown(session: Mapping[Any, Any]) -> dict[str, Any]:
    """The application's keys of a session by their names; the large value as its checksum."""
    if "login" not in session:
        return {}
    found = {name: session[key] for name, key in KEYS.items() if key in session}
    if "large" in session:
        found["large"] = crc32(session["large"])
    return {"user": session["login"].user, **found}


def content(request: Any) -> dict[str, Any]:
    return shown(request.session)


def log_in(request: Any) -> dict[str, Any]:
    """A page that begins a new session, over the one that the browser has, if any."""
    request.session.clear()
    request.session["login"] = Account.Login(request.params["user"])
    if "large" in request.params:
        request.session["large"] = LARGE
    return content(request)


def renew(request: Any) -> dict[str, Any]:
    """A page that gives the session a new id."""
    if "login" in request.session:
        request.session.regenerate_id()
    return content(request)


def change(request: Any) -> dict[str, Any]:
    """A page for logged-in users: Beaker would create a session under an ended id."""
    if "login" in request.session:
        request.session[KEYS[request.params["key"]]] = int(request.params["number"])
    return content(request)


def log_out(request: Any) -> dict[str, Any]:
    WAYS_OUT[request.params["way"]](request.session)
    return {}


#: The ways in which applications end a session.
WAYS_OUT: dict[str, Callable[[Any], object]] = {
    "delete": lambda session: session.delete(),
    "clear": lambda session: session.clear() or session.save(),
    "invalidate": lambda session: session.invalidate(),
    "do_remove": lambda session: session.namespace.do_remove(),
}


def article(request: Any) -> dict[str, Any]:
    return {"text": article_text(request.params["number"])}


def vitals(_request: Any) -> dict[str, Any]:
    """This worker's threads, open sockets, and resident memory in KiB, without garbage."""
    gc.collect()
    files = list(Path("/proc/self/fd").iterdir())
    status = Path("/proc/self/status").read_text(encoding="ascii")
    memory = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
    return {
        "process": os.getpid(),
        "threads": threading.active_count(),
        "sockets": sum(map(is_socket, files)),
        "memory": int(memory),
    }


def is_socket(file: Path) -> bool:
    try:
        return str(file.readlink()).startswith("socket:")
    except FileNotFoundError:  # closed after it was listed
        return False


VIEWS = {
    "login": log_in,
    "renew": renew,
    "change": change,
    "read": content,
    "logout": log_out,
    "article": article,
    "vitals": vitals,
}


class OutagePages:
    """Answers with 503 if DynamoDB does not answer; any other error is the server's 500."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: Any, start_response: Any) -> Any:
        try:
            return self._application(environ, start_response)
        except StoreUnavailable:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"try again"]


def make_application(endpoint: str) -> Any:
    url = f"dynamodb://us-east-1/soak?endpoint_url={endpoint}&{IN_URL}"
    cache = f"{url}&on_outage=miss&lock_timeout=2&stale_ttl=10"
    settings = {**SETTINGS, "session.endpoint_url": endpoint, "cache.short.url": cache}
    config = Configurator(settings=settings)
    config.include("beaker_dynamodb.pyramid")
    for name, view in VIEWS.items():
        config.add_route(name, f"/{name}")
        config.add_view(view, route_name=name, renderer="json")
    article_text("0")
    return OutagePages(config.make_wsgi_app())


def from_environment() -> Any:
    """The entry point of gunicorn: `tests.soak.application:from_environment()`."""
    return make_application(os.environ["SOAK_ENDPOINT"])
