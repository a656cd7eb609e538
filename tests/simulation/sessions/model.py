"""The plain model: which sessions there are, what each may hold, and what a page may not see.

A session is what begins at one login. It lives under one id, and a change of the id continues it
as another one, which it is the parent of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

#: What is wrong if a session is missing long after its last page.
EARLY = "a session ends before its time"
#: A value of a key: the user that it belongs to, and a number; None if the key is missing.
Value = tuple[str, int] | None


@dataclass
class Attempt:
    """A page that changes a key: when it began and ended; infinite while it runs."""

    value: Value
    began: float
    ended: float = math.inf
    #: When a later change has replaced the value; infinite if it may still be there.
    replaced: float = math.inf


class Register:
    """One key of one session: each value that was tried, and until when it may be seen."""

    def __init__(self) -> None:
        self._attempts = [Attempt(None, -math.inf, -math.inf)]

    def begin(self, value: Value, moment: float) -> Attempt:
        """A page is about to store a value."""
        attempt = Attempt(value, moment)
        self._attempts.append(attempt)
        return attempt

    def acknowledge(self, attempt: Attempt, moment: float) -> None:
        """The page is answered: what ended before it began has been replaced."""
        attempt.ended = moment
        for other in self._attempts:
            if other.ended < attempt.began:
                other.replaced = min(other.replaced, moment)

    def allows(self, value: Value, since: float) -> bool:
        """Whether a page that began at a time may see a value."""
        return any(
            attempt.value == value and attempt.replaced >= since for attempt in self._attempts
        )

    def add(self, other: Register) -> None:
        """Allow what another register allows, too."""
        self._attempts += other._attempts

    def copy(self, since: float) -> Register:
        """What the key may hold under another id, if the change of the id began at a time."""
        copied = Register()
        copied._attempts = [
            Attempt(attempt.value, attempt.began, min(attempt.ended, since))
            for attempt in self._attempts
            if attempt.replaced >= since
        ]
        return copied


@dataclass(eq=False)
class Session:
    """One session under one id.

    Attributes:
        cookie: its id.
        user: whom it belongs to; unique for each login.
        began: when its beginning was acknowledged; infinite if it was not.
        ended: when its ending was acknowledged; infinite if it was not.
        renamed: when a change of its id was acknowledged, likewise.
        activity: for each page whose effect on its lifetime is certain, when it ended and began.
        may_have_ended: whether anything that ends it was tried.
        may_be_renamed: whether a change of its id was tried.
    """

    cookie: str
    user: str
    began: float = math.inf
    ended: float = math.inf
    renamed: float = math.inf
    may_have_ended: bool = False
    may_be_renamed: bool = False
    registers: dict[Any, Register] = field(default_factory=dict)
    children: list[Session] = field(default_factory=list)
    activity: list[tuple[float, float]] = field(default_factory=list)
    #: Values of the counter that pages under the lock have stored.
    counted: set[int] = field(default_factory=set)

    @property
    def active(self) -> float:
        """When the last page began that has kept it alive."""
        return self.active_before(math.inf)

    def active_before(self, moment: float) -> float:
        """When the last page began that had kept it alive by a time."""
        return max((began for ended, began in self.activity if ended <= moment), default=-math.inf)

    def register(self, key: Any) -> Register:
        """The register of a key."""
        return self.registers.setdefault(key, Register())

    def continued(self) -> Iterator[Session]:
        """This session, and all that continue it under other ids."""
        yield self
        for child in self.children:
            yield from child.continued()

    def threaten(self) -> None:
        """Something that ends it is tried."""
        for session in self.continued():
            session.may_have_ended = True

    def end(self, moment: float) -> None:
        """Its ending is acknowledged."""
        for session in self.continued():
            session.may_have_ended = True
            session.ended = min(session.ended, moment)


class Sighting(NamedTuple):
    """What a page has seen.

    Attributes:
        cookie: the id that it was called with.
        user: whom the session belongs to; None if there was no session.
        values: of the application's keys.
        began: when the page began.
        seen: when it had loaded the session.
    """

    cookie: str
    user: str | None
    values: dict[Any, Any]
    began: float
    seen: float


class Model:
    """All sessions of a run.

    Args:
        life: how long a session lives without a page, less what a touch may be late, in seconds.
        lag: age of the oldest state that a page may see, in seconds; 0 if reads are consistent.
        keeps_values: whether a change of one key never undoes that of another.
    """

    def __init__(self, life: float, lag: float, *, keeps_values: bool) -> None:
        self._life = life
        self._lag = lag
        self._keeps_values = keeps_values
        self._sessions: dict[tuple[str, str], Session] = {}
        self._beginning: list[Session] = []
        #: The page that has the lock of an id, and the end of its lease.
        self._inside: dict[str, tuple[object, float]] = {}

    def begin(self, cookie: str, user: str) -> Session:
        """A login under an id is about to be stored: it may replace what is there."""
        session = Session(cookie, user)
        for other in self._under(cookie):
            other.threaten()
        session.may_have_ended = any(other.cookie == cookie for other in self._beginning)
        self._beginning.append(session)
        self._sessions[cookie, user] = session
        return session

    def is_beginning(self, session: Session) -> bool:
        """Whether the login of a session is under way."""
        return session in self._beginning

    def finish_beginning(self, session: Session, cookie: str | None, moment: float) -> None:
        """The login has ended.

        Args:
            session: that it has begun.
            cookie: the id that the browser got; None if the page failed.
            moment: now.
        """
        self._beginning.remove(session)
        if cookie is None:
            session.may_have_ended = True
            return
        session.began = moment
        if cookie != session.cookie:
            session.cookie = cookie
            self._sessions[cookie, session.user] = session

    def rename(self, session: Session, cookie: str, began: float, moment: float) -> Session:
        """A change of the id is acknowledged."""
        # A session that another page has renamed before goes on as it is under that id.
        others = list(session.continued())
        registers: dict[Any, Register] = {}
        for other in others:
            for key, register in other.registers.items():
                registers.setdefault(key, Register()).add(register.copy(began - self._lag))
        # If it has ended, the row under the new id was removed again.
        ended = math.inf if session.ended == math.inf else max(session.ended, moment)
        child = Session(cookie, session.user, moment, ended, registers=registers)
        # Near its timeout, another page may end it before this one stores anything.
        is_late = session.active + self._life < moment
        child.may_have_ended = is_late or any(other.may_have_ended for other in others)
        child.activity.append((moment, began))
        child.counted = set(session.counted)
        session.children.append(child)
        self._sessions[cookie, session.user] = child
        return child

    def find(self, cookie: str, user: str | None) -> Session | None:
        """The session of a user under an id."""
        return self._sessions.get((cookie, user)) if user else None

    def judge(self, sighting: Sighting) -> str | None:
        """What is wrong with what a page has seen; None if nothing is."""
        session = self.find(sighting.cookie, sighting.user)
        wrong = self._judge_absence(sighting)
        if sighting.user is None or wrong:
            return wrong
        if session is None:
            return "someone else's session"
        return self._judge_end(session, sighting) or self._judge_values(session, sighting)

    def last_moment(self, cookie: str) -> float:
        """When a session under an id must be live at the latest; in the past if none must be."""
        return max(
            (
                session.active + self._life
                for session in self._under(cookie)
                if session.began < math.inf and not session.may_have_ended
            ),
            default=-math.inf,
        )

    def enter(self, page: object, cookie: str, moment: float, until: float) -> str | None:
        """A page has the lock of an id until a time; what is wrong if another has it, too."""
        _, other = self._inside.get(cookie, (None, -math.inf))
        self._inside[cookie] = page, until
        return "two pages hold one lock" if other > moment else None

    def leave(self, page: object, cookie: str) -> None:
        """The page is about to release the lock."""
        if self._inside.get(cookie, (None, 0.0))[0] is page:
            del self._inside[cookie]

    def _under(self, cookie: str) -> list[Session]:
        return [session for (known, _), session in self._sessions.items() if known == cookie]

    def _judge_absence(self, sighting: Sighting) -> str | None:
        for session in self._under(sighting.cookie):
            if session.user != sighting.user and self._is_live(session, sighting):
                is_old = sighting.seen - session.active > self._life / 2
                return EARLY if is_old else "a live session is logged out"
        return None

    def _is_live(self, session: Session, sighting: Sighting) -> bool:
        """Whether a page must see a session."""
        if session.may_have_ended or session.may_be_renamed:
            return False
        # An eventually consistent read that finds another session may find an older one.
        settled = session.began + (self._lag if sighting.user else 0.0)
        active = session.active_before(sighting.began)
        return settled < sighting.began and sighting.seen < active + self._life

    def _judge_end(self, session: Session, sighting: Sighting) -> str | None:
        if session.ended + self._lag < sighting.began:
            return "a session that has ended returns"
        if session.renamed + self._lag < sighting.began:
            return "a session is still open under the id that it has given up"
        return None

    def _judge_values(self, session: Session, sighting: Sighting) -> str | None:
        since = sighting.began - self._lag
        for key, value in sighting.values.items():
            if value is not None and value[0] != session.user:
                return "a session holds a key of another user's"
            if self._keeps_values and not session.register(key).allows(value, since):
                return "an acknowledged change is lost"
        return None
