"""A plan: everything that determines a run, made from a seed or read from a file."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from ..endpoint import Endpoint
from ..mechanisms import NOTHING, Removal
from ..world import FAULTS, LARGEST_SKEW, Client, World
from .pages import NEEDS_OWN_CLASS, PAGES, visit_page
from .site import PICKLED, PLAIN, SESSIONS, make_site
from .visit import ODD_KEYS, TEXT_KEYS, VALUES, Application

#: In seconds: pauses of a client between two pages; most are short, so that pages overlap.
PAUSES = (0.0, 0.0, 0.0, 0.0, 0.0, 0.05, 1.0, 4.0, 35.0, 540.0, 560.0, 599.5, 900.0)
#: A plan without a theme favours some pages, so that few clients meet in the same few steps.
_FAVOURED = (2, 3, 5, len(PAGES))


class Theme(NamedTuple):
    """What a plan is about: its pages, pauses and faults."""

    pages: tuple[str, ...]
    pauses: tuple[float, ...]
    faults: tuple[str, ...]


_SHORT = (0.0, 0.0, 0.0, 0.05, 1.0)
_THEMES = (
    Theme(("read",), (0.0, 31.0, 45.0, 80.0, 560.0), ("late",)),
    Theme(("log_in", "log_out", "read"), _SHORT, ("late", "lost")),
    Theme(("renew_id", "log_out", "log_in", "read"), _SHORT, ("late", "lost")),
    Theme(("count", "change_shared", "log_out"), _SHORT, ("slow", "lost", "killed")),
    Theme(("change", "change_and_renew_id", "renew_id", "read"), _SHORT, ("late", "slow")),
)
_THEMED = 0.5


@dataclass(frozen=True)
class Step:
    """A page of a client.

    Attributes:
        pause: before it, in seconds.
        page: its name.
        slot: which of the ids it sends; -1 for the newest.
    """

    pause: float
    page: str
    slot: int


@dataclass(frozen=True)
class Plan:
    """What determines a run.

    Attributes:
        seed: of the schedule.
        session: kind of sessions.
        values: kind of values.
        odd_keys: whether keys are of any type.
        is_weak: whether reads are eventually consistent.
        conflict: `on_conflict`.
        has_timeout: whether Beaker's `timeout` or the backend's `ttl` ends a session.
        faults: kinds of faults.
        rate: of calls that a fault happens to.
        clients: the pages of each client.
    """

    seed: int
    session: str
    values: str
    odd_keys: bool
    is_weak: bool
    conflict: str
    has_timeout: bool
    faults: tuple[str, ...]
    rate: float
    clients: tuple[tuple[Step, ...], ...]

    @classmethod
    def of(cls, seed: int) -> Plan:
        """The plan of a seed."""
        chance = random.Random(seed)
        session = chance.choice(list(SESSIONS))
        theme = _theme(chance, _pages_of(session))
        is_pickled = session in PICKLED
        return cls(
            seed,
            session,
            chance.choice(["plain", "plain", *VALUES]) if is_pickled else "plain",
            is_pickled and chance.random() < 0.5,
            chance.random() < 0.3,
            chance.choice(["merge", "merge", "merge", "overwrite", "raise"]),
            chance.random() < 0.5,
            theme.faults,
            chance.choice([0.03, 0.1, 0.25]),
            tuple(_steps(chance, theme) for _ in range(chance.randrange(1, 6))),
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Plan:
        """A plan as `to_json` made it."""
        clients = tuple(tuple(Step(*step) for step in steps) for steps in values["clients"])
        return cls(**{**values, "faults": tuple(values["faults"]), "clients": clients})

    def to_json(self) -> dict[str, Any]:
        """The plan in values that JSON can hold."""
        clients = [[[step.pause, step.page, step.slot] for step in steps] for steps in self.clients]
        return {**asdict(self), "faults": list(self.faults), "clients": clients}

    def with_seed(self, seed: int) -> Plan:
        """The same plan under another schedule."""
        return replace(self, seed=seed)


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    violation: str | None
    requests: int
    calls: int
    faults: dict[str, int]
    ending: float


def run(plan: Plan, removal: Removal = NOTHING, trace: list[str] | None = None) -> Outcome:
    """Run a plan; time and chance have to be virtual."""
    random.seed(plan.seed)
    world = World(plan.seed, plan.faults, plan.rate, removal)
    world.trace = trace
    Endpoint.world = world
    keys = ODD_KEYS if plan.odd_keys else TEXT_KEYS
    site = make_site(
        plan.session, plan.conflict, is_weak=plan.is_weak, has_timeout=plan.has_timeout
    )
    application = Application(
        world, site, keys[: len(plan.clients)], VALUES[plan.values], plan.conflict, plan.is_weak
    )
    world.add(
        "setup", lambda client: visit_page(application, client, keys[0], "log_in", -1), skewed=False
    )
    world.run()
    world.is_calm = False
    for number, steps in enumerate(plan.clients):
        world.add(f"client {number}", _main(application, keys[number], steps))
    world.run()
    _look_again(application, world, waits=plan.seed % 2 == 1)
    return Outcome(
        world.violation, application.requests, world.calls, dict(world.faults), world.now
    )


def _look_again(application: Application, world: World, *, waits: bool) -> None:
    """Read each session once more, without faults, after all that was late has arrived.

    Args:
        application: whose sessions are read.
        world: that it runs in.
        waits: whether each is read at the last moment at which it must be live, or at once.
    """
    world.is_calm = True
    world.now += 3.0
    for number, cookie in enumerate(application.ids):
        latest = application.model.last_moment(cookie) - LARGEST_SKEW
        pause = max(0.0, latest - world.now) if waits else 0.0
        steps = (Step(pause, "read", number),)
        world.add("reader", _main(application, "", steps), skewed=False)
    world.run()


def _main(application: Application, key: Any, steps: tuple[Step, ...]) -> Any:
    def main(client: Client) -> None:
        for step in steps:
            if step.pause:
                client.sleep(step.pause)
            visit_page(application, client, key, step.page, step.slot)

    return main


def _pages_of(session: str) -> list[str]:
    return [name for name in PAGES if session not in PLAIN or name not in NEEDS_OWN_CLASS]


def _theme(chance: random.Random, pages: list[str]) -> Theme:
    """One of the themes, or a random one; only pages that a kind of session has."""
    if chance.random() < _THEMED:
        theme = chance.choice(_THEMES)
        return theme._replace(pages=tuple(page for page in theme.pages if page in pages))
    favoured = chance.sample(pages, min(chance.choice(_FAVOURED), len(pages)))
    faults = chance.sample(FAULTS, chance.randrange(len(FAULTS) + 1))
    return Theme((*favoured, "read"), PAUSES, tuple(faults))


def _steps(chance: random.Random, theme: Theme) -> tuple[Step, ...]:
    slots = (-1, -1, -1, 0, 1)
    return tuple(
        Step(chance.choice(theme.pauses), chance.choice(theme.pages), chance.choice(slots))
        for _ in range(chance.randrange(1, 6))
    )
