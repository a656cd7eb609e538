"""Create the table ahead of time, and compare an existing one with what is wanted."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BeakerDynamoDBError, TableError
from ..manager import Backend
from ..options import Options, parse_options
from ..sessions import BEAKER_TIMEOUT_MARGIN
from ..table import PLAIN_SETTINGS, Table, TableSettings, retry_pauses
from .differences import Difference, differences

logger = logging.getLogger("beaker_dynamodb.admin")

Progress = Callable[[str], None]
Sleep = Callable[[float], None]

#: In seconds. A new table has continuous backups a moment later.
LONGEST_WAIT = 120.0
#: DynamoDB's code until then (API reference, UpdateContinuousBackups).
_BACKUPS_NOT_READY = "ContinuousBackupsUnavailableException"


@dataclass(frozen=True)
class TableReport:
    """What there is of a table, and what was done.

    Attributes:
        table: its name.
        region: its region.
        state: `created`, `existed`, or in a dry run `missing`.
        items: that it holds; DynamoDB counts them every six hours. None if it is missing.
        size: in bytes, likewise.
        steps: that were done, or in a dry run would be.
        differences: between the table and what is wanted.
    """

    table: str
    region: str | None
    state: str
    items: int | None
    size: int | None
    steps: tuple[str, ...]
    differences: tuple[Difference, ...]


def create_table(progress: Progress = logger.info, **options: object) -> bool:
    """Create the table that the options name, with its TTL switched on, and wait for it.

    Does nothing if the table exists and is as it should be. Safe to call from any number of
    processes at once.

    Args:
        progress: receives a line for each step.
        options: as in the ini file; see `Options`.

    Returns:
        Whether this call created the table.

    Raises:
        ConfigurationError: for an unknown option or a wrong value.
        TableError: the table has another key schema, access was denied, or the table is not
            active after two minutes.
        StoreUnavailable: DynamoDB did not answer.
    """
    return Table(parse_options(options)).definition.create(progress)


def table_of(options: Options) -> Table:
    """The table for an operator: a missing one is an error, except for `create_table`."""
    return Table(dataclasses.replace(options, create_table=False))


def backend_of(options: Options) -> Backend:
    """The backend for an operator: of an existing table, with the times that sessions have.

    Args:
        options: as in the ini file. Beaker adds to `timeout` before it passes it on.
    """
    timeout = options.timeout and options.timeout + BEAKER_TIMEOUT_MARGIN
    return Backend.of(dataclasses.replace(options, timeout=timeout, create_table=False))


def prepare_table(
    options: Options,
    settings: TableSettings = PLAIN_SETTINGS,
    progress: Progress = logger.info,
    *,
    dry_run: bool = False,
    sleep: Sleep = time.sleep,
) -> TableReport:
    """Create a missing table, and say how the table differs from what is wanted.

    An existing table only gets its TTL switched on; each difference comes with the command that
    removes it. A setting that DynamoDB or its stand-in refuses to show counts as one.

    Args:
        options: of the table.
        settings: what else the operator wants of it.
        progress: receives a line for each step.
        dry_run: whether only to say what would be done.
        sleep: waits for a number of seconds.

    Raises:
        TableError, StoreUnavailable: as `create_table`.
    """
    table = table_of(options)
    steps: list[str] = []

    def report_step(step: str) -> None:
        steps.append(step)
        progress(step)

    if dry_run:
        existed = table.definition.describe() is not None
        steps += [] if existed else _plan(settings)
        return _report(table, settings, "existed" if existed else "missing", steps)
    created = table.definition.create(report_step, sleep=sleep, settings=settings)
    if created and settings.point_in_time_recovery:
        _keep_backups(table, sleep)
        report_step("point-in-time recovery switched on")
    return _report(table, settings, "created" if created else "existed", steps)


def _plan(settings: TableSettings) -> list[str]:
    backups = ["switch point-in-time recovery on"] if settings.point_in_time_recovery else []
    return ["create the table", "switch TTL on", *backups]


def _keep_backups(table: Table, sleep: Sleep) -> None:
    specification = {"PointInTimeRecoveryEnabled": True}
    arguments = {"PointInTimeRecoverySpecification": specification}
    for pause in retry_pauses(LONGEST_WAIT):
        sleep(pause)
        try:
            table.call("UpdateContinuousBackups", arguments)
        except BeakerDynamoDBError as error:
            if error.code != _BACKUPS_NOT_READY:
                raise _without_backups(error) from error
        else:
            return
    raise table.error(
        TableError,
        f"continuous backups are not available after {LONGEST_WAIT:.0f} s: "
        "run `beaker-dynamodb create-table` again later, it names the command that is missing",
    )


def _without_backups(error: BeakerDynamoDBError) -> BeakerDynamoDBError:
    return type(error)(
        f"the table is ready, but point-in-time recovery could not be switched on: {error.message}",
        table=error.table,
        region=error.region,
        code=error.code,
        cause=error.cause,
    )


def _report(table: Table, settings: TableSettings, state: str, steps: Sequence[str]) -> TableReport:
    place = table.location
    found: dict[str, Any] = {}
    if state != "missing":
        found = table.call("DescribeTable", {})["Table"]
    # With the region and the endpoint that the AWS chain provides.
    wanted = table.found_options
    # Also of a new table: a stand-in may create it without a setting that it lacks.
    differing = differences(table, wanted, settings, found) if found else ()
    return TableReport(
        place["table"],
        place["region"],
        state,
        found.get("ItemCount"),
        found.get("TableSizeBytes"),
        tuple(steps),
        tuple(differing),
    )
