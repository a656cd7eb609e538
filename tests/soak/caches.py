"""python -m tests.soak.caches [--seconds 600]    four processes use a cache; faults and kills.

Wrong is: a value served that was made before an acknowledged removal, or is not whole; two
creators of one key at once although the first one's lease cannot have run out; a value that was not
stored although nothing was stored or removed meanwhile; a wait past `lock_wait`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from beaker_dynamodb import create_table
from tests.support import proxy as on_the_wire
from tests.support.dynamodb_local import running_dynamodb_local
from tests.support.proxy import Proxy, proxy_for

from .cache_worker import LEASE

PROCESSES = 4
FAULTS = (*on_the_wire.FAULTS, on_the_wire.late)
#: One in so many calls to DynamoDB meets a fault.
ONE_IN = 50
#: How long a process lives before it is killed and replaced, in seconds.
LIFE = (20, 60)

Event = dict[str, Any]


class Creation(NamedTuple):
    """One call of the creation function; `ends` is None if its process was killed."""

    key: int
    name: str
    process: int
    begins: float
    ends: float | None
    failed: bool
    is_refused: bool


class Worker:
    """A process, and what it has noted."""

    def __init__(self, options: dict[str, Any], seed: int, seconds: float) -> None:
        arguments = [repr(options), str(seed), str(seconds)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.cache_worker", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events: list[Event] = []
        self.killed_at: float | None = None
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def kill(self) -> None:
        """Kill the process."""
        self.killed_at = time.time()
        self.process.kill()

    def join(self) -> None:
        """Wait for the end of the process, and for its last event."""
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.endswith("}\n"):
                self.events.append(json.loads(line))


def run(seconds: float, seed: int) -> tuple[list[Worker], Counter[tuple[str, str]]]:
    """Let processes use one cache, and kill one now and then."""
    chance = random.Random(seed)
    with running_dynamodb_local() as endpoint, proxy_for(endpoint) as proxy:
        options = _options(proxy)
        create_table(**{**options, "endpoint_url": endpoint, "read_timeout": 60})
        proxy.inject_by(lambda _: chance.choice(FAULTS) if chance.randrange(ONE_IN) == 0 else None)
        ends = time.time() + seconds
        workers = [Worker(options, seed + n, seconds) for n in range(PROCESSES)]
        while (left := ends - time.time()) > 0:
            time.sleep(min(left, chance.uniform(*LIFE)))
            victim = chance.choice([worker for worker in workers if worker.killed_at is None])
            if ends - time.time() > LEASE:
                victim.kill()
                workers.append(Worker(options, seed + len(workers), ends - time.time()))
        for worker in workers:
            worker.join()
        return workers, proxy.injected


def _options(proxy: Proxy) -> dict[str, Any]:
    return {
        "endpoint_url": proxy.url,
        "region": "us-east-1",
        "aws_access_key_id": "soak",
        "aws_secret_access_key": "soak",
        "table_name": f"soak-{uuid.uuid4().hex}",
        "read_timeout": 1,
    }


class Audit:
    """Compares what the processes have noted."""

    def __init__(self, workers: list[Worker]) -> None:
        self._killed = {worker.process.pid: worker.killed_at for worker in workers}
        self._by_kind: defaultdict[str, list[Event]] = defaultdict(list)
        for event in (event for worker in workers for event in worker.events):
            self._by_kind[event["event"]].append(event)
        self.creations = {creation.name: creation for creation in self._creations()}

    def _creations(self) -> Iterator[Creation]:
        made = {event["name"]: event for event in self._by_kind["made"]}
        refused = {event["name"] for event in self._by_kind["refused"]}
        for event in self._by_kind["making"]:
            name, end = event["name"], made.get(event["name"], {})
            yield Creation(
                event["key"],
                name,
                event["process"],
                event["at"],
                end.get("at"),
                end.get("failed", False),
                name in refused,
            )

    def counts(self) -> Counter[str]:
        """How often each thing happened."""
        counted = Counter({kind: len(events) for kind, events in self._by_kind.items()})
        counted["killed"] = sum(moment is not None for moment in self._killed.values())
        counted["failed"] = sum(creation.failed for creation in self.creations.values())
        return counted

    def wrong(self) -> Iterator[str]:
        """Each broken promise."""
        yield from self._stale()
        yield from self._two_at_once()
        yield from self._lost()
        yield from (f"waited too long: {event}" for event in self._by_kind["timeout"])

    def memory(self) -> dict[int, tuple[int, int]]:
        """Of each process that lived long: KiB after a third of its life, and at its end."""
        kib: defaultdict[int, list[int]] = defaultdict(list)
        for event in self._by_kind["memory"]:
            kib[event["process"]].append(event["kib"])
        return {
            process: (max(each[: len(each) // 2]), max(each[len(each) // 2 :]))
            for process, each in kib.items()
            if len(each) > 30
        }

    def taken_over(self) -> int:
        """Creations that began while another was under way whose lease may have run out."""
        return sum(1 for _ in self._overlapping(is_explained=True))

    def _stale(self) -> Iterator[str]:
        removals = [*self._by_kind["removed"], *self._by_kind["clear"]]
        for event in self._by_kind["served"]:
            if not event["whole"]:
                yield f"not whole: {event}"
            made = self.creations.get(event["made"])
            for removal in removals:
                is_of_key = removal.get("key", event["key"]) == event["key"]
                if made and is_of_key and made.begins < removal["at"] < removal["to"] < event["at"]:
                    yield f"removed, and served: {made} {removal} {event}"

    def _two_at_once(self) -> Iterator[str]:
        for first, second in self._overlapping(is_explained=False):
            yield f"two creators: {first} {second}"

    def _overlapping(self, *, is_explained: bool) -> Iterator[tuple[Creation, Creation]]:
        of_key: defaultdict[int, list[Creation]] = defaultdict(list)
        for creation in sorted(self.creations.values(), key=lambda each: each.begins):
            for earlier in of_key[creation.key]:
                ends = earlier.ends or self._killed.get(earlier.process) or earlier.begins
                if ends > creation.begins and self._may(earlier, creation) == is_explained:
                    yield earlier, creation
            of_key[creation.key].append(creation)

    def _may(self, first: Creation, second: Creation) -> bool:
        """Whether two creations may overlap: the lease ran out, or the first was removed."""
        is_late = second.begins - first.begins >= LEASE - 0.1
        return is_late or self._is_removed(first.key, first.begins - 10, second.begins)

    def _lost(self) -> Iterator[str]:
        for creation in self.creations.values():
            if not creation.is_refused or creation.ends is None:
                continue
            others = (
                other
                for other in self.creations.values()
                if other.key == creation.key
                and other is not creation
                and not other.failed
                and not other.is_refused
                and (other.ends or 0) > creation.begins
            )
            is_removed = self._is_removed(creation.key, creation.begins - 10, creation.ends + 10)
            if not is_removed and not any(others):
                yield f"made and lost: {creation}"

    def _is_removed(self, key: int, begin: float, end: float) -> bool:
        """Whether a removal may have been under way; one whose answers are lost takes long."""
        return any(
            event.get("key", key) == key and begin < event["at"] < end
            for event in [*self._by_kind["removing"], *self._by_kind["clear"]]
        )


def report(seconds: float, audit: Audit, injected: Counter[tuple[str, str]]) -> Iterator[str]:
    """The report, in Markdown."""
    counts, wrong = audit.counts(), list(audit.wrong())
    yield f"{PROCESSES} processes x 8 threads, {seconds:.0f} s, a lease of {LEASE} s:"
    yield ""
    yield "| what | how often |"
    yield "| --- | --- |"
    rows = {
        "values served": counts["served"],
        "creations": counts["making"],
        "creations that failed": counts["failed"],
        "creations begun while another's lease may have run out": audit.taken_over(),
        "values made and not stored, since another was stored or it was removed": counts["refused"],
        "removals": counts["removed"],
        "`clear()`": counts["clear"],
        "processes killed": counts["killed"],
        "faults on the wire": sum(injected.values()),
        "calls that failed with `StoreUnavailable`": counts["outage"],
        "**wrong**": len(wrong),
    }
    yield from (f"| {name} | {count:,} |" for name, count in rows.items())
    yield ""
    for before, after in audit.memory().values():
        yield f"Memory of a process, first and second half: {before:,} and {after:,} KiB."
    yield from wrong[:20]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.caches")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    workers, injected = run(arguments.seconds, arguments.seed)
    audit = Audit(workers)
    print("\n".join(report(arguments.seconds, audit, injected)))  # noqa: T201  # a script
    sys.exit(1 if any(audit.wrong()) else 0)


if __name__ == "__main__":
    main()
