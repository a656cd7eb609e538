"""The page in HTML: one Jinja2 template, and the values that it shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..version import __version__
from . import wording
from .backends import Backend
from .overlap import LONGEST_WAIT, own_values
from .table import StoredRow
from .visits import Request, Visit

#: A session id is a credential: no more of it is ever shown.
SHOWN_OF_ID = 8
#: DynamoDB charges one write capacity unit for each of these, in bytes.
WRITE_UNIT = 1024
#: Suggested for the basket, in turn.
SUGGESTIONS = ("apple", "pear", "plum", "quince", "cherry", "medlar")
CITIES = ("Lyon", "Porto", "Ghent", "Turin")

_templates = Environment(
    loader=PackageLoader(__package__, ""),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(
    ago=wording.ago,
    clock_time=wording.clock_time,
    count=wording.count,
    duration=wording.duration,
)


class SiteData(NamedTuple):
    """What all pages of a site share: its backend, all backends, and times in seconds."""

    backend: Backend
    backends: Sequence[Backend]
    touch_interval: int
    ttl: int

    @property
    def configuration(self) -> Mapping[str, str]:
        """The settings without their secrets."""
        settings = self.backend.configuration
        return {name: value for name, value in settings.items() if ".aws_" not in name}


class PageData(NamedTuple):
    """A session as the page shows it.

    `row` is None if another request has ended the session, or if no table has it; `focus` names
    the control that the visitor has just used, and `posted` is the request of its form.
    """

    session_id: str
    values: Mapping[str, Any]
    row: StoredRow | None
    focus: str = ""
    posted: Request | None = None


def render(site: SiteData, visit: Visit, request: Request, page: PageData | None) -> str:
    """The page of a session that a request shows, or without one the farewell."""
    row = page.row if page else None
    posted = page.posted if page else visit.posted.get("")
    story = wording.story(visit, request, posted, site.backend.sentences, site.touch_interval, row)
    context: dict[str, Any] = {
        "version": __version__,
        "site": site,
        "backend": site.backend,
        "endpoint": site.backend.endpoint,
        "longest_wait": LONGEST_WAIT,
        "visit": visit,
        "log": visit.latest(),
        "story": story,
        "page": page,
        "row": row,
    }
    if page:
        context.update(_session(page))
    if row:
        left = max(0.0, site.touch_interval - row.age)
        context.update(attributes=_attributes(row), renewal=math.ceil(round(left, 3)))
        context.update(write_units=math.ceil(row.item_size / WRITE_UNIT))
    return _templates.get_template("page.html").render(context)


def _session(page: PageData) -> dict[str, Any]:
    """The session's values: the application's, and the names of Beaker's own."""
    own = own_values(page.values)
    return {
        "shown_id": page.session_id[:SHOWN_OF_ID],
        "values": {name: v if isinstance(v, str) else repr(v) for name, v in own.items()},
        "beakers_own": sorted(page.values.keys() - own.keys()),
        "item": SUGGESTIONS[len(own.get("basket", [])) % len(SUGGESTIONS)],
        "city": next(city for city in CITIES if city != own.get("city")),
    }


def _attributes(row: StoredRow) -> Iterator[tuple[str, str, str]]:
    """Name, value and note of each attribute of a row."""
    how = "compressed from" if row.data_size <= row.payload_size else "not compressed, from"
    text = f"{how} {row.payload_size} ({row.text_size} as Beaker's text)"
    left = wording.duration(math.ceil(row.left))
    yield "id", f"{row.partition[:SHOWN_OF_ID]}…", "SHA-256 of the session id"
    yield "item", "session", ""
    yield "data", f"{row.data_size} bytes", text
    yield "version", row.version, "new with each change"
    yield "touched", wording.clock_time(row.touched), wording.ago(row.age)
    yield "expires", wording.clock_time(row.expires), f"in {left}"
