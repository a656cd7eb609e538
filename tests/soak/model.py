"""A plain model of one session: the values that a user can find."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from threading import Lock
from typing import Any, NamedTuple


class Page(NamedTuple):
    """One request of a client: its time, its session and its outcome."""

    began: float
    ended: float
    partition: str
    outcome: str


#: A user's browser windows; each changes the key of its name.
WINDOWS = ("a", "b")
#: Outcomes of a page.
ANSWERED, REFUSED, LOST = "answered", "error page", "lost with its worker"


Possible = dict[str, set[int | None]]


class Session:
    """One session of a user: the acknowledged value of each key, and later attempts.

    A change whose page has failed may have been stored, or not; one that was acknowledged ends
    what was tried before it. While the session moves to a new id, a request under the old one can
    find nothing, or have loaded it, and change nothing any more. A login under the id begins a new
    session: of what was tried before, nothing is possible in it.
    """

    def __init__(self, user: str, cookie: str, large: int | None) -> None:
        self.user = user
        self.cookie = cookie
        self.large = large
        self.has_ended = False
        self.is_moving = False
        self._possible: Possible = {key: {None} for key in WINDOWS}

    @property
    def partition(self) -> str:
        """The row's partition key, as `hash_ids` makes it."""
        return sha256(self.cookie.encode()).hexdigest()

    def try_change(self, key: str, number: int) -> None:
        """Record the start of a change."""
        self._possible[key].add(number)

    def acknowledge(self, key: str, number: int) -> None:
        """Record an acknowledged change: no other value is possible now."""
        if not self.is_moving:
            self._possible[key] = {number}

    def possible(self) -> Possible:
        """The values that are possible now."""
        return {key: set(numbers) for key, numbers in self._possible.items()}

    def allows(self, content: dict[str, Any], since: Possible) -> bool:
        """Whether a page that was requested at a time can show this."""
        at_once = self.possible()
        whole = (content.get("user"), content.get("large")) == (self.user, self.large)
        return whole and all(content.get(key) in since[key] | at_once[key] for key in WINDOWS)

    def goes_on(self, cookie: str) -> Session:
        """Record a new id; return the ended session under the old one."""
        old = Session(self.user, self.cookie, self.large)
        self.cookie = cookie
        return old

    def twin(self, cookie: str) -> Session:
        """The same session under another id: its renewal was submitted twice."""
        twin = Session(self.user, cookie, self.large)
        twin._possible = self.possible()
        return twin

    def begins_again(self, user: str, possible: Possible) -> None:
        """Record a login under the id, and the values that are possible after it."""
        self.user, self.large = user, None
        self._possible = {key: possible.get(key, {None}) for key in WINDOWS}


class Record:
    """The record of a soak, which all clients write."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.pages: list[Page] = []
        self.wrong: list[str] = []
        self.ended: list[Session] = []
        self.counts: Counter[str] = Counter()

    def page(self, page: Page) -> None:
        """Record the end of a page."""
        with self._lock:
            self.pages.append(page)

    def is_wrong(self, what: str) -> None:
        """Record a broken promise."""
        with self._lock:
            self.wrong.append(what)

    def count(self, what: str) -> None:
        """Count an event."""
        with self._lock:
            self.counts[what] += 1

    def has_ended(self, session: Session) -> None:
        """Record an acknowledged logout."""
        session.has_ended = True
        with self._lock:
            self.ended.append(session)
