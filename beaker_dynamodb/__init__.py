"""Server-side sessions and caches for Beaker, in Amazon DynamoDB."""

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .admin.check import Finding, check
    from .admin.migrate import Migration, migrate
    from .admin.sessions import end_sessions, sessions_of
    from .admin.table import create_table
    from .errors import (
        BeakerDynamoDBError,
        ConfigurationError,
        ConflictError,
        CorruptItem,
        ItemTooLarge,
        LockTimeout,
        StoreUnavailable,
        TableError,
    )
    from .manager import DynamoDBNamespaceManager
    from .middleware import SessionMiddleware
    from .options import Options
    from .session import DynamoDBSession
    from .table import SessionModel, session_model, statistics

__all__ = [
    "BeakerDynamoDBError",
    "ConfigurationError",
    "ConflictError",
    "CorruptItem",
    "DynamoDBNamespaceManager",
    "DynamoDBSession",
    "Finding",
    "ItemTooLarge",
    "LockTimeout",
    "Migration",
    "Options",
    "SessionMiddleware",
    "SessionModel",
    "StoreUnavailable",
    "TableError",
    "__version__",
    "check",
    "create_table",
    "end_sessions",
    "migrate",
    "session_model",
    "sessions_of",
    "statistics",
]

_MODULES = {
    "DynamoDBNamespaceManager": ".manager",
    "DynamoDBSession": ".session",
    "Finding": ".admin.check",
    "Options": ".options",
    "Migration": ".admin.migrate",
    "SessionMiddleware": ".middleware",
    "SessionModel": ".table",
    "check": ".admin.check",
    "create_table": ".admin.table",
    "migrate": ".admin.migrate",
    "end_sessions": ".admin.sessions",
    "session_model": ".table",
    "sessions_of": ".admin.sessions",
    "statistics": ".table",
}


if not TYPE_CHECKING:  # type checkers see the imports above, and report other names

    def __getattr__(name: str) -> Any:
        """Import a name at its first use: botocore and Beaker take a tenth of a second."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES.get(name, ".errors"), __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _log_to_stderr() -> None:
    logger = logging.getLogger(__name__)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


if os.environ.get("BEAKER_DYNAMODB_DEBUG", "").lower() == "true":
    _log_to_stderr()
