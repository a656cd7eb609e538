"""The command: searches new seeds, explains one, or shows that each mechanism is needed."""

import argparse
import json
import math
import random
import sys

from .campaign import explain, keep, search, search_without
from .mechanisms import REMOVALS

EVERY = "every"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to search")
    parser.add_argument("--calls", type=float, default=math.inf, help="how many calls to make")
    parser.add_argument("--seed", type=int, help="explain this seed")
    parser.add_argument("--first", type=int, help="seed to begin the search with")
    parser.add_argument("--without", choices=[*REMOVALS, EVERY], help="take out a mechanism")
    parser.add_argument("--keep", metavar="REASON", help="keep the plan that --seed explains")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        _explain(arguments.seed, arguments.without, arguments.keep)
    elif arguments.without == EVERY:
        _compare(arguments.seconds)
    else:
        _search(arguments)


def _search(arguments: argparse.Namespace) -> None:
    if arguments.without:
        report = search_without(arguments.without, arguments.seconds)
    else:
        first = random.randrange(2**40) if arguments.first is None else arguments.first
        report = search(first, arguments.seconds, arguments.calls)
    print("\n".join(report.lines()))
    sys.exit(bool(report.violations) != bool(arguments.without))


def _explain(seed: int, mechanism: str | None, reason: str | None) -> None:
    plan, violation, trace = explain(seed, mechanism)
    print("\n".join(trace))
    print(json.dumps(plan.to_json()))
    print(violation or "no violation")
    if reason and violation:
        keep(reason, violation, plan)
    sys.exit(1 if violation else 0)


def _compare(seconds: float) -> None:
    """Print a table: what the search finds without each mechanism, and how soon."""
    print("| without | violation | seed | requests | seconds |\n| --- | --- | --- | --- | --- |")
    for mechanism in REMOVALS:
        report = search_without(mechanism, seconds)
        for violation, seeds in report.violations.items() or [("none", [0])]:
            row = (mechanism, violation, seeds[0], f"{report.requests:,}", f"{report.seconds:.1f}")
            print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
