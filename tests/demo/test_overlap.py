"""Two tabs that overlap: the slow one loads the session, and another one changes it meanwhile."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb.demo.calls import CallCounter
from beaker_dynamodb.demo.site import demo_application
from beaker_dynamodb.demo.table import Endpoint
from beaker_dynamodb.demo.visits import ADD, VIEW, Outcome, Request, Visit, Visits
from tests.demo.visitor import READ, WRITE, Visitor, keys

#: Runs as soon as a slow request waits, as if another tab did it.
Meanwhile = Callable[[Callable[[], None]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    def replace(step: Callable[[], None]) -> None:
        monkeypatch.setattr(Visit, "wait_for_another", lambda *_: step())

    return replace


@pytest.fixture
def in_memory(embedded: Endpoint, clock: Any) -> Visitor:
    """A visitor of the page of Beaker's memory backend."""
    return Visitor(demo_application(embedded), "/memory")


def add_slowly(visitor: Visitor) -> None:
    visitor.post("/add-slowly", item="apple")


def set_city(visitor: Visitor) -> Callable[[], None]:
    return lambda: visitor.post("/city", city="Porto")


def log_out(visitor: Visitor) -> Callable[[], None]:
    return lambda: visitor.post("/logout")


class TestInDynamoDB:
    def test_the_changes_of_both_are_kept(self, visitor: Visitor, meanwhile: Meanwhile) -> None:
        visitor.view()
        meanwhile(set_city(visitor))
        add_slowly(visitor)
        assert visitor.stored["basket"] == "['apple']"
        assert visitor.stored["city"] == "Porto"
        assert visitor.log[1] == (
            "add slowly",
            [READ, WRITE, WRITE],
            "merged",
        )
        assert (
            "Another tab changed the city while “add slowly” ran, and both changes are "
            "stored: one read, one refused write and one write."
        ) in visitor.text

    def test_the_later_change_of_one_value_is_kept(
        self, visitor: Visitor, meanwhile: Meanwhile
    ) -> None:
        visitor.view()
        meanwhile(lambda: visitor.add("pear"))
        add_slowly(visitor)
        assert visitor.stored["basket"] == "['apple']"
        assert "Another tab changed the basket, too, while “add slowly” ran" in visitor.text

    def test_a_session_that_ends_stays_ended(
        self, visitor: Visitor, meanwhile: Meanwhile, embedded: Endpoint
    ) -> None:
        visitor.view()
        before = keys(embedded)
        meanwhile(log_out(visitor))
        add_slowly(visitor)
        assert visitor.log[1][2] == "ended elsewhere, nothing written"
        assert not set(before) & set(keys(embedded))

    def test_nothing_is_said_of_another_tab_that_changes_nothing(
        self, visitor: Visitor, meanwhile: Meanwhile
    ) -> None:
        visitor.view()
        meanwhile(lambda: None)
        add_slowly(visitor)
        assert visitor.log[1] == ("add slowly", [READ, WRITE], "changed")


class TestInMemory:
    def test_the_change_of_the_other_tab_is_lost(
        self, in_memory: Visitor, meanwhile: Meanwhile
    ) -> None:
        in_memory.view()
        meanwhile(set_city(in_memory))
        add_slowly(in_memory)
        assert in_memory.stored["basket"] == "['apple']"
        assert "city" not in in_memory.stored
        assert in_memory.outcomes[1] == "overwrote another tab"
        assert "so the change of the other tab is lost." in in_memory.text

    def test_a_session_that_ends_is_stored_again(
        self, in_memory: Visitor, meanwhile: Meanwhile
    ) -> None:
        in_memory.view()
        thief = in_memory.in_another_browser()
        meanwhile(log_out(in_memory))
        add_slowly(in_memory)
        assert in_memory.outcomes[1] == "ended session stored again"
        assert "whoever has the old cookie is still logged in." in in_memory.text
        thief.view()
        assert thief.stored["basket"] == "['apple']"

    def test_an_old_id_opens_the_session(self, in_memory: Visitor) -> None:
        in_memory.add("apple")
        thief = in_memory.in_another_browser()
        in_memory.post("/renew")
        assert in_memory.session_id != thief.session_id
        assert in_memory.outcomes[1] == "copied to the new id"
        thief.view()
        assert thief.stored["basket"] == "['apple']"

    def test_a_view_stores_the_session_again(self, in_memory: Visitor) -> None:
        in_memory.view()
        in_memory.view()
        assert in_memory.outcomes == ["stored again", "stored"]

    def test_a_logout_ends_the_session(self, in_memory: Visitor) -> None:
        in_memory.view()
        other = in_memory.in_another_browser()
        in_memory.post("/logout")
        assert in_memory.heading == "Goodbye"
        assert "Beaker stores an empty session" in in_memory.text
        other.view()
        assert other.stored == {}

    def test_no_call_to_dynamodb_is_made_or_shown(self, in_memory: Visitor, wire: Any) -> None:
        with wire.expect():
            in_memory.view()
            in_memory.add("apple")
        assert in_memory.figures == {}
        assert "session.type = memory" in in_memory.text


