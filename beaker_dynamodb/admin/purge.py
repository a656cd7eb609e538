"""Delete what has expired, faster than DynamoDB's TTL does it, beside live traffic."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import ConfigurationError, StoreUnavailable
from ..options import Options, parse_options
from ..rows import now
from ..table import Condition, Item, ItemResult, RowKey, Table, is_unchanged, item_size, write_units
from .scan import Crew, Pace, item_count, number_of_segments, pages, patiently
from .table import backend_of, table_of

logger = logging.getLogger("beaker_dynamodb.admin")

#: In seconds. What has expired so recently stays: clocks of other machines may be behind.
MARGIN = 60
WORKERS = 8
#: In seconds. A Lambda function stops so long before its time is up.
LAMBDA_RESERVE = 10.0


@dataclass(frozen=True)
class Start:
    """Where to begin: at a segment of so many."""

    segment: int
    segments: int


@dataclass(frozen=True)
class PurgeReport:
    """What a purge has done so far.

    Attributes:
        segments: of the table.
        items: in the segments to read, as DynamoDB has counted them in the last six hours.
        done: segments that were finished.
        scanned: items that were read.
        expired: items that had expired.
        deleted: of them, those that are gone; in a dry run none.
        kept: of them, those that were written again before they were deleted.
        read_units: consumed capacity.
        write_units: consumed capacity, computed from the items' sizes.
        seconds: since the beginning.
        next: where to go on; None if all is done.
    """

    segments: int
    items: int = 0
    done: int = 0
    scanned: int = 0
    expired: int = 0
    deleted: int = 0
    kept: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    seconds: float = 0.0
    next: Start | None = None

    @property
    def handled(self) -> int:
        """Items that were read, and deleted or kept if they have expired."""
        return self.scanned - self.expired + self.deleted + self.kept


Progress = Callable[[PurgeReport], None]


@dataclass(frozen=True)
class Plan:
    """How to purge.

    Attributes:
        max_units: most read units, and most write units, a second; None for no bound.
        workers: threads that work at once.
        dry_run: whether to count alone.
        start: where an earlier purge has stopped.
        is_over: whether to stop now; called between items.
    """

    max_units: float | None = None
    workers: int = WORKERS
    dry_run: bool = False
    start: Start | None = None
    is_over: Callable[[], bool] = lambda: False


PLAIN_PLAN = Plan()


def purge(
    options: Options,
    plan: Plan = PLAIN_PLAN,
    progress: Progress = lambda _report: None,
) -> PurgeReport:
    """Delete what has expired a minute ago or earlier.

    An item is deleted only as it was read: if anything wrote to it since, it stays. Large values
    go with their parts. Can stop at any time, also by Ctrl-C, and go on later.

    Args:
        options: of the backend; with `key_prefix`, only its own items are deleted.
        plan: how fast, where to begin, when to stop.
        progress: receives the report so far, from any thread.

    Raises:
        ConfigurationError: the plan's start names no segment.
        TableError: the table is missing, or access was denied.
        StoreUnavailable: DynamoDB did not answer, or throttled for half a minute; says where to go
            on.
    """
    table = table_of(options)
    counted = item_count(table)
    begin = plan.start or Start(0, number_of_segments(counted))
    if not 0 <= begin.segment < begin.segments:
        raise ConfigurationError(f"there is no segment {begin.segment} of {begin.segments}")
    crew = Crew(plan.workers, plan.is_over)
    count = _Count(begin, counted.items, progress)
    run = _Purge(_Expired(table, options), plan, count, crew)
    try:
        stopped = crew.run(range(begin.segment, begin.segments), run.clean)
    except StoreUnavailable as error:
        where = f"{crew.first_unfinished()}/{begin.segments}"
        message = f"{error.message}; go on with --from {where}"
        raise table.located(StoreUnavailable(message, code=error.code, cause=error)) from error
    return count.report(None if stopped is None else Start(stopped, begin.segments))


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Purge in AWS Lambda, and stop in time; call it again with what it returned until it is done.

    Args:
        event: `url` (or the environment variable BEAKER_DYNAMODB_URL), optionally `max_units`,
            `workers`, and `next` as an earlier call returned it.
        context: of Lambda.

    Returns:
        The report; `next` is null if all is done.
    """
    url = event.get("url") or os.environ.get("BEAKER_DYNAMODB_URL")
    if not url:
        raise ConfigurationError("give url in the event, or set BEAKER_DYNAMODB_URL")
    start = event.get("next")
    plan = Plan(
        max_units=event.get("max_units"),
        workers=event.get("workers", WORKERS),
        start=Start(**start) if start else None,
        is_over=lambda: context.get_remaining_time_in_millis() < LAMBDA_RESERVE * 1000,
    )
    report = purge(parse_options({"url": url}), plan)
    logger.info("purged: %s", report)
    return dataclasses.asdict(report)


