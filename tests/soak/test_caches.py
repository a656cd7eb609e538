"""The caches' soak: a short run, and an audit that finds what is wrong."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from .cache_worker import LEASE
from .caches import Audit, run


@pytest.mark.exhaustive
def test_nothing_is_wrong() -> None:
    workers, _ = run(40, seed=1)
    audit = Audit(workers)
    assert list(audit.wrong()) == []
    assert audit.counts()["served"] > 100


def creation(name: str, begin: float, end: float, *, stored: bool = True) -> list[dict[str, Any]]:
    making = {"event": "making", "key": 1, "name": name, "at": begin}
    made = {"event": "made", "key": 1, "name": name, "at": end, "failed": False}
    refused = {"event": "refused", "name": name, "at": end}
    return [making, made, *([] if stored else [refused])]


def served(name: str, at: float, *, whole: bool = True) -> dict[str, Any]:
    return {"event": "served", "key": 1, "made": name, "whole": whole, "at": at, "to": at}


def removed(at: float, to: float) -> list[dict[str, Any]]:
    removing = {"event": "removing", "key": 1, "at": at}
    return [removing, {"event": "removed", "key": 1, "at": at, "to": to}]


def wrong(*events: dict[str, Any]) -> list[str]:
    noted = [{"process": 1, **event} for event in events]
    worker = SimpleNamespace(process=SimpleNamespace(pid=1), killed_at=None, events=noted)
    return [each.partition(":")[0] for each in Audit([cast("Any", worker)]).wrong()]


class TestTheAudit:
    def test_finds_a_value_served_after_its_removal(self) -> None:
        events = [*creation("a", 100, 101), *removed(102, 103)]
        assert wrong(*events, served("a", 104)) == ["removed, and served"]
        assert wrong(*events, served("a", 102.5)) == []

    def test_finds_half_a_value(self) -> None:
        assert wrong(served("a", 100, whole=False)) == ["not whole"]

    def test_finds_two_creators_at_once(self) -> None:
        first = creation("a", 100, 120)
        assert wrong(*first, *creation("b", 101, 121)) == ["two creators"]
        assert wrong(*first, *creation("b", 100 + LEASE, 121)) == []
        assert wrong(*first, *removed(100.5, 100.6), *creation("b", 101, 121)) == []

    def test_finds_a_value_that_was_lost(self) -> None:
        lost = creation("a", 100, 101, stored=False)
        assert wrong(*lost) == ["made and lost"]
        assert wrong(*lost, *removed(100.5, 100.6)) == []

    def test_finds_a_wait_past_lock_wait(self) -> None:
        assert wrong({"event": "timeout", "key": 1, "at": 1, "to": 2}) == ["waited too long"]
