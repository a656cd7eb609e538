"""A cache value is made once by many threads, processes and greenlets."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import LockTimeout, StoreUnavailable
from tests.caches.conftest import PATIENCE, make_cache, never
from tests.support.effort import EFFORT
from tests.support.fork import in_a_forked_worker
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


class TestThreads:
    def test_of_one_process_make_one_call_between_them(self, dynamodb: Any, wire: Wire) -> None:
        """While one thread has the lock, no other thread calls DynamoDB for it."""
        cache, calls = make_cache(dynamodb), []

        def make() -> int:
            calls.append(1)
            deadline = time.monotonic() + PATIENCE
            while wire.operations.count("GetItem") < 16 and time.monotonic() < deadline:
                time.sleep(0.001)
            return 1

        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda _: cache.get("a", createfunc=make), range(16)))
        assert found == [1] * 16
        assert len(calls) == 1
        assert wire.operations.count("UpdateItem") == 1
        assert wire.operations.count("PutItem") == 1

    # moto's updates are not atomic among threads.
    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    @pytest.mark.usefixtures("machines")
    def test_that_compete_for_a_lease_never_hold_it_together(self, dynamodb: Any) -> None:
        inside, most = [], []
        cache = make_cache(dynamodb, lock_timeout=600, lock_wait=600)

        def enter() -> None:
            for _ in range(EFFORT.turns):
                creation_lock = cache.namespace.get_creation_lock(b"a")
                creation_lock.acquire()
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                creation_lock.release()

        with ThreadPoolExecutor(THREADS) as pool:
            for each in [pool.submit(enter) for _ in range(THREADS)]:
                each.result(PATIENCE)
        assert len(most) == THREADS * EFFORT.turns
        assert max(most) == 1

    def test_do_not_wait_for_a_thread_without_an_answer_from_dynamodb(
        self, dynamodb: Any, wire: Wire, threads: ThreadPoolExecutor
    ) -> None:
        cache = make_cache(dynamodb, max_retries=0)
        waiting = []

        def another_waits_and_then_no_answer() -> None:
            waiting.append(threads.submit(cache.get, "a", createfunc=lambda: 2))
            while wire.operations.count("GetItem") < 2:
                time.sleep(0.01)
            time.sleep(0.2)
            raise ReadTimeoutError(endpoint_url="http://dynamodb")

        wire.before_next("UpdateItem", another_waits_and_then_no_answer)
        with pytest.raises(StoreUnavailable):
            cache.get("a", createfunc=never)
        assert waiting[0].result(LEASE / 2) == 2

    def test_of_one_process_wait_no_longer_than_lock_wait(
        self, dynamodb: Any, threads: ThreadPoolExecutor
    ) -> None:
        cache = make_cache(dynamodb, lock_wait=0.1)

        def make() -> int:
            waiting = threads.submit(cache.get, "a", createfunc=never)
            with pytest.raises(LockTimeout, match=r"not created within 0\.1 s"):
                waiting.result(PATIENCE)
            return 1

        assert cache.get("a", createfunc=make) == 1

    def test_can_acquire_their_lock_again(self, dynamodb: Any, wire: Wire) -> None:
        cache = make_cache(dynamodb)
        outer, inner = (cache.namespace.get_creation_lock(b"a") for _ in range(2))
        with wire.expect("UpdateItem"):
            assert outer.acquire()
            assert inner.acquire()
            inner.release()
        with wire.expect("DeleteItem"):
            outer.release()

    def test_forget_what_they_read_when_they_release_the_lock(
        self, dynamodb: Any, wire: Wire
    ) -> None:
        cache = make_cache(dynamodb)
        creation_lock = cache.namespace.get_creation_lock(b"a")
        creation_lock.acquire()
        with wire.expect():
            assert b"a" not in cache.namespace
        creation_lock.release()
        with wire.expect("GetItem"):
            assert b"a" not in cache.namespace


#: They run at once, each with a lock as if on a machine of its own.
THREADS = 50


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
class TestProcesses:
    def test_that_miss_at_once_make_the_value_once(self, dynamodb: Any, tmp_path: Path) -> None:
        with Workers(dynamodb, tmp_path, ["make"] * 8) as workers:
            workers.start()
            assert workers.results() == ["made"] * 64
        assert len((tmp_path / "made").read_text().split()) == 1

    def test_make_the_value_once_more_if_its_creator_is_killed(
        self, dynamodb: Any, tmp_path: Path
    ) -> None:
        with Workers(dynamodb, tmp_path, ["hang", *["make"] * 7]) as workers:
            workers.start(first=True)
            killed_at = time.time()
            workers.kill_first()
            workers.start()
            assert workers.results() == ["made"] * 56
        [first, second] = (tmp_path / "made").read_text().split()
        assert float(second) >= float(first) + LEASE - 0.5
        assert float(second) <= killed_at + LEASE + 10

    def test_do_not_inherit_locks_when_forked(self, dynamodb: Any) -> None:
        cache = make_cache(dynamodb)
        cache.put("a", 1)
        creation_lock = cache.namespace.get_creation_lock(b"b")
        creation_lock.acquire()

        def again() -> tuple[int, bool]:
            return cache.get("a"), cache.namespace.get_creation_lock(b"b").acquire(wait=False)

        assert in_a_forked_worker(again) == "(1, False)"
        assert cache.get("a") == 1
        creation_lock.release()
        assert [row.item for row in stored_items(dynamodb)] == ["a"]

    def test_do_not_wait_for_threads_of_their_parent_when_forked(
        self, dynamodb: Any, threads: ThreadPoolExecutor
    ) -> None:
        cache = make_cache(dynamodb, lock_wait=2)
        made, forked = threading.Event(), threading.Event()

        def make() -> int:
            made.set()
            assert forked.wait(PATIENCE)
            return 1

        def make_without_a_lease() -> Any:
            for row in stored_items(dynamodb):
                row.delete()
            return cache.get("a", createfunc=lambda: 2)

        making = threads.submit(cache.get, "a", createfunc=make)
        assert made.wait(PATIENCE)
        assert in_a_forked_worker(make_without_a_lease) == "2"
        forked.set()
        making.result(PATIENCE)

    def test_of_greenlets_make_the_value_once(self, dynamodb: Any) -> None:
        worker = subprocess.run(
            [sys.executable, "-c", GREENLETS, repr(dynamodb.options)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert worker.stdout.split() == ["made", *["1"] * 8], worker.stderr


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from beaker.cache import Cache

cache = Cache("made", type="ext:dynamodb", **eval(sys.argv[1]))

def make():
    print("made")
    gevent.sleep(0.2)
    return 1

def get():
    print(cache.get("a", createfunc=make))

gevent.joinall([gevent.spawn(get) for _ in range(8)], raise_error=True)
"""

