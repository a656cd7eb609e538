"""The demo's site: one page under SessionMiddleware, and the forms that it posts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from ..errors import BeakerDynamoDBError
from ..middleware import SessionMiddleware
from . import wording
from .calls import CallCounter, attach, counted_by
from .page import PageData, SiteData, render
from .table import TABLE, DemoTable, Endpoint
from .visits import (
    ADD,
    GOODBYE,
    LOG_OUT,
    RENEW_ID,
    VIEW,
    Outcome,
    Request,
    Visit,
    Visits,
    cookie_header,
)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Handler = Callable[[Environ, StartResponse, Visit], Iterable[bytes]]

#: Short enough to watch them pass, in seconds.
TTL = 900
TOUCH_INTERVAL = 10
MOST_ITEMS = 12
LONGEST_ITEM = 40
LONGEST_FORM = 10_000
FAREWELL = "/goodbye"

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


def demo_application(endpoint: Endpoint) -> Application:
    """The demo as a WSGI application, for a table that exists."""
    settings = {
        "type": "ext:dynamodb",
        "table_name": TABLE,
        **endpoint.options,
        "ttl": str(TTL),
        "touch_interval": str(TOUCH_INTERVAL),
        "key": TABLE,
        "httponly": "true",
    }
    configuration = {f"session.{name}": value for name, value in settings.items()}
    shown = {name: value for name, value in configuration.items() if ".aws_" not in name}
    site_data = SiteData(endpoint.name, endpoint.reports_units, TOUCH_INTERVAL, TTL, shown)
    site = _Site(DemoTable(endpoint), site_data)
    # Outermost, as the middleware stores the session while a response starts.
    return partial(_reporting_errors, SessionMiddleware(site, configuration))


def _reporting_errors(
    application: Application, environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    try:
        return application(environ, start_response)
    except BeakerDynamoDBError as error:
        start_response("503 Service Unavailable", TEXT_HEADERS, sys.exc_info())
        return [f"{type(error).__name__}: {error}\n".encode()]


class _Form(NamedTuple):
    """A form of the page: its action, the page after it, and the outcome if it succeeds.

    `change` takes the session and the item, and returns whether it has found a session, or None
    if it does not use it.
    """

    action: str
    change: Callable[[Any, str], bool | None]
    target: str
    success: Outcome


class _Site:
    def __init__(self, table: DemoTable, site_data: SiteData) -> None:
        self._table = table
        self._data = site_data
        self._visits = Visits()
        attach(table.client)
        self._handlers: dict[tuple[str, str], Handler] = {
            ("GET", "/"): self._show,
            ("GET", FAREWELL): self._say_goodbye,
            **{("POST", path): partial(self._post, form) for path, form in _FORMS.items()},
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        handler = self._handlers.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if handler is None:
            start_response("404 Not Found", TEXT_HEADERS)
            return [b"There is no such page.\n"]
        visit = self._visits.find(environ.get("HTTP_COOKIE", ""))
        return handler(environ, start_response, visit)

    def _show(
        self, environ: Environ, start_response: StartResponse, visit: Visit
    ) -> Iterable[bytes]:
        session, counter = environ["beaker.session"], CallCounter()
        with counted_by(counter):
            is_new = bool(session.is_new)
            if is_new:
                _greet(session)
            # The middleware stores the session in this call, and the page can show the result.
            start_response("200 OK", [*PAGE_HEADERS, cookie_header(visit)])
        outcome = _view_outcome(visit, is_new, counter)
        visit.note(Request(time.time(), VIEW, outcome, counter))
        row = self._table.read(session.id)
        visit.expires = row.seen + row.left if row else None
        data = PageData(
            session.id, dict(session.items()), row, _value(environ.get("QUERY_STRING", ""), "focus")
        )
        return [render(self._data, visit, data).encode()]

    def _say_goodbye(
        self, _environ: Environ, start_response: StartResponse, visit: Visit
    ) -> Iterable[bytes]:
        if not visit.is_logged_out:
            start_response("303 See Other", [*TEXT_HEADERS, ("Location", "/")])
            return [b""]
        visit.note(Request(time.time(), GOODBYE, Outcome.NOT_USED, CallCounter()))
        start_response("200 OK", [*PAGE_HEADERS, cookie_header(visit)])
        return [render(self._data, visit, None).encode()]

    def _post(
        self, form: _Form, environ: Environ, start_response: StartResponse, visit: Visit
    ) -> Iterable[bytes]:
        counter = CallCounter()
        with counted_by(counter):
            found = form.change(environ["beaker.session"], _item(environ))
            headers = [*TEXT_HEADERS, ("Location", form.target), cookie_header(visit)]
            start_response("303 See Other", headers)
        outcome = _form_outcome(form, found, visit, counter)
        visit.note(Request(time.time(), form.action, outcome, counter))
        return [b""]


def _view_outcome(visit: Visit, is_new: bool, counter: CallCounter) -> Outcome:
    if is_new:
        return visit.stored_outcome(VIEW, counter)
    if not counter.writes:
        return Outcome.NOTHING_TO_WRITE
    if counter.ends_stored:
        return Outcome.RENEWED
    return Outcome.NOT_RENEWED if counter.has_refusal else Outcome.RENEWAL_FAILED


def _form_outcome(form: _Form, found: bool | None, visit: Visit, counter: CallCounter) -> Outcome:
    if found is None:
        return Outcome.NOT_USED
    if form.action == LOG_OUT:
        return form.success if found else visit.logout_outcome(counter)
    if not found:
        return visit.stored_outcome(form.action, counter)
    return form.success if counter.ends_stored else Outcome.NOTHING_WRITTEN


def _greet(session: Any) -> None:
    session["first_visit"] = wording.date_and_time(time.time())
    session.save()


def _add(session: Any, item: str) -> bool | None:
    if not item:
        return None
    found = _find(session)
    basket = [*session.get("basket", []), item]
    session["basket"] = basket[-MOST_ITEMS:]
    session.save()
    return found


def _renew_id(session: Any, _item: str) -> bool:
    found = _find(session)
    session.regenerate_id()
    session.save()
    return found


def _log_out(session: Any, _item: str) -> bool:
    found = not session.is_new
    session.delete()
    return found


def _find(session: Any) -> bool:
    """Whether there is a session; if not, begin one."""
    found = not session.is_new
    if not found:
        _greet(session)
    return found


def _item(environ: Environ) -> str:
    length = min(int(environ.get("CONTENT_LENGTH") or 0), LONGEST_FORM)
    form = str(environ["wsgi.input"].read(length), "utf-8", "replace")
    return _value(form, "item")[:LONGEST_ITEM]


def _value(query: str, name: str) -> str:
    return parse_qs(query).get(name, [""])[0].strip()


_FORMS = {
    "/add": _Form(ADD, _add, "/?focus=item", Outcome.CHANGED),
    "/renew": _Form(RENEW_ID, _renew_id, "/?focus=renew", Outcome.MOVED),
    "/logout": _Form(LOG_OUT, _log_out, FAREWELL, Outcome.ENDED),
}
