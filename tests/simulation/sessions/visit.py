"""A request: the application that answers it, and what the model is to expect of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from hashlib import sha256
from typing import Any

from beaker_dynamodb import ConflictError, LockTimeout, StoreUnavailable

from ..clients import CallCounts, Client
from ..store import LONGEST_LAG
from ..world import LARGEST_SKEW, World
from .model import Attempt, Model, Register, Session, Sighting, Value

#: Errors that a page may answer, because DynamoDB or another page was in its way.
REFUSALS = (StoreUnavailable, ConflictError, LockTimeout)
COOKIE = "beaker.session.id"
#: Where the WSGI environment keeps a visit, and its page.
VISIT, PAGE = "simulation.visit", "simulation.page"
LOCK_TIMEOUT, LOCK_WAIT = 10, 15
TIMEOUT, TOUCH_INTERVAL = 600, 30


class Key(Enum):
    """Keys of the application's own."""

    CART = "cart"
    LANGUAGE = "language"


#: The keys of the first clients, for serializers that take any key, and for JSON.
#: How often a session may be renamed while a page runs.
MOST_RENAMES = 4

ODD_KEYS: list[Any] = [Key.CART, ("pages", 1), b"seen", "plain", 5, frozenset({1})]
TEXT_KEYS: list[Any] = ["cart", "pages", "seen", "plain", "five", "set"]
SHARED, COUNTER = "shared", "counter"


class Shop:
    """An application's class, with another one inside."""

    class Order:
        """A value that names the user and a number."""

        def __init__(self, user: str, number: int) -> None:
            self.user = user
            self.number = number


def plain(user: str, number: int) -> Any:
    """A value of plain types."""
    return [user, number]


def cyclic(user: str, number: int) -> Any:
    """A value that refers to itself."""
    value: list[Any] = [user, number]
    value.append(value)
    return value


VALUES: dict[str, Callable[[str, int], Any]] = {
    "plain": plain,
    "nested": Shop.Order,
    "cyclic": cyclic,
}


def read_value(stored: Any) -> Value:
    """The user and the number in a stored value."""
    if stored is None:
        return None
    if isinstance(stored, Shop.Order):
        return stored.user, stored.number
    return stored[0], stored[1]


class Application:
    """The application: its options, its ids, and the model of its sessions.

    Args:
        world: that it runs in.
        site: Beaker's middleware around `answer`.
        keys: of the clients.
        make_value: makes a value of a user and a number.
        conflict: `on_conflict`.
        is_weak: whether reads are eventually consistent.
    """

    def __init__(
        self,
        world: World,
        site: Callable[..., Any],
        keys: list[Any],
        make_value: Callable[[str, int], Any],
        conflict: str,
        is_weak: bool,
    ) -> None:
        self.world = world
        self.site = site
        #: The keys that pages change.
        self.all_keys = [*keys, SHARED, COUNTER]
        self.make_value = make_value
        self.is_weak = is_weak
        self.conflict = conflict
        #: In seconds: age of the oldest state that a page may see.
        self.lag = LONGEST_LAG if is_weak else 0.0
        life = TIMEOUT - TOUCH_INTERVAL - 1
        self.model = Model(life, self.lag, keeps_values=conflict != "overwrite")
        #: Ids that browsers have received, oldest first.
        self.ids: list[str] = []
        self.requests = 0
        self._numbers = 0
        self._visits: list[Visit] = []

    def number(self) -> int:
        """A number that was not used before."""
        self._numbers += 1
        return self._numbers

    def cookie(self, slot: int) -> str | None:
        """One of the ids: -1 for the newest; None if there is none yet."""
        if not self.ids:
            return None
        return self.ids[-1] if slot < 0 else self.ids[slot % len(self.ids)]

    def give(self, cookie: str) -> None:
        """A browser gets an id."""
        if cookie not in self.ids:
            self.ids.append(cookie)

    def lease_end(self, cookie: str) -> float:
        """The end of the lease on an id's lock by the true time; in the past if there is none."""
        key = (sha256(cookie.encode()).hexdigest(), "session lock")
        until = self.world.store.items.get(key, {}).get("lock_until", {"N": "0"})["N"]
        return float(until) - 3 * LARGEST_SKEW

    def enter(self, visit: Visit) -> bool:
        """A page begins; returns whether nothing can be in conflict with it."""
        self.requests += 1
        for other in self._visits:
            other.is_alone = False
        self._visits.append(visit)
        return len(self._visits) == 1 and not self.world.has_packets and not self.is_weak

    def leave(self, visit: Visit) -> None:
        """A page ends."""
        self._visits.remove(visit)


