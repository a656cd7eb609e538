"""A site of one page, and the visitors who request it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from beaker.middleware import SessionMiddleware

from ..errors import ConfigurationError

try:
    from webtest import TestApp
except ModuleNotFoundError as error:
    raise ConfigurationError("these tests need WebTest: pip install webtest") from error

#: Beaker's options of a backend, without a prefix.
BackendOptions = dict[str, Any]

COOKIE = "beaker.session.id"

#: A page: it gets the session, and its result is the result of the request.
Page = Callable[[Any], Any]


class Site:
    """A WSGI application behind Beaker's session middleware, with a visitor of its own.

    Args:
        backend: Beaker's options, without ``session.``; ``type`` is ``ext:dynamodb`` unless given.
        session_options: further options of the session.
    """

    def __init__(self, backend: BackendOptions, **session_options: Any) -> None:
        options = {"type": "ext:dynamodb", **backend, **session_options}
        self.needs_save = not options.get("auto")
        # Beaker makes text of a serializer that is given with the prefix, also of an object.
        serializer = options.pop("data_serializer", "pickle")
        settings = {f"session.{option}": value for option, value in options.items()}
        self.application = SessionMiddleware(self._respond, settings, data_serializer=serializer)
        self._own_visitor = Visitor(self)

    def request(self, page: Page) -> Any:
        """Run a page for the site's own visitor; return its result."""
        return self._own_visitor.visit(page)

    @property
    def cookie(self) -> str | None:
        """The session's cookie, as the site's own visitor keeps it."""
        return self._own_visitor.cookie_value

    def use_cookie(self, value: str) -> None:
        """Let the site's own visitor send another session's cookie."""
        self._own_visitor.use_cookie(value)

    def visitor(self, **values: Any) -> Visitor:
        """A new visitor; with a session that holds the values, if there are any."""
        visitor = Visitor(self)
        if values:
            visitor.put(**values)
        return visitor

    def visitor_with(self, cookies: str) -> Visitor:
        """A visitor who sends this header, whatever cookies the site sets."""
        return Visitor(self, cookies)

    def _respond(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        result = environ["testing.page"](environ["beaker.session"])
        environ["testing.results"].append(result)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]


class Visitor:
    """A browser on a site; each method is one request.

    Args:
        site: the site that gets all the requests.
        cookies: a ``Cookie`` header that the browser sends instead of its cookies.
    """

    def __init__(self, site: Site, cookies: str | None = None) -> None:
        self.site = site
        header = {} if cookies is None else {"HTTP_COOKIE": cookies}
        self.browser = TestApp(site.application, extra_environ=header)
        self.cookies_set: list[str] = []

    def visit(self, page: Page) -> Any:
        """Run a page; return its result."""
        results: list[Any] = []
        environ = {"testing.page": page, "testing.results": results}
        response = self.browser.get("/", extra_environ=environ)
        self.cookies_set = response.headers.getall("Set-Cookie")
        return results[0]

    def change(self, page: Page) -> None:
        """Run a page that changes the session, and save the session unless ``auto`` is on."""

        def change_and_save(session: Any) -> None:
            page(session)
            if self.site.needs_save:
                session.save()

        self.visit(change_and_save)

    def put(self, **values: Any) -> None:
        """Put these values into the session."""
        self.change(lambda session: session.update(values))

    def remove(self, key: str) -> None:
        """Remove one key from the session."""
        self.change(lambda session: session.pop(key))

    def read(self) -> dict[str, Any]:
        """Everything that the application has put into the session."""
        return dict(self.visit(content))

    def read_id(self) -> str:
        """The id of the session."""
        return str(self.visit(lambda session: session.id))

    def see(self) -> None:
        """Request a page that does not use the session."""
        self.visit(lambda _session: None)

    def use_cookie(self, value: str) -> None:
        """Replace the cookies by one for the session."""
        # WebTest keeps cookies of another domain, as the site has set them, beside its own.
        self.browser.reset()
        self.browser.set_cookie(COOKIE, value)

    @property
    def cookie_value(self) -> str | None:
        """The session's cookie; None if the browser has none."""
        value: str | None = self.browser.cookies.get(COOKIE)
        return value.strip('"') if value else None  # WebTest quotes what it is given

    @property
    def cookie(self) -> str | None:
        """The ``Cookie`` header that the browser sends; None if it has no session."""
        return None if self.cookie_value is None else f"{COOKIE}={self.cookie_value}"


def content(session: Any) -> dict[str, Any]:
    """The session without Beaker's own keys."""
    return {key: session[key] for key in session if not key.startswith("_")}


def unknown_id() -> str:
    """An id like Beaker's, of no session."""
    return uuid4().hex
