"""What has just happened, in sentences; times and numbers in words."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from .calls import CallCounter
from .sentences import Sentences
from .table import StoredRow
from .visits import ADD_SLOWLY, GOODBYE, Outcome, Request, Visit

MINUTE, HOUR, DAY = 60, 3600, 86_400
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def story(
    visit: Visit,
    request: Request,
    posted: Request | None,
    sentences: Sentences,
    touch_interval: int,
    row: StoredRow | None,
) -> Iterator[str]:
    """What the visitor's last requests did to the session, and by which calls.

    `request` shows this page, and `posted` is that of the form before it.
    """
    if visit.waiting:
        yield (
            f"“{ADD_SLOWLY}” has loaded the session in another tab, and waits: set the city or log "
            "out here, and it goes on."
        )
    if posted:
        yield _of_form(posted, sentences)
    if request.action == GOODBYE:
        yield sentences.farewell
        return
    if visit.views > 1:
        yield f"You have viewed this page {times(visit.views)} since {clock_time(visit.began)}."
    yield _of_view(request, sentences, touch_interval, row)


def _of_form(request: Request, sentences: Sentences) -> str:
    text = sentences.forms[request.outcome]
    return _with_calls(text.format(action=request.action, others=request.others), request)


def _of_view(
    request: Request, sentences: Sentences, touch_interval: int, row: StoredRow | None
) -> str:
    is_unknown = request.outcome is Outcome.STORED and request.counter.begins_with_read
    text = sentences.unknown_id if is_unknown else sentences.views[request.outcome]
    written = ago(row.age) if row else "a moment ago"
    return _with_calls(text.format(interval=duration(touch_interval), written=written), request)


def _with_calls(text: str, request: Request) -> str:
    return f"{text}: {calls_in_words(request.counter)}." if request.counter.calls else f"{text}."


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
