"""What a user may find: a plain model of one session, and of what is not known of it."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from threading import Lock
from typing import Any, NamedTuple


class Page(NamedTuple):
    """One request of a client: when it was under way, on which session, and how it ended."""

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
    """One session of a user: what was acknowledged of each key, and what was tried since.

    A change whose page has failed may have been stored, or not; one that was acknowledged ends
    what was tried before it. While the session moves to a new id, a request under the old one can
    find nothing, or have loaded it, and change nothing any more.
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
        """A change is on its way."""
        self._possible[key].add(number)

    def acknowledge(self, key: str, number: int) -> None:
        """It was answered: nothing else can be there now."""
        if not self.is_moving:
            self._possible[key] = {number}

    def possible(self) -> Possible:
        """What can be there now."""
        return {key: set(numbers) for key, numbers in self._possible.items()}

    def allows(self, content: dict[str, Any], since: Possible) -> bool:
        """Whether a page that was requested at a time can show this."""
        at_once = self.possible()
        whole = (content.get("user"), content.get("large")) == (self.user, self.large)
        return whole and all(content.get(key) in since[key] | at_once[key] for key in WINDOWS)

    def goes_on(self, cookie: str) -> Session:
        """It has a new id; what is returned is the one under the old id, which has ended."""
        old = Session(self.user, self.cookie, self.large)
        self.cookie = cookie
        return old


class Record:
    """What has happened, written to by all clients."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.pages: list[Page] = []
        self.wrong: list[str] = []
        self.ended: list[Session] = []
        self.counts: Counter[str] = Counter()

    def page(self, page: Page) -> None:
        """A page has ended."""
        with self._lock:
            self.pages.append(page)

    def is_wrong(self, what: str) -> None:
        """Something has happened that must not."""
        with self._lock:
            self.wrong.append(what)

    def count(self, what: str) -> None:
        """Something else has happened."""
        with self._lock:
            self.counts[what] += 1

    def has_ended(self, session: Session) -> None:
        """A logout was acknowledged."""
        session.has_ended = True
        with self._lock:
            self.ended.append(session)
