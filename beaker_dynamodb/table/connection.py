"""PynamoDB's connection for one table, over the client that tables share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeAlias, TypedDict

from botocore.exceptions import ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import VerboseClientError

from ..options import Options
from .client import ALTERED, SharedClient
from .counters import counters
from .lean import LEAN_OPERATIONS
from .operations import OPERATIONS
from .origin import check_keys, check_origin
from .retry import Attempts, UnusableAnswer, response_of


class Location(TypedDict):
    """Table and region, as errors name them."""

    table: str
    region: str | None


@dataclass
class Call:
    """One call with all its attempts, as an observer sees it: without keys and values.

    Attributes:
        operation: of DynamoDB.
        table: its name or ARN.
        region: of the table; None until it is known.
        retries: attempts that followed a failed one.
        outcome: `done`, DynamoDB's error code, or the name of a client library's exception.
    """

    operation: str
    table: str
    region: str | None = None
    retries: int = 0
    outcome: str = "done"


#: What a call is made inside; the call's outcome is known when that ends.
Observer: TypeAlias = Callable[[Call], AbstractContextManager[object]]
Attempt: TypeAlias = Callable[[], dict[str, Any]]
Runner: TypeAlias = Callable[[Attempt], dict[str, Any]]


class DynamoDBConnection(Connection):
    """PynamoDB's connection for one table, over a shared client.

    Attributes:
        observer: of all calls of this process, if there is one.
    """

    observer: ClassVar[Observer | None] = None

    def __init__(self, options: Options, shared: SharedClient) -> None:
        super().__init__(region=options.region, host=options.endpoint_url)
        self.options = options
        self.shared = shared

    @property
    def client(self) -> Any:
        """The shared client."""
        return self.shared.client

    @property
    def found_options(self) -> Options:
        """The options, with what the AWS chain provided once there is a client."""
        shared = self.shared
        return replace(self.options, region=shared.region, endpoint_url=shared.endpoint_url)

    @property
    def location(self) -> Location:
        """Table and region, as errors name them."""
        return {"table": self.options.table_name, "region": self.shared.region}

    def attempts(self) -> Attempts:
        """The attempts of a call that has not begun."""
        return Attempts(self.options, self.shared.replace_connections)

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        """Make a call with all its attempts; PynamoDB's own methods use it.

        Raises:
            UnusableAnswer: the answer does not come from DynamoDB, or its bytes changed on the way.
        """
        run = self.runner(operation_name, self.attempts())
        return run(partial(self.attempt, operation_name, lambda: operation_kwargs))

    def runner(self, operation: str, attempts: Attempts) -> Runner:
        """What makes the attempts of a call, inside the observer if there is one."""
        observer = DynamoDBConnection.observer
        return partial(self._observed, observer, operation, attempts) if observer else attempts.run

    def _observed(
        self, observer: Observer, operation: str, attempts: Attempts, attempt: Attempt
    ) -> dict[str, Any]:
        call = Call(operation, self.options.table_name)
        with observer(call):
            try:
                return attempts.run(attempt)
            except Exception as error:
                call.outcome = _outcome(error)
                raise
            finally:
                call.region, call.retries = self.shared.region, attempts.retries

    def attempt(self, operation: str, build: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Make one attempt, and check that the answer comes from DynamoDB, and belongs to it.

        Args:
            operation: of DynamoDB.
            build: returns the arguments of this attempt.

        Raises:
            UnusableAnswer: it does not, or its bytes changed on the way.
        """
        arguments = build()
        self.shared.close_after_quiet()
        try:
            known = OPERATIONS.get(operation)
            # The application may call any operation through its SessionModel.
            if known is None or known.reports_capacity:
                answer = super().dispatch(operation, arguments)
            else:
                # PynamoDB requests the capacity that any operation unknown to it has consumed.
                answer = self._make_api_call(operation, arguments)
        except ClientError as error:
            self._check(arguments, response_of(error))
            raise
        self.shared.note_answer()
        if ALTERED in answer:
            raise UnusableAnswer("altered in transit")
        # botocore parses any page with status 200 as an empty answer: no item, and no error.
        self._check(arguments, answer)
        counters.count_units(operation, answer)
        return answer

    def _check(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:
        check_origin(answer)
        check_keys((self.options.hash_key, self.options.range_key), arguments, answer)

    def _make_api_call(
        self, operation_name: str, operation_kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Make one attempt: by the lean client, or by botocore if the call is not one for it."""
        lean = self.shared.lean if operation_name in LEAN_OPERATIONS else None
        if lean is not None:
            try:
                answer = lean.call(operation_name, operation_kwargs)
            except ClientError as error:
                raise _verbose(error, operation_name, operation_kwargs) from error
            if answer is not None:
                return answer
        return super()._make_api_call(operation_name, operation_kwargs)


def _verbose(
    error: ClientError, operation: str, arguments: Mapping[str, Any]
) -> VerboseClientError:
    """An error as PynamoDB raises it: its message names table and request."""
    table = arguments.get("TableName") or ",".join(arguments["RequestItems"])
    headers = response_of(error)["ResponseMetadata"]["HTTPHeaders"]
    place = {"request_id": headers.get("x-amzn-requestid", ""), "table_name": table}
    return VerboseClientError({"Error": error.response["Error"]}, operation, place)


def _outcome(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code"))
    return type(error).__name__
