"""The model of caches: what it accepts, and what it reports."""

from __future__ import annotations

import math

import pytest

from .caches.model import Creation, Event, Lease, Model, Removed
from .clients import Client, Process
from .world import BEGINNING, World

EXPIRE, STALE_TTL = 20, 10


@pytest.fixture
def model() -> Model:
    return Model(World(1, (), 0.0), ("small",), 0.0, STALE_TTL, EXPIRE)


def creation(model: Model, acquired: float, until: float, **times: float) -> Creation:
    """A creation under a lease, by a client of its own."""
    client = Client(World(1, (), 0.0), "client", lambda _: None, Process())
    made = model.begin("small", client, None)
    made.began = acquired
    made.lease = Lease(acquired, until)
    for name, moment in times.items():
        setattr(made, name, moment)
    return made


class TestServing:
    def judge(self, model: Model, read: float) -> str | None:
        return model.judge_served("small", 1, (read, read))

    @pytest.fixture
    def made(self, model: Model) -> Creation:
        return creation(model, BEGINNING, BEGINNING + 6, ended=BEGINNING, latest=BEGINNING)

    @pytest.mark.usefixtures("made")
    @pytest.mark.parametrize(
        ("removal", "read", "said"),
        [
            (Removed(1, 2), 3, "a removed value is served"),
            (Removed(1, 3), 2, None),
            (Removed(-2, -1), 3, None),
        ],
        ids=["after a removal", "before it ends", "made after it"],
    )
    def test_of_a_value_that_is_removed(
        self, model: Model, removal: Removed, read: float, said: str | None
    ) -> None:
        model.slots["small"].removals.append(Removed(*(BEGINNING + each for each in removal)))
        assert self.judge(model, BEGINNING + read) == said

    @pytest.mark.usefixtures("made")
    def test_ends_with_stale_ttl(self, model: Model) -> None:
        assert self.judge(model, BEGINNING + 31) is None
        assert self.judge(model, BEGINNING + 32) == "an expired value is served"


class TestTwoCreations:
    def test_exclude_each_other_while_the_lease_of_the_first_lives(self, model: Model) -> None:
        creation(model, 1, 7)
        second = creation(model, 5, 11)
        assert model.judge_beginning(second, 0.0) == "two creators at once"

    @pytest.mark.parametrize("cause", ["remove", "clear", "stored"])
    def test_may_overlap_after_its_end(self, model: Model, cause: str) -> None:
        creation(model, 1, 7)
        second = creation(model, 5, 11)
        model.slots["small"].events.append(Event(3, cause))
        assert model.judge_beginning(second, 0.0) is None

    def test_do_not_overlap_because_of_the_ttl(self, model: Model) -> None:
        creation(model, 1, 7)
        second = creation(model, 5, 11)
        model.slots["small"].events.append(Event(3, "expire"))
        assert model.judge_beginning(second, 0.0) == "two creators at once"


class TestWork:
    def test_is_lost_if_it_is_not_stored(self, model: Model) -> None:
        assert model.judge_return(creation(model, 1, 7)) == "a creator's work is lost"

    def test_is_not_lost_if_it_is_stored_or_removed(self, model: Model) -> None:
        assert model.judge_return(creation(model, 1, 7, stored=5)) is None
        model.slots["small"].events.append(Event(3, "remove"))
        assert model.judge_return(creation(model, 1, 7, stored=math.inf)) is None
