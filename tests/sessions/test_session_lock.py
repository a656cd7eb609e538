"""`session.lock()` and `session.unlock()`: one owner across threads, processes and machines."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from beaker.cache import Cache

from beaker_dynamodb import DynamoDBNamespaceManager, LockTimeout, session_model
from beaker_dynamodb.testing.site import Site
from tests.support.fork import in_a_forked_worker
from tests.support.internals import FIRST_PAUSE, LONGEST_PAUSE, CreationLock, backoff
from tests.support.pages import KINDS, count, log_out
from tests.support.tables import stored_sessions
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture(params=["pickle", "encrypted"])
def options(request: pytest.FixtureRequest, dynamodb: Any) -> dict[str, Any]:
    return {**dynamodb.options, **KINDS[request.param]}


@pytest.fixture
def site(options: dict[str, Any]) -> Site:
    site = Site(options, lock_wait=0)
    site.request(count)
    return site


@pytest.fixture
def other(options: dict[str, Any], site: Site) -> Site:
    return another_browser(options, site, 0)


def another_browser(options: dict[str, Any], site: Site, lock_wait: float) -> Site:
    other = Site(options, lock_wait=lock_wait)
    other.use_cookie(str(site.cookie))
    return other


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def lock_rows(dynamodb: Any) -> list[Any]:
    return [row for row in session_model(**dynamodb.options).scan() if row.item == "session lock"]


def hold_while(happens: Any) -> Any:
    def page(session: Any) -> Any:
        session.get("n")
        session.lock()
        try:
            return happens(session)
        finally:
            session.unlock()

    return page


def nothing(_: Any) -> None:
    return None


def test_locking_is_one_write_and_unlocking_another(site: Site, dynamodb: Any, wire: Wire) -> None:
    with wire.expect("GetItem", "UpdateItem", "DeleteItem"):
        site.request(hold_while(nothing))
    assert lock_rows(dynamodb) == []


def test_another_thread_cannot_acquire_a_held_lock(
    site: Site, other: Site, dynamodb: Any, threads: ThreadPoolExecutor
) -> None:
    def meanwhile(_: Any) -> None:
        waiting = threads.submit(other.request, lambda session: (session.get("n"), session.lock()))
        with pytest.raises(LockTimeout, match="was not free for 0 s") as caught:
            waiting.result(10)
        assert caught.value.table == dynamodb.options["table_name"]

    site.request(hold_while(meanwhile))
    threads.submit(other.request, hold_while(nothing)).result(10)


def test_a_waiting_request_polls_by_reads_until_the_lock_is_free(
    site: Site,
    options: dict[str, Any],
    dynamodb: Any,
    wire: Wire,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = another_browser(options, site, 30)
    looks, has_waited = [0.0], threading.Event()

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 10:
            wire.clear()
            has_waited.set()
            assert released.wait(10)

    released = threading.Event()
    monkeypatch.setattr(time, "sleep", pause)
    waiting = []

    def meanwhile(_: Any) -> None:
        waiting.append(threads.submit(other.request, hold_while(lambda _: lock_rows(dynamodb))))
        assert has_waited.wait(10)

    site.request(hold_while(meanwhile))
    released.set()
    assert len(waiting[0].result(10)) == 1
    assert max(looks) <= LONGEST_PAUSE
    assert wire.operations == ["DeleteItem", "GetItem", "UpdateItem", "Scan", "DeleteItem"]


def test_two_requests_that_count_under_the_lock_lose_no_count(site: Site, other: Site) -> None:

    def count_again(session: Any) -> int:
        session.load()
        session["n"] += 1
        session.save()
        session.persist()
        return int(session["n"])

    def counted_meanwhile(session: Any) -> int:
        session.get("n")
        other.request(hold_while(count_again))
        return int(hold_while(count_again)(session))

    assert site.request(counted_meanwhile) == 3


def test_the_owner_can_acquire_it_again_and_save_and_load(site: Site, dynamodb: Any) -> None:
    def happens(session: Any) -> None:
        session.lock()
        session.load()
        session.unlock()
        session["n"] = 5
        session.save()
        session.persist()
        assert len(lock_rows(dynamodb)) == 1

    site.request(hold_while(happens))
    assert lock_rows(dynamodb) == []
    assert site.request(lambda session: session["n"]) == 5


def test_a_logout_under_the_lock_keeps_the_lock(site: Site, dynamodb: Any) -> None:
    site.request(hold_while(log_out))
    assert stored_sessions(dynamodb) == lock_rows(dynamodb) == []


def test_the_lock_of_a_dead_owner_expires_after_lock_timeout(
    clock: Any, site: Site, other: Site, dynamodb: Any, threads: ThreadPoolExecutor
) -> None:
    with ThreadPoolExecutor(1) as owner:
        owner.submit(site.request, lambda session: (session.get("n"), session.lock())).result(10)
    [row] = lock_rows(dynamodb)
    assert row.lock_until == clock.now + 30
    assert row.expires.timestamp() == clock.now + 30
    clock.advance(29.9)
    with pytest.raises(LockTimeout):
        threads.submit(other.request, hold_while(nothing)).result(10)
    clock.advance(0.1)
    threads.submit(other.request, hold_while(nothing)).result(10)


def test_an_owner_past_lock_timeout_does_not_release_another_owners_lock(
    site: Site,
    other: Site,
    dynamodb: Any,
    clock: Any,
    threads: ThreadPoolExecutor,
    caplog: pytest.LogCaptureFixture,
) -> None:

    def too_long(_: Any) -> None:
        clock.advance(61)
        threads.submit(other.request, lambda session: (session.get("n"), session.lock())).result(10)

    with caplog.at_level(logging.WARNING):
        site.request(hold_while(too_long))
    assert len(lock_rows(dynamodb)) == 1
    assert "held longer than lock_timeout" in caplog.text


def test_a_lost_answer_to_the_acquisition_is_recognised(
    site: Site, dynamodb: Any, wire: Wire
) -> None:
    wire.lose_answer_of("UpdateItem")
    assert len(site.request(hold_while(lambda _: lock_rows(dynamodb)))) == 1


def test_a_lost_answer_to_the_release_does_no_harm(
    site: Site, dynamodb: Any, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.lose_answer_of("DeleteItem")
    with caplog.at_level(logging.WARNING):
        site.request(hold_while(nothing))
    assert (lock_rows(dynamodb), caplog.text) == ([], "")


def test_a_new_session_needs_no_lock(dynamodb: Any, wire: Wire) -> None:
    site = Site(dynamodb.options, **KINDS["encrypted"])
    with wire.expect():
        site.request(hold_while(nothing))


def test_unlocking_an_unlocked_session_does_nothing(site: Site, wire: Wire) -> None:
    with wire.expect("GetItem"):
        site.request(lambda session: (session.get("n"), session.unlock()))


def test_the_write_lock_of_a_cache_costs_nothing(dynamodb: Any, wire: Wire) -> None:
    cache = DynamoDBNamespaceManager("cache", **dynamodb.options)
    with wire.expect():
        assert cache.acquire_write_lock()
        cache.release_write_lock()


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_a_forked_worker_does_not_hold_its_parents_lock(site: Site) -> None:
    def locks_again(session: Any) -> bool:
        try:
            session.lock()
        except LockTimeout:
            return False
        return True

    def page(session: Any) -> str:
        return in_a_forked_worker(lambda: locks_again(session))

    assert site.request(hold_while(page)) == "False"


def test_clearing_a_cache_with_the_sessions_name_keeps_session_and_lock(dynamodb: Any) -> None:
    site = Site(dynamodb.options, hash_ids=False, compression="none", lock_wait=0)
    text = "a" * 500_000
    site.request(lambda session: session.update(n=text) or session.save())

    def page(session: Any) -> None:
        cache = Cache(session.id, type="ext:dynamodb", **dynamodb.options)
        cache.put("session lock", 1)
        cache.clear()
        assert [row.lock_owner is not None for row in lock_rows(dynamodb)] == [True]

    site.request(hold_while(page))
    assert site.request(lambda session: session["n"]) == text


class SlowLock:
    """A lock between threads that is free after some seconds."""

    def __init__(self, pauses: list[float], seconds: float) -> None:
        self._pauses = pauses
        self._seconds = seconds

    def acquire(self, *, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking:
            self._pauses.append(self._seconds)
        return blocking

    def release(self) -> None:
        """Hold nothing."""


class NeverFree:
    """A lease that another machine holds."""

    name = ("name",)

    def acquire(self) -> bool:
        return False

    acquire_if_free = acquire

    def release(self) -> None:
        """Hold nothing."""

    def timeout(self) -> LockTimeout:
        return LockTimeout("waited for too long")

    def report(self, error: Exception) -> None:
        """Have no error hook."""


class TestWaiting:
    @pytest.fixture
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        pauses: list[float] = []
        monkeypatch.setattr(time, "sleep", pauses.append)
        monkeypatch.setattr(time, "monotonic", lambda: sum(pauses))
        return pauses

    def test_ends_with_the_limit(self, pauses: list[float]) -> None:
        assert not backoff.wait_until(lambda: False, 20)
        assert sum(pauses) == pytest.approx(20)
        assert 40 <= len(pauses) <= 90

    def test_for_a_thread_and_then_a_machine_has_one_limit(self, pauses: list[float]) -> None:
        creation_lock = CreationLock(cast("Any", NeverFree()), 1)
        creation_lock._local = SlowLock(pauses, 0.7)
        with pytest.raises(LockTimeout):
            creation_lock.acquire()
        assert sum(pauses) == pytest.approx(1)

    def test_ends_as_soon_as_the_lock_is_free(self, pauses: list[float]) -> None:
        assert backoff.wait_until(lambda: len(pauses) == 3, 20)
        assert len(pauses) == 3
        assert pauses[0] <= FIRST_PAUSE

    def test_has_random_pauses(self, pauses: list[float]) -> None:
        backoff.wait_until(lambda: False, 20)
        assert len(set(pauses)) > 20
