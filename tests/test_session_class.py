"""DynamoDBSession: what it promises beyond Beaker's own session."""

import pickle
from datetime import timedelta
from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import CorruptItem, DynamoDBSession, StoreUnavailable, session_model
from beaker_dynamodb.codec import SessionText
from tests.sites import KEYS, KINDS, Site, count, read
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture(params=["plain", "encrypted", "own serializer"])
def options(request: pytest.FixtureRequest, engine: Any) -> dict[str, Any]:
    kind = KINDS.get(request.param, {"session_class": DynamoDBSession})
    return {**engine.options, **kind, "max_retries": 0}


@pytest.fixture
def site(options: dict[str, Any]) -> Site:
    return Site(options)


def rows(engine: Any) -> list[Any]:
    return list(session_model(**engine.options).scan())


def invalidate(session: Any) -> None:
    session.invalidate()
    session.save()


def regenerate_id(session: Any) -> None:
    session.regenerate_id()
    session.save()


class TestAnIdThatWasGivenUp:
    def test_by_invalidate_opens_nothing(self, site: Site, engine: Any) -> None:
        site.request(count)
        old = str(site.cookie)
        site.request(invalidate)
        assert rows(engine) == []
        site.use_cookie(old)
        assert site.request(read) is None

    def test_by_regenerate_id_opens_nothing(self, site: Site, engine: Any) -> None:
        site.request(count)
        old = str(site.cookie)
        site.request(regenerate_id)
        assert site.cookie != old
        assert len(rows(engine)) == 1
        assert site.request(read) == 1
        site.use_cookie(old)
        assert site.request(read) is None

    def test_keeps_its_session_where_the_new_one_cannot_be_stored(
        self, site: Site, wire: Wire
    ) -> None:
        site.request(count)
        old = str(site.cookie)
        wire.fail_next("PutItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable):
            site.request(regenerate_id)
        site.use_cookie(old)
        assert site.request(read) == 1

    def test_by_a_timeout_opens_nothing(self, options: dict[str, Any], clock: Any) -> None:
        site = Site({**options, "timeout": 60})
        site.request(count)
        old = str(site.cookie)
        clock.advance(61)
        assert site.request(read) is None
        assert site.cookie != old

    def test_of_a_new_session_is_nothing_to_end(self, site: Site, wire: Wire) -> None:
        with wire.expect("GetItem"):
            site.request(lambda session: session.invalidate())


class TestAFailedLoad:
    @pytest.mark.parametrize("invalidate_corrupt", [True, False])
    def test_by_an_outage_is_an_error(
        self, options: dict[str, Any], wire: Wire, invalidate_corrupt: bool
    ) -> None:
        site = Site({**options, "invalidate_corrupt": invalidate_corrupt})
        site.request(count)
        cookie = site.cookie
        wire.fail_next("GetItem", (500, "InternalServerError"))
        with pytest.raises(StoreUnavailable):
            site.request(read)
        assert site.cookie == cookie
        assert site.request(read) == 1

    def test_of_a_corrupt_row_costs_one_session_and_removes_it(
        self, site: Site, engine: Any
    ) -> None:
        site.request(count)
        cookie = str(site.cookie)
        [row] = rows(engine)
        row.data = b"\xff"
        row.save()
        with pytest.warns(BeakerWarning, match="Invalidating corrupt session") as caught:
            assert site.request(read) is None
        assert rows(engine) == []
        assert cookie[:9] not in str(caught[0].message)

    def test_of_a_corrupt_row_is_an_error_where_that_is_asked_for(
        self, options: dict[str, Any], engine: Any
    ) -> None:
        site = Site({**options, "invalidate_corrupt": False})
        site.request(count)
        [row] = rows(engine)
        row.data = b"\xff"
        row.save()
        with pytest.raises(CorruptItem):
            site.request(read)


class TestTheCookiesAge:
    def test_is_the_life_of_the_session(self, engine: Any, clock: Any) -> None:
        age = timedelta(hours=2)
        Site({**engine.options, "session_class": DynamoDBSession}, cookie_expires=age).request(
            count
        )
        [row] = rows(engine)
        assert row.expires.timestamp() == clock.now + 7200

    def test_gives_way_to_ttl(self, engine: Any, clock: Any) -> None:
        age = timedelta(hours=2)
        options = {**engine.options, "session_class": DynamoDBSession, "ttl": 60}
        Site(options, cookie_expires=age).request(count)
        assert rows(engine)[0].expires.timestamp() == clock.now + 60


class Marking:
    """Leaves a mark where its pickle is executed."""

    def __reduce__(self) -> Any:
        return exec, ("import tests.test_session_class as here; here.MARKS.append(1)",)


MARKS: list[int] = []


def test_a_hostile_row_executes_nothing_under_encrypted_and_json_sessions(engine: Any) -> None:
    hostile = SessionText.around(pickle.dumps({"n": Marking()}, 2)).data("zlib")
    for kind in ({"data_serializer": "json"}, {"session_class": DynamoDBSession, **KEYS}):
        site = Site({**engine.options, **kind})
        site.request(count)

        def planted_meanwhile(session: Any) -> None:
            session["n"] = 5
            [row] = rows(engine)
            row.data, row.version = hostile, "another"
            row.save()
            session.save()

        site.request(planted_meanwhile)
        [row] = rows(engine)
        row.data = hostile
        row.save()
        with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
            site.request(read)
        for row in rows(engine):
            row.delete()
    assert MARKS == []
