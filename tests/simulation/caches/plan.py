"""Plans of caches: calls of several clients, and how the caches are set up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from beaker_dynamodb.options import ONE_DAY

from ..clients import Client, Process
from ..runs import Plan, Step
from ..world import FAULTS, World
from .acts import ACTS, perform
from .call import KEYS, Shop, User
from .site import EXPIRE, STALE_TTL, Site

#: In seconds: pauses of a client between two calls; most are short, so that calls overlap.
PAUSES = (0.0, 0.0, 0.0, 0.0, 0.05, 1.0, 4.0, 7.0, 19.0, 21.0, 31.0, 3_700.0, 90_000.0)
#: In seconds: how long before the calls the first values were put.
AGES = (1.0, EXPIRE - 2.0, EXPIRE + 1.0, EXPIRE + STALE_TTL + 1.0)
#: How often a fault happens to a call.
RATES = (0.03, 0.1, 0.25, 0.4)
#: In seconds: after it, what expires has been removed.
LATER = 200_000.0


class Theme(NamedTuple):
    """What a plan is about: its acts, pauses and faults."""

    acts: tuple[str, ...]
    pauses: tuple[float, ...]
    faults: tuple[str, ...]


_SHORT = (0.0, 0.0, 0.0, 0.05, 1.0)
_THEMES = (
    Theme(("get", "remove"), _SHORT, ("late", "lost")),
    Theme(("get_slow", "get", "remove"), (*_SHORT, 4.0), ("late", "lost")),
    Theme(("get_slow", "get_slow", "get_failing_slowly", "get"), _SHORT, ("slow", "late", "lost")),
    Theme(("get_slow", "get"), (*_SHORT, 4.0), ()),
    Theme(("get_slow", "get_slow", "get"), _SHORT, ("slow",)),
    Theme(("get_slow",), (0.0, 0.05), ("late",)),
    Theme(("get_slow",), (0.0, 0.05, 4.0), ("late",)),
    Theme(("get_slow", "get_slow", "remove", "get"), (0.0, 1.0, 4.0), ("late",)),
    Theme(("get_slow", "get_slow", "remove", "get"), (0.0, 0.05, 4.0, 5.0), ("late",)),
    Theme(("get", "get_failing", "put", "remove"), (*_SHORT, 21.0), ("lost", "late", "killed")),
    Theme(("get", "put", "clear", "contains"), _SHORT, ("late", "lost", "expired")),
    Theme(("get", "get_slow"), (0.0, 4.0, 21.0), ("dropped", "throttled", "broken")),
    Theme(("get_slow", "get"), (0.0, 4.0, 19.0), ("expired", "late")),
)
_THEMED = 0.75
#: A plan without a theme favours some acts, so that few clients meet in the same few steps.
_FAVOURED = (2, 3, len(ACTS))


@dataclass(frozen=True)
class CacheSettings:
    """How the caches are set up.

    Attributes:
        is_weak: whether hits are eventually consistent.
        expire: of the caches: `EXPIRE`, 0, or None for values that never expire.
        stale_ttl: as the option.
        outage: `on_outage`.
        serializer: as the option.
        threads: how many clients share a process.
        age: how long before the calls the first values were put, in seconds; None for no values.
        is_old: whether an older release has put them: parts expire under a head that does not.
    """

    workload: ClassVar[str] = "caches"
    is_weak: bool
    expire: int | None
    stale_ttl: int
    outage: str
    serializer: str
    threads: int
    age: float | None
    is_old: bool

    def simulate(self, world: World, plan: Plan) -> int:
        """Run the calls of each client, after the first values were put."""
        site = self._site()
        shop = Shop(world, self.is_weak, self.stale_ttl, self.expire, self.outage)
        with site.used():
            _add(world, site.process(world), "setup", _main(shop, site, self._first_steps()))
            world.run()
            world.now += self.age or 0.0
            if self.is_old:
                shop.model.age(int(world.now) + ONE_DAY)
            world.is_calm = False
            self._add_clients(world, shop, site, plan)
            world.run()
            _look_again(world, shop, site)
        return shop.requests

    def plainer(self) -> Iterator[CacheSettings]:
        """Settings that have one thing less."""
        plainer: tuple[dict[str, Any], ...] = (
            {"is_weak": False},
            {"expire": EXPIRE},
            {"stale_ttl": 0},
            {"outage": "raise"},
            {"serializer": "pickle"},
            {"threads": 1},
            {"is_old": False},
            {"age": None, "is_old": False},
        )
        candidates = (replace(self, **settings) for settings in plainer)
        return (candidate for candidate in candidates if candidate != self)

    def _site(self) -> Site:
        return Site.of(
            self.expire,
            consistent_read=not self.is_weak,
            stale_ttl=self.stale_ttl,
            on_outage=self.outage,
            serializer=self.serializer,
        )

    def _first_steps(self) -> tuple[Step, ...]:
        return () if self.age is None else tuple(Step(0.0, "put", n) for n in range(len(KEYS)))

    def _add_clients(self, world: World, shop: Shop, site: Site, plan: Plan) -> None:
        process = site.process(world)
        for number, steps in enumerate(plan.clients):
            if number % self.threads == 0:
                process = site.process(world)
            _add(world, process, f"client {number}", _main(shop, site, steps))


def cache_plan(seed: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(seed)
    theme = _theme(chance)
    expire = chance.choice([EXPIRE, EXPIRE, EXPIRE, 0, None])
    age = chance.choice([None, *AGES])
    settings = CacheSettings(
        chance.random() < 0.3,
        expire,
        chance.choice([0, STALE_TTL]),
        chance.choice(["raise", "raise", "miss"]),
        chance.choice(["pickle", "json"]),
        chance.choice([1, 1, 2]),
        age,
        expire is None and age is not None and chance.random() < 0.3,
    )
    rate = chance.choice(RATES)
    slots = chance.choice(((0,), (0,), (0,), (0, 1), (1,)))
    clients = tuple(_steps(chance, theme, slots) for _ in range(chance.randrange(1, 6)))
    return Plan(seed, settings, theme.faults, rate, clients)


def _theme(chance: random.Random) -> Theme:
    """One of the themes, or a random one."""
    if chance.random() < _THEMED:
        return chance.choice(_THEMES)
    favoured = chance.sample(list(ACTS), chance.choice(_FAVOURED))
    faults = chance.sample(FAULTS, chance.randrange(len(FAULTS) + 1))
    return Theme((*favoured, "get"), PAUSES, tuple(faults))


def _steps(chance: random.Random, theme: Theme, slots: tuple[int, ...]) -> tuple[Step, ...]:
    return tuple(
        Step(chance.choice(theme.pauses), chance.choice(theme.acts), chance.choice(slots))
        for _ in range(chance.randrange(1, 6))
    )


def _look_again(world: World, shop: Shop, site: Site) -> None:
    """Read each value once more, without faults, after what was late has arrived, and much later.

    Args:
        world: that it runs in.
        shop: whose values are read.
        site: of the caches.
    """
    world.is_calm = True
    world.now += 3.0
    steps = tuple(Step(0.0, "look", number) for number in range(len(KEYS)))
    for pause in (0.0, LATER):
        world.now += pause
        world.expire()
        _add(world, site.process(world), "reader", _main(shop, site, steps))
        world.run()


def _add(world: World, process: Process, name: str, main: Callable[[Client], None]) -> None:
    world.add(name, main, process)


def _main(shop: Shop, site: Site, steps: tuple[Step, ...]) -> Callable[[Client], None]:
    def main(client: Client) -> None:
        # Built by its client: a cache keeps what one thread knows.
        user = User(shop, client, site.cache(), site.cache())
        for step in steps:
            if step.pause:
                client.sleep(step.pause)
            perform(user, step.act, KEYS[step.slot % len(KEYS)])

    return main
