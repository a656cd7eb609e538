"""The demo's sites, one for each backend: a page under SessionMiddleware, and its forms."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from ..errors import BeakerDynamoDBError
from ..middleware import SessionMiddleware
from .backends import TOUCH_INTERVAL, TTL, Backend, dynamodb_backend, memory_backend
from .calls import CallCounter, attach, counted_by
from .forms import FAREWELL, FORMS, Form, greet, read_fields
from .overlap import Overlap
from .page import PageData, SiteData, render
from .table import Endpoint
from .visits import GOODBYE, LOG_OUT, VIEW, Outcome, Request, Visit, Visits

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Handler = Callable[[Environ, StartResponse, Visit], Iterable[bytes]]

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
    backends = [dynamodb_backend(endpoint), memory_backend()]
    sites = {backend.path: _application(backend, backends) for backend in backends}
    # Outermost, as the middleware stores the session while a response starts.
    return partial(_reporting_errors, partial(_call_site, sites))


def _application(backend: Backend, backends: list[Backend]) -> Application:
    return SessionMiddleware(_Site(backend, backends), backend.configuration)


def _call_site(
    sites: dict[str, Application], environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    """Call the site at the longest path that the request's begins with."""
    path = environ["PATH_INFO"]
    mount = max((mount for mount in sites if path.startswith(f"{mount}/")), key=len, default="")
    inside = {
        **environ,
        "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + mount,
        "PATH_INFO": path.removeprefix(mount),
    }
    return sites[mount](inside, start_response)


def _reporting_errors(
    application: Application, environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    try:
        return application(environ, start_response)
    except BeakerDynamoDBError as error:
        start_response("503 Service Unavailable", TEXT_HEADERS, sys.exc_info())
        return [f"{type(error).__name__}: {error}\n".encode()]


class _Site:
    def __init__(self, backend: Backend, backends: list[Backend]) -> None:
        self._backend = backend
        self._data = SiteData(backend, backends, TOUCH_INTERVAL, TTL)
        self._visits = Visits(f"{backend.cookie}-visit")
        if backend.table:
            attach(backend.table.client)
        self._handlers: dict[tuple[str, str], Handler] = {
            ("GET", "/"): self._show,
            ("GET", FAREWELL): self._say_goodbye,
            **{("POST", path): partial(self._post, form) for path, form in FORMS.items()},
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
                greet(session)
            # The middleware stores the session in this call, and the page can show the result.
            start_response("200 OK", [*PAGE_HEADERS, self._visits.cookie_header(visit)])
        view_outcome = self._backend.view_outcome
        outcome = visit.stored_outcome(VIEW, counter) if is_new else view_outcome(counter)
        view = Request(time.time(), VIEW, outcome, counter)
        visit.note(view)
        table = self._backend.table
        row = table.read(session.id) if table else None
        visit.expires = row.seen + row.left if row else None
        focus = _focus(environ)
        posted = visit.posted.pop(focus, None) if focus else None
        data = PageData(session.id, dict(session.items()), row, focus, posted)
        return [render(self._data, visit, view, data).encode()]

    def _say_goodbye(
        self, environ: Environ, start_response: StartResponse, visit: Visit
    ) -> Iterable[bytes]:
        if not visit.is_logged_out:
            location = f"{environ['SCRIPT_NAME']}/"
            start_response("303 See Other", [*TEXT_HEADERS, ("Location", location)])
            return [b""]
        goodbye = Request(time.time(), GOODBYE, Outcome.NOT_USED, CallCounter())
        visit.note(goodbye)
        start_response("200 OK", [*PAGE_HEADERS, self._visits.cookie_header(visit)])
        return [render(self._data, visit, goodbye, None).encode()]

    def _post(
        self, form: Form, environ: Environ, start_response: StartResponse, visit: Visit
    ) -> Iterable[bytes]:
        session, fields, counter = environ["beaker.session"], read_fields(environ), CallCounter()
        location = f"{environ['SCRIPT_NAME']}{form.target}"
        found, overlap = None, None
        with counted_by(counter):
            if form.is_filled(fields):
                overlap = Overlap(session) if form.is_slow else None
                found = form.change(session, fields)
            if overlap and found:
                overlap.wait(visit)
            headers = [*TEXT_HEADERS, ("Location", location), self._visits.cookie_header(visit)]
            start_response("303 See Other", headers)
        outcome, others = overlap.outcome() if overlap and found else (None, "")
        outcome = outcome or self._form_outcome(form, found, visit, counter)
        request = Request(time.time(), form.action, outcome, counter, others)
        visit.posted[form.control] = request
        visit.note(request)
        return [b""]

    def _form_outcome(
        self, form: Form, found: bool | None, visit: Visit, counter: CallCounter
    ) -> Outcome:
        if found is None:
            return Outcome.NOT_USED
        if found:
            return self._backend.change_outcome(form.success, counter)
        if form.action == LOG_OUT:
            return visit.logout_outcome(counter)
        return visit.stored_outcome(form.action, counter)


def _focus(environ: Environ) -> str:
    """The control that the address names."""
    return parse_qs(str(environ.get("QUERY_STRING", ""))).get("focus", [""])[0]
