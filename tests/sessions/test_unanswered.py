"""A request that begins or renames a session, gets no answer, and then ends the session."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb import ConflictError, StoreUnavailable
from beaker_dynamodb.testing.site import Site
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    Page,
    begin_by_clear,
    browsers,
    contents,
    delete,
    kinds,
    put,
    renew,
    while_loaded,
)
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

ENDS: dict[str, Page] = {
    "delete": delete,
    "clear": lambda session: (session.clear(), session.save()),
    "remove": lambda session: session.namespace.remove(),
    "do_remove": lambda session: session.namespace.do_remove(),
}
#: What is stored under the id when the request begins the session.
PLACES = ("nothing", "a marker", "a session that it clears")


def prepared(dynamodb: Any, kind: str, place: str) -> Site:
    """A browser with a cookie, and what is stored under its id."""
    options = {**dynamodb.options, "max_retries": 0, **EVERY_KIND[kind]}
    site, other = browsers(options)
    cookie = str(site.cookie)
    if place == "nothing":
        cookie = "f" * 32
    elif place == "a marker":
        other.request(delete)
    site.use_cookie(cookie)
    return site


def save_unanswered(session: Any) -> None:
    with pytest.raises(StoreUnavailable):
        session._session().save()


@pytest.mark.parametrize("kind", kinds(*EVERY_KIND))
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("is_late", [False, True], ids=["lost", "late"])
def test_a_beginning_without_an_answer_can_be_ended(
    dynamodb: Any, wire: Wire, kind: str, place: str, end: str, is_late: bool
) -> None:
    site = prepared(dynamodb, kind, place)
    cookie = str(site.cookie)

    def page(session: Any) -> None:
        if place == "a session that it clears":
            session.clear()
        session["user"] = "ada"
        arrives = wire.hold_back("PutItem") if is_late else lose_answer(wire)
        save_unanswered(session)
        ENDS[end](session)
        arrives()

    site.request(page)
    assert opens_nothing(site, cookie)


@pytest.mark.parametrize("kind", kinds(*OWN_CLASS))
@pytest.mark.parametrize("place", PLACES)
def test_a_beginning_without_an_answer_is_ended_by_a_new_id(
    dynamodb: Any, wire: Wire, kind: str, place: str
) -> None:
    site = prepared(dynamodb, kind, place)
    cookie = str(site.cookie)

    def page(session: Any) -> str:
        if place == "a session that it clears":
            session.clear()
        session["user"] = "ada"
        wire.lose_answer_of("PutItem")
        save_unanswered(session)
        renew(session)
        return str(session.id)

    new_id = site.request(page)
    assert opens_nothing(site, cookie)
    site.use_cookie(new_id)
    assert contents(site) == {"user": "ada"}


@pytest.mark.parametrize("kind", kinds(*OWN_CLASS))
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("is_late", [False, True], ids=["lost", "late"])
def test_a_rename_without_an_answer_can_be_ended(
    dynamodb: Any, wire: Wire, kind: str, end: str, is_late: bool
) -> None:
    site, _ = browsers({**dynamodb.options, "max_retries": 0, **EVERY_KIND[kind]})
    cookies = [str(site.cookie)]

    def page(session: Any) -> None:
        session.regenerate_id()
        cookies.append(session.id)
        arrives = wire.hold_back("PutItem") if is_late else lose_answer(wire)
        save_unanswered(session)
        ENDS[end](session)
        arrives()

    site.request(page)
    assert [cookie for cookie in cookies if not opens_nothing(site, cookie)] == []


def test_a_new_id_that_is_assigned_does_not_mix_two_sessions(dynamodb: Any) -> None:
    ada, _ = browsers(dynamodb.options)
    bob = Site(dynamodb.options)
    bob.request(lambda session: session.update(user="bob", own=1) or session.save())

    def page(session: Any) -> None:
        inner = session._session()
        inner.id = bob.cookie
        inner.save()

    with pytest.raises(ConflictError, match="the assigned id belongs to another session"):
        ada.request(page)
    assert contents(bob) == {"user": "bob", "own": 1}


def lose_answer(wire: Wire) -> Callable[[], None]:
    wire.lose_answer_of("PutItem")
    return lambda: None


def opens_nothing(site: Site, cookie: str) -> bool:
    site.use_cookie(cookie)
    return contents(site) == {}


@pytest.mark.parametrize("kind", kinds(*EVERY_KIND))
def test_a_login_that_may_have_been_replaced_is_refused(
    dynamodb: Any, wire: Wire, kind: str
) -> None:
    slow, other = browsers({**dynamodb.options, "max_retries": 1, **EVERY_KIND[kind]})

    def log_in(session: Any) -> None:
        begin_by_clear(user="ada")(session)
        wire.lose_answer_of("PutItem")

    page = while_loaded(partial(other.request, begin_by_clear(user="bob")), log_in)
    with pytest.raises(ConflictError, match="begin this one again"):
        slow.request(page)
    assert contents(other) == {"user": "bob"}


@pytest.mark.parametrize("kind", kinds(*OWN_CLASS))
def test_a_login_does_not_hide_where_another_session_goes_on(dynamodb: Any, kind: str) -> None:
    slow, other, leaving = browsers(dynamodb.options, 3, **EVERY_KIND[kind])
    new_ids: list[str] = []

    def renew_and_note(session: Any) -> None:
        renew(session)
        new_ids.append(session.id)

    def page(session: Any) -> None:
        session.get("user")
        other.request(begin_by_clear(user="bob"))
        leaving.request(while_loaded(partial(log_in_while_bob_renews, session), delete))

    def log_in_while_bob_renews(session: Any) -> None:
        other.request(renew_and_note)
        inner = session._session()
        inner.clear()
        inner["user"] = "ada"
        with pytest.raises(ConflictError, match="continues under a new one"):
            inner.save()

    slow.request(page)
    assert opens_nothing(slow, new_ids[0])


def take_back(session: Any) -> None:
    """Set the keys to the values that were loaded."""
    session["user"] = "alice"
    del session["tmp"]


@pytest.mark.parametrize("kind", kinds(*EVERY_KIND))
@pytest.mark.parametrize("is_late", [False, True], ids=["lost", "late"])
@pytest.mark.parametrize("saves", [1, 2])
def test_a_change_without_an_answer_is_taken_back_over_another_requests_change(
    dynamodb: Any, wire: Wire, kind: str, is_late: bool, saves: int
) -> None:
    one, other = browsers({**dynamodb.options, "max_retries": 0, **EVERY_KIND[kind]})

    def page(session: Any) -> None:
        session["user"], session["tmp"] = "bob", 1
        for number in range(saves):
            session["tmp"] = number
            arrives = wire.hold_back("PutItem") if is_late else lose_answer(wire)
            save_unanswered(session)
        other.request(put(cart=1))
        arrives()
        take_back(session)
        session._session().save()

    one.request(page)
    assert contents(other) == {"user": "alice", "cart": 1}


@pytest.mark.parametrize("kind", kinds(*EVERY_KIND))
def test_a_beginning_without_an_answer_is_taken_back_over_another_requests_change(
    dynamodb: Any, wire: Wire, kind: str
) -> None:
    one, other = (
        Site({**dynamodb.options, "max_retries": 0, **EVERY_KIND[kind]}) for _ in range(2)
    )
    for site in (one, other):
        site.use_cookie("f" * 32)

    def page(session: Any) -> None:
        session["user"] = "alice"
        for tmp in range(2):
            session["tmp"] = tmp
            wire.lose_answer_of("PutItem")
            save_unanswered(session)
        other.request(put(cart=1))
        del session["tmp"]
        session._session().save()

    one.request(page)
    assert contents(other) == {"user": "alice", "cart": 1}


@pytest.mark.parametrize("kind", kinds(*OWN_CLASS))
def test_a_change_without_an_answer_is_taken_back_under_a_new_id(
    dynamodb: Any, wire: Wire, kind: str
) -> None:
    one, other = browsers({**dynamodb.options, "max_retries": 0, **EVERY_KIND[kind]})

    def page(session: Any) -> None:
        session["user"], session["tmp"] = "bob", 1
        wire.lose_answer_of("PutItem")
        save_unanswered(session)
        other.request(put(cart=1))
        take_back(session)
        renew(session)

    one.request(page)
    assert contents(one) == {"user": "alice", "cart": 1}
