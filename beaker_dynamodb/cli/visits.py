"""What the demo remembers of each visitor, in this process's memory and not in the session."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple

from .counter import Asked

COOKIE = "beaker-demo-visit"
LOG_LENGTH = 12
MOST_VISITS = 1000
LOG_OUT = "log out"
GOODBYE = "goodbye"


class Request(NamedTuple):
    """One request of a visitor: what was done, what became of the row, what that asked."""

    time: float
    action: str
    outcome: str
    asked: Asked
    used_session: bool = True


@dataclass
class Visit:
    """A visitor's figures since the first request."""

    token: str
    began: float
    views: int = 0
    reads: int = 0
    writes: int = 0
    skipped: int = 0
    sessions_used: int = 0
    read_units: float = 0
    write_units: float = 0
    log: deque[Request] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))

    @property
    def is_over(self) -> bool:
        """Whether the visitor has logged out, and not come again."""
        actions = [entry.action for entry in list(self.log) if entry.action != GOODBYE]
        return actions[:1] == [LOG_OUT]

    def note(self, request: Request) -> None:
        """Count a request, and put it at the head of the log."""
        asked = request.asked
        self.reads += len(asked.reads)
        self.writes += len(asked.writes)
        self.read_units += sum(call.units for call in asked.reads)
        self.write_units += sum(call.units for call in asked.writes)
        self.sessions_used += request.used_session
        self.skipped += request.used_session and not asked.writes
        self.log.appendleft(request)


class Visits:
    """The visitors of late, told apart by a cookie of the demo's own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def find(self, cookies: str) -> Visit:
        """The visit that a `Cookie` header names; a new one where it names none."""
        token = _token(cookies)
        with self._lock:
            visit = self._visits.get(token) or Visit(secrets.token_urlsafe(12), time.time())
            self._visits[visit.token] = visit
            self._visits.move_to_end(visit.token)
            if len(self._visits) > MOST_VISITS:
                self._visits.popitem(last=False)
        return visit


def cookie_header(visit: Visit) -> tuple[str, str]:
    """The header that lets the visitor be known again."""
    return "Set-Cookie", f"{COOKIE}={visit.token}; Path=/; HttpOnly; SameSite=Lax"


def _token(cookies: str) -> str:
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
