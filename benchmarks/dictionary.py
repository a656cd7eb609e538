"""What `compression` and `dictionary` cost and save: units of one trace, sizes, CPU time.

    python benchmarks/dictionary.py [--endpoint-url URL]

Runs the trace of tests/support/trace.py on DynamoDB Local, or on the DynamoDB at --endpoint-url:
20 users, each with a login, 44 reads, 5 small changes and a logout. With `dictionary = auto` it
begins with an empty table, logs 401 users in, and counts the trace after that.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from beaker_dynamodb import create_table
from beaker_dynamodb.codec import Dictionary, SavedSession, train
from beaker_dynamodb.dictionaries import ENOUGH, forget_dictionaries
from beaker_dynamodb.testing.site import Site
from tests.support.dictionaries import content, payload, saved
from tests.support.dynamodb_local import running_dynamodb_local
from tests.support.trace import REQUESTS, Charge, trace
from tests.support.wire import open_wire

ROUNDS = 2000
SETTINGS = {
    "zlib": {},
    "zstd": {"compression": "zstd", "dictionary": "none"},
    "zstd, dictionary = auto": {"compression": "zstd", "dictionary": "auto"},
}


@contextmanager
def endpoint(given: str | None) -> Iterator[str]:
    if given:
        yield given
        return
    with running_dynamodb_local() as started:
        yield started


def options_at(url: str) -> dict[str, str]:
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "benchmark")
    table = f"benchmark-{uuid.uuid4().hex}"
    return {"endpoint_url": url, "region": "us-east-1", "table_name": table, **keys}


def measure_trace(url: str, settings: dict[str, str], *, consistent: bool) -> None:
    options = {**options_at(url), **settings, "consistent_read": consistent}
    create_table(**options)
    forget_dictionaries()
    site = Site(options)
    before = Charge(0, 0)
    if settings.get("dictionary") == "auto":
        with open_wire() as wire:
            for number in range(ENOUGH + 1):
                site.visitor(**content(number))
            time.sleep(1)  # the training is in another thread
        before = Charge.of(wire)
    charge = trace(site, 5000)
    print(f"  {charge.reads:7.1f} read units {charge.writes:5.0f} write units", end="")
    print(f"  {charge.dollars / REQUESTS:.3f} USD per million requests", end="")
    print(f"  (before: {before.reads:.1f}, {before.writes:.0f})" if before.writes else "")


def grown(number: int, times: int) -> SavedSession:
    """A session with so many times the content."""
    whole = {f"part_{n}": content(number * times + n) for n in range(times)}
    return SavedSession.from_payload(pickle.dumps(whole, 2))


def print_sizes() -> None:
    for times in (1, 2, 4, 8):
        dictionary = train([grown(n, times).payload for n in range(300)], 0, None)
        sessions = [grown(n, times) for n in range(1000, 1100)]
        sizes = [
            [len(session.payload) for session in sessions],
            [len(session.data("zlib", 10**6)) for session in sessions],
            [len(session.data("zstd", 10**6)) for session in sessions],
            [len(session.data("zstd", 10**6, dictionary)) for session in sessions],
        ]
        print("  " + "".join(f"{statistics.mean(each):9.0f}" for each in sizes))


def print_cpu() -> None:
    dictionary = train([payload(n) for n in range(300)], 0, None)
    print_cpu_of("zlib", "zlib")
    print_cpu_of("zstd", "zstd")
    print_cpu_of("zstd with a dictionary", "zstd", dictionary)


def print_cpu_of(label: str, compression: str, dictionary: Dictionary | None = None) -> None:
    session = saved(1000)
    data = session.data(compression, 10**6, dictionary)
    write = cpu(lambda: session.data(compression, 10**6, dictionary))
    read = cpu(lambda: SavedSession.from_data(data, 10**6, find=lambda _: dictionary))
    print(f"  {label:25} write {write:5.1f}, read {read:5.1f} microseconds")


def cpu(call: Callable[[], object]) -> float:
    """The median CPU time of five blocks, in microseconds."""
    blocks = []
    for _ in range(5):
        begin = time.process_time()
        for _ in range(ROUNDS):
            call()
        blocks.append((time.process_time() - begin) / ROUNDS * 1e6)
    return statistics.median(blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint-url")
    arguments = parser.parse_args()
    print("bytes of a session: payload, zlib, zstd, zstd with a dictionary")
    print_sizes()
    print("CPU time for a session of 2.4 KB, with all that the codec does")
    print_cpu()
    with endpoint(arguments.endpoint_url) as url:
        for name, settings in SETTINGS.items():
            for consistent in (True, False):
                print(f"{name}, {'strong' if consistent else 'eventual'} reads")
                measure_trace(url, settings, consistent=consistent)


if __name__ == "__main__":
    main()
