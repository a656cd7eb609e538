"""Many requests of one session at once, under an ASGI bridge and under gevent."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware
from beaker.middleware import SessionMiddleware

from beaker_dynamodb.testing.site import Site
from tests.support.pages import KINDS, count

pytestmark = pytest.mark.usefixtures("create_table")

AT_ONCE = 8
KEYS = [f"key {number}" for number in range(AT_ONCE)]


def change_key_of_path(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """A page that changes the key that its query names."""
    session = environ["beaker.session"]
    session[environ["QUERY_STRING"].replace("%20", " ")] = 1
    session.save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b""]


async def request(application: Any, cookie: str, query: str) -> int:
    """The status of one request by ASGI."""
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"cookie", f"beaker.session.id={cookie}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await application(scope, receive, send)
    return int(statuses[0])


# moto checks a condition and writes in two steps, between which another thread can write.
@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
@pytest.mark.parametrize("kind", ["pickle", "encrypted json"])
def test_an_asgi_bridge_keeps_every_change_of_concurrent_requests(dynamodb: Any, kind: str) -> None:
    site = Site(dynamodb.options, **KINDS[kind])
    site.request(count)
    options = {"type": "ext:dynamodb", **dynamodb.options, **KINDS[kind]}
    bridge: Any = WSGIMiddleware(SessionMiddleware(change_key_of_path, **options), workers=AT_ONCE)

    async def ask_all() -> list[int]:
        requests = (request(bridge, str(site.cookie), key.replace(" ", "%20")) for key in KEYS)
        return list(await asyncio.gather(*requests))

    assert asyncio.run(ask_all()) == [200] * AT_ONCE
    assert site.request(lambda session: [session.get(key) for key in KEYS]) == [1] * AT_ONCE


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from beaker_dynamodb.testing.site import Site
from tests.support.pages import count

options, keys = eval(sys.argv[1])
first = Site(options)
first.request(count)

def change(key):
    site = Site(options)
    site.use_cookie(first.cookie)

    def page(session):
        session.load()
        gevent.sleep(0.1)
        session[key] = 1
        session.save()

    site.request(page)

gevent.joinall([gevent.spawn(change, key) for key in keys], raise_error=True)
print(sorted(first.request(lambda session: [key for key in keys if session.get(key) == 1])))
"""


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_greenlets_keep_every_change_of_concurrent_requests(dynamodb: Any) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GREENLETS, repr((dynamodb.options, KEYS))],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout.strip() == repr(KEYS), run.stderr
