"""`max_lifetime`: a session ends this long after its creation, however busy it is."""

from typing import Any

import pytest

from beaker_dynamodb.testing.site import Site
from tests.support.pages import KINDS, count, read
from tests.support.tables import stored_sessions

pytestmark = pytest.mark.usefixtures("create_table")


@pytest.fixture(params=[*KINDS, "opaque"])
def options(request: pytest.FixtureRequest, dynamodb: Any) -> dict[str, Any]:
    opaque = {"encrypt_key": "e" * 32, "validate_key": "v" * 32, "opaque_sessions": True}
    return {**dynamodb.options, **KINDS.get(request.param, opaque), "max_lifetime": 3600}


@pytest.fixture
def site(options: dict[str, Any]) -> Site:
    return Site(options)


def clear_and_save(session: Any) -> None:
    creation_time = session["_creation_time"]
    session._session().clear()
    session["n"] = creation_time
    session.save()


def regenerate_id(session: Any) -> None:
    session.regenerate_id()
    session.save()


@pytest.mark.parametrize("page", [read, count])
def test_a_busy_session_ends(site: Site, clock: Any, page: Any) -> None:
    site.request(count)
    for _ in range(35):
        clock.advance(100)
        assert site.request(page)
    clock.advance(100)
    assert site.request(read) is None


@pytest.mark.parametrize("options", KINDS, indirect=True)
def test_clearing_the_session_begins_one_with_a_full_life(site: Site, clock: Any) -> None:
    site.request(count)
    clock.advance(1800)
    site.request(clear_and_save)
    clock.advance(3599)
    assert site.request(read)
    clock.advance(1)
    assert site.request(read) is None


@pytest.mark.parametrize("options", ["opaque"], indirect=True)
def test_clearing_an_opaque_session_does_not_extend_it(site: Site, clock: Any) -> None:
    site.request(count)
    go_on_after(clear_and_save, site, clock)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_id_does_not_extend_it(dynamodb: Any, clock: Any, kind: str) -> None:
    site = Site(dynamodb.options, max_lifetime=3600, **KINDS[kind])
    site.request(count)
    go_on_after(regenerate_id, site, clock)


def go_on_after(page: Any, site: Site, clock: Any) -> None:
    clock.advance(1800)
    site.request(page)
    clock.advance(1799)
    assert site.request(read)
    clock.advance(1)
    assert site.request(read) is None


def test_a_session_created_after_its_end_has_a_full_life(site: Site, clock: Any) -> None:
    site.request(count)
    clock.advance(3600)
    site.request(count)
    clock.advance(3599)
    assert site.request(read) == 1


def test_the_item_expires_no_later(site: Site, dynamodb: Any, clock: Any) -> None:
    site.request(count)
    end = clock.now + 3600
    clock.advance(1000.5)
    site.request(count)
    [row] = stored_sessions(dynamodb)
    assert row.expires.timestamp() == end


def test_an_idle_session_still_ends_earlier(options: dict[str, Any], clock: Any) -> None:
    site = Site({**options, "ttl": 60})
    site.request(count)
    clock.advance(60)
    assert site.request(read) is None


def test_a_shorter_lifetime_applies_to_stored_sessions(options: dict[str, Any], clock: Any) -> None:
    site = Site(options)
    site.request(count)
    clock.advance(600)
    other = Site({**options, "max_lifetime": 600})
    other.use_cookie(str(site.cookie))
    assert other.request(read) is None
    assert other.request(count) == 1


def test_without_it_the_item_has_no_creation_time(dynamodb: Any) -> None:
    Site(dynamodb.options).request(count)
    [row] = stored_sessions(dynamodb)
    assert row.created is None
