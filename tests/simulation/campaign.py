"""Many runs, one after the other: what they have found, and the plans that are kept."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from .mechanisms import REMOVALS, Removal, without
from .runs import Outcome, Plan, run
from .shrink import shrink
from .virtual import virtual_surroundings
from .workloads import plan_from_json, plan_of

KEPT = Path(__file__).parent / "kept.json"

#: The clocks of this machine, whatever time it is in a run.
_clock, _cpu_clock = time.perf_counter, time.process_time


class Stopwatch:
    """How long something takes, in seconds of this machine."""

    def __init__(self) -> None:
        self._began, self._cpu_began = _clock(), _cpu_clock()

    def read(self) -> tuple[float, float]:
        """Seconds, and seconds of this process's CPU time."""
        return _clock() - self._began, _cpu_clock() - self._cpu_began


class Kept(NamedTuple):
    """A plan that once had a violation, and why it is kept."""

    reason: str
    violation: str
    plan: Plan


@dataclass
class Report:
    """What the runs of a campaign have done and found."""

    runs: int = 0
    requests: int = 0
    calls: int = 0
    seconds: float = 0.0
    #: Of this process's CPU time, which does not count what else runs on the machine.
    cpu_seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    #: The plans of each violation.
    violations: dict[str, list[Plan]] = field(default_factory=dict)

    def add(self, plan: Plan, outcome: Outcome) -> None:
        """Count a run."""
        self.runs += 1
        self.requests += outcome.requests
        self.calls += outcome.calls
        self.faults.update(outcome.faults)
        if outcome.violation:
            self.violations.setdefault(outcome.violation, []).append(plan)

    def lines(self) -> Iterator[str]:
        """The report in words."""
        rate, cpu_rate = (self.requests / (each or 1) for each in (self.seconds, self.cpu_seconds))
        yield (
            f"{self.runs:,} runs, {self.requests:,} requests, {self.calls:,} calls to DynamoDB "
            f"in {self.seconds:.1f} s: {rate:,.0f} requests a second, {cpu_rate:,.0f} a second "
            "of CPU time"
        )
        faults = ", ".join(f"{kind} {number:,}" for kind, number in sorted(self.faults.items()))
        yield f"faults: {faults or 'none'}"
        total = sum(map(len, self.violations.values()))
        yield f"violations: {total}"
        for violation, plans in sorted(self.violations.items(), key=lambda each: -len(each[1])):
            first = plans[0]
            arguments = f"--of {first.settings.workload} --seed {first.seed}"
            yield f"  {len(plans):6,}  {violation}: {arguments}"


@contextmanager
def simulation(mechanism: str | None = None) -> Iterator[Removal]:
    """Where runs happen: without logs, and without a mechanism."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with without(mechanism) as removal, virtual_surroundings():
            yield removal
    finally:
        logging.disable(before)


def search(workloads: Sequence[str], first: int, seconds: float, calls: float) -> Report:
    """Run seed after seed.

    Args:
        workloads: that take turns.
        first: seed.
        seconds: after which no run begins.
        calls: to DynamoDB after which no run begins.
    """
    report, stopwatch = Report(), Stopwatch()
    with simulation():
        for number in count():
            plan = plan_of(workloads[number % len(workloads)], first + number // len(workloads))
            report.add(plan, run(plan))
            report.seconds, report.cpu_seconds = stopwatch.read()
            if report.seconds > seconds or report.calls > calls:
                break
    return report


def search_without(mechanism: str, seconds: float) -> Report:
    """Run seed after seed without a mechanism, until one has a violation for want of it.

    Args:
        mechanism: that is taken out.
        seconds: after which no run begins.
    """
    report, stopwatch = Report(), Stopwatch()
    for seed in count():
        plan = plan_of(REMOVALS[mechanism].workload, seed)
        with simulation(mechanism) as removal:
            outcome = run(plan, removal)
        if outcome.violation and not _is_clean(plan):
            outcome = replace(outcome, violation=None)
        report.add(plan, outcome)
        report.seconds, report.cpu_seconds = stopwatch.read()
        if report.violations or report.seconds > seconds:
            break
    return report


def _is_clean(plan: Plan) -> bool:
    """Whether a plan has no violation with every mechanism in place."""
    with simulation():
        return run(plan).violation is None


def explain(plan: Plan, mechanism: str | None = None) -> tuple[Plan, str | None, list[str]]:
    """The smallest plan with the violation of a plan, the violation, and the trace of the plan."""
    trace: list[str] = []
    with simulation(mechanism) as removal:
        violation = run(plan, removal).violation
        if violation:
            plan = shrink(plan, violation, removal)
        run(plan, removal, trace)
    return plan, violation, trace


def kept() -> list[Kept]:
    """The plans that are kept."""
    return [
        Kept(each["reason"], each["violation"], plan_from_json(each["plan"]))
        for each in json.loads(KEPT.read_text(encoding="utf-8"))
    ]


def keep(reason: str, violation: str, plan: Plan) -> None:
    """Keep a plan, so that each later test runs it."""
    entries: list[dict[str, Any]] = json.loads(KEPT.read_text(encoding="utf-8"))
    entries.append({"reason": reason, "violation": violation, "plan": plan.to_json()})
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    KEPT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
