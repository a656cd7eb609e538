"""The client libraries' errors, translated into this package's own."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
from .hints import create_command, explain_refusal
from .retry import UnusableAnswer, is_retried

ACCESS_DENIED = "AccessDeniedException"
CONDITION_FAILED = "ConditionalCheckFailedException"
TABLE_IN_USE = "ResourceInUseException"
TABLE_MISSING = "ResourceNotFoundException"
#: Of a stand-in that lacks the operation, such as dynalite for the TTL.
UNKNOWN_OPERATION = "UnknownOperationException"
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
    "ExpiredTokenException": "renew the temporary credentials",
    "IncompleteSignature": "check the credentials",
    "InvalidSignatureException": "check the secret access key and this machine's clock",
    "MissingAuthenticationTokenException": "give credentials",
    "UnrecognizedClientException": "check the access key and the session token",
}
#: CloudWatch's code has no ending.
_ACCESS_DENIED = {ACCESS_DENIED, "AccessDenied"}
_ABOUT_THE_TABLE = {*_DENIED, *_ACCESS_DENIED, TABLE_MISSING}
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
    if code is None:
        kind, message = _diagnose_silence(cause)
    elif code in _ABOUT_THE_TABLE:
        kind, message = TableError, _explain_table(code, str(error), connection)
    elif code == UNKNOWN_OPERATION:
        kind, message = BeakerDynamoDBError, _explain_stand_in(cause, connection)
    else:
        kind, message = _diagnose(cause, code, str(error))
    return kind(message, **connection.location, code=code, cause=error)


def _explain_table(code: str, text: str, connection: DynamoDBConnection) -> str:
    if code in _ACCESS_DENIED:
        return explain_refusal(text, connection.location)
    if code == TABLE_MISSING:
        return missing_table(connection)
    return f"access was denied: {_DENIED[code]}"


def _explain_stand_in(cause: Exception, connection: DynamoDBConnection) -> str:
    # DynamoDB itself knows each operation that this package calls.
    endpoint = connection.found_options.endpoint_url or "the endpoint"
    operation = getattr(cause, "operation_name", "the call")
    return f"{endpoint} is a stand-in for DynamoDB that does not know {operation}"


def missing_table(connection: DynamoDBConnection) -> str:
    """What to do about a table that is missing."""
    return f"the table is missing: run `{create_command(connection.found_options)}`"


def _diagnose(cause: Exception, code: str, text: str) -> tuple[type[BeakerDynamoDBError], str]:
    if is_retried(cause):
        return StoreUnavailable, (
            "DynamoDB refused the call for now: raise the table's capacity or try again later"
        )
    if code == "ValidationException" and _TOO_LARGE in text:
        return ItemTooLarge, "the value is larger than 400 KB: store less under one key"
    operation = getattr(cause, "operation_name", "the call")
    return BeakerDynamoDBError, f"DynamoDB refused {operation}: see the cause"


def _diagnose_silence(cause: Exception) -> tuple[type[BeakerDynamoDBError], str]:
    if _is_patched_late(cause):
        return ConfigurationError, (
            "gevent has patched ssl after it was imported: call gevent.monkey.patch_all() before "
            "all other imports; for gunicorn, in the first lines of gunicorn.conf.py"
        )
    if isinstance(cause, _MISCONFIGURED):
        return ConfigurationError, (
            f"no call could be made ({cause}): set region and credentials; "
            "`aws configure` asks for both"
        )
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


def _is_patched_late(error: BaseException | None) -> bool:
    """Whether ssl calls itself for ever, as it does if gevent patches it after its import.

    gevent replaces ssl.SSLContext, and the setters of the class that urllib3 has imported before
    then find themselves by `super(SSLContext, SSLContext)` (gevent/gevent#1016).
    """
    while error is not None:
        if isinstance(error, RecursionError):
            frames = traceback.extract_tb(error.__traceback__, limit=-1)
            return any(Path(frame.filename).stem == "ssl" for frame in frames)
        error = error.__cause__ or error.__context__
    return False
