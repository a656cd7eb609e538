"""What this process keeps of cache values after their use: 1,000 namespaces, several threads.

    python benchmarks/cache_memory.py [--endpoint-url URL] [--namespaces 1000] [--threads 8]

Each thread reads a value of 100 KB of each namespace, creates another one, and lives on. Uses the
DynamoDB at --endpoint-url, or a DynamoDB Local that it starts itself as the tests do.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from beaker.cache import Cache
from request import engine_options, resident_kib

from beaker_dynamodb import create_table

VALUE = random.Random(1).randbytes(100_000)


def use(caches: list[Cache], thread: int) -> None:
    for cache in caches:
        assert cache.get("a", createfunc=lambda: VALUE) == VALUE
        cache.get(f"own {thread}", createfunc=lambda: VALUE)


def report(caches: list[Cache], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        tracemalloc.start()
        for each in [pool.submit(use, caches, thread) for thread in range(threads)]:
            each.result()
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
        uses = len(caches) * threads
        print(f"{len(caches)} namespaces x {threads} threads, values of 100 KB")
        print(f"kept while the threads live: {kept / 2**20:.1f} MiB, {kept / uses:.0f} bytes a use")
        print(f"a kept value for each would be {uses * len(VALUE) / 2**20:.0f} MiB")
        print(f"resident: {resident_kib() / 1024:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint-url", help="of a DynamoDB Local that runs already")
    parser.add_argument("--namespaces", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    with engine_options(arguments.endpoint_url) as options:
        create_table(**options)
        names = [f"n{number}" for number in range(arguments.namespaces)]
        caches = [Cache(name, type="ext:dynamodb", expire=600, **options) for name in names]
        report(caches, arguments.threads)


if __name__ == "__main__":
    main()
