"""How much a run tries: less at home, everything with CI=true."""

from __future__ import annotations

import os
from dataclasses import dataclass

from hypothesis import HealthCheck, settings


@dataclass(frozen=True)
class Effort:
    """The sizes of the tests that can be as large as one likes.

    Attributes:
        examples: hypothesis's inputs for a function that takes microseconds.
        table_examples: hypothesis's inputs for a test that calls DynamoDB for each of them.
        interleavings: runs of the model of a session, each of up to 25 steps.
        rewrites: times that a value of 2 MB is replaced under a reader.
        fuzzed_inputs: inputs of each coverage-guided run.
        requests: requests of a user who is active for a long time.
        turns: times that each of 50 threads acquires one lease.
        renewals: session tokens that an application uses one after the other.
    """

    examples: int
    table_examples: int
    interleavings: int
    rewrites: int
    fuzzed_inputs: int
    requests: int
    turns: int
    renewals: int


HOME = Effort(
    examples=100,
    table_examples=12,
    interleavings=6,
    rewrites=15,
    fuzzed_inputs=2_000,
    requests=46,
    turns=2,
    renewals=100,
)
CI = Effort(
    examples=300,
    table_examples=60,
    interleavings=40,
    rewrites=200,
    fuzzed_inputs=20_000,
    requests=216,
    turns=10,
    renewals=1_000,
)

IS_EXHAUSTIVE = os.environ.get("CI") == "true"
EFFORT = CI if IS_EXHAUSTIVE else HOME

#: For tests that call DynamoDB: each example has a session or a cache of its own in one table.
with_a_table = settings(
    max_examples=EFFORT.table_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def load_hypothesis_profile() -> None:
    """Register hypothesis's profiles, `home` and `ci`, and load the one of this run."""
    for name, effort in {"home": HOME, "ci": CI}.items():
        settings.register_profile(name, max_examples=effort.examples, deadline=None)
    settings.load_profile("ci" if IS_EXHAUSTIVE else "home")
