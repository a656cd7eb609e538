"""Engine errors made into this package's own; the only place that knows their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

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
from ..model import SessionModel, UnusableAnswer, location

CONDITION_FAILED = "ConditionalCheckFailedException"
TABLE_IN_USE = "ResourceInUseException"
TABLE_MISSING = "ResourceNotFoundException"

_MISCONFIGURED = (
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
_UNREACHED = (ConnectTimeoutError, EndpointConnectionError, SSLError)
_SILENT = (ConnectionClosedError, ReadTimeoutError)
#: What is said of temporary credentials that are over, and of keys that were replaced.
OUTDATED = {"ExpiredTokenException", "UnrecognizedClientException"}
_REFUSED = {
    "AccessDeniedException": "allow the call in the IAM policy of the credentials in use",
    "ExpiredTokenException": "renew the temporary credentials",
    "IncompleteSignature": "check the credentials",
    "InvalidSignatureException": "check the secret access key and this machine's clock",
    "MissingAuthenticationTokenException": "give credentials",
    "UnrecognizedClientException": "check the access key and the session token",
}
#: Worth another try later, says DynamoDB's developer guide ("Error handling with DynamoDB").
_UNAVAILABLE = {
    "InternalServerError",
    "InternalFailure",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "ThrottlingException",
    "TransactionInProgressException",
}
#: What both DynamoDB and DynamoDB Local say of a write past 400 KB: a ValidationException.
_TOO_LARGE = "Item size"


@contextmanager
def translated(model: type[SessionModel]) -> Iterator[None]:
    """Raise this package's errors for what the client libraries raise inside.

    PynamoDB wraps botocore's errors from a call, but not those from making the client; and
    botocore lets plain ones out: a ValueError for an endpoint, an OSError or a JSONDecodeError for
    credentials, an AttributeError for an answer of another form. Whatever it is, there is no
    answer, and an error that Beaker took for a corrupt session would log the user out.
    """
    try:
        yield
    except BeakerDynamoDBError:
        raise
    except Exception as error:
        raise translate(error, model) from error


def engine_code(error: BaseException) -> str | None:
    """The engine's error code; None where no answer came."""
    cause = error.cause if isinstance(error, PynamoDBException) else error
    if not isinstance(cause, ClientError):
        # PynamoDB's own cause_response_code fails on a read timeout, whose `response` is None.
        return None
    code: str | None = cause.response.get("Error", {}).get("Code")
    return code


def translate(error: Exception, model: type[SessionModel]) -> BeakerDynamoDBError:
    """This package's error for a client library's."""
    cause = getattr(error, "cause", None) or error
    code = engine_code(error)
    kind, message = _diagnose(cause, code, str(error))
    return kind(message, **location(model), code=code, cause=error)


def _diagnose(
    cause: BaseException, code: str | None, text: str
) -> tuple[type[BeakerDynamoDBError], str]:
    if code is None:
        return _diagnose_silence(cause)
    if code in _REFUSED:
        return TableError, f"access was denied: {_REFUSED[code]}"
    if code == TABLE_MISSING:
        return TableError, "the table is missing: run `beaker-dynamodb create-table`"
    if code in _UNAVAILABLE or _is_server_fault(cause):
        return StoreUnavailable, "the engine refused for now: raise the table's capacity or wait"
    if code == "ValidationException" and _TOO_LARGE in text:
        return ItemTooLarge, "the value is larger than 400 KB: store less under one key"
    return BeakerDynamoDBError, "the engine refused the call: see the cause"


def _diagnose_silence(cause: BaseException) -> tuple[type[BeakerDynamoDBError], str]:
    if isinstance(cause, _MISCONFIGURED):
        return ConfigurationError, f"no call could be made ({cause}): set region and credentials"
    if isinstance(cause, _UNREACHED):
        return StoreUnavailable, (
            f"the engine was not reached ({cause}): check region, endpoint_url and network"
        )
    if isinstance(cause, UnusableAnswer):
        return StoreUnavailable, f"no answer of DynamoDB's ({cause}): check endpoint_url, try again"
    # Others are told by name alone: a library may quote a header or an answer that it cannot read.
    told = cause if isinstance(cause, _SILENT) else type(cause).__name__
    return StoreUnavailable, f"no answer from the engine ({told}): try again, or see the cause"


def _is_server_fault(cause: BaseException) -> bool:
    response = cause.__cause__ if isinstance(cause.__cause__, ClientError) else cause
    metadata = getattr(response, "response", {}).get("ResponseMetadata", {})
    return int(metadata.get("HTTPStatusCode", 0)) >= HTTPStatus.INTERNAL_SERVER_ERROR
