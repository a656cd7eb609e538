"""Many runs, one after the other: what they have found, and the plans that are kept."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from .endpoint import virtual_time_and_chance
from .mechanisms import Removal, without
from .sessions.plan import Outcome, Plan, run
from .shrink import shrink

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
    #: The seeds of each violation.
    violations: dict[str, list[int]] = field(default_factory=dict)

    def add(self, seed: int, outcome: Outcome) -> None:
        """Count a run."""
        self.runs += 1
        self.requests += outcome.requests
        self.calls += outcome.calls
        self.faults.update(outcome.faults)
        if outcome.violation:
            self.violations.setdefault(outcome.violation, []).append(seed)

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
        for violation, seeds in sorted(self.violations.items(), key=lambda each: -len(each[1])):
            yield f"  {len(seeds):6,}  {violation}: --seed {seeds[0]}"


@contextmanager
def simulation(mechanism: str | None = None) -> Iterator[Removal]:
    """Where runs happen: with virtual time and chance, without logs, and without a mechanism."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with without(mechanism) as removal, virtual_time_and_chance():
            yield removal
    finally:
        logging.disable(before)


def search(first: int, seconds: float, calls: float) -> Report:
    """Run seed after seed.

    Args:
        first: seed.
        seconds: after which no run begins.
        calls: to DynamoDB after which no run begins.
    """
    report, stopwatch = Report(), Stopwatch()
    with simulation():
        for seed in count(first):
            report.add(seed, run(Plan.of(seed)))
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
        with simulation(mechanism) as removal:
            outcome = run(Plan.of(seed), removal)
        if outcome.violation and not _is_clean(seed):
            outcome = replace(outcome, violation=None)
        report.add(seed, outcome)
        report.seconds, report.cpu_seconds = stopwatch.read()
        if report.violations or report.seconds > seconds:
            break
    return report


def _is_clean(seed: int) -> bool:
    """Whether a seed has no violation with every mechanism in place."""
    with simulation():
        return run(Plan.of(seed)).violation is None


def explain(seed: int, mechanism: str | None = None) -> tuple[Plan, str | None, list[str]]:
    """The smallest plan with the violation of a seed, the violation, and the trace of the plan."""
    plan, trace = Plan.of(seed), list[str]()
    with simulation(mechanism) as removal:
        violation = run(plan, removal).violation
        if violation:
            plan = shrink(plan, violation, removal)
        run(plan, removal, trace)
    return plan, violation, trace


def kept() -> list[Kept]:
    """The plans that are kept."""
    return [
        Kept(each["reason"], each["violation"], Plan.from_json(each["plan"]))
        for each in json.loads(KEPT.read_text(encoding="utf-8"))
    ]


def keep(reason: str, violation: str, plan: Plan) -> None:
    """Keep a plan, so that each later test runs it."""
    entries: list[dict[str, Any]] = json.loads(KEPT.read_text(encoding="utf-8"))
    entries.append({"reason": reason, "violation": violation, "plan": plan.to_json()})
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    KEPT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
