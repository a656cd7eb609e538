"""A site with one session store, in a process of its own; it measures its own CPU time.

    python -m benchmarks.peers.application '{"kind": "beaker", "settings": {...}, ...}'

It prints its port. Each request is a POST with a JSON object; /cpu returns the CPU time of each
request since the last call of /cpu, in microseconds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import botocore.session
from beaker.middleware import SessionMiddleware

import beaker_dynamodb
from beaker_dynamodb.testing.clock import Clock

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
#: What the pages of a site do with a session and the values that the browser sends.
Pages = dict[str, Callable[[Any, dict[str, Any]], object]]

KEYS = {"aws_access_key_id": "benchmark", "aws_secret_access_key": "benchmark"}
REGION = "us-east-1"
SECRET = "benchmark"


def put(session: Any, values: dict[str, Any]) -> None:
    session.update(values)
    session.save()


BEAKER_PAGES: Pages = {
    "/login": put,
    "/read": lambda session, _: session["user_id"],
    "/change": put,
    "/logout": lambda session, _: session.delete(),
}
FLASK_PAGES: Pages = {
    **BEAKER_PAGES,
    "/login": lambda session, values: session.update(values),
    "/change": lambda session, values: session.update(values),
    "/logout": lambda session, _: session.clear(),
}


def values_of(environ: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    return values


def beaker_page(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    page = BEAKER_PAGES[environ["PATH_INFO"]]
    answer = page(environ["beaker.session"], values_of(environ))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{answer}".encode()]


def beaker(endpoint: str, table: str, settings: dict[str, Any]) -> Application:
    """Beaker's middleware, or this package's for `ext:dynamodb`."""
    options = {"secret": SECRET, "timeout": 3600, **settings}
    if options["type"] != "ext:dynamodb":
        site: Application = SessionMiddleware(beaker_page, prefixed(options))
        return site
    place = {"endpoint_url": endpoint, "region": REGION, "table_name": table, **KEYS}
    place["read_timeout"] = "60"  # a busy machine retries no call
    return beaker_dynamodb.SessionMiddleware(beaker_page, prefixed({**place, **options}))


def prefixed(options: dict[str, Any]) -> dict[str, Any]:
    return {f"session.{name}": value for name, value in options.items()}


def flask_site(endpoint: str, table: str, settings: dict[str, Any]) -> Application:
    """Flask-Session's DynamoDB backend as its documentation sets it up."""
    import boto3  # noqa: PLC0415  # the other kinds do without these libraries
    import flask  # noqa: PLC0415
    import flask_session  # noqa: PLC0415

    site = flask.Flask(__name__)
    site.config |= {
        "SESSION_TYPE": "dynamodb",
        "SESSION_DYNAMODB": boto3.resource("dynamodb", REGION, endpoint_url=endpoint, **KEYS),
        "SESSION_DYNAMODB_TABLE": table,
        **settings,
    }
    flask_session.Session(site)

    @site.post("/<name>")
    def page(name: str) -> str:
        return f"{FLASK_PAGES[f'/{name}'](flask.session, flask.request.get_json())}"

    return site


def raw(endpoint: str, table: str, settings: dict[str, Any]) -> Application:
    """No session: each request is one GetItem of botocore, of a row like one of this package."""
    place: dict[str, Any] = {"endpoint_url": endpoint, "region": REGION, "table_name": table}
    options: dict[str, Any] = {**place, **KEYS}
    beaker_dynamodb.create_table(**options)
    session = botocore.session.Session()
    session.set_credentials(*KEYS.values())
    client = session.create_client("dynamodb", REGION, endpoint_url=endpoint)
    key = {"id": {"S": "a" * 64}, "item": {"S": "session"}}
    texts = {name: {"S": "b" * 12} for name in ("version", "birth")}
    times = {name: {"N": "4102444800.123"} for name in ("touched", "created", "expires")}
    client.put_item(TableName=table, Item={**key, "data": {"B": b"c" * 1000}, **texts, **times})

    def page(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        answer = client.get_item(TableName=table, Key=key, **settings)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [answer["Item"]["version"]["S"].encode()]

    return page


KINDS = {"beaker": beaker, "flask": flask_site, "raw": raw}


class Measured:
    """An application that records the CPU time of each request.

    Args:
        application: what is measured.
        pause: seconds by which the clock of this process advances before each request. It stands
            still meanwhile, so that a slow machine renews no session.
    """

    def __init__(self, application: Application, pause: float) -> None:
        self._application = application
        self._pause = pause
        self._clock = Clock()
        self._times: list[int] = []
        time.time = lambda: self._clock.now

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/cpu":
            return self._report(start_response)
        self._clock.advance(self._pause)
        begin = time.process_time_ns()
        content = whole(self._application(environ, start_response))
        self._times.append((time.process_time_ns() - begin) // 1000)
        return [content]

    def _report(self, start_response: Callable[..., Any]) -> list[bytes]:
        times, self._times = self._times, []
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(times).encode()]


def whole(body: Iterable[bytes]) -> bytes:
    try:
        return b"".join(body)
    finally:
        getattr(body, "close", bool)()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing: the benchmark makes thousands of requests."""


def main(words: list[str]) -> None:
    kind, endpoint, table, settings, pause = json.loads(words[0]).values()
    site = Measured(KINDS[kind](endpoint, table, settings), pause)
    with make_server("127.0.0.1", 0, site, handler_class=Quiet) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
