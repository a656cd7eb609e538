"""The workloads: what each makes of a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .caches.plan import CacheSettings, cache_plan
from .runs import Plan, Step
from .sessions.plan import SessionSettings, session_plan


class Workload(NamedTuple):
    """How a workload's plans are made: from a seed, and settings from JSON."""

    plan: Callable[[int], Plan]
    settings: Callable[..., Any]


WORKLOADS: dict[str, Workload] = {
    SessionSettings.workload: Workload(session_plan, SessionSettings),
    CacheSettings.workload: Workload(cache_plan, CacheSettings),
}


def plan_of(workload: str, seed: int) -> Plan:
    """A workload's plan of a seed."""
    return WORKLOADS[workload].plan(seed)


def plan_from_json(values: dict[str, Any]) -> Plan:
    """A plan as `Plan.to_json` made it; one without a workload is of sessions."""
    settings = dict(values)
    workload = settings.pop("workload", SessionSettings.workload)
    seed, rate = settings.pop("seed"), settings.pop("rate")
    faults = tuple(settings.pop("faults"))
    clients = tuple(tuple(Step(*step) for step in steps) for steps in settings.pop("clients"))
    return Plan(seed, WORKLOADS[workload].settings(**settings), faults, rate, clients)
