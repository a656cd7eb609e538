"""The client libraries' errors, translated into this package's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSLError,
)
from pynamodb.exceptions import PynamoDBException

from ..errors import (
    BeakerDynamoDBError,
    ConfigurationError,
    ItemTooLarge,
    StoreUnavailable,
    TableError,
)
from .connection import DynamoDBConnection
from .retry import UnusableAnswer, is_retried

CONDITION_FAILED = "ConditionalCheckFailedException"
TABLE_IN_USE = "ResourceInUseException"
TABLE_MISSING = "ResourceNotFoundException"
#: DynamoDB's codes for temporary credentials that have expired and for keys that were replaced.
OUTDATED_CREDENTIALS = {"ExpiredTokenException", "UnrecognizedClientException"}

_MISCONFIGURED = (
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
_UNREACHABLE = (ConnectTimeoutError, EndpointConnectionError, SSLError)
_UNANSWERED = (ConnectionClosedError, ReadTimeoutError)
_DENIED = {
    "AccessDeniedException": "allow the call in the IAM policy of the credentials in use",
    "ExpiredTokenException": "renew the temporary credentials",
    "IncompleteSignature": "check the credentials",
    "InvalidSignatureException": "check the secret access key and this machine's clock",
    "MissingAuthenticationTokenException": "give credentials",
    "UnrecognizedClientException": "check the access key and the session token",
}
#: DynamoDB and DynamoDB Local refuse a write past 400 KB with a ValidationException that says so.
_TOO_LARGE = "Item size"


@contextmanager
def translated(connection: DynamoDBConnection) -> Iterator[None]:
    """Raise this package's errors for what the client libraries raise inside.

    PynamoDB wraps botocore's errors from a call, but not those from creating the client; and
    botocore raises plain ones: a ValueError for an endpoint, an OSError or a JSONDecodeError for
    credentials, an AttributeError for an answer of another form. Each of them means that there is
    no answer, and an error that Beaker mistook for a corrupt session would log the user out.
    """
    try:
        yield
    except BeakerDynamoDBError:
        raise
    except Exception as error:
        raise _translate(error, connection) from error


def error_code(error: BaseException) -> str | None:
    """DynamoDB's error code; None if no answer came."""
    cause = error.cause if isinstance(error, PynamoDBException) else error
    if not isinstance(cause, ClientError):
        # PynamoDB's own cause_response_code fails on a read timeout, whose `response` is None.
        return None
    code: str | None = cause.response.get("Error", {}).get("Code")
    return code


def _translate(error: Exception, connection: DynamoDBConnection) -> BeakerDynamoDBError:
    """This package's error for a client library's."""
    cause: Exception = getattr(error, "cause", None) or error
    code = error_code(error)
    kind, message = _diagnose(cause, code, str(error))
    return kind(message, **connection.location, code=code, cause=error)


def _diagnose(
    cause: Exception, code: str | None, text: str
) -> tuple[type[BeakerDynamoDBError], str]:
    if code is None:
        return _diagnose_silence(cause)
    if code in _DENIED:
        return TableError, f"access was denied: {_DENIED[code]}"
    if code == TABLE_MISSING:
        return TableError, "the table is missing: run `beaker-dynamodb create-table`"
    if is_retried(cause):
        return StoreUnavailable, (
            "DynamoDB refused the call for now: raise the table's capacity or try again later"
        )
    if code == "ValidationException" and _TOO_LARGE in text:
        return ItemTooLarge, "the value is larger than 400 KB: store less under one key"
    return BeakerDynamoDBError, "DynamoDB refused the call: see the cause"


def _diagnose_silence(cause: Exception) -> tuple[type[BeakerDynamoDBError], str]:
    if isinstance(cause, _MISCONFIGURED):
        return ConfigurationError, f"no call could be made ({cause}): set region and credentials"
    if isinstance(cause, _UNREACHABLE):
        return StoreUnavailable, (
            f"DynamoDB could not be reached ({cause}): check region, endpoint_url and network"
        )
    if isinstance(cause, UnusableAnswer):
        return StoreUnavailable, (
            f"the answer did not come from DynamoDB ({cause}): check endpoint_url, then try again"
        )
    # Of others only the name: a library may quote a header or an answer that it cannot parse.
    reason = cause if isinstance(cause, _UNANSWERED) else type(cause).__name__
    return StoreUnavailable, f"DynamoDB did not answer ({reason}): try again, or see the cause"
