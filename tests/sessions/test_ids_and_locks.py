"""New ids of a session, and its lock: double submissions, nested calls, and leases that expire."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb import LockTimeout
from beaker_dynamodb.testing.site import Site
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    browsers,
    contents,
    delete,
    drop,
    kinds,
    put,
    renew,
    session_items,
    while_loaded,
)
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture(params=kinds(*OWN_CLASS))
def options(request: pytest.FixtureRequest, dynamodb: Any) -> dict[str, Any]:
    return {**dynamodb.options, **EVERY_KIND[request.param], "max_retries": 0, "lock_wait": 0}


@pytest.fixture
def sites(options: dict[str, Any]) -> list[Site]:
    return browsers(options, 3)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def lock_items(dynamodb: Any) -> list[Any]:
    return [item for item in stored_items(dynamodb) if item.item == "session lock"]


def log_in(session: Any) -> None:
    """A login that renews the id and stores the user."""
    session.regenerate_id()
    session["name"] = "ada"
    session.save()


class TestARenewal:
    def test_is_two_reads_and_two_writes(self, sites: list[Site], wire: Wire) -> None:
        # Of the reads, one is the load.
        with wire.expect("GetItem", "GetItem", "PutItem", "PutItem"):
            sites[0].request(while_loaded(lambda: None, renew))

    def test_twice_in_one_request_costs_one_renewal(self, sites: list[Site], wire: Wire) -> None:
        def page(session: Any) -> None:
            session.get("user")
            session.regenerate_id()
            session.regenerate_id()
            session.save()

        sites[0].request(page)
        assert contents(sites[0]) == {"user": "alice"}
        assert contents(sites[1]) == {}

    def test_twice_with_a_save_between_leaves_the_last_id_alone(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        ids: list[str] = []

        def page(session: Any) -> None:
            session.get("user")
            for _ in range(3):
                session.regenerate_id()
                session._session().save()
                ids.append(session.id)
            session.save()

        sites[0].request(page)
        assert contents(sites[0]) == {"user": "alice"}
        assert len(session_items(dynamodb)) == 1
        for old in ids[:-1]:
            sites[1].use_cookie(old)
            assert contents(sites[1]) == {}

    def test_submitted_twice_lets_both_cookies_open_the_session(self, sites: list[Site]) -> None:
        one, other, _ = sites
        one.request(while_loaded(partial(other.request, log_in), log_in))
        assert one.cookie != other.cookie
        assert contents(one) == contents(other) == {"user": "alice", "name": "ada"}

    def test_submitted_three_times_lets_all_cookies_open_the_session(
        self, sites: list[Site]
    ) -> None:
        one, other, third = sites
        inner = while_loaded(partial(third.request, log_in), log_in)
        one.request(while_loaded(partial(other.request, inner), log_in))
        assert len({site.cookie for site in sites}) == 3
        assert all(contents(site)["name"] == "ada" for site in sites)

    def test_submitted_twice_after_another_opens_nothing_under_the_old_id(
        self, sites: list[Site]
    ) -> None:
        one, other, third = sites
        one.request(while_loaded(partial(other.request, log_in), log_in))
        old = str(third.cookie)
        assert contents(third) == {}
        third.request(put(user="mallory"))
        assert third.cookie != old
        assert contents(one)["user"] == "alice"

    def test_submitted_twice_is_ended_everywhere_by_a_logout_under_the_old_id(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        one, other, third = sites

        def meanwhile() -> None:
            one.request(while_loaded(partial(other.request, log_in), log_in))

        third.request(while_loaded(meanwhile, delete))
        assert session_items(dynamodb) == []
        assert contents(one) == contents(other) == {}

    def test_takes_what_the_first_submission_has_stored(self, sites: list[Site]) -> None:
        one, other, _ = sites

        def first() -> None:
            other.request(log_in)
            other.request(put(cart=1))

        one.request(while_loaded(first, log_in))
        assert contents(one) == {"user": "alice", "name": "ada", "cart": 1}

    def test_does_not_revive_a_session_that_the_first_submission_ended(
        self, sites: list[Site], dynamodb: Any
    ) -> None:
        one, other, _ = sites

        def first() -> None:
            other.request(log_in)
            other.request(delete)

        one.request(while_loaded(first, log_in))
        assert session_items(dynamodb) == []
        assert contents(one) == {}

    @pytest.mark.parametrize("call", [1, 2])
    def test_whose_write_fails_keeps_the_session(
        self, sites: list[Site], wire: Wire, call: int
    ) -> None:
        one, other, _ = sites

        def page(session: Any) -> None:
            session.get("user")
            if call == 2:
                wire.before_next(
                    "PutItem", partial(wire.fail_next, "PutItem", (500, "InternalServerError"))
                )
            else:
                wire.fail_next("PutItem", (500, "InternalServerError"))
            session.regenerate_id()
            with pytest.raises(Exception, match="DynamoDB"):
                session._session().save()
            session._session().save()
            session.save()

        one.request(page)
        assert contents(one) == {"user": "alice"}
        assert contents(other) == {}

    @pytest.mark.parametrize("call", [1, 2])
    def test_whose_answer_is_lost_is_done_by_the_next_save(
        self, sites: list[Site], dynamodb: Any, wire: Wire, call: int
    ) -> None:
        one, other, _ = sites

        def page(session: Any) -> None:
            session.get("user")
            if call == 2:
                wire.before_next("PutItem", partial(wire.lose_answer_of, "PutItem"))
            else:
                wire.lose_answer_of("PutItem")
            session.regenerate_id()
            with pytest.raises(Exception, match="DynamoDB"):
                session._session().save()
            session["n"] = 1
            session.save()

        one.request(page)
        assert contents(one) == {"user": "alice", "n": 1}
        assert contents(other) == {}
        assert len(session_items(dynamodb)) == 1

    @pytest.mark.parametrize("call", [1, 2])
    @pytest.mark.parametrize("lost", [True, False])
    def test_again_after_a_failure_ends_the_first_id(
        self, sites: list[Site], wire: Wire, call: int, lost: bool
    ) -> None:
        one, other, _ = sites

        def fail() -> None:
            if lost:
                wire.lose_answer_of("PutItem")
            else:
                wire.fail_next("PutItem", (500, "InternalServerError"))

        def page(session: Any) -> None:
            session.get("user")
            if call == 2:
                wire.before_next("PutItem", fail)
            else:
                fail()
            session.regenerate_id()
            with pytest.raises(Exception, match="DynamoDB"):
                session._session().save()
            session.regenerate_id()
            session["n"] = 1
            session.save()

        one.request(page)
        assert contents(one) == {"user": "alice", "n": 1}
        assert contents(other) == {}

    @pytest.mark.parametrize("end", ["delete", "invalidate", "clear"])
    @pytest.mark.parametrize("lost", [True, False])
    def test_whose_answer_is_lost_is_ended_by_the_same_request(
        self, sites: list[Site], dynamodb: Any, wire: Wire, end: str, lost: bool
    ) -> None:
        def page(session: Any) -> None:
            session.get("user")
            if lost:
                wire.lose_answer_of("PutItem")
            session.regenerate_id()
            if lost:
                with pytest.raises(Exception, match="DynamoDB"):
                    session._session().save()
            getattr(session, end)()
            session.save()

        sites[0].request(page)
        assert session_items(dynamodb) == []

    def test_removes_the_parts_of_a_large_session(
        self, options: dict[str, Any], dynamodb: Any
    ) -> None:
        one, other, third = browsers({**options, "compression": "none"}, 3)
        one.request(put(large="x" * 500_000))
        one.request(while_loaded(partial(other.request, renew), renew))
        assert contents(one) == contents(other)
        for site in (one, other):
            site.request(drop("large"))
        assert [item for item in stored_items(dynamodb) if "part:" in item.item] == []
        assert contents(third) == {}

    def test_of_a_session_with_a_longest_life_keeps_its_creation(
        self, options: dict[str, Any], clock: Any
    ) -> None:
        one, *_ = browsers({**options, "max_lifetime": 1000}, 2)
        for _ in range(4):
            clock.advance(240)
            one.request(renew)
        assert contents(one) == {"user": "alice"}
        clock.advance(41)
        assert contents(one) == {}

    def test_of_a_new_session_that_is_not_stored_yet_is_one_write(
        self, options: dict[str, Any], wire: Wire
    ) -> None:
        def page(session: Any) -> None:
            session["user"] = "bob"
            session.regenerate_id()
            session.save()

        site = Site(options)
        with wire.expect("PutItem"):
            site.request(page)
        assert contents(site) == {"user": "bob"}

    def test_with_unhashed_ids_finds_every_successor(
        self, options: dict[str, Any], dynamodb: Any
    ) -> None:
        one, other, third = browsers({**options, "hash_ids": False, "key_prefix": "p:"}, 3)

        def meanwhile() -> None:
            one.request(while_loaded(partial(other.request, log_in), log_in))

        third.request(while_loaded(meanwhile, delete))
        assert session_items(dynamodb) == []

    @pytest.mark.parametrize("policy", ["merge", "overwrite"])
    def test_passes_on_a_change_under_every_policy(
        self, options: dict[str, Any], policy: str
    ) -> None:
        one, other = browsers({**options, "on_conflict": policy})
        one.request(while_loaded(partial(other.request, put(theirs=1)), log_in))
        found = contents(one)
        assert found["name"] == "ada"
        assert found.get("theirs") == (1 if policy == "merge" else None)

    def test_with_a_signing_key_signs_its_marker(self, options: dict[str, Any]) -> None:
        one, other = browsers({**options, "signing_key": "s" * 32})
        one.request(while_loaded(partial(other.request, renew), renew))
        assert contents(one) == contents(other) == {"user": "alice"}


class TestARenewalOfASessionThatExpiresMeanwhile:
    """Its user is active: a change in the same situation is stored, too."""

    @pytest.fixture
    def sites(self, options: dict[str, Any], clock: Any) -> list[Site]:
        return browsers({**options, "ttl": 600, "touch_interval": 10}, 3)

    def test_before_it_is_read_again_is_done(
        self, sites: list[Site], clock: Any, wire: Wire
    ) -> None:
        one, other, _ = sites
        clock.advance(599)
        slow = while_loaded(lambda: wire.before_next("GetItem", lambda: clock.advance(3)), log_in)
        one.request(slow)
        assert contents(one) == {"user": "alice", "name": "ada"}
        assert contents(other) == {}

    def test_after_another_request_has_changed_it_is_done(
        self, sites: list[Site], clock: Any
    ) -> None:
        one, other, _ = sites
        clock.advance(599)

        def meanwhile() -> None:
            other.request(put(theirs=1))
            clock.advance(3)

        one.request(while_loaded(meanwhile, log_in))
        assert contents(one) == {"user": "alice", "name": "ada", "theirs": 1}

    @pytest.mark.parametrize("call", [1, 2])
    def test_between_its_writes_is_done(
        self, sites: list[Site], clock: Any, wire: Wire, call: int
    ) -> None:
        clock.advance(599)

        def expire() -> None:
            clock.advance(3)

        def meanwhile() -> None:
            later = partial(wire.before_next, "PutItem", expire)
            wire.before_next("PutItem", expire if call == 1 else later)

        sites[0].request(while_loaded(meanwhile, log_in))
        assert contents(sites[0]) == {"user": "alice", "name": "ada"}

    def test_after_another_submission_is_done(
        self, sites: list[Site], clock: Any, wire: Wire
    ) -> None:
        one, other, _ = sites

        def meanwhile() -> None:
            other.request(log_in)
            clock.advance(601)

        one.request(while_loaded(meanwhile, log_in))
        assert contents(one) == {"user": "alice", "name": "ada"}
        assert contents(other) == {}

    def test_after_another_request_has_found_it_expired_stores_nothing(
        self, sites: list[Site], dynamodb: Any, clock: Any
    ) -> None:
        one, other, _ = sites

        def meanwhile() -> None:
            clock.advance(601)
            assert contents(other) == {}

        one.request(while_loaded(meanwhile, log_in))
        assert contents(one) == {}
        assert session_items(dynamodb) == []

    def test_with_keep_expired_stores_nothing(
        self, options: dict[str, Any], dynamodb: Any, clock: Any
    ) -> None:
        # Nobody deletes the row, so another request may have found it expired.
        one, other = browsers({**options, "ttl": 600, "keep_expired": True})
        one.request(while_loaded(partial(clock.advance, 601), log_in))
        assert contents(one) == contents(other) == {}

    def test_never_outlives_max_lifetime(self, options: dict[str, Any], clock: Any) -> None:
        one, other = browsers({**options, "max_lifetime": 600})
        clock.advance(599)
        one.request(while_loaded(partial(clock.advance, 3), log_in))
        assert contents(one) == contents(other) == {}


class TestTheLock:
    @pytest.mark.parametrize("step", ["invalidate", "regenerate_id", "delete", "clear", "load"])
    @pytest.mark.parametrize("saves", [True, False])
    def test_is_released_after_the_id_has_changed(
        self, sites: list[Site], dynamodb: Any, step: str, saves: bool
    ) -> None:
        def page(session: Any) -> None:
            session.get("user")
            session.lock()
            getattr(session, step)()
            if saves:
                session["a"] = 1
                session._session().save()
            session.unlock()

        sites[0].request(page)
        assert lock_items(dynamodb) == []

    @pytest.mark.parametrize("step", ["invalidate", "regenerate_id"])
    def test_is_released_under_beakers_class_too(self, dynamodb: Any, step: str) -> None:
        site, _ = browsers({**dynamodb.options, "lock_wait": 0})

        def page(session: Any) -> None:
            session.get("user")
            session.lock()
            getattr(session, step)()
            session["a"] = 1
            session._session().save()
            session.unlock()

        site.request(page)
        assert lock_items(dynamodb) == []

    def test_twice_is_released_twice(self, sites: list[Site], dynamodb: Any) -> None:
        def page(session: Any) -> None:
            session.get("user")
            session.lock()
            session.lock()
            session.regenerate_id()
            session._session().save()
            session.unlock()
            assert len(lock_items(dynamodb)) == 1
            session.unlock()

        sites[0].request(page)
        assert lock_items(dynamodb) == []

    @pytest.mark.parametrize("then", ["save", "renew"])
    def test_held_past_its_timeout_is_reported_at_the_next_save(
        self, options: dict[str, Any], dynamodb: Any, clock: Any, then: str
    ) -> None:
        one, other = browsers({**options, "lock_timeout": 5})
        one.request(put(seats=10))

        def sell(session: Any) -> None:
            session.lock()
            session.load()
            session["seats"] -= 1
            session._session().save()
            session.unlock()
            session.save()

        def slow(session: Any) -> None:
            session.lock()
            session.load()
            session["seats"] -= 1
            clock.advance(6)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(other.request, while_loaded(lambda: None, sell)).result(30)
            if then == "renew":
                session.regenerate_id()
            with pytest.raises(LockTimeout, match="lock_timeout"):
                session._session().save()
            session.revert()
            session.unlock()

        one.request(while_loaded(lambda: None, slow))
        assert contents(one)["seats"] == 9

    def test_held_past_its_timeout_is_reported_though_nobody_else_wanted_it(
        self, options: dict[str, Any], clock: Any
    ) -> None:
        one, _ = browsers({**options, "lock_timeout": 5})

        def slow(session: Any) -> None:
            session.get("user")
            session.lock()
            clock.advance(6)
            session["a"] = 1
            with pytest.raises(LockTimeout):
                session._session().save()
            session.unlock()

        one.request(slow)

    def test_of_another_session_does_not_hinder_a_save(self, options: dict[str, Any]) -> None:
        one, _ = browsers(options)
        other, _ = browsers(options)

        def inner(session: Any) -> None:
            put(a=1)(session)

        def page(session: Any) -> None:
            session.get("user")
            session.lock()
            other.request(while_loaded(lambda: None, inner))
            session.unlock()

        one.request(page)
        assert contents(other) == {"user": "alice", "a": 1}

    # moto changes an item in steps that other threads can see.
    @pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
    def test_is_shared_fairly_with_a_client_that_relocks_at_once(  # noqa: PLR0915
        self, dynamodb: Any
    ) -> None:
        options = {**dynamodb.options, **EVERY_KIND["class"], "lock_wait": 20}
        one, other = browsers(options)
        stop = threading.Event()
        rounds: list[int] = []

        def greedy(session: Any) -> None:
            session.get("user")
            while not stop.is_set():
                session.lock()
                time.sleep(0.02)
                rounds.append(1)
                session.unlock()

        def patient(session: Any) -> float:
            session.get("user")
            began = time.monotonic()
            session.lock()
            waited = time.monotonic() - began
            session.unlock()
            return waited

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(one.request, greedy)
            while not rounds:
                time.sleep(0.01)
            try:
                waits = [other.request(patient) for _ in range(3)]
            finally:
                stop.set()
                running.result(30)
        assert max(waits) < 15

    def test_is_left_by_no_login(self, sites: list[Site], dynamodb: Any) -> None:
        def page(session: Any) -> None:
            session.get("user")
            session.lock()
            try:
                log_in(session)
            finally:
                session.unlock()

        for _ in range(5):
            sites[0].request(page)
        assert lock_items(dynamodb) == []

    def test_excludes_another_request_after_a_renewal(
        self, sites: list[Site], threads: ThreadPoolExecutor
    ) -> None:
        one, other, _ = sites

        def waiting(session: Any) -> None:
            session.get("user")
            session.lock()

        def page(session: Any) -> None:
            session.get("user")
            session.lock()
            session.regenerate_id()
            with pytest.raises(LockTimeout):
                threads.submit(other.request, waiting).result(30)
            session.unlock()

        one.request(page)


def test_unlocking_one_session_leaves_the_lock_of_another(dynamodb: Any) -> None:
    options = {**dynamodb.options, **EVERY_KIND["class"], "lock_wait": 0}
    locked, unlocked = Site(options), Site(options)
    for site in (locked, unlocked):
        site.request(put(user="alice"))
    rival = Site(options)
    rival.use_cookie(str(locked.cookie))

    def lock(session: Any) -> None:
        session.get("user")
        session.lock()

    def hold(session: Any) -> None:
        lock(session)
        try:
            unlocked.request(lambda other: (other.get("user"), other.unlock()))
            # In another thread: this one may acquire its own lock again.
            with ThreadPoolExecutor(1) as pool, pytest.raises(LockTimeout):
                pool.submit(rival.request, lock).result(30)
        finally:
            session.unlock()

    locked.request(hold)


def test_a_rename_whose_lock_expires_before_its_last_write_stores_nothing(
    options: dict[str, Any], dynamodb: Any, clock: Any, wire: Wire
) -> None:
    slow, _ = browsers({**options, "lock_timeout": 10})

    def page(session: Any) -> None:
        session.lock()
        session.load()
        session["n"] = 1
        session.regenerate_id()
        wire.before_next("PutItem", partial(clock.advance, 11))
        with pytest.raises(LockTimeout, match="lock_timeout"):
            session._session().save()
        session.unlock()
        session.revert()

    slow.request(page)
    assert len(session_items(dynamodb)) == 1


def test_a_write_answered_after_its_lease_has_expired_is_not_acknowledged(
    options: dict[str, Any], clock: Any, wire: Wire
) -> None:
    """The next owner may have loaded the session before the write arrived."""
    slow, other = browsers({**options, "lock_timeout": 10})

    def page(session: Any) -> None:
        session.lock()
        session.load()
        session["n"] = 1
        wire.before_next("PutItem", partial(clock.advance, 11))
        with pytest.raises(LockTimeout, match="lock_timeout"):
            session._session().save()
        session.unlock()
        session.revert()

    slow.request(page)
    assert contents(other)["n"] == 1


def test_a_second_unlock_releases_no_other_sessions_lock(options: dict[str, Any]) -> None:
    one, same = browsers(options)
    other, waiting = browsers(options)

    def page(session: Any) -> None:
        session.lock()
        same.request(lambda again: again.unlock())
        other.request(partial(lock_around, session.unlock))

    def lock_around(unlock_first: Any, session: Any) -> None:
        session.lock()
        unlock_first()
        with ThreadPoolExecutor(1) as pool, pytest.raises(LockTimeout):
            pool.submit(waiting.request, lock_and_unlock).result(30)
        session.unlock()

    def lock_and_unlock(session: Any) -> None:
        session.lock()
        session.unlock()

    one.request(page)
