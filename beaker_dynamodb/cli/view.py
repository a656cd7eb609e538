"""The page in HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..snapshot import BEAKERS_OWN
from ..version import __version__
from . import story
from .counter import Call
from .markup import Markup, fill, join, read
from .stored import StoredRow
from .visits import Request, Visit
from .words import ago, clock_time, count, duration

#: A session id is a credential: no more of it is ever shown.
SHOWN_OF_ID = 8
#: What DynamoDB charges one write for, in bytes.
WRITE_UNIT = 1024
#: Suggested for the basket, in turn.
SUGGESTIONS = ("apple", "pear", "plum", "quince", "cherry", "medlar")

PAIR = "<div><dt>$name</dt><dd>$value</dd></div>"
NOTED = "<code>$value</code> <span>$note</span>"
ROW = (
    '<dl class="pairs">$attributes</dl>'
    "<p>The item takes $size bytes, so each write is charged $units.</p>"
)
GONE = "<section><h2>In your session</h2><p>Nothing. The table has no row for you.</p></section>"
ENTRY = (
    '<tr><td class="time">$time</td><th scope="row">$action</th>'
    '<td class="calls">$calls</td><td class="outcome">$outcome</td></tr>'
)
CALL = '<span class="call"><code class="$kind">$operation</code>$units</span> '
UNITS = ' <span class="units">$units</span>'
NO_CALL = '<span class="none">nothing</span>'
FIGURE = '<div class="$kind"><dt>$name</dt><dd>$value</dd></div>'


class Frame(NamedTuple):
    """What is the same in all pages: the engine, and the times that the options give."""

    engine: str
    charges: bool
    touch_interval: int
    life: int


class Shown(NamedTuple):
    """A session as the page shows it; no row where another request has ended it."""

    session_id: str
    values: dict[str, Any]
    row: StoredRow | None


def page(
    frame: Frame, configuration: Mapping[str, str], visit: Visit, shown: Shown | None
) -> Markup:
    """The page for a visitor; without a session it says good-bye."""
    return fill(
        read("page.html"),
        css=read("page.css"),
        version=__version__,
        engine=frame.engine,
        who=_who(frame, visit, shown),
        stored=_stored(shown) if shown else Markup(GONE),
        figures=_figures(frame, visit),
        others=count(visit.sessions_used, "write", "writes"),
        meter=_meter(frame, shown.row) if shown and shown.row else Markup(),
        asked="Asked of the engine, and units" if frame.charges else "Asked of the engine",
        log=join(_entry(frame, request) for request in list(visit.log)),
        touch_interval=duration(frame.touch_interval),
        life=duration(frame.life),
        configuration=_configuration(configuration),
    )


def _who(frame: Frame, visit: Visit, shown: Shown | None) -> Markup:
    lines = story.of_visit(visit, frame.touch_interval, shown.row if shown else None)
    lede = join(fill("<p>$line</p>", line=line) for line in lines)
    if shown is None:
        return fill(read("farewell.html"), lede=lede)
    return fill(read("who.html"), id=shown.session_id[:SHOWN_OF_ID], lede=lede)


def _stored(shown: Shown) -> Markup:
    own = [(name, value) for name, value in shown.values.items() if name not in BEAKERS_OWN]
    beakers = sorted(name for name in shown.values if name in BEAKERS_OWN)
    basket = shown.values.get("basket", [])
    return fill(
        read("stored.html"),
        values=_pairs((name, _value(value)) for name, value in own),
        beakers=", ".join(beakers),
        suggestion=SUGGESTIONS[len(basket) % len(SUGGESTIONS)],
        row=_row(shown.row) if shown.row else Markup("<p>Another request has ended it.</p>"),
    )


def _row(row: StoredRow) -> Markup:
    units = -(-row.item_size // WRITE_UNIT)
    attributes = [
        ("id", _noted(f"{row.partition[:SHOWN_OF_ID]}…", "SHA-256 of the session id")),
        ("item", _noted("session")),
        ("data", _noted(f"{row.data_size} bytes", _origin(row))),
        ("version", _noted(row.version, "new at each change")),
        ("touched", _noted(clock_time(row.touched), ago(row.age))),
        ("expires", _noted(clock_time(row.expires), f"in {duration(math.ceil(row.left))}")),
    ]
    return fill(
        ROW,
        attributes=_pairs(attributes),
        size=row.item_size,
        units=count(units, "capacity unit", "capacity units"),
    )


def _origin(row: StoredRow) -> str:
    how = "compressed from" if row.data_size <= row.payload_size else "not compressed, from"
    return f"{how} {row.payload_size}, which Beaker makes a text of {row.text_size}"


def _noted(value: str, note: str = "") -> Markup:
    return fill(NOTED, value=value, note=note)


def _pairs(pairs: Iterable[tuple[str, Markup]]) -> Markup:
    return join(fill(PAIR, name=name, value=value) for name, value in pairs)


def _value(value: object) -> Markup:
    return _noted(value if isinstance(value, str) else repr(value))


def _figures(frame: Frame, visit: Visit) -> Markup:
    figures = [
        ("read", "Reads", str(visit.reads)),
        ("write", "Writes", str(visit.writes)),
        ("skipped", "Touches skipped", str(visit.skipped)),
    ]
    if frame.charges:
        figures.append(("units", "Read units", f"{visit.read_units:g}"))
        figures.append(("units", "Write units", f"{visit.write_units:g}"))
    return join(fill(FIGURE, kind=kind, name=name, value=value) for kind, name, value in figures)


def _meter(frame: Frame, row: StoredRow) -> Markup:
    left = max(0.0, frame.touch_interval - row.age)
    return fill(
        read("meter.html"),
        age=f"{row.age:.1f}",
        interval=frame.touch_interval,
        written=ago(row.age),
        left=duration(math.ceil(round(left, 3))),
    )


def _entry(frame: Frame, request: Request) -> Markup:
    return fill(
        ENTRY,
        time=clock_time(request.time),
        action=request.action,
        calls=join(_call(frame, call) for call in request.asked.calls) or Markup(NO_CALL),
        outcome=request.outcome,
    )


def _call(frame: Frame, call: Call) -> Markup:
    units = fill(UNITS, units=f"{call.units:g}") if frame.charges else Markup()
    kind = "write" if call.is_write else "read"
    return fill(CALL, kind=kind, operation=call.operation, units=units)


def _configuration(configuration: Mapping[str, str]) -> str:
    shown = {name: value for name, value in configuration.items() if ".aws_" not in name}
    return "\n".join(f"{name} = {value}" for name, value in shown.items())
