"""What surrounds the package in a run: DynamoDB's endpoint, time and chance, from the world."""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from greenlet import GreenletExit

from .store import Answer, Arguments
from .world import TABLE, World


class Endpoint:
    """Stands in for botocore's client: sends each call as a step, and again as botocore does.

    Args:
        attempts: most attempts of one call.
        patience: how long an attempt waits for its answer, in seconds.
    """

    meta = SimpleNamespace(region_name=TABLE)
    world: World

    def __init__(self, attempts: int, patience: float) -> None:
        self._attempts = attempts
        self._patience = patience

    def _make_api_call(self, operation: str, arguments: Arguments) -> Answer:
        client = Endpoint.world.current
        assert client is not None
        if client.is_killed:
            raise GreenletExit
        outcome: Any = None
        for number in range(self._attempts):
            if number:
                client.sleep(self._pause(outcome, number))
            outcome = client.attempt(operation, arguments)
            if not _is_retried(outcome):
                break
        client.calls.count(operation, outcome)
        if isinstance(outcome, Exception):
            raise _after_retries(outcome, number)
        answer: Answer = outcome
        return answer

    def _pause(self, outcome: Any, number: int) -> float:
        """Wait for the answer, then as botocore does (retries/standard.py, ExponentialBackoff)."""
        waited = 0.0 if isinstance(outcome, ClientError) else self._patience
        return waited + Endpoint.world.random.random() * (1 << (number - 1))


def _is_retried(outcome: Any) -> bool:
    if isinstance(outcome, ClientError):
        code: str = outcome.response["Error"]["Code"]
        return code in {"ProvisionedThroughputExceededException", "InternalServerError"}
    return isinstance(outcome, Exception)


def _after_retries(error: Exception, retries: int) -> Exception:
    """The error, with the number of retries as botocore reports it (endpoint.py)."""
    if isinstance(error, ClientError):
        metadata = error.response["ResponseMetadata"]
        error.response["ResponseMetadata"] = {**metadata, "RetryAttempts": retries}
    return error


class Identifier:
    """Stands in for a random UUID; PynamoDB makes one for each call and never reads it."""

    @property
    def hex(self) -> str:
        """32 hexadecimal digits."""
        return Endpoint.world.tokens.randbytes(16).hex()


@contextmanager
def virtual_time_and_chance() -> Iterator[None]:
    """Take time, sleep and chance from `Endpoint.world`, for all code of this process."""

    def clock() -> float:
        world = Endpoint.world
        return world.now + (world.current.skew if world.current else 0.0)

    def sleep(seconds: float) -> None:
        client = Endpoint.world.current
        assert client is not None
        client.sleep(seconds)

    def random_bytes(size: int = 16) -> bytes:
        return Endpoint.world.tokens.randbytes(size)

    replaced = [
        (time, "time", clock),
        (time, "monotonic", lambda: Endpoint.world.now),
        (time, "sleep", sleep),
        (os, "urandom", random_bytes),
        (secrets, "token_bytes", random_bytes),
        (uuid, "uuid4", Identifier),
    ]
    originals = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    state = random.getstate()
    try:
        for module, name, value in replaced:
            setattr(module, name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for module, name, value in originals:
            setattr(module, name, value)
        random.setstate(state)
