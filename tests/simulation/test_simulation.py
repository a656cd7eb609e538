"""The simulation: new seeds, all kept plans, and whether it would find what it looks for."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .caches.acts import ACTS
from .campaign import Kept, explain, kept, search, search_without, simulation
from .mechanisms import REMOVALS
from .runs import run
from .sessions.model import Model, Register, Sighting
from .sessions.pages import PAGES
from .workloads import WORKLOADS, plan_from_json, plan_of
from .world import FAULTS

IN_CI = os.environ.get("CI") == "true"
#: How long new seeds are searched, in seconds.
SECONDS = 60.0 if IN_CI else 4.0
#: How soon a missing mechanism is found, in seconds.
PATIENCE = 120.0
#: A kept plan is tried under its own schedule and as many others: the package's calls change.
SCHEDULES = 40

#: What a run of each workload can do.
ALL_ACTS = {"sessions": PAGES.keys(), "caches": {*ACTS, "look"}}

each_workload = pytest.mark.parametrize("workload", WORKLOADS)
each_kept = pytest.mark.parametrize("entry", kept(), ids=lambda entry: entry.reason)


def test_new_seeds_violate_nothing() -> None:
    report = search(list(WORKLOADS), random.randrange(2**40), SECONDS, math.inf)
    assert not report.violations, "\n".join(report.lines())


@each_kept
def test_a_kept_plan_violates_nothing(entry: Kept) -> None:
    with simulation():
        for seed in (entry.plan.seed, *range(SCHEDULES)):
            plan = entry.plan.with_seed(seed)
            assert run(plan).violation is None, json.dumps(plan.to_json())


@pytest.mark.exhaustive
@pytest.mark.parametrize("mechanism", REMOVALS)
def test_a_missing_mechanism_is_found(mechanism: str) -> None:
    report = search_without(mechanism, PATIENCE)
    assert report.violations, "\n".join(report.lines())


@each_workload
class TestRuns:
    def test_are_determined_by_their_seed(self, workload: str) -> None:
        assert trace(workload, 7) == trace(workload, 7) != trace(workload, 8)

    def test_do_not_depend_on_the_process(self, workload: str) -> None:
        program = f"from {__name__} import trace; print(*trace('{workload}', 7), sep='\\n')"
        outputs = {
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": seed},
                cwd=Path(__file__).parent.parent.parent,
                capture_output=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(outputs) == 1

    def test_do_everything_and_meet_every_fault(self, workload: str) -> None:
        done: Counter[str] = Counter()
        faults: Counter[str] = Counter()
        with simulation():
            for seed in range(150):
                lines: list[str] = []
                outcome = run(plan_of(workload, seed), trace=lines)
                faults.update(outcome.faults)
                done.update(line.split()[-3] for line in lines if line.endswith("is answered"))
        assert done.keys() == ALL_ACTS[workload]
        assert faults.keys() == {*FAULTS, "old state read"}

    def test_come_back_from_json(self, workload: str) -> None:
        plan = plan_of(workload, 3)
        assert plan_from_json(json.loads(json.dumps(plan.to_json()))) == plan

    def test_are_fast(self, workload: str) -> None:
        report = search([workload], 0, math.inf, 10_000)
        # 1,700 a second and more on a machine of its own; here others run at the same time.
        assert report.requests / report.cpu_seconds > 500


def trace(workload: str, seed: int) -> list[str]:
    """What happens in a run."""
    lines: list[str] = []
    with simulation():
        run(plan_of(workload, seed), trace=lines)
    return lines


class TestRegister:
    def test_forgets_what_a_later_change_has_replaced(self) -> None:
        register = Register()
        for number, moment in ((1, 10.0), (2, 20.0)):
            register.acknowledge(register.begin(("user", number), moment), moment + 1)
        seen = [register.allows(("user", number), since=30.0) for number in (1, 2)]
        assert seen == [False, True]
        assert not register.allows(None, since=30.0)

    def test_knows_no_order_of_changes_that_overlap(self) -> None:
        register = Register()
        one, other = (register.begin(("user", number), 10.0) for number in (1, 2))
        register.acknowledge(one, 11.0)
        register.acknowledge(other, 12.0)
        assert all(register.allows(("user", number), since=30.0) for number in (1, 2))

    def test_expects_that_a_failed_change_may_be_stored_late(self) -> None:
        register = Register()
        register.begin(("user", 1), 10.0).ended = 11.0
        assert register.allows(("user", 1), since=30.0)
        assert register.allows(None, since=30.0)


class TestModel:
    @pytest.fixture
    def model(self) -> Model:
        """One session, of alice."""
        model = Model(life=569.0, lag=0.0, keeps_values=True)
        session = model.begin("id", "alice")
        model.finish_beginning(session, "id", 1.0)
        session.activity.append((1.0, 1.0))
        return model

    def judge(self, model: Model, user: str | None, **values: Any) -> str | None:
        return model.judge(Sighting("id", user, values, 100.0, 100.0))

    def test_accepts_the_session_that_is_there(self, model: Model) -> None:
        assert self.judge(model, "alice", cart=None) is None

    def test_misses_a_live_session(self, model: Model) -> None:
        assert self.judge(model, None) == "a live session is logged out"

    def test_allows_a_session_to_end_that_nobody_has_used(self, model: Model) -> None:
        late = Sighting("id", None, {}, 600.0, 600.0)
        assert model.judge(late) is None

    def test_knows_whose_session_it_is(self, model: Model) -> None:
        assert self.judge(model, "alice", cart=("bob", 1)) == (
            "a session holds a key of another user's"
        )

    def test_sees_a_session_return(self, model: Model) -> None:
        session = model.find("id", "alice")
        assert session
        session.end(50.0)
        assert self.judge(model, "alice") == "a session that has ended returns"
        assert self.judge(model, None) is None

    def test_ends_what_continues_a_session_with_it(self, model: Model) -> None:
        session = model.find("id", "alice")
        assert session
        child = model.rename(session, "new id", 10.0, 11.0)
        session.end(50.0)
        assert child.ended == 50.0


def test_a_violation_is_shrunk_to_what_it_needs() -> None:
    plan, violation, lines = explain(plan_of("sessions", first_without("merge")), "merge")
    assert violation == "an acknowledged change is lost"
    assert sum(map(len, plan.clients)) <= 3
    assert any("VIOLATION" in line for line in lines)


def first_without(mechanism: str) -> int:
    """The first seed that loses a change without a mechanism."""
    with simulation(mechanism) as removal:
        return next(
            seed
            for seed in range(5_000)
            if run(plan_of("sessions", seed), removal).violation == "an acknowledged change is lost"
        )
