"""Create the table ahead of time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..options import parse_options
from ..table import Table

logger = logging.getLogger("beaker_dynamodb.admin")


def create_table(progress: Callable[[str], None] = logger.info, **options: object) -> bool:
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
