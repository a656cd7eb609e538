"""A browser on the demo's page, and what the demo's table holds."""

from typing import Any

from webtest import TestApp, TestResponse

from beaker_dynamodb import session_model
from beaker_dynamodb.demo.table import TABLE, Endpoint

READ, WRITE, DELETE = "GetItem", "PutItem", "DeleteItem"


class Visitor:
    """A browser on the page of one backend, the one at this path."""

    def __init__(self, application: Any, path: str = "") -> None:
        self.browser = TestApp(application)
        self.path = path
        self.page: TestResponse = None

    def view(self) -> None:
        self.page = self.browser.get(f"{self.path}/")

    def add(self, item: str) -> None:
        self.post("/add", item=item)

    def post(self, path: str, **fields: str) -> None:
        self.page = self.browser.post(self.path + path, fields).follow()

    def in_another_browser(self) -> "Visitor":
        """The same session in a browser that the demo does not know."""
        other = Visitor(self.browser.app, self.path)
        other.browser.set_cookie(self.cookie, str(self.session_id))
        return other

    @property
    def cookie(self) -> str:
        return TABLE + self.path.replace("/", "-")

    @property
    def focused(self) -> list[str]:
        """The controls that take the keyboard focus when the page is loaded."""
        controls = self.page.html.select("[autofocus]")
        return [control.get_text() or control["name"] for control in controls]

    @property
    def session_id(self) -> str | None:
        value: str | None = self.browser.cookies.get(self.cookie)
        return value

    @property
    def text(self) -> str:
        return " ".join(self.page.html.get_text(" ").split())

    @property
    def heading(self) -> str:
        return " ".join(self.page.html.h1.get_text("").split())

    @property
    def figures(self) -> dict[str, str]:
        pairs = self.page.html.select(".figures > div")
        return {pair.dt.get_text(): pair.dd.get_text() for pair in pairs}

    @property
    def log(self) -> list[tuple[str, list[str], str]]:
        """Request, calls and outcome of each entry, the latest first."""
        return [
            (
                row.th.get_text(),
                [code.get_text() for code in row.select("code")],
                row.select_one(".outcome").get_text(),
            )
            for row in self.page.html.select("tbody tr")
        ]

    @property
    def outcomes(self) -> list[str]:
        """The outcome of each entry of the log, the latest first."""
        return [cell.get_text() for cell in self.page.html.select(".outcome")]

    @property
    def stored(self) -> dict[str, str]:
        """The values of the session and the attributes of its row, as the page shows them."""
        pairs = self.page.html.select(".pairs > div")
        return {pair.dt.get_text(): " ".join(pair.dd.get_text().split()) for pair in pairs}


def items(endpoint: Endpoint) -> list[Any]:
    """All items in the demo's table."""
    return list(session_model(table_name=TABLE, **endpoint.options).scan())


def keys(endpoint: Endpoint) -> list[str]:
    """The partition keys of all sessions in the demo's table."""
    return [item.id for item in items(endpoint) if item.version is not None]


def ended(endpoint: Endpoint) -> list[str]:
    """The partition keys of all markers in the demo's table."""
    return [item.id for item in items(endpoint) if item.ended is not None]
