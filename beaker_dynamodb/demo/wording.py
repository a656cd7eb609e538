"""What has just happened, in sentences; times and numbers in words."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from .calls import CallCounter
from .table import StoredRow
from .visits import ADD, GOODBYE, LOG_OUT, RENEW_ID, Outcome, Request, Visit

_POSTED = {ADD, LOG_OUT, RENEW_ID}
MINUTE, HOUR, DAY = 60, 3600, 86_400
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}

#: A view, by its outcome; for STORED, one of the two below.
_VIEWS = {
    Outcome.RENEWED: (
        "More than {interval} had passed since the row was written, so this view renewed it: "
        "{calls}."
    ),
    Outcome.NOT_RENEWED: (
        "Another request changed or ended the session while this view ran, so the row was not "
        "renewed: {calls}."
    ),
    Outcome.RENEWAL_FAILED: (
        "The row was due for renewal, but DynamoDB did not accept the write, and the page is shown "
        "all the same: {calls}."
    ),
    Outcome.NOTHING_TO_WRITE: (
        "The row was written {written}, within the touch interval of {interval}, so this view "
        "wrote nothing: {calls}."
    ),
    Outcome.ENDED_AND_STORED: (
        "Another tab or browser ended your session: under the id in your cookie, the table had "
        "only a marker. This view stored a new session: {calls}."
    ),
    Outcome.EXPIRED_AND_STORED: (
        "Your session had expired, so this view stored a new session: {calls}."
    ),
}
_FIRST_VIEW = (
    "You had no session, so this view stored one: {calls}. No read is needed, as a new id cannot "
    "be in the table yet."
)
_UNKNOWN_ID = "The table has no row for your cookie, so this view stored a new session: {calls}."

#: A form, by its outcome.
_FORMS = {
    Outcome.STORED: "You had no session, so “{action}” stored a new one: {calls}.",
    Outcome.CHANGED: "The basket has changed, so the session was written at once: {calls}.",
    Outcome.MOVED: (
        "You have a new id. The session is stored under it, and under the old id a marker "
        "without data replaces the row: {calls}."
    ),
    Outcome.NOTHING_WRITTEN: (
        "Another tab or browser ended the session while “{action}” ran, so nothing is stored: "
        "{calls}."
    ),
    Outcome.ENDED_AND_STORED: (
        "Another tab or browser ended the session before “{action}” arrived, so a new session is "
        "stored: {calls}."
    ),
    Outcome.EXPIRED_AND_STORED: (
        "The session had expired before “{action}” arrived, so a new session is stored: {calls}."
    ),
    Outcome.ENDED: (
        "You are logged out. Your cookie is deleted, and a marker without data replaces your row "
        "for 15 minutes, so that no late write can bring the session back: {calls}."
    ),
    Outcome.ENDED_BEFORE: (
        "Another tab or browser ended the session before you logged out, so there was nothing to "
        "end: {calls}."
    ),
    Outcome.NOTHING_TO_END: "You had no session, so there was nothing to end: {calls}.",
}


def story(visit: Visit, touch_interval: int, row: StoredRow | None) -> Iterator[str]:
    """The visitor's last requests: what they did to the row, and by which calls."""
    if visit.log[0].action == GOODBYE:
        logouts = [entry for entry in visit.log if entry.action == LOG_OUT]
        yield from map(_of_form, logouts[:1])
        yield "This page does not use the session, so it makes no call to DynamoDB."
        return
    if visit.views > 1:
        yield f"You have viewed this page {times(visit.views)} since {clock_time(visit.began)}."
    yield from (_of_form(entry) for entry in list(visit.log)[1:2] if entry.action in _POSTED)
    yield _of_view(visit.log[0], touch_interval, row)


def _of_form(request: Request) -> str:
    text = _FORMS.get(request.outcome, "“{action}” did not use the session: {calls}.")
    return text.format(action=request.action, calls=calls_in_words(request.counter))


def _of_view(request: Request, touch_interval: int, row: StoredRow | None) -> str:
    first = _UNKNOWN_ID if request.counter.begins_with_read else _FIRST_VIEW
    return _VIEWS.get(request.outcome, first).format(
        calls=calls_in_words(request.counter),
        interval=duration(touch_interval),
        written=ago(row.age) if row else "a moment ago",
    )


def calls_in_words(counter: CallCounter) -> str:
    """The calls of a request by their kinds: `two reads, one write and one marker`."""
    kinds = Counter(call.kind for call in counter.calls)
    counts = [f"{NUMBERS.get(n, n)} {kind}{'s' * (n > 1)}" for kind, n in kinds.items()]
    *first, last = counts or ["no call to DynamoDB"]
    return f"{', '.join(first)} and {last}" if first else last


def duration(seconds: float) -> str:
    """A time span in whole units, the two largest: `14 min 56 s`."""
    left = max(0, int(seconds))
    counts = [(left // DAY, "d"), (left % DAY // HOUR, "h")]
    counts += [(left % HOUR // MINUTE, "min"), (left % MINUTE, "s")]
    first = next((at for at, (number, _) in enumerate(counts) if number), len(counts) - 1)
    shown = [counts[first], *[pair for pair in counts[first + 1 : first + 2] if pair[0]]]
    return " ".join(f"{number} {unit}" for number, unit in shown)


def ago(seconds: float) -> str:
    """How long ago: `4 s ago`, `just now`."""
    return f"{duration(seconds)} ago" if seconds >= 1 else "just now"


def clock_time(moment: float) -> str:
    """The local time of day, with the date unless it is today."""
    then = datetime.fromtimestamp(moment).astimezone()
    now = datetime.fromtimestamp(time.time()).astimezone()
    return f"{then:%H:%M:%S}" if then.date() == now.date() else f"{then:%Y-%m-%d %H:%M:%S}"


def date_and_time(moment: float) -> str:
    """The local date and time."""
    return f"{datetime.fromtimestamp(moment).astimezone():%Y-%m-%d %H:%M:%S}"


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 write`, `2 writes`."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def times(number: int) -> str:
    """How often: `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
