"""A site of one page, and the visitors who ask for it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from beaker.middleware import SessionMiddleware
from webtest import TestApp

from .base import Contract, Options

COOKIE = "beaker.session.id"

Action = Callable[[Any], Any]


class Site:
    """A WSGI application behind Beaker's session middleware.

    Args:
        options: without ``session.``; unless ``auto`` is on, each change is saved explicitly.
    """

    def __init__(self, **options: Any) -> None:
        self.saves = not options.get("auto")
        settings = {f"session.{option}": value for option, value in options.items()}
        self.middleware = SessionMiddleware(self._respond, settings)

    def _respond(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        answer = environ["contract.action"](environ["beaker.session"])
        environ["contract.answers"].append(answer)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    def visitor(self, **values: Any) -> "Visitor":
        """Someone with an empty cookie jar, or, given values, with a session that holds them."""
        visitor = Visitor(self)
        if values:
            visitor.put(**values)
        return visitor

    def visitor_with(self, cookies: str) -> "Visitor":
        """Someone who sends this header, whatever cookies the site sets."""
        return Visitor(self, cookies)


class Visitor:
    """A browser on a site; each method is one request.

    Args:
        site: where all the requests go.
        cookies: a ``Cookie`` header to send instead of what is in the jar.
    """

    def __init__(self, site: Site, cookies: str | None = None) -> None:
        self.site = site
        header = {} if cookies is None else {"HTTP_COOKIE": cookies}
        self.browser = TestApp(site.middleware, extra_environ=header)
        self.cookies_set: list[str] = []

    def visit(self, action: Action) -> Any:
        """Let the page look at the session; return what it says."""
        answers: list[Any] = []
        environ = {"contract.action": action, "contract.answers": answers}
        response = self.browser.get("/", extra_environ=environ)
        self.cookies_set = response.headers.getall("Set-Cookie")
        return answers[0]

    def change(self, action: Action) -> None:
        """Let the page change the session, and save it where that takes a call."""

        def change_and_save(session: Any) -> None:
            action(session)
            if self.site.saves:
                session.save()

        self.visit(change_and_save)

    def put(self, **values: Any) -> None:
        """Put these values into the session."""
        self.change(lambda session: session.update(values))

    def remove(self, key: str) -> None:
        """Remove one key from the session."""
        self.change(lambda session: session.pop(key))

    def read(self) -> dict[str, Any]:
        """What the application has put into the session."""
        return dict(self.visit(content))

    def read_id(self) -> str:
        """The id of the session."""
        return str(self.visit(lambda session: session.id))

    def see(self) -> None:
        """Ask for a page that does not use the session."""
        self.visit(lambda _session: None)

    @property
    def cookie(self) -> str | None:
        """The header that the jar sends, None when it is empty."""
        value = self.browser.cookies.get(COOKIE)
        return None if value is None else f"{COOKIE}={value}"


def content(session: Any) -> dict[str, Any]:
    """The session without Beaker's own keys."""
    return {key: session[key] for key in session if not key.startswith("_")}


def unknown_id() -> str:
    """An id as Beaker makes them, of no session."""
    return uuid4().hex


class SiteContract(Contract):
    """One site for each serializer, with and without ``auto``."""

    @pytest.fixture(params=["pickle", "json"])
    def serializer(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture(params=[False, True], ids=["saved", "auto"])
    def auto(self, request: pytest.FixtureRequest) -> bool:
        return bool(request.param)

    @pytest.fixture
    def site(self, backend: Options, serializer: str, auto: bool) -> Site:
        options = self.session_options(backend, data_serializer=serializer, auto=auto)
        return Site(**options)
