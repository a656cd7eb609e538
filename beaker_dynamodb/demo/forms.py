"""The forms of the page, and how each of them changes the session."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from . import wording
from .visits import ADD, ADD_SLOWLY, LOG_OUT, RENEW_ID, SET_CITY, Outcome

MOST_ITEMS = 12
LONGEST_VALUE = 40
LONGEST_FORM = 10_000
FAREWELL = "/goodbye"

Fields = Mapping[str, str]


class Form(NamedTuple):
    """A form of the page: its action, the control that it gives the focus to, its success.

    `change` returns whether it has found a session. It is not called if the field that the form
    needs is empty. A slow form saves the session only after another request has changed it.
    """

    action: str
    change: Callable[[Any, Fields], bool]
    control: str
    success: Outcome
    field: str = ""
    is_slow: bool = False

    @property
    def target(self) -> str:
        """The page after it."""
        return f"/?focus={self.control}" if self.control else FAREWELL

    def is_filled(self, fields: Fields) -> bool:
        """Whether the field that the form needs has a value, if it needs one."""
        return not self.field or bool(fields.get(self.field))


def greet(session: Any) -> None:
    """Begin a session."""
    session["first_visit"] = wording.date_and_time(time.time())
    session.save()


def read_fields(environ: Mapping[str, Any]) -> Fields:
    """The fields that a browser has posted, each cut off at `LONGEST_VALUE`."""
    length = min(int(environ.get("CONTENT_LENGTH") or 0), LONGEST_FORM)
    form = parse_qs(str(environ["wsgi.input"].read(length), "utf-8", "replace"))
    return {name: values[0].strip()[:LONGEST_VALUE] for name, values in form.items()}


def _add(session: Any, fields: Fields) -> bool:
    found = _find(session)
    basket = [*session.get("basket", []), fields["item"]]
    session["basket"] = basket[-MOST_ITEMS:]
    session.save()
    return found


def _set_city(session: Any, fields: Fields) -> bool:
    found = _find(session)
    session["city"] = fields["city"]
    session.save()
    return found


def _renew_id(session: Any, _fields: Fields) -> bool:
    found = _find(session)
    session.regenerate_id()
    session.save()
    return found


def _log_out(session: Any, _fields: Fields) -> bool:
    found = not session.is_new
    session.delete()
    return found


def _find(session: Any) -> bool:
    """Whether there is a session; if not, begin one."""
    found = not session.is_new
    if not found:
        greet(session)
    return found


FORMS = {
    "/add": Form(ADD, _add, "item", Outcome.CHANGED, "item"),
    "/add-slowly": Form(ADD_SLOWLY, _add, "item", Outcome.CHANGED, "item", is_slow=True),
    "/city": Form(SET_CITY, _set_city, "city", Outcome.CHANGED, "city"),
    "/renew": Form(RENEW_ID, _renew_id, "renew", Outcome.MOVED),
    "/logout": Form(LOG_OUT, _log_out, "", Outcome.ENDED),
}
