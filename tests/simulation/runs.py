"""A plan: everything that determines a run. And the run itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol

from .endpoint import Endpoint
from .mechanisms import NOTHING, Removal
from .world import World


class Step(NamedTuple):
    """What a client does next.

    Attributes:
        pause: before it, in seconds.
        act: its name.
        slot: which id or which key it is about, as the workload counts them.
    """

    pause: float
    act: str
    slot: int


class Settings(Protocol):
    """What a workload's run depends on besides seed, faults and clients; a frozen dataclass."""

    #: Name of the workload.
    workload: ClassVar[str]

    def simulate(self, world: World, plan: Plan) -> int:
        """Run a plan's clients in a world; returns how many requests they have made."""

    def plainer(self) -> Iterator[Settings]:
        """Settings that have one thing less."""


@dataclass(frozen=True)
class Plan:
    """What determines a run.

    Attributes:
        seed: of the schedule.
        settings: of the workload.
        faults: kinds of faults.
        rate: of calls that a fault happens to.
        clients: the steps of each client.
    """

    seed: int
    settings: Settings
    faults: tuple[str, ...]
    rate: float
    clients: tuple[tuple[Step, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """The plan in values that JSON can hold."""
        values = {**asdict(self), "workload": self.settings.workload}  # type: ignore[call-overload]
        return {**values.pop("settings"), **values}

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
    requests = plan.settings.simulate(world, plan)
    return Outcome(world.violation, requests, world.calls, dict(world.faults), world.now)
