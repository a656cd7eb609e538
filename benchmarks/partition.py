"""What a partition of DynamoDB bears of a cache namespace, with and without shards: a simulation.

    python benchmarks/partition.py [--seconds 60] [--seed 1]

No call is made. Each partition has DynamoDB's documented limits, those of `beaker-dynamodb plan`:
1,000 write units and 3,000 read units a second. An item is taken while any units are left, and may
use more than are left: the debt delays what follows. What is refused is sent again after the pauses
of this package: a small item twice, the rest of a batch of parts nine times.
A table in provisioned mode has less, if that is what was ordered; unused units of the last minutes
(burst capacity), which are not promised, are left out.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from beaker_dynamodb.admin.capacity import PARTITION, Units
from beaker_dynamodb.admin.traffic import value_steps
from beaker_dynamodb.rows.parts import PART_SIZE

#: The longest pause before each attempt after the first, in seconds: for a call, and for a batch.
CALL_PAUSES = (0.5, 1.0)
BATCH_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5)


class Load(NamedTuple):
    """Requests to one namespace: hits and creations a second, of values of a size in bytes."""

    name: str
    hits: float
    creations: float
    size: int
    keys: int = 10_000


LOADS = (
    Load("hits of 2 KB", 2_500, 0, 2_000),
    Load("hits of 10 KB", 2_500, 0, 10_000),
    Load("hits of 10 KB, all of one key", 2_500, 0, 10_000, 1),
    Load("creations of 2 KB", 0, 600, 2_000),
    Load("hits of 1.5 MB", 20, 0, 1_500_000),
    Load("creations of 1.5 MB", 0, 2, 1_500_000),
)


@dataclass
class Partition:
    """The units that are left of one partition, refilled all the time."""

    left: Units = PARTITION
    moment: float = 0.0

    def takes(self, wanted: Units, moment: float) -> bool:
        passed, self.moment = moment - self.moment, moment
        left = self.left.plus(PARTITION.times(passed))
        self.left = Units(min(PARTITION.read, left.read), min(PARTITION.write, left.write))
        if any(units and most <= 0 for units, most in zip(wanted, self.left, strict=True)):
            return False
        self.left = self.left.plus(wanted.times(-1))
        return True


class Use(NamedTuple):
    """One use of a value on its way: its next step, and how often that was refused."""

    moment: float
    number: int
    begun: float
    partition: int
    steps: tuple[Units, ...]
    refusals: int = 0


def uses(load: Load, shards: int, seconds: float, chance: random.Random) -> Iterator[Use]:
    number = 0
    for rate, creates in ((load.hits, False), (load.creations, True)):
        moment = 0.0
        while rate and (moment := moment + chance.expovariate(rate)) < seconds:
            number += 1
            key = f"key {chance.randrange(load.keys)}".encode()
            needed = tuple(value_steps(load.size, creates=creates))
            yield Use(moment, number, moment, zlib.crc32(key) % shards, needed)


class Outcome(NamedTuple):
    done: int
    failed: int
    waits: list[float]


def run(load: Load, shards: int, seconds: float, seed: int) -> Outcome:
    chance = random.Random(seed)
    queue = list(uses(load, shards, seconds, chance))
    heapq.heapify(queue)
    partitions = [Partition() for _ in range(shards)]
    pauses = CALL_PAUSES if load.size <= PART_SIZE else BATCH_PAUSES
    failed, waits = 0, []
    while queue:
        use = heapq.heappop(queue)
        if partitions[use.partition].takes(use.steps[0], use.moment):
            left = use.steps[1:]
            if left:
                heapq.heappush(queue, use._replace(steps=left, refusals=0))
            else:
                waits.append(use.moment - use.begun)
        elif use.refusals == len(pauses):
            failed += 1
        else:
            pause = chance.uniform(pauses[use.refusals] / 2, pauses[use.refusals])
            again = use._replace(moment=use.moment + pause, refusals=use.refusals + 1)
            heapq.heappush(queue, again)
    return Outcome(len(waits), failed, waits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print("| a second | shards | done a second | failed | waited, median | 99 of 100 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for load in LOADS:
        for shards in (1, 4, 16):
            done, failed, waits = run(load, shards, arguments.seconds, arguments.seed)
            late = statistics.quantiles(waits, n=100)[-1]
            print(
                f"| {load.hits or load.creations:,g} {load.name} | {shards} "
                f"| {done / arguments.seconds:,.{0 if load.size < PART_SIZE else 1}f} "
                f"| {failed / (done + failed):.0%} "
                f"| {statistics.median(waits):.2f} s | {late:.2f} s |"
            )


if __name__ == "__main__":
    main()
