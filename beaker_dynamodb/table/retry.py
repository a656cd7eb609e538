"""Which failures of a call are retried, and when: the only retry policy of this package.

botocore makes one attempt for each (`connection._config`). It has a quota of retries as well, per
client, so that in a long outage calls fail at their first fault. This policy needs none: a call
makes at most `1 + max_retries` attempts, with growing pauses and in a bounded time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,  # noqa: A004  # botocore's own
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
)

from ..options import Options, longest_pause
from .counters import counters

T = TypeVar("T")

#: DynamoDB refused the call because of its rate (developer guide, "Error handling with DynamoDB";
#: botocore/retries/standard.py, ThrottledRetryableChecker).
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
#: DynamoDB could not do the call, and may be able to do it a moment later.
_TRANSIENT = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "PriorRequestNotComplete",
        "ReplicatedWriteConflictException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
UNAVAILABLE = _THROTTLED | _TRANSIENT
#: Temporary errors that may concern one item or partition alone, while others are available.
OF_ONE_ITEM = _THROTTLED | {
    "ReplicatedWriteConflictException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
#: Before the first retry, in seconds, unless DynamoDB throttles.
FIRST_PAUSE = 0.05
#: How often one attempt can find that another thread has just closed the connections.
CLOSED_TRIES = 3
#: Errors after which DynamoDB has not received the call.
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


class UnusableAnswer(Exception):
    """The answer does not come from DynamoDB, or its bytes changed on the way."""


#: What an attempt raises if it fails.
_Failure: TypeAlias = BotoCoreError | ClientError | UnusableAnswer
_FAILURES = (BotoCoreError, ClientError, UnusableAnswer)


class Attempts:
    """The attempts of one call.

    Args:
        options: `max_retries` and the timeouts count.
        replace_connections: closes the connections that are kept open, unless that was done after
            a time, from `time.monotonic`; returns False if there can be none.

    Attributes:
        may_be_done: whether an attempt that failed may have been done.
        retries: how many attempts of the last `run` have followed a failed one after a pause.
    """

    def __init__(self, options: Options, replace_connections: Callable[[float], bool]) -> None:
        self.may_be_done = False
        self.retries = 0
        self._options = options
        self._replace_connections = replace_connections
        self._has_failed = False
        self._closed_pools = 0

    def run(self, attempt: Callable[[], T]) -> T:
        """Attempt a call until DynamoDB answers, or until the error is not worth a retry.

        Raises:
            BotoCoreError, ClientError, UnusableAnswer: the error of the last attempt.
        """
        began, self.retries = time.monotonic(), 0
        try:
            return attempt()
        except _FAILURES as error:
            failure = error
        return self._run_again(attempt, failure, began)

    def _run_again(
        self,
        attempt: Callable[[], T],
        error: _Failure,
        began: float,
    ) -> T:
        options = self._options
        last_begin = began + options.longest_call - options.longest_attempt
        while True:
            if not self._is_connection_at_fault(error, began):
                pause = _pause(error, self.retries)
                is_late = time.monotonic() + pause > last_begin
                if self.retries == options.max_retries or is_late or not is_retried(error):
                    raise error
                time.sleep(pause)
                self.retries += 1
                counters.add(retries=1)
            try:
                return attempt()
            except _FAILURES as next_error:
                error = next_error

    def _is_connection_at_fault(self, error: Exception, began: float) -> bool:
        """Whether a call is sent again at once, as its connection was closed or had died.

        Another thread can close the connections before the call is sent. A NAT gateway forgets an
        idle connection, and resets it if it is used (VPC user guide, "NAT gateway timeouts"); the
        other idle connections are likely to be dead as well. The reset takes a round trip: a
        connection that ends later was alive.
        """
        if _is_closed_pool(error):
            self._closed_pools += 1
            return self._closed_pools <= CLOSED_TRIES
        self.may_be_done |= _may_be_done(error)
        is_first, self._has_failed = not self._has_failed, True
        if not (is_first and isinstance(error, ConnectionClosedError)):
            return False
        is_early = time.monotonic() - began <= self._options.connect_timeout
        return is_early and self._replace_connections(began)


def is_retried(error: Exception) -> bool:
    """Whether a later attempt may succeed; a condition that is not met is no such error."""
    if isinstance(error, ClientError):
        status = _status(error)
        is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return _code(error) in UNAVAILABLE or is_server_error or _is_too_many(status)
    return isinstance(error, (ConnectionError, HTTPClientError, UnusableAnswer))


def response_of(error: ClientError) -> dict[str, Any]:
    """The whole answer; PynamoDB keeps only its code, and has botocore's error as its cause."""
    cause = error.__cause__ if isinstance(error.__cause__, ClientError) else error
    response: dict[str, Any] = dict(cause.response)
    return response


def _may_be_done(error: Exception) -> bool:
    """Whether DynamoDB may have done the call before the error."""
    if isinstance(error, ClientError):
        return _status(error) >= HTTPStatus.INTERNAL_SERVER_ERROR
    return not isinstance(error, _NEVER_SENT)


def _is_closed_pool(error: Exception) -> bool:
    """Whether another thread has closed the connections between two steps of this one."""
    if not isinstance(error, HTTPClientError):
        return False
    # urllib3, which raises it, comes with botocore.
    return type(error.kwargs.get("error")).__name__ == "ClosedPoolError"


def _pause(error: Exception, retries: int) -> float:
    """Seconds before the next attempt: they double, with jitter."""
    longest = longest_pause(retries)
    if not _is_throttled(error):
        longest = min(longest, FIRST_PAUSE * (1 << retries))
    return random.uniform(longest / 2, longest)  # noqa: S311  # jitter, no secret


def _is_throttled(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    return _code(error) in _THROTTLED or _is_too_many(_status(error))


def _is_too_many(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS


def _code(error: ClientError) -> str | None:
    code: str | None = error.response.get("Error", {}).get("Code")
    return code


def _status(error: ClientError) -> int:
    return int(response_of(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
