"""The errors of this package.

Each one says what happened, to which table, and what to do next; keeps the engine's error code
and the error that caused it; and never shows a session id, a payload or a key.

    BeakerDynamoDBError
     ├── ConfigurationError   an option, a credential or a region is missing or wrong
     ├── TableError           the table is missing, has another key schema, or is out of bounds
     ├── StoreUnavailable     no answer: an outage, a timeout, or throttling past the retries
     ├── ItemTooLarge         the value is larger than max_value_size
     ├── CorruptItem          what is stored was not written by this package, or was altered
     ├── ConflictError        another request has changed the session at the same time
     └── LockTimeout          another has held the lock for longer than was to be waited
"""

from __future__ import annotations


class BeakerDynamoDBError(Exception):
    """Root of this package's errors; raised itself for an engine error of no other kind.

    Args:
        message: what happened and what to do next.
        table: name of the table concerned.
        region: region of that table.
        code: the engine's error code, such as ``ThrottlingException``.
        cause: the client library's error behind this one.
    """

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        region: str | None = None,
        code: str | None = None,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.table = table
        self.region = region
        self.code = code
        self.cause = cause
        #: SHA-256 of the session id whose load this error has ended; None for any other error.
        self.failed_session: str | None = None

    def __str__(self) -> str:
        facts = {"table": self.table, "region": self.region, "engine's code": self.code}
        known = ", ".join(f"{name} {fact}" for name, fact in facts.items() if fact)
        return f"{self.message} ({known})" if known else self.message


class ConfigurationError(BeakerDynamoDBError, ValueError):
    """An option, a credential or a region is missing or wrong."""


class TableError(BeakerDynamoDBError):
    """The table is missing, has another key schema, is being created, or may not be used."""


class StoreUnavailable(BeakerDynamoDBError):
    """The engine did not answer, or still refused after the last retry."""


class ItemTooLarge(BeakerDynamoDBError):
    """The value is larger than `max_value_size`, or an item than DynamoDB stores (400 KB)."""


class CorruptItem(BeakerDynamoDBError):
    """What is stored was not written by this package, or was altered since."""


class ConflictError(BeakerDynamoDBError):
    """Another request has changed the session, and it was not to be merged or overwritten."""


class LockTimeout(BeakerDynamoDBError):
    """Another has held the lock for longer than was to be waited."""
