"""Compare session stores by what they cost: `python -m benchmarks.peers`.

Runs one trace on all stores, in turn, over DynamoDB Local; needs no AWS account. It writes
benchmarks/results/peers.json and peers.csv, the plots in docs/images, and the tables in the
documents. What is not installed is skipped, and named.
"""

from __future__ import annotations

import argparse
import os

from .documents import write_tables
from .measure import cost_by_touch_interval, measured, running_place
from .plots import draw_all
from .results import Results, gathered, keep, kept
from .sizes import codec_times, sizes
from .stores import STORES


def run(endpoint: str | None) -> Results:
    """Measure everything, and keep the results."""
    load = os.getloadavg()[0]
    for store in STORES:
        if store.missing:
            print(f"{store.name}: skipped, as {store.missing}")
    print("a dot for each user: ", end="", flush=True)
    with running_place(endpoint) as place:
        measurements = measured(place, [store for store in STORES if not store.missing])
        print("\nnow by touch_interval", flush=True)
        touch = cost_by_touch_interval(place)
    results = gathered(measurements, touch, sizes(), codec_times(), load)
    keep(results, measurements)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument(
        "--draw", action="store_true", help="only plots and tables, from the results that are kept"
    )
    parser.add_argument("--endpoint-url", help="of a DynamoDB Local that runs already")
    arguments = parser.parse_args()
    results = kept() if arguments.draw else run(arguments.endpoint_url)
    draw_all(results)
    write_tables(results)


if __name__ == "__main__":
    main()
