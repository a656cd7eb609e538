"""Many requests change one session at once: each change is kept, within seconds."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb import ConflictError
from beaker_dynamodb.testing.site import Site
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    begin_by_clear,
    browsers,
    contents,
    delete,
    put,
    renew,
    save,
    session_items,
    while_loaded,
)
from tests.support.pages import count
from tests.support.wire import Wire

# moto checks a condition and writes in two steps, between which another thread can write.
pytestmark = [
    pytest.mark.usefixtures("create_table"),
    pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True),
]

MANY = pytest.param(64, marks=pytest.mark.exhaustive)


def sharing(site: Site, options: dict[str, Any], number: int) -> list[Site]:
    others = [Site(options) for _ in range(number)]
    for other in others:
        other.use_cookie(str(site.cookie))
    return others


def at_once(pages: list[Any]) -> list[Any]:
    """Run page requests in threads; each has loaded the session before the first one saves."""
    with ThreadPoolExecutor(len(pages)) as pool:
        return [future.result(60) for future in [pool.submit(page) for page in pages]]


@pytest.mark.parametrize("kind", ["pickle", "encrypted"])
@pytest.mark.parametrize("number", [24, MANY])
def test_simultaneous_changes_of_one_session_all_succeed(
    dynamodb: Any, kind: str, number: int
) -> None:
    options = {**dynamodb.options, **EVERY_KIND[kind]}
    site, _ = browsers(options)
    loaded = threading.Barrier(number)
    began: list[float] = []

    def change(other: Site, name: int) -> None:
        def meet() -> None:
            loaded.wait(60)
            began.append(time.monotonic())

        other.request(while_loaded(meet, put(**{f"k{name}": name})))

    others = sharing(site, options, number)
    at_once([partial(change, other, n) for n, other in enumerate(others)])
    assert time.monotonic() - min(began) < 20
    assert contents(site) == {"user": "alice", **{f"k{n}": n for n in range(number)}}


def test_a_burst_ends_with_a_logout(dynamodb: Any) -> None:
    site, leaving = browsers(dynamodb.options)
    others = sharing(site, dynamodb.options, 12)
    changes = [partial(other.request, put(**{f"k{n}": n})) for n, other in enumerate(others)]
    at_once([*changes[:6], partial(leaving.request, delete), *changes[6:]])
    site_id = str(site.cookie)
    # A request that loads after it may begin a session of its own, without a key of alice's.
    fresh = Site(dynamodb.options)
    fresh.use_cookie(site_id)
    assert "user" not in contents(fresh)


def test_a_login_in_a_burst_gets_none_of_the_changes(dynamodb: Any) -> None:
    number = 12
    site, login = browsers(dynamodb.options)
    others = sharing(site, dynamodb.options, number)
    loaded = threading.Barrier(number + 1)

    def page(other: Site, then: Any) -> None:
        other.request(while_loaded(partial(loaded.wait, 60), then))

    changes = [partial(page, other, put(**{f"k{n}": n})) for n, other in enumerate(others)]
    at_once([*changes, partial(page, login, begin_by_clear(user="bob"))])
    assert contents(site) == {"user": "bob"}


@pytest.mark.parametrize("kind", OWN_CLASS)
def test_simultaneous_renewals_all_succeed(dynamodb: Any, kind: str) -> None:
    number = 8
    options = {**dynamodb.options, **EVERY_KIND[kind]}
    site, leaving = browsers(options)
    others = sharing(site, options, number)
    loaded = threading.Barrier(number)

    def page(other: Site) -> None:
        other.request(while_loaded(partial(loaded.wait, 60), renew))

    at_once([partial(page, other) for other in others])
    assert [contents(other)["user"] for other in others] == ["alice"] * number
    assert len({other.cookie for other in others}) == number
    leaving.request(delete)
    assert len(session_items(dynamodb)) in (0, number)


def test_a_renewal_succeeds_among_changes(dynamodb: Any) -> None:
    options = {**dynamodb.options, **EVERY_KIND["class"]}
    site, renewing = browsers(options)
    others = sharing(site, options, 12)
    loaded = threading.Barrier(13)

    def page(other: Site, then: Any) -> None:
        other.request(while_loaded(partial(loaded.wait, 60), then))

    changes = [partial(page, other, put(**{f"k{n}": n})) for n, other in enumerate(others)]
    at_once([*changes, partial(page, renewing, renew)])
    assert contents(renewing)["user"] == "alice"


def test_simultaneous_touches_never_fail_a_page_nor_undo_a_change(dynamodb: Any) -> None:
    options = {**dynamodb.options, "touch_interval": 0, "on_conflict": "raise"}
    site, changing = browsers(options)
    others = sharing(site, options, 12)
    loaded = threading.Barrier(13)

    def page(other: Site, then: Any) -> None:
        other.request(while_loaded(partial(loaded.wait, 60), then))

    touches = [partial(page, other, save) for other in others]
    at_once([*touches, partial(page, changing, put(a=1))])
    assert contents(site) == {"user": "alice", "a": 1}


def test_under_raise_one_of_the_changes_succeeds_at_a_time(dynamodb: Any) -> None:
    options = {**dynamodb.options, "on_conflict": "raise"}
    site, _ = browsers(options)
    others = sharing(site, options, 8)
    loaded = threading.Barrier(8)

    def change(other: Site, name: int) -> bool:
        try:
            other.request(while_loaded(partial(loaded.wait, 60), put(**{f"k{name}": name})))
        except ConflictError:
            return False
        return True

    done = at_once([partial(change, other, n) for n, other in enumerate(others)])
    assert sum(done) == 1
    assert len(contents(site)) == 2


def test_a_conflict_costs_one_more_write(dynamodb: Any, wire: Wire) -> None:
    one, other = browsers(dynamodb.options)

    def meanwhile() -> None:
        other.request(put(theirs=1))
        wire.clear()

    one.request(while_loaded(meanwhile, put(mine=1)))
    assert wire.operations == ["PutItem", "PutItem"]


@pytest.mark.parametrize("number", [8, MANY])
def test_first_requests_under_one_unknown_id_are_joined(dynamodb: Any, number: int) -> None:
    others = [Site(dynamodb.options) for _ in range(number)]
    for other in others:
        other.use_cookie("f" * 32)
    loaded = threading.Barrier(number)

    def page(other: Site, name: int) -> None:
        other.request(while_loaded(partial(loaded.wait, 60), put(**{f"k{name}": name})))

    at_once([partial(page, other, n) for n, other in enumerate(others)])
    assert contents(others[0]) == {f"k{n}": n for n in range(number)}


def test_counting_under_a_lock_loses_no_count(dynamodb: Any) -> None:
    options = {**dynamodb.options, "lock_wait": 60}
    site, _ = browsers(options)

    def sell(session: Any) -> None:
        session.get("user")
        session.lock()
        try:
            inner = session._session()
            inner.load()
            count(inner)
            session.save()
        finally:
            session.unlock()

    others = sharing(site, options, 8)
    at_once([partial(other.request, sell) for other in others])
    assert contents(site)["n"] == 8
