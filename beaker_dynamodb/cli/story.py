"""What has just happened, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from .stored import StoredRow
from .visits import GOODBYE, Request, Visit
from .words import ago, clock_time, duration, times


def of_visit(visit: Visit, touch_interval: int, row: StoredRow | None) -> Iterator[str]:
    """How often the visitor came, and what the last requests asked of the engine, and why."""
    requests = [*visit.log][:2]
    if requests[0].action == GOODBYE:
        yield "You are logged out: your row is deleted, and the cookie with it."
        yield "This page does not use the session, so it asks nothing of the engine."
        return
    if visit.views > 1:
        yield f"You came {times(visit.views)} since {clock_time(visit.began)}."
    if len(requests) > 1:
        yield from _of_action(requests[1])
    yield _of_view(requests[0], touch_interval, row)


def _of_action(request: Request) -> Iterator[str]:
    if request.outcome == "changed":
        yield "The basket has changed, so the session was written at once: one read, one write."
    if request.action == "renew the id":
        yield "You have a new id, and the same session under it."
        if len(request.asked.writes) == 1:
            yield "Beaker leaves the row under the old id until it expires."


def _of_view(request: Request, touch_interval: int, row: StoredRow | None) -> str:
    if request.outcome == "stored" and request.asked.reads:
        return "The table has no row for your cookie any more, so this view stored a new session."
    if request.outcome == "stored":
        return (
            "You had no session, so this view stored one: one write, and no read, as a new id "
            "cannot be in the table yet."
        )
    if request.outcome == "renewed":
        return (
            f"More than {duration(touch_interval)} had passed since the row was written, so this "
            "view renewed it: one read, one write."
        )
    written = ago(row.age) if row else "lately"
    return (
        f"The row was written {written}, less than the touch interval of "
        f"{duration(touch_interval)}, so this view was one read and wrote nothing."
    )