class _Expired:
    """Which items have expired, and how one of them is recognised again.

    Args:
        table: that holds them.
        options: of the backend.
    """

    def __init__(self, table: Table, options: Options) -> None:
        self.table = table
        self.rows = backend_of(options).rows
        self._keys = (options.hash_key, options.range_key)
        self._options = options
        model = table.model
        self._state = (
            *(model.version, model.touched, model.ended, model.expires),
            *(model.lock_owner, model.lock_until),
        )

    @property
    def scan(self) -> dict[str, Any]:
        """The arguments of a scan that finds them."""
        names = [*self._keys, *(attribute.attr_name for attribute in self._state)]
        placeholders = {f"#n{number}": name for number, name in enumerate(names)}
        expires = names.index(self._options.ttl_attribute)
        found = f"#n{expires} <= :end"
        values: dict[str, Any] = {":end": {"N": str(int(now() - MARGIN))}}
        if self._options.key_prefix:
            found += " AND begins_with(#n0, :prefix)"
            values[":prefix"] = {"S": self._options.key_prefix}
        return {
            "FilterExpression": found,
            "ProjectionExpression": ", ".join(placeholders),
            "ExpressionAttributeNames": placeholders,
            "ExpressionAttributeValues": values,
        }

    def key(self, item: Item) -> RowKey:
        """The key of an item."""
        return RowKey(*(item[name]["S"] for name in self._keys))

    def is_as_read(self, item: Item) -> Condition | None:
        """The condition that nobody has written to an item, locked it or touched it.

        version = :version  AND  expires = :expires  AND ...  or, for each attribute that it lacks,
        attribute_not_exists(...)
        """
        condition = is_unchanged(self.table.model, item)
        for attribute in self._state:
            if attribute.attr_name not in item:
                condition &= attribute.does_not_exist()
        return condition


class _Count:
    """The report so far, and who receives it."""

    def __init__(self, start: Start, items: int, progress: Progress) -> None:
        left = items * (start.segments - start.segment) // start.segments
        self._report = PurgeReport(start.segments, left, done=start.segment)
        self._progress = progress
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def add(self, **more: float) -> None:
        """Add to the figures of the report."""
        with self._lock:
            before = self._report
            sums = {name: getattr(before, name) + value for name, value in more.items()}
            seconds = time.monotonic() - self._began
            self._report = dataclasses.replace(before, **sums, seconds=seconds)
            self._progress(self._report)

    def report(self, start: Start | None) -> PurgeReport:
        """The report at the end."""
        return dataclasses.replace(self._report, next=start, seconds=time.monotonic() - self._began)


class _Purge:
    """One purge: its threads call `clean`."""

    def __init__(self, expired: _Expired, plan: Plan, count: _Count, crew: Crew) -> None:
        self._count = count
        self._expired = expired
        self._crew = crew
        self._reading, self._writing = (Pace(plan.max_units, sleep=crew.pause) for _ in range(2))
        self._dry_run = plan.dry_run

    def clean(self, segment: int) -> None:
        """Delete what has expired in a segment.

        Raises:
            Stopped: the purge must stop.
        """
        total, scan = self._count.report(None).segments, self._expired.scan
        for page in pages(self._expired.table, segment, total, self._crew.pause, **scan):
            self._count.add(scanned=page.scanned, expired=len(page.items), read_units=page.units)
            for item in page.items if not self._dry_run else ():
                self._delete(item)
            self._reading.spend(page.units)
        self._count.add(done=1)

    def _delete(self, item: Item) -> None:
        key, condition = self._expired.key(item), self._expired.is_as_read(item)
        deletion = partial(self._expired.rows.delete_if, key, condition)
        result: ItemResult = patiently(deletion, self._crew.pause)
        units = write_units(item_size(result.item or {}))
        # Without an item, DynamoDB's TTL came first, or the part of a large value went with it.
        is_gone = result.done or result.item is None
        self._count.add(deleted=is_gone, kept=not is_gone, write_units=units)
        self._writing.spend(units)
