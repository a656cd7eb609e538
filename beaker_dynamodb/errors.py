"""The errors of this package.

Each one says what happened, to which table, and what to do next. It keeps DynamoDB's error code
and the error that caused it, and never shows a session id, a payload or a key.

    BeakerDynamoDBError
     ├── ConfigurationError   an option, a credential or a region is missing or wrong
     ├── TableError           the table is missing, has another key schema, or cannot be used
     ├── StoreUnavailable     no answer: an outage, a timeout, or throttling after all retries
     ├── ItemTooLarge         the value is larger than max_value_size
     ├── CorruptItem          this package did not write the item, or someone has altered it
     ├── ConflictError        another request has changed the session at the same time
     └── LockTimeout          a lock was not free within lock_wait, or was held too long
"""

from __future__ import annotations


class BeakerDynamoDBError(Exception):
    """Base class of this package's errors; raised itself if no other class fits.

    Args:
        message: what happened and what to do next.
        table: name of the table.
        region: region of the table.
        code: DynamoDB's error code, such as ``ThrottlingException``.
        cause: the client library's error that led to this one.
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
        #: SHA-256 of the id of the session that could not be loaded; None for any other error.
        self.failed_session: str | None = None
        #: Whether `on_error` has received it.
        self.is_reported = False

    def __str__(self) -> str:
        facts = {"table": self.table, "region": self.region, "error code": self.code}
        known = ", ".join(f"{name} {fact}" for name, fact in facts.items() if fact)
        return f"{self.message} ({known})" if known else self.message


class ConfigurationError(BeakerDynamoDBError, ValueError):
    """An option, a credential or a region is missing or wrong."""


class TableError(BeakerDynamoDBError):
    """The table is missing, has another key schema, is being created, or access is denied."""


class StoreUnavailable(BeakerDynamoDBError):
    """DynamoDB did not answer, or still refused the request after the last retry."""


class ItemTooLarge(BeakerDynamoDBError):
    """The value is larger than `max_value_size`, or its item exceeds DynamoDB's 400 KB."""


class CorruptItem(BeakerDynamoDBError):
    """This package did not write the item, or someone has altered it."""


class ConflictError(BeakerDynamoDBError):
    """Another request has changed the session, and this one must not overwrite the change."""


class LockTimeout(BeakerDynamoDBError):
    """A lock was not free within `lock_wait`, or was held longer than `lock_timeout`."""
