"""Creation functions, and the threads that they run in."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

PATIENCE = 20


class Creation:
    """Makes ``value 1``, ``value 2``, ... and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._mutex = threading.Lock()

    def __call__(self) -> str:
        with self._mutex:
            self.calls += 1
            return f"value {self.calls}"


class Gate:
    """A creation function that reports its start, and returns when the test lets it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        return "new"

    def wait_until_begun(self) -> None:
        assert self.begun.wait(PATIENCE)


class Threads:
    """Runs functions in threads of their own; a lock that is never released fails the test."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        """Start a function."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(function(*arguments, **options))
            except BaseException as error:  # noqa: BLE001  raised by the call that takes the result
                future.set_exception(error)

        self.futures.append(future)
        threading.Thread(target=run, daemon=True).start()
        return future


class Arrivals:
    """Counts the threads that are about to acquire a creation lock.

    Args:
        namespace_class: the class of the namespace managers whose locks are counted.
    """

    def __init__(self, namespace_class: type, monkeypatch: pytest.MonkeyPatch) -> None:
        self._arrived = threading.Semaphore(0)
        get_creation_lock = namespace_class.get_creation_lock  # type: ignore[attr-defined]

        def arrive(namespace: Any, key: Any) -> Any:
            self._arrived.release()
            return get_creation_lock(namespace, key)

        monkeypatch.setattr(namespace_class, "get_creation_lock", arrive)

    def wait_for(self, threads: int) -> None:
        """Wait until this many threads have arrived."""
        for _ in range(threads):
            assert self._arrived.acquire(timeout=PATIENCE)
