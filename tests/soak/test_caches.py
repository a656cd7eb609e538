"""The caches' soak: a short run, and an audit that finds what is wrong."""

from types import SimpleNamespace
from typing import Any

import pytest

from .cache_audit import MOST_GROWTH, WARM_UP, Audit
from .cache_worker import EXPIRE, LAG, LEASE, STALE_TTL
from .caches import run

Event = dict[str, Any]


@pytest.mark.exhaustive
def test_nothing_is_wrong() -> None:
    workers, _ = run(40, seed=1)
    audit = Audit(workers)
    assert list(audit.wrong()) == []
    assert audit.counts()["served"] > 100


def creation(
    name: str, begin: float, end: float, *, stored: bool = True, key: int = 1
) -> list[Event]:
    leased = {"event": "leased", "token": name, "at": begin, "until": begin + LEASE}
    making = {"event": "making", "key": key, "name": name, "token": name, "at": begin}
    made = {"event": "made", "key": key, "name": name, "at": end, "failed": False}
    last = {"event": "returned" if stored else "refused", "name": name, "at": end + 0.1}
    return [leased, making, made, last]


def extended(name: str, at: float, *, held: bool | None = True, took: float = 0.1) -> Event:
    until = at + LEASE
    facts = {"token": name, "held": held, "at": at, "to": at + took, "until": until}
    return {"event": "extended", **facts}


def served(
    name: str, at: float, *, whole: bool = True, consistent: bool = True, key: int = 1
) -> Event:
    facts = {"key": key, "made": name, "whole": whole, "consistent": consistent}
    return {"event": "served", **facts, "at": at, "to": at}


def removed(at: float, to: float) -> list[Event]:
    removal = {"key": 1, "name": "removal", "at": at}
    return [{"event": "removing", **removal}, {"event": "removed", **removal, "to": to}]


def cleared(at: float, to: float) -> list[Event]:
    removal = {"name": "clear", "at": at}
    return [{"event": "clearing", **removal}, {"event": "clear", **removal, "to": to}]


def memory(*kib: int) -> list[Event]:
    """Samples of so many KiB after the warm-up."""
    return [{"event": "memory", "kib": each} for each in (*[1] * WARM_UP, *kib)]


def noted(process: int, *events: Event, killed_at: float | None = None) -> Any:
    return SimpleNamespace(
        process=SimpleNamespace(pid=process),
        killed_at=killed_at,
        events=[{"process": process, **event} for event in events],
    )


def wrong(*events: Event) -> list[str]:
    return faults(noted(1, *events))


def faults(*workers: Any) -> list[str]:
    return [each.partition(":")[0] for each in Audit(workers).wrong()]


class TestAServedValue:
    def test_is_wrong_after_its_removal(self) -> None:
        events = [*creation("a", 100, 101), *removed(102, 103)]
        assert wrong(*events, served("a", 103.1)) == ["removed, and served"]
        assert wrong(*events, served("a", 102.5)) == []

    def test_is_wrong_after_a_clear(self) -> None:
        events = [*creation("a", 100, 101), *cleared(102, 103)]
        assert wrong(*events, served("a", 103.1)) == ["removed, and served"]

    def test_may_lag_if_the_read_is_eventually_consistent(self) -> None:
        events = [*creation("a", 100, 101), *removed(102, 103)]
        lagging = served("a", 103 + LAG, consistent=False)
        assert wrong(*events, lagging) == []
        too_late = served("a", 103.2 + LAG, consistent=False)
        assert wrong(*events, too_late) == ["removed, and served"]

    def test_is_wrong_after_its_life(self) -> None:
        late = 101 + EXPIRE + 2
        assert wrong(*creation("a", 100, 101), served("a", late)) == ["expired, and served"]

    def test_may_be_stale_if_its_key_allows_it(self) -> None:
        value, late = creation("a", 100, 101, key=3), 101 + EXPIRE + 2
        assert wrong(*value, served("a", late, key=3)) == []
        too_late = served("a", late + STALE_TTL, key=3)
        assert wrong(*value, too_late) == ["expired, and served"]

    def test_is_wrong_if_it_is_not_whole(self) -> None:
        assert wrong(served("a", 100, whole=False)) == ["not whole"]


