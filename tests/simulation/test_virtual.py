"""The locks that stand in for those among threads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .clients import Client
from .endpoint import Endpoint
from .virtual import Condition, ReentrantLock
from .world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(1, (), 0.0)
    monkeypatch.setattr(Endpoint, "world", world, raising=False)
    return world


def run(world: World, *mains: Callable[[Client], None]) -> None:
    """Run clients, each a moment after the one before it."""
    for number, main in enumerate(mains):
        world.add(f"client {number}", late(main, 0.1 * number))
    world.run()


def late(main: Callable[[Client], None], seconds: float) -> Callable[[Client], None]:
    def run_late(client: Client) -> None:
        client.sleep(seconds)
        main(client)

    return run_late


def test_a_lock_is_held_by_one_client_that_may_acquire_it_again(world: World) -> None:
    lock, seen = ReentrantLock(), []

    def hold(client: Client) -> None:
        seen.append(lock.acquire() and lock.acquire())
        client.sleep(5)
        lock.release()
        client.sleep(5)
        lock.release()

    def wait(_: Client) -> None:
        seen.extend([lock.acquire(blocking=False), lock.acquire(timeout=6), lock.acquire()])
        seen.append(world.now >= began + 10)

    began = world.now
    run(world, hold, wait)
    assert seen == [True, False, False, True, True]


def test_a_condition_wakes_those_that_wait(world: World) -> None:
    condition, woken = Condition(), []

    def wait(_: Client) -> None:
        with condition:
            condition.wait(60)
        woken.append(world.now - began < 1)
        condition.wait(60)
        woken.append(world.now - began > 60)

    began = world.now
    run(world, wait, lambda _: condition.notify())
    assert woken == [True, True]
