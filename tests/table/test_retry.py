"""Retries: which failures are worth one, how many there are, and how long they take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)

from tests.support.internals import parse_options, retry

URL = "http://dynamodb.invalid/"


class Time:
    """A monotonic clock that only pauses and attempts move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(retry, "time", time)
    return time


def refusal(code: str, status: int = 400) -> ClientError:
    """An error of DynamoDB as botocore raises it."""
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutItem")


def closed_pool() -> HTTPClientError:
    return HTTPClientError(error=type("ClosedPoolError", (Exception,), {})())


def silence() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url=URL)


def dead_connection() -> ConnectionClosedError:
    return ConnectionClosedError(endpoint_url=URL, error=ConnectionResetError())


class Call:
    """A call whose attempts end as given, one after the other, and then are answered."""

    def __init__(self, *outcomes: Exception, takes: Callable[[], object] = lambda: None) -> None:
        self.outcomes = list(outcomes)
        self.takes = takes
        self.attempts = 0

    def __call__(self) -> str:
        self.attempts += 1
        if self.outcomes:
            self.takes()
            raise self.outcomes.pop(0)
        return "answer"


def attempts(*, has_connections: bool = False, **options: Any) -> retry.Attempts:
    return retry.Attempts(parse_options(options), lambda _: has_connections)


WORTH_A_RETRY: list[Exception] = [
    silence(),
    dead_connection(),
    ConnectTimeoutError(endpoint_url=URL),
    EndpointConnectionError(endpoint_url=URL),
    HTTPClientError(error=ValueError()),
    retry.UnusableAnswer(),
    refusal("ProvisionedThroughputExceededException"),
    refusal("ReplicatedWriteConflictException"),
    refusal("SomethingNewException", 429),
    refusal("SomethingNewException", 503),
]
NOT_WORTH_A_RETRY: list[Exception] = [
    refusal("ConditionalCheckFailedException"),
    refusal("ValidationException"),
    refusal("ResourceNotFoundException"),
    refusal("AccessDeniedException"),
    NoCredentialsError(),
]


@pytest.mark.usefixtures("time")
class TestAFailure:
    @pytest.mark.parametrize("error", WORTH_A_RETRY, ids=str)
    def test_is_retried_as_often_as_max_retries_says(self, error: Exception) -> None:
        call = Call(*[error] * 5)
        with pytest.raises(type(error)):
            attempts(max_retries=2).run(call)
        assert call.attempts == 3

    @pytest.mark.parametrize("error", WORTH_A_RETRY, ids=str)
    def test_ends_with_an_answer(self, error: Exception) -> None:
        assert attempts(max_retries=1).run(Call(error)) == "answer"

    @pytest.mark.parametrize("error", NOT_WORTH_A_RETRY, ids=str)
    def test_that_would_come_again_is_not_retried(self, error: Exception) -> None:
        call = Call(error)
        with pytest.raises(type(error)):
            attempts(max_retries=2).run(call)
        assert call.attempts == 1

    @pytest.mark.parametrize(
        ("error", "may_be_done"),
        [
            (silence(), True),
            (dead_connection(), True),
            (retry.UnusableAnswer(), True),
            (refusal("InternalServerError", 500), True),
            (refusal("ThrottlingException"), False),
            (refusal("ReplicatedWriteConflictException"), False),
            (ConnectTimeoutError(endpoint_url=URL), False),
            (closed_pool(), False),
        ],
        ids=str,
    )
    def test_says_whether_the_call_may_be_done(self, error: Exception, may_be_done: bool) -> None:
        made = attempts(max_retries=1)
        made.run(Call(error))
        assert made.may_be_done is may_be_done


@pytest.mark.usefixtures("time")
def test_the_attempts_of_a_repeated_call_are_counted_from_zero() -> None:
    made = attempts(max_retries=1)
    for _ in range(2):
        assert made.run(Call(silence())) == "answer"
        assert made.retries == 1


class TestPauses:
    def pauses(self, time: Time, error: Exception) -> Iterator[float]:
        with pytest.raises(type(error)):
            attempts(max_retries=8).run(Call(*[error] * 9))
        yield from time.pauses

    def test_double_from_50_ms(self, time: Time) -> None:
        longest = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
        pauses = list(self.pauses(time, silence()))
        assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))

    def test_double_from_half_a_second_to_ten_if_dynamodb_throttles(self, time: Time) -> None:
        longest = [0.5, 1, 2, 4, 8, 10, 10, 10]
        pauses = list(self.pauses(time, refusal("ThrottlingException")))
        assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))


class TestTheTimeOfACall:
    @pytest.mark.parametrize("max_retries", [0, 1, 2, 7])
    def test_is_at_most_the_longest_call(self, time: Time, max_retries: int) -> None:
        options = parse_options({"max_retries": max_retries})

        def attempt_in_full() -> None:
            time.now += options.longest_attempt

        made = retry.Attempts(options, lambda _: True)
        call = Call(*[silence()] * 9, takes=attempt_in_full)
        with pytest.raises(ReadTimeoutError):
            made.run(call)
        assert call.attempts == 1 + max_retries
        assert time.now <= options.longest_call

    def test_is_bounded_if_attempts_take_longer_than_they_may(self, time: Time) -> None:
        """A name that the resolver takes long to find, for example."""
        options = parse_options({})

        def take_ten_seconds() -> None:
            time.now += 10

        call = Call(*[silence()] * 9, takes=take_ten_seconds)
        with pytest.raises(ReadTimeoutError):
            retry.Attempts(options, lambda _: False).run(call)
        assert call.attempts == 2


@pytest.mark.usefixtures("time")
class TestADeadConnection:
    def test_is_replaced_once_whatever_max_retries_says(self) -> None:
        made = attempts(max_retries=0, has_connections=True)
        assert made.run(Call(dead_connection())) == "answer"
        assert made.may_be_done
        with pytest.raises(ConnectionClosedError):
            attempts(max_retries=0, has_connections=True).run(Call(*[dead_connection()] * 2))

    def test_of_a_client_without_one_is_no_dead_connection(self) -> None:
        with pytest.raises(ConnectionClosedError):
            attempts(max_retries=0, has_connections=False).run(Call(dead_connection()))

    def test_ends_soon_or_was_alive(self, time: Time) -> None:
        def take_two_seconds() -> None:
            time.now += 2

        call = Call(dead_connection(), takes=take_two_seconds)
        with pytest.raises(ConnectionClosedError):
            attempts(max_retries=0, has_connections=True, connect_timeout=1).run(call)

    def test_that_another_thread_closes_counts_as_no_attempt(self) -> None:
        made = attempts(max_retries=0)
        assert made.run(Call(*[closed_pool()] * 3)) == "answer"
        assert not made.may_be_done