#: In seconds, in the processes that are killed.
LEASE = 4

WORKER = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from beaker.cache import Cache

place, role, options = Path(sys.argv[1]), sys.argv[2], eval(sys.argv[3])
cache = Cache("made", type="ext:dynamodb", lock_timeout=4, **options)

def make():
    with open(place / "made", "a") as file:
        file.write(f"{time.time()}\\n")
    if role == "hang":
        print("begun", flush=True)
        time.sleep(600)
    time.sleep(0.3)
    return "made"

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    for found in pool.map(lambda _: cache.get("a", createfunc=make), range(8)):
        print(found, flush=True)
"""


class Workers:
    """Processes that get one key with eight threads each, when the test starts them."""

    def __init__(self, dynamodb: Any, place: Path, roles: list[str], program: str = WORKER) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(place), role, repr(dynamodb.options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)},
            )
            for role in roles
        ]
        self._waiting = list(self._processes)

    def __enter__(self) -> "Workers":
        assert [self._read(process) for process in self._processes] == (
            ["ready"] * len(self._processes)
        )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def start(self, *, first: bool = False) -> None:
        """Start all waiting processes, or only the first and wait for its call."""
        started = self._waiting[:1] if first else list(self._waiting)
        for process in started:
            self._waiting.remove(process)
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        if first:
            assert self._read(started[0]) == "begun"

    def kill_first(self) -> None:
        first = self._processes.pop(0)
        first.send_signal(signal.SIGKILL)
        first.communicate()

    def results(self) -> list[str]:
        """The values that all their threads have got."""
        outputs = [process.communicate(timeout=PATIENCE)[0] for process in self._processes]
        return [line for output in outputs for line in output.split()]

    def _read(self, process: Any) -> str:
        return str(process.stdout.readline()).strip()


#: The function takes longer than the lease.
SLOW_WORKER = """
import sys, time
from pathlib import Path
from beaker.cache import Cache
from beaker_dynamodb.caches import heartbeat

place, beats, options = Path(sys.argv[1]), sys.argv[2] == "beats", eval(sys.argv[3])
if not beats:
    heartbeat.HEARTBEAT._start = lambda run: None
cache = Cache("made", type="ext:dynamodb", lock_timeout=2, **options)

def make():
    with open(place / "made", "a") as file:
        file.write("made\\n")
    time.sleep(3)
    return "made"

print("ready", flush=True)
sys.stdin.readline()
print(cache.get("a", createfunc=make), flush=True)
"""


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
@pytest.mark.parametrize(("role", "most"), [("beats", 1), ("no beats", 2)])
def test_a_creation_slower_than_its_lease_is_made_once_or_twice_and_stored(
    dynamodb: Any, tmp_path: Path, role: str, most: int
) -> None:
    with Workers(dynamodb, tmp_path, [role] * 4, SLOW_WORKER) as workers:
        workers.start()
        assert workers.results() == ["made"] * 4
    assert 1 <= len((tmp_path / "made").read_text().split()) <= most
    assert make_cache(dynamodb).get("a", createfunc=never) == "made"
    [row] = stored_items(dynamodb)
    assert (row.lock_owner, row.chain) == (None, None)
