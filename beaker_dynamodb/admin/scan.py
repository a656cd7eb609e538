"""Read a whole table in segments, several at a time, at a bounded rate."""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import StoreUnavailable
from ..table import Item, Table, retry_pauses

logger = logging.getLogger("beaker_dynamodb.admin")

#: Waits for a number of seconds, or raises `Stopped`.
Pause = Callable[[float], None]

#: In bytes. A segment of this size takes a few seconds, so little is done again after a stop.
SEGMENT_SIZE = 4 * 1024 * 1024
#: Also for a small table: its segments are then shared evenly by the threads.
FEWEST_SEGMENTS = 16
#: DynamoDB's limit is a million.
MOST_SEGMENTS = 100_000
#: Items of one page, so that a page consumes few units at once.
PAGE_SIZE = 250
#: In seconds. How long a throttled call is repeated.
LONGEST_THROTTLING = 30.0
#: In seconds. How often the main thread looks for Ctrl-C.
POLL_INTERVAL = 0.2


@dataclass(frozen=True)
class Page:
    """Items that one call has read.

    Attributes:
        items: those that the filter lets through.
        scanned: items that were read.
        units: read capacity units that it has consumed.
    """

    items: list[Item]
    scanned: int
    units: float


@dataclass(frozen=True)
class TableCount:
    """Items of a table, and their size in bytes."""

    items: int
    size: int


class Pace:
    """Keeps the capacity units that several threads consume below a rate.

    Args:
        units_per_second: the rate; None for no bound.
        clock: returns a time in seconds, from any starting point.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        units_per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Pause = time.sleep,
    ) -> None:
        self._rate = units_per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = -math.inf

    def spend(self, units: float) -> None:
        """Count units that a call has consumed, and wait until the rate allows the next call."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now) + units / self._rate
            pause = self._free_at - now
        self._sleep(pause)


def item_count(table: Table) -> TableCount:
    """What DynamoDB has counted in a table in the last six hours."""
    described = table.call("DescribeTable", {})["Table"]
    return TableCount(described.get("ItemCount", 0), described.get("TableSizeBytes", 0))


def number_of_segments(count: TableCount) -> int:
    """Segments in which to read a table: DynamoDB distributes its items evenly over them."""
    return min(MOST_SEGMENTS, max(FEWEST_SEGMENTS, math.ceil(count.size / SEGMENT_SIZE)))


def pages(
    table: Table, segment: int, total: int, pause: Pause = time.sleep, **arguments: Any
) -> Iterator[Page]:
    """The pages of one segment, by eventually consistent reads at half the price.

    Args:
        table: to read.
        segment: from 0.
        total: number of segments.
        pause: waits for a number of seconds while DynamoDB throttles.
        arguments: of DynamoDB's Scan.
    """
    request = {"Limit": PAGE_SIZE, **arguments, "Segment": segment, "TotalSegments": total}
    while True:
        answer = patiently(partial(table.call, "Scan", request), pause)
        units = answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
        yield Page(answer["Items"], answer["ScannedCount"], units)
        if "LastEvaluatedKey" not in answer:
            return
        request = {**request, "ExclusiveStartKey": answer["LastEvaluatedKey"]}


def patiently(call: Callable[[], Any], pause: Pause = time.sleep) -> Any:
    """The answer to a call, repeated for a while if DynamoDB throttles it."""
    refusal: StoreUnavailable | None = None
    for seconds in retry_pauses(LONGEST_THROTTLING):
        pause(seconds)
        try:
            return call()
        except StoreUnavailable as error:
            if error.code is None:
                raise
            logger.info("throttled: %s", error)
            refusal = error
    raise refusal or StoreUnavailable("no call was made")


class Stopped(Exception):
    """The work on a segment stops before its end."""


class Crew:
    """Threads that work on segments in their order, until all are done or they must stop.

    Args:
        size: number of threads.
        is_over: whether to stop before the end; checked between items and in pauses.
    """

    def __init__(self, size: int, is_over: Callable[[], bool]) -> None:
        self._size = size
        self._is_over = is_over
        self._is_stopped = threading.Event()
        self._lock = threading.Lock()
        self._unfinished: set[int] = set()
        self._queue: Iterator[int] = iter(())

    @property
    def must_stop(self) -> bool:
        """Whether the work on a segment must stop."""
        if not self._is_stopped.is_set() and self._is_over():
            self._is_stopped.set()
        return self._is_stopped.is_set()

    def pause(self, seconds: float) -> None:
        """Wait for a time.

        Raises:
            Stopped: the work must stop.
        """
        end = time.monotonic() + seconds
        while not self.must_stop:
            left = end - time.monotonic()
            if left <= 0:
                return
            self._is_stopped.wait(min(left, POLL_INTERVAL))
        raise Stopped

    def run(self, segments: Iterable[int], work: Callable[[int], None]) -> int | None:
        """Work on segments; Ctrl-C stops like `is_over`, after the calls that run.

        Args:
            segments: in their order.
            work: on one segment; raises `Stopped` to leave it unfinished, as `pause` does.

        Returns:
            The first segment that is not done; None if all are.
        """
        self._queue = iter(segments)
        futures: list[Future[None]] = []
        with ThreadPoolExecutor(self._size, thread_name_prefix="segment") as threads:
            try:
                futures += [threads.submit(self._work, work) for _ in range(self._size)]
                self._watch(futures)
            except KeyboardInterrupt:
                self._is_stopped.set()
        for future in futures:
            future.result()
        return self.first_unfinished()

    def first_unfinished(self) -> int | None:
        """The first segment that is not done, once `run` has ended; None if all are."""
        self._unfinished.update(itertools.islice(self._queue, 1))
        return min(self._unfinished, default=None)

    def _watch(self, futures: Iterable[Future[None]]) -> None:
        pending = set(futures)
        while pending:
            done, pending = wait(pending, POLL_INTERVAL, FIRST_EXCEPTION)
            if any(future.exception() for future in done):
                self._is_stopped.set()

    def _work(self, work: Callable[[int], None]) -> None:
        while not self.must_stop:
            with self._lock:
                segment = next(self._queue, None)
                if segment is None:
                    return
                self._unfinished.add(segment)
            try:
                work(segment)
            except Stopped:
                return
            with self._lock:
                self._unfinished.discard(segment)