class TestTheSwitch:
    def test_leads_from_one_backend_to_the_other(self, visitor: Visitor) -> None:
        visitor.view()
        visitor.page = visitor.page.click("^Memory$")
        assert "session.type = memory" in visitor.text
        assert visitor.focused == ["Memory"]
        visitor.page = visitor.page.click("^DynamoDB$")
        assert "session.type = ext:dynamodb" in visitor.text

    def test_leaves_each_session_as_it_is(self, visitor: Visitor) -> None:
        visitor.add("apple")
        visitor.page = visitor.page.click("^Memory$")
        assert "basket" not in visitor.stored
        visitor.page = visitor.page.click("^DynamoDB$")
        assert visitor.stored["basket"] == "['apple']"


class TestASlowRequest:
    def test_is_explained_on_its_own_page(self, visitor: Visitor, meanwhile: Meanwhile) -> None:
        visitor.view()
        meanwhile(set_city(visitor))
        answer = visitor.browser.post("/add-slowly", {"item": "apple"})
        visitor.view()
        assert "Another tab" not in visitor.text
        visitor.page = answer.follow()
        assert "Another tab changed the city" in visitor.text
        visitor.page = answer.follow()
        assert "Another tab" not in visitor.text

    def test_is_announced_to_the_other_tab(self, visitor: Visitor, meanwhile: Meanwhile) -> None:
        visitor.view()
        seen = []

        def look(visit: Visit, _timeout: float) -> None:
            visit.waiting += 1
            visitor.view()
            visit.waiting -= 1
            seen.append(visitor.text)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Visit, "wait_for_another", look)
            add_slowly(visitor)
        assert "“add slowly” has loaded the session in another tab, and waits" in seen[0]
        assert "waits" not in visitor.text.split("Two tabs at once")[0]

    def test_that_begins_a_session_does_not_wait(
        self, visitor: Visitor, meanwhile: Meanwhile
    ) -> None:
        meanwhile(pytest.fail)
        add_slowly(visitor)
        assert visitor.log[1] == ("add slowly", [WRITE], "stored")

    def test_that_adds_nothing_does_not_load_the_session(
        self, visitor: Visitor, meanwhile: Meanwhile
    ) -> None:
        visitor.view()
        meanwhile(pytest.fail)
        visitor.post("/add-slowly", item=" ")
        assert visitor.log[1] == ("add slowly", [], "session not used")


def test_a_page_explains_its_own_request(visitor: Visitor, wire: Any) -> None:
    visitor.view()
    other = Visitor(visitor.browser.app)
    other.browser.cookiejar = visitor.browser.cookiejar
    # The first read loads the session; before the page's own read, another tab changes it.
    add = partial(other.browser.post, "/add", {"item": "apple"})
    wire.before_next(READ, lambda: wire.before_next(READ, add))
    visitor.view()
    assert visitor.outcomes[:2] == ["changed", "nothing to write"]
    assert "so this view wrote nothing: one read." in visitor.text


class TestAVisitThatWaits:
    def test_goes_on_when_another_form_is_done(self) -> None:
        visit = Visits("visit").find("")
        waiter = threading.Thread(target=visit.wait_for_another, args=(60,))
        waiter.start()
        while not visit.waiting:
            pass
        visit.note(Request(0, VIEW, Outcome.NOTHING_TO_WRITE, CallCounter()))
        assert visit.waiting == 1
        visit.note(Request(0, ADD, Outcome.CHANGED, CallCounter()))
        waiter.join(60)
        assert visit.waiting == 0

    def test_goes_on_after_a_while_without_one(self) -> None:
        visit = Visits("visit").find("")
        visit.wait_for_another(0.01)
        assert visit.waiting == 0
