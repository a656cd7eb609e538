"""A smaller plan with the same violation: fewer clients, pages and kinds of faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .mechanisms import NOTHING, Removal
from .runs import Plan, Step, run

#: A smaller plan has another schedule: this many are tried.
_SCHEDULES = 60
#: How many runs it takes at most; a hundred take half a second.
_MOST_RUNS = 4_000


def shrink(plan: Plan, violation: str, removal: Removal = NOTHING) -> Plan:
    """The smallest plan that is found.

    Args:
        plan: that has the violation.
        violation: as `run` reports it.
        removal: the mechanism that is taken out.
    """
    left = iter(range(_MOST_RUNS))
    while True:
        smaller = _first(plan, violation, removal, left)
        if smaller is None:
            return plan
        plan = smaller


def _first(plan: Plan, violation: str, removal: Removal, left: Iterator[int]) -> Plan | None:
    for candidate in _smaller(plan):
        for seed in (plan.seed, *range(_SCHEDULES)):
            if next(left, None) is None:
                return None
            tried = candidate.with_seed(seed)
            if run(tried, removal).violation == violation:
                return tried
    return None


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans that have one thing less."""
    for number in range(len(plan.clients)):
        yield replace(plan, clients=_without(plan.clients, number))
    if plan.faults:
        yield replace(plan, faults=())
    for fault in plan.faults:
        yield replace(plan, faults=tuple(kind for kind in plan.faults if kind != fault))
    for number, steps in enumerate(plan.clients):
        for index in range(len(steps)):
            yield _with_client(plan, number, _without(steps, index))
    yield from _plainer(plan)


def _plainer(plan: Plan) -> Iterator[Plan]:
    """Plans with one setting less."""
    for settings in plan.settings.plainer():
        yield replace(plan, settings=settings)
    for number, steps in enumerate(plan.clients):
        for index, step in enumerate(steps):
            if step.pause:
                yield _with_client(plan, number, _with_step(steps, index, step._replace(pause=0.0)))


def _with_step(steps: tuple[Step, ...], index: int, step: Step) -> tuple[Step, ...]:
    return (*steps[:index], step, *steps[index + 1 :])


def _with_client(plan: Plan, number: int, steps: tuple[Step, ...]) -> Plan:
    clients = (*plan.clients[:number], steps, *plan.clients[number + 1 :])
    return replace(plan, clients=tuple(steps for steps in clients if steps))


def _without(elements: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    return (*elements[:index], *elements[index + 1 :])