class Visit:
    """One request.

    Args:
        application: that answers it.
        client: that makes it.
        key: the client's own.
        cookie: the id that it sends; None for none.
    """

    def __init__(
        self, application: Application, client: Client, key: Any, cookie: str | None
    ) -> None:
        client.begin_request()
        self.application = application
        self.client = client
        self.key = key
        self.cookie = cookie
        self.began = application.world.now
        self.session: Session | None = None
        self.is_alone = application.enter(self)
        self.is_reading = False
        self.most_reads, self.most_writes = 1, 1
        #: Whether conflicts may cost more than one call each, and whether one may refuse the page.
        self.may_repeat = self.may_conflict = False
        #: Beaker's session, once the request has reached the application.
        self.beaker: Any = None
        self._changes: list[tuple[Register, Attempt]] = []
        self._finish: list[Callable[[bool, float], None]] = []

    def load(self) -> Session | None:
        """Load the session, and judge what it holds; returns it, if there is one."""
        get = self.beaker.get
        user = get("user")
        if self.cookie is None:
            return None
        application = self.application
        values = {key: read_value(get(key)) for key in application.all_keys}
        now = application.world.now
        sighting = Sighting(self.cookie, user, values, self.began, now)
        application.world.note(self.client, "sees", user, values)
        self.report(application.model.judge(sighting))
        return self._found(self.cookie, user)

    def load_by_id(self) -> Any:
        """Another one's session, as an administrator or an identity provider loads it."""
        loaded = self.beaker.get_by_id(self.cookie)
        self._found(str(self.cookie), loaded.get("user") if loaded else None)
        return loaded

    def _found(self, cookie: str, user: str | None) -> Session | None:
        self.session = self.application.model.find(cookie, user)
        if self.session is None:
            # What has expired is deleted, and Beaker loads a new id if it has timed out.
            self.most_reads, self.most_writes = self.most_reads + 1, self.most_writes + 1
        return self.session

    def report(self, violation: str | None) -> None:
        """End the run if something is wrong."""
        if violation:
            self.application.world.report(violation)

    def put(self, session: Session, key: Any) -> None:
        """Change a key of the session that was loaded."""
        number = self.application.number()
        self.beaker[key] = self.application.make_value(session.user, number)
        self.expect(session, key, (session.user, number))

    def expect(self, session: Session, key: Any, value: Value) -> None:
        """A key's change is about to be stored."""
        register = session.register(key)
        self._changes.append((register, register.begin(value, self.began)))

    def finally_(self, finish: Callable[[bool, float], None]) -> None:
        """What to record once the page ends, from whether it was answered, and the time."""
        self._finish.append(finish)

    def serve(self, page: Callable[[Visit], None]) -> None:
        """Send the request through Beaker's middleware to a page."""
        environment: dict[str, Any] = {VISIT: self, PAGE: page}
        if self.cookie is not None:
            environment["HTTP_COOKIE"] = f"{COOKIE}={self.cookie}"
        self.application.site(environment, _ignore)

    def acknowledge(self) -> None:
        """The page was answered."""
        now, calls = self.application.world.now, self.client.calls
        for register, attempt in self._changes:
            register.acknowledge(attempt, now)
        for finish in self._finish:
            finish(True, now)
        if self.session and not calls.faults and not calls.refused:
            self.session.activity.append((now, self.began))
        if not calls.faults:
            self._check_cost(calls)

    def fail(self) -> None:
        """The page was answered with an error, or not at all."""
        now = self.application.world.now
        for _, attempt in self._changes:
            attempt.ended = now
        for finish in self._finish:
            finish(False, now)

    def refuse(self, error: Exception) -> None:
        """The page was answered with an error of this package's."""
        is_undisturbed = self.client.calls.faults == 0
        is_merged = self.application.conflict == "merge" and not self.may_conflict
        if isinstance(error, ConflictError) and is_merged and is_undisturbed:
            self.report("a change is refused")
        elif isinstance(error, (ConflictError, LockTimeout)) and self._is_unexplained:
            self.report(f"{type(error).__name__} without another page")
        elif isinstance(error, StoreUnavailable) and is_undisturbed:
            self.report("an outage is reported that there was not")

    @property
    def _is_unexplained(self) -> bool:
        """Whether neither another page nor the end of a lease can have refused it."""
        return self.is_alone and self.application.world.now < self.began + LOCK_TIMEOUT - 1

    def _check_cost(self, calls: CallCounts) -> None:
        # An eventually consistent read is repeated if it finds nothing, or something expired. A
        # session that other pages have renamed is read, or ended, where it goes on.
        follows = MOST_RENAMES * (self.may_repeat and not self.is_alone)
        most_reads = self.most_reads + calls.refused + 2 * self.application.is_weak + follows
        most_writes = self.most_writes + calls.refused + follows
        is_counted = not (self.may_repeat and calls.refused)
        if is_counted and (calls.reads > most_reads or calls.writes > most_writes):
            self.report(f"a page costs {calls.reads} reads and {calls.writes} writes")
        elif (
            self.is_reading and self.session and calls.writes and not self._is_touch_due(calls.item)
        ):
            self.report("a page that only reads writes")

    def _is_touch_due(self, item: Any) -> bool:
        if not item or "touched" not in item:
            return True
        now = self.application.world.now + self.client.skew
        return bool(now - float(item["touched"]["N"]) >= TOUCH_INTERVAL - 1)


def answer(environment: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """The WSGI application: it runs the page of a visit on Beaker's session."""
    visit: Visit = environment[VISIT]
    visit.beaker = environment["beaker.session"]
    environment[PAGE](visit)
    start_response("200 OK", [])
    return []


def _ignore(*_: object) -> None:
    """What the middleware calls with the status and the headers."""
