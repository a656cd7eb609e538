"""A pickle that a writer of the table has stored is never executed."""

import pickle
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import ConflictError
from beaker_dynamodb.testing.site import Site
from tests.support.internals import SavedSession
from tests.support.pages import KINDS, count, log_out, read, save
from tests.support.tables import stored_items

pytestmark = pytest.mark.usefixtures("create_table")


class Marking:
    """Leaves a mark if its pickle is executed."""

    def __reduce__(self) -> Any:
        return exec, ("import tests.security.test_hostile_items as here; here.MARKS.append(1)",)


MARKS: list[int] = []


def change(session: Any) -> None:
    session["n"] = 5
    session.save()


@pytest.mark.parametrize("kind", ["json", "encrypted", "encrypted json", "own serializer"])
class TestAHostileItem:
    """A pickle from a writer of the table executes nothing, and a save that meets it fails."""

    HOSTILE = SavedSession.from_payload(pickle.dumps({"n": Marking()}, 2)).data("zlib", 1000)

    @pytest.fixture(autouse=True)
    def _nothing_is_executed(self) -> Iterator[None]:
        MARKS.clear()
        yield
        assert MARKS == []

    @pytest.mark.parametrize("version", ["kept", "another"])
    @pytest.mark.parametrize("page", [read, save, change, log_out])
    def test_written_during_a_request_is_not_executed(
        self, dynamodb: Any, clock: Any, kind: str, version: str, page: Any
    ) -> None:
        site = Site(dynamodb.options, **KINDS[kind])
        site.request(count)

        def slow_request(session: Any) -> None:
            session.get("n")
            self.plant(dynamodb, version)
            page(session)

        clock.advance(60)
        meets_it = (page, version) == (change, "another")
        with self.refused() if meets_it else nullcontext():
            site.request(slow_request)
        if meets_it:
            self.assert_still_there(dynamodb)

    def test_written_between_two_requests_is_not_executed(self, dynamodb: Any, kind: str) -> None:
        site = Site(dynamodb.options, **KINDS[kind])
        site.request(count)
        self.plant(dynamodb, "another")
        with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
            site.request(read)

    def test_written_before_a_session_is_created_is_not_executed(
        self, dynamodb: Any, kind: str
    ) -> None:
        site = Site(dynamodb.options, **KINDS[kind])
        site.use_cookie("unknown")

        def slow_request(session: Any) -> None:
            session.get("n")
            other = Site(dynamodb.options)
            other.use_cookie("unknown")
            other.request(count)
            self.plant(dynamodb, "another")
            change(session)

        with self.refused():
            site.request(slow_request)
        self.assert_still_there(dynamodb)

    def refused(self) -> Any:
        return pytest.raises(ConflictError, match="a session that this release cannot read")

    def assert_still_there(self, dynamodb: Any) -> None:
        [row] = stored_items(dynamodb)
        assert row.data == self.HOSTILE

    def plant(self, dynamodb: Any, version: str) -> None:
        [row] = stored_items(dynamodb)
        row.data = self.HOSTILE
        row.version = row.version if version == "kept" else version
        row.save()


def test_plain_beaker_executes_the_hostile_item(dynamodb: Any) -> None:
    site = Site(dynamodb.options)
    site.request(count)
    TestAHostileItem().plant(dynamodb, "kept")
    site.request(read)
    assert MARKS.pop() == 1
