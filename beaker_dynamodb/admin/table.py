"""Create the table ahead of time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from .. import store
from ..model import session_model

logger = logging.getLogger("beaker_dynamodb.admin")


def create_table(progress: Callable[[str], None] = logger.info, **options: object) -> bool:
    """Create the table that the options name, with its TTL switched on, and wait for it.

    Does nothing where the table is there and as it should be. Safe to call from any number of
    processes at once.

    Args:
        progress: is told of each step, in words.
        options: as in the ini file; see `Options`.

    Returns:
        Whether this call created the table.

    Raises:
        ConfigurationError: for an unknown option or a wrong value.
        TableError: the table has another key schema, access was denied, or the table is not
            active after two minutes.
        StoreUnavailable: the engine did not answer.
    """
    return store.create(session_model(**options), progress)
