"""The visits to the demo, kept in this process's memory and not in the session."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import Enum
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple

from .calls import CallCounter

LOG_LENGTH = 12
MOST_VISITS = 1000

VIEW, GOODBYE = "view", "goodbye"
ADD, ADD_SLOWLY, SET_CITY = "add", "add slowly", "set the city"
RENEW_ID, LOG_OUT = "renew the id", "log out"
POSTED = frozenset({ADD, ADD_SLOWLY, SET_CITY, RENEW_ID, LOG_OUT})


class Outcome(str, Enum):
    """What became of the session's row in a request, as the log shows it."""

    STORED = "stored"
    CHANGED = "changed"
    MERGED = "merged"
    OVERWRITTEN = "overwrote another tab"
    MOVED = "moved to the new id"
    COPIED = "copied to the new id"
    STORED_AGAIN = "stored again"
    RENEWED = "renewed"
    NOT_RENEWED = "not renewed"
    RENEWAL_FAILED = "renewal failed"
    NOTHING_TO_WRITE = "nothing to write"
    NOTHING_WRITTEN = "ended elsewhere, nothing written"
    ENDED_AND_STORED = "ended elsewhere, new session"
    EXPIRED_AND_STORED = "expired, new session"
    REVIVED = "ended session stored again"
    ENDED = "ended"
    ENDED_BEFORE = "ended elsewhere, nothing to end"
    NOTHING_TO_END = "nothing to end"
    NOT_USED = "session not used"


#: The outcomes of a request that has begun a session.
_BEGINNINGS = {Outcome.STORED, Outcome.ENDED_AND_STORED, Outcome.EXPIRED_AND_STORED}


class Request(NamedTuple):
    """One request of a visit: its action, what became of the row, and its calls.

    `others` names the values that another request has changed while this one ran.
    """

    time: float
    action: str
    outcome: Outcome
    counter: CallCounter
    others: str = ""


@dataclass
class Visit:
    """The figures of one browser since its first request."""

    token: str
    began: float
    views: int = 0
    reads: int = 0
    writes: int = 0
    skipped: int = 0
    sessions_used: int = 0
    read_units: float = 0
    write_units: float = 0
    is_logged_out: bool = False
    #: When the session ends if nobody uses it, in seconds since the epoch; None if none is known.
    expires: float | None = None
    log: deque[Request] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    #: The latest request of each form whose page has not been shown yet, by the form's control.
    posted: dict[str, Request] = field(default_factory=dict)
    #: Slow requests that wait for another one.
    waiting: int = 0
    _posted: int = 0
    _change: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def note(self, request: Request) -> None:
        """Count a request, and put it at the head of the log."""
        with self._change:
            self._count(request)
            self._posted += request.action in POSTED
            self._change.notify_all()

    def latest(self) -> list[Request]:
        """The requests of the log, the latest first."""
        with self._change:
            return list(self.log)

    def wait_for_another(self, timeout: float) -> None:
        """Wait until another form of this browser is done, at most `timeout` seconds."""
        with self._change:
            before = self._posted
            self.waiting += 1
            self._change.wait_for(lambda: self._posted > before, timeout)
            self.waiting -= 1

    def _count(self, request: Request) -> None:
        counter, used_session = request.counter, request.outcome is not Outcome.NOT_USED
        self.reads += len(counter.reads)
        self.writes += len(counter.writes)
        self.read_units += sum(call.units for call in counter.reads)
        self.write_units += sum(call.units for call in counter.writes)
        self.views += request.action == VIEW
        self.sessions_used += used_session
        self.skipped += request.outcome is Outcome.NOTHING_TO_WRITE
        self.log.appendleft(request)
        if request.action == LOG_OUT:
            self.is_logged_out, self.expires = True, None
        elif request.outcome in _BEGINNINGS:
            self.is_logged_out = False

    def stored_outcome(self, action: str, counter: CallCounter) -> Outcome:
        """The outcome of a request that finds no session, and so stores a new one."""
        if action != VIEW and self._is_ended_elsewhere(counter):
            return Outcome.ENDED_AND_STORED
        if self.is_logged_out or self.expires is None or not counter.begins_with_read:
            return Outcome.STORED
        has_expired = time.time() >= self.expires
        return Outcome.EXPIRED_AND_STORED if has_expired else Outcome.ENDED_AND_STORED

    def logout_outcome(self, counter: CallCounter) -> Outcome:
        """The outcome of a logout that finds no session."""
        is_ended = self._is_ended_elsewhere(counter)
        return Outcome.ENDED_BEFORE if is_ended else Outcome.NOTHING_TO_END

    def _is_ended_elsewhere(self, counter: CallCounter) -> bool:
        # The farewell has no forms: only a page in another tab can still post one.
        if self.is_logged_out:
            return True
        is_live = self.expires is not None and time.time() < self.expires
        return is_live and counter.begins_with_read


class Visits:
    """The latest visits; a cookie of the demo's own identifies each.

    Args:
        cookie: the name of that cookie.
    """

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie
        self._lock = threading.Lock()
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def find(self, cookies: str) -> Visit:
        """The visit that a `Cookie` header names, or a new one."""
        token = self._token(cookies)
        with self._lock:
            visit = self._visits.get(token) or Visit(secrets.token_urlsafe(12), time.time())
            self._visits[visit.token] = visit
            self._visits.move_to_end(visit.token)
            if len(self._visits) > MOST_VISITS:
                self._visits.popitem(last=False)
        return visit

    def cookie_header(self, visit: Visit) -> tuple[str, str]:
        """The header by which the browser's next request names the visit."""
        return "Set-Cookie", f"{self._cookie}={visit.token}; Path=/; HttpOnly; SameSite=Lax"

    def _token(self, cookies: str) -> str:
        try:
            morsel = SimpleCookie(cookies).get(self._cookie)
        except CookieError:
            return ""
        return morsel.value if morsel else ""