class TestTwoCreators:
    first = (*creation("a", 100, 102.5), *creation("b", 101, 102))

    def test_are_wrong_while_the_first_lease_lasts(self) -> None:
        assert wrong(*self.first) == ["two creators"]

    def test_are_wrong_after_an_extension(self) -> None:
        beats = [extended("a", 101), extended("a", 102), extended("a", 103)]
        second = creation("b", 103.5, 104)
        assert wrong(*creation("a", 100, 105), *beats, *second) == ["two creators"]

    def test_are_right_once_the_lease_has_expired(self) -> None:
        failed = extended("a", 101, held=None)
        second = creation("b", 100 + LEASE, 104)
        assert wrong(*creation("a", 100, 105), failed, *second) == []

    def test_are_right_if_a_slower_third_has_stored_its_value_between(self) -> None:
        failed = extended("c", 97, held=None)
        third = [*creation("c", 96, 100.5), failed]
        assert wrong(*third, *self.first) == []

    def test_are_right_if_the_first_is_removed_before_the_second_begins(self) -> None:
        assert wrong(*self.first, *removed(100.5, 100.6)) == []
        assert wrong(*self.first, *removed(99.5, 100.6)) == []
        assert wrong(*self.first, *cleared(100.5, 100.6)) == []

    @pytest.mark.parametrize(("at", "to"), [(91, 91.1), (99.5, 99.6), (101.5, 101.6)])
    def test_are_wrong_whatever_is_removed_at_another_time(self, at: float, to: float) -> None:
        assert wrong(*self.first, *removed(at, to)) == ["two creators"]
        assert wrong(*self.first, *cleared(at, to)) == ["two creators"]

    def test_are_right_if_a_clear_failed_between(self) -> None:
        clear = {"name": "clear", "at": 98}
        events = [{"event": "clearing", **clear}, {"event": "unsure", **clear, "to": 100}]
        assert wrong(*self.first, *events) == []

    def test_are_right_if_a_process_was_killed_in_a_clear(self) -> None:
        clear = {"event": "clearing", "name": "clear", "at": 98}
        killed = noted(2, clear, killed_at=100)
        assert faults(noted(1, *self.first), killed) == []


class TestALostValue:
    lost = creation("a", 100, 101, stored=False)

    def test_is_wrong(self) -> None:
        assert wrong(*self.lost) == ["made and lost"]

    def test_is_right_if_it_was_removed_meanwhile(self) -> None:
        assert wrong(*self.lost, *removed(100.5, 100.6)) == []
        assert wrong(*self.lost, *cleared(100.5, 100.6)) == []

    @pytest.mark.parametrize(("at", "to"), [(99, 99.5), (102, 102.1), (110, 110.1)])
    def test_is_wrong_whatever_is_removed_at_another_time(self, at: float, to: float) -> None:
        assert wrong(*self.lost, *removed(at, to)) == ["made and lost"]
        assert wrong(*self.lost, *cleared(at, to)) == ["made and lost"]

    def test_is_right_if_a_packet_of_a_removal_may_be_late(self) -> None:
        assert wrong(*self.lost, *removed(97, 98.5)) == []

    def test_is_right_if_another_was_stored_meanwhile(self) -> None:
        failed = extended("a", 101, held=None)
        slow = [*creation("a", 100, 105, stored=False), failed]
        assert wrong(*slow, *creation("b", 103.1, 104)) == []
        assert wrong(*self.lost, *creation("b", 102, 103)) == ["made and lost"]


class TestTheHeartbeat:
    def test_is_wrong_if_it_extends_no_lease(self) -> None:
        assert wrong(*creation("a", 100, 104)) == ["not extended"]

    def test_is_right_if_it_extends_each(self) -> None:
        beats = [extended("a", 101), extended("a", 102)]
        assert wrong(*creation("a", 100, 104), *beats) == []

    @pytest.mark.parametrize("beat", [extended("b", 101, held=None), extended("b", 101, took=1.2)])
    def test_may_wait_for_dynamodb(self, beat: Event) -> None:
        other = creation("b", 100, 101, key=2)
        assert wrong(*creation("a", 100, 104), *other, beat) == []

    def test_does_not_extend_a_lease_that_was_removed(self) -> None:
        assert wrong(*creation("a", 100, 104), *removed(101, 101.1)) == []


class TestMemory:
    def test_is_wrong_if_it_grows(self) -> None:
        assert wrong(*memory(9, 9, 9 + MOST_GROWTH)) == []
        assert wrong(*memory(9, 9, 10 + MOST_GROWTH)) == ["memory grows"]

    def test_is_that_of_the_process_that_is_never_killed(self) -> None:
        other = noted(2, *memory(9, 9, 10 + MOST_GROWTH))
        assert faults(noted(1, *memory(9, 9, 9)), other) == []


class TestAWait:
    def test_past_lock_wait_is_wrong(self) -> None:
        assert wrong({"event": "timeout", "key": 1, "at": 1, "to": 2}) == ["waited too long"]
