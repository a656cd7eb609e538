"""A request that overlaps another one: what the other one has changed, and whether it is kept."""

from __future__ import annotations

from typing import Any

from .calls import counted_by
from .visits import Outcome, Visit

#: How long a slow request waits for another one, in seconds.
LONGEST_WAIT = 30

Values = dict[str, Any]


class Overlap:
    """A slow request: it loads the session, and saves it after another one has changed it.

    The reads by which it observes the stored session are not counted.

    Args:
        session: Beaker's `SessionObject` of the request, before it is changed.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._loaded = own_values(session)
        self._found = self._loaded

    def wait(self, visit: Visit) -> None:
        """Let another request of the visit come first; go on after `LONGEST_WAIT` without one."""
        visit.wait_for_another(LONGEST_WAIT)
        self._found = self._stored()

    def outcome(self) -> tuple[Outcome | None, str]:
        """What became of the other request's change, and the names of the values it concerns.

        None if there was no such change, or if no session is stored.
        """
        stored = self._stored()
        if not stored:
            return None, ""
        if not self._found:
            return Outcome.REVIVED, ""
        changed = _differences(self._loaded, self._found)
        lost = [name for name in changed if stored.get(name) != self._found.get(name)]
        if lost:
            return Outcome.OVERWRITTEN, " and ".join(lost)
        return (Outcome.MERGED, " and ".join(changed)) if changed else (None, "")

    def _stored(self) -> Values:
        """The stored values; none if the session has ended, which Beaker then stores empty."""
        with counted_by(None):
            stored = self._session.get_by_id(self._session.id)
        return {} if stored is None else own_values(stored)


def own_values(session: Any) -> Values:
    """The values of a session, without Beaker's own."""
    return {name: value for name, value in session.items() if not name.startswith("_")}


def _differences(before: Values, after: Values) -> list[str]:
    names = sorted({*before, *after})
    return [name for name in names if before.get(name) != after.get(name)]
