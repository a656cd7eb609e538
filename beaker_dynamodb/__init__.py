"""Server-side sessions and caches for Beaker, in Amazon DynamoDB."""

import logging
import os

from .admin.table import create_table
from .errors import (
    BeakerDynamoDBError,
    ConfigurationError,
    CorruptItem,
    ItemTooLarge,
    StoreUnavailable,
    TableError,
)
from .model import SessionModel, session_model
from .namespace import DynamoDBNamespaceManager
from .options import Options
from .version import __version__

__all__ = [
    "BeakerDynamoDBError",
    "ConfigurationError",
    "CorruptItem",
    "DynamoDBNamespaceManager",
    "ItemTooLarge",
    "Options",
    "SessionModel",
    "StoreUnavailable",
    "TableError",
    "__version__",
    "create_table",
    "session_model",
]


def _log_to_stderr() -> None:
    logger = logging.getLogger(__name__)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


if os.environ.get("BEAKER_DYNAMODB_DEBUG", "").lower() == "true":
    _log_to_stderr()
