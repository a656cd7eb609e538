"""The command: searches new seeds, explains one, or shows that each mechanism is needed."""

import argparse
import json
import math
import random
import sys

from .campaign import Report, explain, keep, search, search_without
from .mechanisms import REMOVALS
from .workloads import WORKLOADS, plan_of

EVERY = "every"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to search")
    parser.add_argument("--calls", type=float, default=math.inf, help="how many calls to make")
    parser.add_argument("--seed", type=int, help="explain this seed")
    parser.add_argument("--first", type=int, help="seed to begin the search with")
    parser.add_argument("--of", choices=WORKLOADS, help="the workload; without it, all in turn")
    parser.add_argument("--without", choices=[*REMOVALS, EVERY], help="take out a mechanism")
    parser.add_argument("--keep", metavar="REASON", help="keep the plan that --seed explains")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        _explain(arguments)
    elif arguments.without == EVERY:
        _compare(arguments.of, arguments.seconds)
    else:
        _search(arguments)


def _search(arguments: argparse.Namespace) -> None:
    if arguments.without:
        report = search_without(arguments.without, arguments.seconds)
    else:
        first = random.randrange(2**40) if arguments.first is None else arguments.first
        workloads = [arguments.of] if arguments.of else list(WORKLOADS)
        report = search(workloads, first, arguments.seconds, arguments.calls)
    print("\n".join(report.lines()))
    sys.exit(bool(report.violations) != bool(arguments.without))


def _explain(arguments: argparse.Namespace) -> None:
    mechanism = arguments.without
    workload = REMOVALS[mechanism].workload if mechanism else arguments.of or next(iter(WORKLOADS))
    plan, violation, trace = explain(plan_of(workload, arguments.seed), mechanism)
    print("\n".join(trace))
    print(json.dumps(plan.to_json()))
    print(violation or "no violation")
    if arguments.keep and violation:
        keep(arguments.keep, violation, plan)
    sys.exit(1 if violation else 0)


def _compare(workload: str | None, seconds: float) -> None:
    """Print a table: what the search finds without each mechanism, and how soon."""
    print("| without | violation | seed | requests | seconds |\n| --- | --- | --- | --- | --- |")
    for mechanism, removal in REMOVALS.items():
        if workload in {None, removal.workload}:
            _compare_with(mechanism, search_without(mechanism, seconds))


def _compare_with(mechanism: str, report: Report) -> None:
    for violation, plans in report.violations.items() or [("none", [])]:
        seed = plans[0].seed if plans else "-"
        row = (mechanism, violation, seed, f"{report.requests:,}", f"{report.seconds:.1f}")
        print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
