"""Plans of sessions: pages of several clients, and how their application is set up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from ..clients import Client, Process
from ..runs import Plan, Step
from ..world import FAULTS, LARGEST_SKEW, World
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
class SessionSettings:
    """How an application and its sessions are set up.

    Attributes:
        session: kind of sessions.
        values: kind of values.
        odd_keys: whether keys are of any type.
        is_weak: whether reads are eventually consistent.
        conflict: `on_conflict`.
        has_timeout: whether Beaker's `timeout` or the backend's `ttl` ends a session.
    """

    workload: ClassVar[str] = "sessions"
    session: str
    values: str
    odd_keys: bool
    is_weak: bool
    conflict: str
    has_timeout: bool

    def simulate(self, world: World, plan: Plan) -> int:
        """Run the pages of each client, after a first login."""
        keys = ODD_KEYS if self.odd_keys else TEXT_KEYS
        application = self._application(world, keys[: len(plan.clients)])
        world.add(
            "setup",
            lambda client: visit_page(application, client, keys[0], "log_in", -1),
            Process(),
        )
        world.run()
        world.is_calm = False
        for number, steps in enumerate(plan.clients):
            world.add(f"client {number}", _main(application, keys[number], steps))
        world.run()
        _look_again(application, world, waits=plan.seed % 2 == 1)
        return application.requests

    def plainer(self) -> Iterator[SessionSettings]:
        """Settings that have one thing less."""
        for plainer in ({"values": "plain"}, {"odd_keys": False}, {"is_weak": False}):
            candidate = replace(self, **plainer)
            if candidate != self:
                yield candidate

    def _application(self, world: World, keys: list[Any]) -> Application:
        site = make_site(
            self.session, self.conflict, is_weak=self.is_weak, has_timeout=self.has_timeout
        )
        return Application(world, site, keys, VALUES[self.values], self.conflict, self.is_weak)


def session_plan(seed: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(seed)
    session = chance.choice(list(SESSIONS))
    theme = _theme(chance, _pages_of(session))
    is_pickled = session in PICKLED
    settings = SessionSettings(
        session,
        chance.choice(["plain", "plain", *VALUES]) if is_pickled else "plain",
        is_pickled and chance.random() < 0.5,
        chance.random() < 0.3,
        chance.choice(["merge", "merge", "merge", "overwrite", "raise"]),
        chance.random() < 0.5,
    )
    rate = chance.choice([0.03, 0.1, 0.25])
    clients = tuple(_steps(chance, theme) for _ in range(chance.randrange(1, 6)))
    return Plan(seed, settings, theme.faults, rate, clients)


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
        world.add("reader", _main(application, "", steps), Process())
    world.run()


def _main(application: Application, key: Any, steps: tuple[Step, ...]) -> Any:
    def main(client: Client) -> None:
        for step in steps:
            if step.pause:
                client.sleep(step.pause)
            visit_page(application, client, key, step.act, step.slot)

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
