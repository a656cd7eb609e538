"""Caches of machines that share only the table, and a thread that waits step by step."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from beaker.cache import Cache

from tests.support.internals import backoff, creation, creation_lease, heartbeat

#: The longest wait of a test, in seconds.
PATIENCE = 60


def make_cache(dynamodb: Any, **options: Any) -> Cache:
    return Cache("made", type="ext:dynamodb", **dynamodb.options, **options)


def never() -> None:
    raise AssertionError("made twice")


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat each lock as one of another machine: only the table is shared."""
    monkeypatch.setattr(creation._local_locks, "lock", lambda _: threading.RLock())
    monkeypatch.setattr(creation_lease, "held_by_thread", dict)


@pytest.fixture(autouse=True)
def _end_heartbeats() -> Iterator[None]:
    """No abandoned lease is extended in a later test."""
    yield
    heartbeat.HEARTBEAT._beats.clear()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Paced:
    """Counts the pauses of a waiting thread, and stops it after some of them."""

    def __init__(self) -> None:
        self._pauses = 0
        self._limit = sys.maxsize
        self._held = threading.Condition()

    def sleep(self, _: float) -> None:
        with self._held:
            self._pauses += 1
            self._held.notify_all()
            assert self._held.wait_for(lambda: self._pauses <= self._limit, PATIENCE)

    def until_waited(self, pauses: int) -> None:
        """Wait until there were that many pauses; the next one lasts until `go_on`."""
        with self._held:
            self._limit = pauses
            assert self._held.wait_for(lambda: self._pauses > pauses, PATIENCE)

    def go_on(self) -> None:
        with self._held:
            self._limit = sys.maxsize
            self._held.notify_all()


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> Paced:
    paced = Paced()
    monkeypatch.setattr(backoff, "time", _Time(paced.sleep))
    return paced


class _Time:
    def __init__(self, sleep: Callable[[float], None]) -> None:
        self.sleep = sleep
        self.monotonic = time.monotonic
