"""What surrounds the package in a run: time, chance and locks, from the world."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from .clients import Client
from .endpoint import Endpoint


class ReentrantLock:
    """Stands in for `threading.RLock`, among clients."""

    def __init__(self) -> None:
        self._owner: Client | None = None
        self._depth = 0
        self._waiting: list[Client] = []

    def acquire(self, blocking: bool = True, timeout: float = float("inf")) -> bool:  # noqa: FBT002
        """Acquire the lock, or wait for it; returns whether it is acquired."""
        client = _current()
        deadline = Endpoint.world.now + timeout
        while self._owner not in {None, client}:
            if not blocking or Endpoint.world.now >= deadline:
                return False
            _wait(self._waiting, client, deadline - Endpoint.world.now)
        self._owner = client
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock once."""
        assert self._owner is _current()
        self._depth -= 1
        if self._depth == 0:
            self._owner = None
            _wake(self._waiting)


class Condition:
    """Stands in for `threading.Condition`: clients do not switch while they hold its lock."""

    def __init__(self) -> None:
        self._waiting: list[Client] = []

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, timeout: float) -> None:
        """Wait for `notify`, or until a time has passed, in seconds."""
        _wait(self._waiting, _current(), timeout)

    def notify(self) -> None:
        """Wake those that wait."""
        _wake(self._waiting)


class Identifier:
    """Stands in for a random UUID; PynamoDB makes one for each call and never reads it."""

    @property
    def hex(self) -> str:
        """32 hexadecimal digits."""
        return Endpoint.world.tokens.randbytes(16).hex()


@contextmanager
def virtual_surroundings() -> Iterator[None]:
    """Take time, chance and locks from `Endpoint.world`, for all code of this process."""

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
        (threading, "RLock", ReentrantLock),
        (threading, "Condition", Condition),
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


def _current() -> Client:
    client = Endpoint.world.current
    assert client is not None
    return client


def _wait(waiting: list[Client], client: Client, seconds: float) -> None:
    waiting.append(client)
    client.sleep(seconds)
    if client in waiting:
        waiting.remove(client)


def _wake(waiting: list[Client]) -> None:
    for client in waiting:
        client.wake_up()
    waiting.clear()
