"""Sessions of more than one item: whole or missing."""

from collections.abc import Callable
from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import ItemTooLarge, StoreUnavailable
from beaker_dynamodb.testing.site import Site
from tests.support.large import MEGABYTE, all_parts_are_named, noise, parts
from tests.support.pages import KINDS, log_out, read, save
from tests.support.tables import stored_sessions
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


class TestASession:
    @pytest.fixture(params=["pickle", "encrypted"])
    def sites(self, request: pytest.FixtureRequest, dynamodb: Any) -> list[Site]:
        one, other = (Site(dynamodb.options, **KINDS[request.param]) for _ in range(2))
        one.request(put(n=noise(MEGABYTE)))
        other.use_cookie(str(one.cookie))
        return [one, other]

    def test_comes_back_whole_and_is_touched_whole(
        self, clock: Any, sites: list[Site], dynamodb: Any
    ) -> None:
        one, _ = sites
        for _ in range(3):
            clock.advance(60 * 60)
            assert one.request(read) == noise(MEGABYTE)
        assert {row.expires.timestamp() for row in stored_sessions(dynamodb)} == {
            clock.now + 86_400
        }
        assert all_parts_are_named(dynamodb)

    def test_is_merged(self, sites: list[Site], dynamodb: Any) -> None:
        one, other = sites

        def changed_meanwhile(session: Any) -> None:
            session.get("n")
            other.request(put(b=noise(MEGABYTE, 2)))
            put(a=1)(session)

        one.request(changed_meanwhile)
        found = other.request(lambda session: {**session})
        assert (found["a"], found["b"]) == (1, noise(MEGABYTE, 2))
        assert found["n"] == noise(MEGABYTE)
        assert all_parts_are_named(dynamodb)

    def test_is_merged_with_a_session_that_replaces_it_during_the_merge(
        self, sites: list[Site], wire: Wire
    ) -> None:
        one, other = sites

        def changed_meanwhile(session: Any) -> None:
            session.get("n")
            other.request(put(b=2))
            wire.before_next("BatchGetItem", lambda: other.request(put(c=3)))
            put(a=1)(session)

        one.request(changed_meanwhile)
        found = other.request(lambda session: {**session})
        assert (found["a"], found["b"], found["c"]) == (1, 2, 3)

    def test_is_read_whole_if_it_is_replaced_during_the_read(
        self, sites: list[Site], wire: Wire
    ) -> None:
        one, other = sites
        other.request(read)
        wire.before_next("BatchGetItem", lambda: one.request(put(n=noise(MEGABYTE, 2))))
        assert other.request(read) == noise(MEGABYTE, 2)

    def test_without_its_parts_is_corrupt(
        self, sites: list[Site], dynamodb: Any, wire: Wire
    ) -> None:
        one, _ = sites
        parts(dynamodb)[0].delete()
        # The second read is for a value whose parts were replaced during the first.
        reads = ["GetItem", "BatchGetItem"] * 2
        # Beaker's own class also reads the new id.
        is_own_class = "session_class" in one.application.options
        with (
            wire.expect(*reads, *([] if is_own_class else ["GetItem"])),
            pytest.warns(BeakerWarning, match="Invalidating corrupt session"),
        ):
            assert one.request(read) is None

    def test_leaves_nothing_behind_when_it_ends(self, sites: list[Site], dynamodb: Any) -> None:
        one, other = sites

        def ended_meanwhile(session: Any) -> None:
            session.get("n")
            other.request(log_out)
            put(a=1)(session)

        one.request(ended_meanwhile)
        assert stored_sessions(dynamodb) == []

    def test_is_whole_if_an_answer_is_lost(
        self, sites: list[Site], dynamodb: Any, wire: Wire
    ) -> None:
        one, other = sites
        wire.lose_answer_of("PutItem")
        one.request(put(n=noise(MEGABYTE, 2)))
        assert other.request(read) == noise(MEGABYTE, 2)
        wire.lose_answer_of("BatchWriteItem")
        one.request(put(n=noise(MEGABYTE, 3)))
        assert other.request(read) == noise(MEGABYTE, 3)

    def test_is_whole_if_the_answer_to_a_touch_is_lost(
        self, clock: Any, sites: list[Site], wire: Wire
    ) -> None:
        one, other = sites
        clock.advance(60 * 60)
        wire.lose_answer_of("PutItem")
        with wire.expect("GetItem", "BatchGetItem", "BatchWriteItem", "PutItem", "PutItem"):
            one.request(save)
        assert other.request(read) == noise(MEGABYTE)

    @pytest.mark.parametrize("sites", ["pickle"], indirect=True)
    def test_is_whole_if_the_answer_to_an_overwrite_is_lost(
        self, dynamodb: Any, sites: list[Site], wire: Wire
    ) -> None:
        other, _ = sites
        one = Site(dynamodb.options, on_conflict="overwrite")
        one.use_cookie(str(other.cookie))

        def changed_meanwhile(session: Any) -> None:
            session.get("n")
            other.request(put(b=1))
            wire.before_next("PutItem", lambda: None)
            wire.lose_answer_of("PutItem")
            put(n=noise(MEGABYTE, 2))(session)

        one.request(changed_meanwhile)
        assert one.request(read) == noise(MEGABYTE, 2)

    def test_past_max_value_size_is_an_error_and_the_stored_one_stays(
        self, sites: list[Site]
    ) -> None:
        one, _ = sites
        with pytest.raises(ItemTooLarge):
            one.request(put(a=noise(9 * MEGABYTE)))
        assert one.request(read) == noise(MEGABYTE)


class TestASessionThatNeverExpires:
    @pytest.fixture
    def site(self, dynamodb: Any) -> Site:
        return Site(dynamodb.options, ttl=0)

    @pytest.mark.parametrize("step", ["BatchWriteItem", "UpdateItem"])
    def test_expires_with_its_parts_until_the_next_request_repairs_it(
        self, site: Site, dynamodb: Any, wire: Wire, step: str
    ) -> None:
        site.request(put(a=1))
        wire.before_next("PutItem", lambda: fail_all_attempts(wire, step))
        with pytest.raises(StoreUnavailable):
            site.request(put(n=noise(MEGABYTE)))
        [head] = [row for row in stored_sessions(dynamodb) if row.parts]
        assert head.expires is not None
        site.request(save)
        assert site.request(read) == noise(MEGABYTE)
        assert {row.expires for row in stored_sessions(dynamodb)} == {None}
        assert all_parts_are_named(dynamodb)

    def test_never_outlives_its_parts_if_a_touch_fails(
        self, site: Site, dynamodb: Any, wire: Wire, clock: Any
    ) -> None:
        site.request(put(n=noise(MEGABYTE)))
        clock.advance(3600)
        wire.before_next("PutItem", lambda: fail_all_attempts(wire, "UpdateItem"))
        site.request(save)
        [head] = [row for row in stored_sessions(dynamodb) if row.parts]
        assert head.expires is not None
        site.request(save)
        assert {row.expires for row in stored_sessions(dynamodb)} == {None}
        assert all_parts_are_named(dynamodb)


def fail_all_attempts(wire: Wire, operation: str) -> None:
    for _ in range(3):
        wire.fail_next(operation, (500, "InternalServerError"))


def put(**values: object) -> Callable[[Any], None]:
    def page(session: Any) -> None:
        session.update(values)
        session.save()

    return page
