"""The demo's site: one page under Beaker's middleware, and the forms that it posts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from beaker.middleware import SessionMiddleware

from ..errors import BeakerDynamoDBError
from ..model import session_model
from . import view, words
from .counter import Asked, attach, counted_for
from .stored import stored_row
from .visits import GOODBYE, LOG_OUT, Request, Visit, Visits, cookie_header

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Change = Callable[[Any, str], str]

TABLE = "beaker-demo"
#: A life and an interval short enough to be watched.
LIFE = 900
TOUCH_INTERVAL = 10
MOST_ITEMS = 12
LONGEST_ITEM = 40
LONGEST_FORM = 10_000
FAREWELL = "/goodbye"
NOT_USED = "session not used"

CONTENT_SECURITY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", CONTENT_SECURITY),
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
]
TEXT_HEADERS = [("Content-Type", "text/plain; charset=utf-8")]


class Engine(NamedTuple):
    """An engine by its name, the options that lead to it, and whether it charges real units."""

    name: str
    options: dict[str, str]
    charges: bool


def demo_application(engine: Engine) -> Application:
    """The demo as a WSGI application; its table must be there."""
    settings = {
        "type": "ext:dynamodb",
        "table_name": TABLE,
        **engine.options,
        "ttl": str(LIFE),
        "touch_interval": str(TOUCH_INTERVAL),
        "key": TABLE,
        "httponly": "true",
    }
    configuration = {f"session.{name}": value for name, value in settings.items()}
    return _telling_errors(SessionMiddleware(_Site(engine, configuration), configuration))


def _telling_errors(application: Application) -> Application:
    """Outside of Beaker's middleware, which stores the session while a response starts."""

    def telling(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except BeakerDynamoDBError as error:
            start_response("503 Service Unavailable", TEXT_HEADERS, sys.exc_info())
            return [f"{type(error).__name__}: {error}\n".encode()]

    return telling


class _Site:
    def __init__(self, engine: Engine, configuration: dict[str, str]) -> None:
        self._engine = engine
        self._configuration = configuration
        self._model = session_model(table_name=TABLE, **engine.options)
        self._visits = Visits()
        attach(self._model.table_connection().connection.client)
        self._pages = {
            ("GET", "/"): self._show,
            ("GET", FAREWELL): self._say_goodbye,
            ("POST", "/add"): self._posting("add", _add, "/"),
            ("POST", "/renew"): self._posting("renew the id", _renew_id, "/"),
            ("POST", "/logout"): self._posting(LOG_OUT, _log_out, FAREWELL),
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        page = self._pages.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if page is None:
            start_response("404 Not Found", TEXT_HEADERS)
            return [b"There is no such page.\n"]
        visit = self._visits.find(environ.get("HTTP_COOKIE", ""))
        return page(environ, start_response, visit)

    def _show(
        self, environ: Environ, start_response: StartResponse, visit: Visit
    ) -> Iterable[bytes]:
        session, asked = environ["beaker.session"], Asked()
        with counted_for(asked):
            is_new = bool(session.is_new)
            if is_new:
                _greet(session)
            # Beaker stores the session inside: the page comes after, so that it can show all.
            start_response("200 OK", [*PAGE_HEADERS, cookie_header(visit)])
        visit.views += 1
        visit.note(Request(time.time(), "view", _outcome(is_new, asked), asked))
        row = stored_row(self._model, session.id)
        shown = view.Shown(session.id, dict(session.items()), row)
        return [self._page(visit, shown)]

    def _say_goodbye(
        self, _environ: Environ, start_response: StartResponse, visit: Visit
    ) -> Iterable[bytes]:
        if not visit.is_over:
            start_response("303 See Other", [*TEXT_HEADERS, ("Location", "/")])
            return [b""]
        visit.note(Request(time.time(), GOODBYE, NOT_USED, Asked(), False))
        start_response("200 OK", [*PAGE_HEADERS, cookie_header(visit)])
        return [self._page(visit, None)]

    def _page(self, visit: Visit, shown: view.Shown | None) -> bytes:
        return view.page(
            view.Frame(self._engine.name, self._engine.charges, TOUCH_INTERVAL, LIFE),
            self._configuration,
            visit,
            shown,
        ).encode()

    def _posting(self, action: str, change: Change, target: str) -> Callable[..., Iterable[bytes]]:
        def post(environ: Environ, start_response: StartResponse, visit: Visit) -> Iterable[bytes]:
            session, asked = environ["beaker.session"], Asked()
            with counted_for(asked):
                outcome = change(session, _item(environ))
                headers = [*TEXT_HEADERS, ("Location", target), cookie_header(visit)]
                start_response("303 See Other", headers)
            visit.note(Request(time.time(), action, outcome, asked, outcome != NOT_USED))
            return [b""]

        return post


def _greet(session: Any) -> None:
    session["first_visit"] = words.date_and_time(time.time())
    session.save()


def _outcome(is_new: bool, asked: Asked) -> str:
    if is_new:
        return "stored"
    return "renewed" if asked.writes else "nothing to write"


def _add(session: Any, item: str) -> str:
    if not item:
        return NOT_USED
    if session.is_new:
        _greet(session)
    basket = [*session.get("basket", []), item]
    session["basket"] = basket[-MOST_ITEMS:]
    session.save()
    return "changed"


def _renew_id(session: Any, _item: str) -> str:
    if session.is_new:
        _greet(session)
    session.regenerate_id()
    session.save()
    return "stored anew"


def _log_out(session: Any, _item: str) -> str:
    outcome = "nothing to delete" if session.is_new else "deleted"
    session.delete()
    return outcome


def _item(environ: Environ) -> str:
    length = min(int(environ.get("CONTENT_LENGTH") or 0), LONGEST_FORM)
    form = parse_qs(str(environ["wsgi.input"].read(length), "utf-8", "replace"))
    return form.get("item", [""])[0].strip()[:LONGEST_ITEM]
