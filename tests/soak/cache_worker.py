"""One process of the caches' soak: threads that use a cache, and an event for each thing they do.

An event is a line of JSON on standard output; `at` and `to` are times of the machine's clock.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import threading
import time
from ast import literal_eval
from pathlib import Path
from typing import Any

from beaker.cache import Cache

from beaker_dynamodb import BeakerDynamoDBError, LockTimeout, manager
from beaker_dynamodb.rows import Lease, Leases, OwnTokens, Slot, StoredVersion
from beaker_dynamodb.table import RowKey

THREADS = 8
KEYS = 200
#: In seconds.
LEASE = 3
#: A creation takes from a millisecond to twice the lease; most are quick.
SLOWEST = 2 * LEASE
EXPIRE = 4
#: For so long an expired value may be served, if its key allows it.
STALE_TTL = 3
#: An eventually consistent read may return what was stored so long before.
LAG = 0.5
#: One removal in so many is a clear().
CLEAR_ONE_IN = 100
NOISE = random.Random(1).randbytes(2_000_000)


class CreationFailed(Exception):
    """The creation function fails, as some do."""


def size_of(key: int) -> int:
    """0.1 KB to 2 MB: one key in twenty has a value of several parts."""
    if key % 20 == 0:
        return 500_000 + key // 20 % 4 * 500_000
    return 100 + (key * 7919) % 5_000 if key % 5 else 50_000


def is_served_stale(key: int) -> bool:
    """Whether an expired value is served while another creates the new one."""
    return key % 3 == 0


class Worker:
    """The threads of one process, and their events."""

    def __init__(self, options: dict[str, Any], seed: int, seconds: float) -> None:
        shared = {"type": "ext:dynamodb", "expire": EXPIRE, **options}
        self._cache = Cache("soak", **shared)
        self._stale_cache = Cache("soak", **shared, stale_ttl=STALE_TTL)
        self._is_consistent = options.get("consistent_read", True)
        self._seed = seed
        self._ends = time.time() + seconds
        self._lock = threading.Lock()
        self.own = threading.local()

    def run(self) -> None:
        """Use the cache until the run ends."""
        threads = [threading.Thread(target=self._use, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(1)
            # Values that a thread keeps are freed when it ends.
            if time.time() < self._ends:
                self.note("memory", kib=int(Path("/proc/self/statm").read_text().split()[1]) * 4)

    def note(self, event: str, **facts: Any) -> None:
        """Write an event."""
        line = json.dumps({"event": event, "process": os.getpid(), **facts})
        with self._lock:
            print(line, flush=True)  # noqa: T201  # a script

    def _use(self, number: int) -> None:
        chance = random.Random(f"{self._seed} {number}")
        while time.time() < self._ends:
            self._step(chance, _chosen(chance, number))
            time.sleep(chance.uniform(0, 0.2))

    def _step(self, chance: random.Random, key: int) -> None:
        began = time.time()
        act = self._remove if chance.randrange(12) == 0 else self._get
        try:
            act(chance, key, began)
        except CreationFailed:
            pass
        except LockTimeout:
            self.note("timeout", key=key, at=began, to=time.time())
        except BeakerDynamoDBError as error:
            self.note("outage", key=key, at=began, to=time.time(), said=type(error).__name__)

    def _remove(self, chance: random.Random, key: int, began: float) -> None:
        # Each clear() excuses a value of any key that is not stored: it is rare.
        is_clear = chance.randrange(CLEAR_ONE_IN) == 0
        removal: dict[str, Any] = {"name": _new_name(), "at": began}
        if not is_clear:
            removal["key"] = key
        self.note("clearing" if is_clear else "removing", **removal)
        try:
            if is_clear:
                self._cache.clear()
            else:
                self._cache_of(key).remove_value(str(key))
        except BeakerDynamoDBError:
            self.note("unsure", **removal, to=time.time())
            raise
        self.note("clear" if is_clear else "removed", **removal, to=time.time())

    def _get(self, chance: random.Random, key: int, began: float) -> None:
        made: list[str] = []
        try:
            generation, content = self._cache_of(key).get(
                str(key), createfunc=lambda: self._make(chance, key, made)
            )
        finally:
            if made:
                self.note("returned", name=made[0], at=time.time())
        if not made:
            self.note(
                "served",
                key=key,
                made=generation,
                whole=content == NOISE[: size_of(key)],
                consistent=self._is_consistent,
                at=began,
                to=time.time(),
            )

    def _cache_of(self, key: int) -> Cache:
        return self._stale_cache if is_served_stale(key) else self._cache

    def _make(self, chance: random.Random, key: int, made: list[str]) -> tuple[str, bytes]:
        name = _new_name()
        made.append(name)
        self.own.creation = name
        self.note("making", key=key, name=name, token=self.own.token, at=time.time())
        time.sleep(chance.uniform(0, SLOWEST) if chance.randrange(8) == 0 else 0.001)
        failed = chance.randrange(10) == 0
        self.note("made", key=key, name=name, at=time.time(), failed=failed)
        if failed:
            raise CreationFailed
        return name, NOISE[: size_of(key)]


class NotedLeases(Leases):
    """Leases that note each end that DynamoDB has acknowledged."""

    worker: Worker

    def acquire(
        self,
        key: RowKey,
        tokens: OwnTokens,
        length: float,
        stored: StoredVersion | None = None,
        *,
        has_chain: bool = False,
    ) -> Lease | Slot:
        """Acquire a lease, and note it."""
        found = super().acquire(key, tokens, length, stored, has_chain=has_chain)
        if isinstance(found, Lease):
            self.worker.own.token = found.token
            acquired = found.until - length
            self.worker.note("leased", token=found.token, at=acquired, until=found.until)
        return found

    def extend(self, key: RowKey, lease: Lease, length: float) -> bool:
        """Extend a lease, and note it; without an answer, `held` is None."""
        began, held = time.time(), None
        try:
            held = super().extend(key, lease, length)
        finally:
            self.worker.note(
                "extended",
                token=lease.token,
                held=held,
                at=began,
                to=time.time(),
                until=began + length,
            )
        return held


class Refusals(logging.Handler):
    """Notes each value that was made and not stored."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        """Note a refused store."""
        if "not stored" in record.getMessage():
            self._worker.note("refused", name=self._worker.own.creation, at=time.time())


def _chosen(chance: random.Random, own: int) -> int:
    """A key: often the thread's own, else any, and now and then one of a large value."""
    if chance.randrange(40) == 0:
        return chance.randrange(0, KEYS, 20)
    return chance.randrange(KEYS) if chance.random() < 0.5 else own


def _new_name() -> str:
    return f"{os.getpid()}-{threading.get_ident()}-{time.time_ns()}"


def main() -> None:
    # The backend of a cache is built at its first use, and then finds this class.
    manager.Leases = NotedLeases  # type: ignore[attr-defined]
    options, seed, seconds = literal_eval(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    worker = Worker({**options, "lock_timeout": LEASE, "lock_wait": 30}, seed, seconds)
    NotedLeases.worker = worker
    log = logging.getLogger("beaker_dynamodb.caches")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(Refusals(worker))
    worker.run()


if __name__ == "__main__":
    main()
