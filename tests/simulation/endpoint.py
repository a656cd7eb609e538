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
    """Stands in for botocore's client: sends each attempt as a step.

    Args:
        patience: how long an attempt waits for its answer, in seconds.
    """

    meta = SimpleNamespace(region_name=TABLE)
    world: World

    def __init__(self, patience: float) -> None:
        self._patience = patience

    def _make_api_call(self, operation: str, arguments: Arguments) -> Answer:
        client = Endpoint.world.current
        assert client is not None
        if client.is_killed:
            raise GreenletExit
        outcome: Any = client.attempt(operation, arguments)
        client.calls.count(operation, outcome)
        if isinstance(outcome, Exception):
            if not isinstance(outcome, ClientError):
                client.sleep(self._patience)
            raise outcome
        answer: Answer = outcome
        return answer

    def close(self) -> None:
        """Do nothing: there are no connections."""


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
