"""python -m tests.soak.caches [--seconds 600] [--write]    four processes use a cache.

Calls to DynamoDB Local meet faults, and processes are killed. `cache_audit` says what is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beaker_dynamodb import create_table
from tests.support import proxy as on_the_wire
from tests.support.dynamodb_local import running_dynamodb_local
from tests.support.proxy import Answer, Exchange, Fault, Proxy, proxy_for

from .cache_audit import READ_TIMEOUT, Audit, Event
from .cache_worker import LAG, LEASE, THREADS

PROCESSES = 4
FAULTS = (*on_the_wire.FAULTS, on_the_wire.late)
#: One in so many calls to DynamoDB meets a fault.
ONE_IN = 50
#: Seconds until the next process is killed and replaced.
PAUSE = (5, 20)
#: With glibc, memory that is not in use returns to the system, and can be judged (mallopt(3)).
MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}
PAGE = Path(__file__).parent.parent.parent / "docs" / "caches.md"
BEGIN, END = "<!-- soak: generated -->", "<!-- end of soak -->"


class Worker:
    """A process, and what it has noted."""

    def __init__(self, options: dict[str, Any], seed: int, seconds: float) -> None:
        self.options = options
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.soak.cache_worker",
                repr(options),
                str(seed),
                str(seconds),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **MALLOC},
        )
        self.events: list[Event] = []
        self.killed_at: float | None = None
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def kill(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.wait()
        self.killed_at = time.time()

    def join(self) -> None:
        """Wait for the end of the process, and for its last event."""
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.endswith("}\n"):
                self.events.append(json.loads(line))


class Replica:
    """Answers eventually consistent reads with what was stored up to `LAG` seconds before."""

    def __init__(self) -> None:
        self._answers: dict[bytes, tuple[float, Answer]] = {}

    def lagging(self, exchange: Exchange) -> None:
        """Answer a read, from before if it may be."""
        if b'"ConsistentRead": true' in exchange.body:
            exchange.answer(exchange.forward())
            return
        moment = time.time()
        at, answer = self._answers.get(exchange.body, (0.0, None))
        if answer is None or moment - at > LAG:
            answer = exchange.forward()
            self._answers[exchange.body] = moment, answer
        exchange.answer(answer)


def run(seconds: float, seed: int) -> tuple[list[Worker], Counter[str]]:
    """Let processes use one cache, and kill one now and then; the first one is never killed.

    Returns:
        the processes, and how often each fault was injected.
    """
    chance = random.Random(seed)
    with running_dynamodb_local() as endpoint, proxy_for(endpoint) as proxy:
        options = _options(proxy)
        create_table(**{**options, "endpoint_url": endpoint, "read_timeout": 60})
        _inject_at_random(proxy, chance)
        ends = time.time() + seconds
        workers = [Worker(options, seed + n, seconds) for n in range(PROCESSES - 1)]
        workers.append(Worker({**options, "consistent_read": False}, seed - 1, seconds))
        while (left := ends - time.time()) > 0:
            time.sleep(min(left, chance.uniform(*PAUSE)))
            if (left := ends - time.time()) > LEASE:
                living = [worker for worker in workers[1:] if worker.killed_at is None]
                victim = chance.choice(living)
                victim.kill()
                workers.append(Worker(victim.options, seed + len(workers), left))
        for worker in workers:
            worker.join()
        return workers, Counter(name for _, name in proxy.injected.elements())


def _inject_at_random(proxy: Proxy, chance: random.Random) -> None:
    replica = Replica()

    def choose(operation: str) -> Fault | None:
        if chance.randrange(ONE_IN) == 0:
            return chance.choice(FAULTS)
        return replica.lagging if operation == "GetItem" else None

    proxy.inject_by(choose)


def _options(proxy: Proxy) -> dict[str, Any]:
    return {
        "endpoint_url": proxy.url,
        "region": "us-east-1",
        "aws_access_key_id": "soak",
        "aws_secret_access_key": "soak",
        "table_name": f"soak-{uuid.uuid4().hex}",
        "read_timeout": READ_TIMEOUT,
    }


def report(seconds: float, audit: Audit, injected: Counter[str]) -> Iterator[str]:
    """The report, in Markdown."""
    counts = audit.counts()
    yield f"{PROCESSES} processes of {THREADS} threads, {seconds:.0f} s, a lease of {LEASE} s:"
    yield ""
    yield "| what | how often |"
    yield "| --- | --- |"
    rows = {
        "values served": counts["served"],
        "creations": counts["making"],
        "creations that failed": counts["failed"],
        "leases extended": counts["extended"],
        f"undisturbed creations of more than {LEASE} s": counts["long"],
        "... that outlived their lease": counts["lapsed"],
        "creations begun during another, whose lease had expired or was removed": (
            counts["taken over"]
        ),
        "values not stored, since another was stored or the key was removed": counts["refused"],
        "removals": counts["removed"],
        "`clear()`": counts["clear"],
        "processes killed": counts["killed"],
        "faults on the wire": injected.total() - injected["lagging"],
        "calls that failed with `StoreUnavailable`": counts["outage"],
        "wrong": len(list(audit.wrong())),
    }
    yield from (f"| {name} | {count:,} |" for name, count in rows.items())
    memory = audit.memory()
    if memory:
        yield ""
        yield "Memory of the process that was never killed, at the beginning, in the middle and at"
        yield f"the end: {memory.begin:,}, {memory.middle:,} and {memory.end:,} KiB."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.caches")
    parser.add_argument("--seconds", type=float, default=600, help="how long the processes go on")
    parser.add_argument("--seed", type=int, default=1, help="of the faults and the uses")
    parser.add_argument("--write", action="store_true", help=f"keep the report in {PAGE.name}")
    arguments = parser.parse_args()
    workers, injected = run(arguments.seconds, arguments.seed)
    audit = Audit(workers)
    shown = "\n".join(report(arguments.seconds, audit, injected))
    print(shown)  # noqa: T201  # a script
    if arguments.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{shown}\n{END}{after}", encoding="utf-8")
    sys.exit("\n".join(list(audit.wrong())[:20]) or None)


if __name__ == "__main__":
    main()
