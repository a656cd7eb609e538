"""The end of a request without `save`: Beaker's middleware only renews the access time."""

from collections import defaultdict
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.testing.site import Site
from tests.support.overlap import (
    EVERY_KIND,
    OWN_CLASS,
    Page,
    browsers,
    contents,
    kinds,
    put,
    save,
    while_loaded,
)
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")


class Cart:
    """An object that changes when it is read."""

    def __init__(self, *items: int) -> None:
        self.items = items

    @cached_property
    def total(self) -> int:
        return sum(self.items)


def read_all(session: Any) -> None:
    """Read values that change when they are read."""
    session["prefs"]["color"]
    session["cart"].total  # noqa: B018


def choose_theme(session: Any) -> None:
    session["prefs"]["theme"].append("dark")
    session["cart"] = Cart(1, 2)
    session.save()


@pytest.fixture(params=kinds(*OWN_CLASS))
def kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


@pytest.fixture(params=kinds(*EVERY_KIND))
def every_kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


@pytest.fixture(params=kinds("class", "encrypted"))
def pickled(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EVERY_KIND[request.param]


def inner(session: Any) -> Any:
    """Beaker's session, whose saves the middleware does not notice."""
    return session._session()


class TestAReaderWhoseValuesChange:
    @pytest.mark.parametrize("policy", ["merge", "overwrite", "raise"])
    def test_undoes_no_change_and_does_not_fail(
        self, dynamodb: Any, pickled: dict[str, Any], policy: str
    ) -> None:
        one, other = browsers(dynamodb.options, **pickled, on_conflict=policy)
        one.request(put(prefs=defaultdict(list), cart=Cart(1)))
        one.request(while_loaded(partial(other.request, choose_theme), read_all))
        found: Any = contents(one)
        assert (found["prefs"]["theme"], found["cart"].items) == (["dark"], (1, 2))

    @pytest.mark.parametrize("policy", ["merge", "overwrite", "raise"])
    def test_undoes_no_change_under_a_new_id(
        self, dynamodb: Any, pickled: dict[str, Any], policy: str
    ) -> None:
        one, other = browsers(dynamodb.options, **pickled, on_conflict=policy)
        one.request(put(prefs=defaultdict(list), cart=Cart(1)))

        def renew_unsaved(session: Any) -> None:
            read_all(session)
            session.regenerate_id()

        one.request(while_loaded(partial(other.request, choose_theme), renew_unsaved))
        found: Any = contents(one)
        assert (found["prefs"]["theme"], found["cart"].items) == (["dark"], (1, 2))

    def test_brings_no_ended_session_back(self, dynamodb: Any, pickled: dict[str, Any]) -> None:
        one, other = browsers(dynamodb.options, **pickled)
        one.request(put(prefs=defaultdict(list), cart=Cart(1)))
        end = partial(other.request, lambda session: session.delete())
        one.request(while_loaded(end, read_all))
        assert contents(one) == {}

    def test_stores_what_has_changed_if_it_is_alone(
        self, dynamodb: Any, kind: dict[str, Any]
    ) -> None:
        """As with Beaker's other backends, for applications that forget to save."""
        one, other = browsers(dynamodb.options, **kind, touch_interval=0)
        one.request(put(items=[1]))
        append = lambda session: session["items"].append(2)  # noqa: E731
        one.request(while_loaded(partial(other.request, save), append))
        assert contents(one)["items"] == [1, 2]


def log_in(session: Any) -> None:
    inner(session).clear()
    put_inner(session, user="bob")


def put_inner(session: Any, **values: object) -> None:
    session.update(values)
    inner(session).save()


def renew(session: Any) -> None:
    session.regenerate_id()
    put_inner(session, user="bob")


class TestAfterASaveOfTheSessionItself:
    """The middleware does not notice it, and saves what was loaded before."""

    @pytest.mark.parametrize("page", [partial(put_inner, user="bob"), log_in, renew])
    def test_what_it_has_stored_is_kept(
        self, dynamodb: Any, kind: dict[str, Any], page: Any
    ) -> None:
        one, _ = browsers(dynamodb.options, **kind)
        one.request(page)
        assert contents(one) == {"user": "bob"}

    def test_nothing_more_is_written(self, dynamodb: Any, kind: dict[str, Any], wire: Wire) -> None:
        one, _ = browsers(dynamodb.options, **kind)
        with wire.expect("GetItem", "PutItem"):
            one.request(partial(put_inner, user="bob"))

    def test_what_it_has_merged_is_kept(self, dynamodb: Any, kind: dict[str, Any]) -> None:
        one, other = browsers(dynamodb.options, **kind, touch_interval=0)
        page = partial(put_inner, mine=1)
        one.request(while_loaded(partial(other.request, put(theirs=1)), page))
        assert contents(one) == {"user": "alice", "mine": 1, "theirs": 1}

    def test_a_later_change_of_another_request_is_kept(
        self, dynamodb: Any, kind: dict[str, Any]
    ) -> None:
        one, other = browsers(dynamodb.options, **kind, touch_interval=0)

        def page(session: Any) -> None:
            put_inner(session, mine=1)
            other.request(put(user="bob", mine=2))

        one.request(page)
        assert contents(one) == {"user": "bob", "mine": 2}

    @pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])
    def test_without_an_answer_nothing_is_taken_back(
        self, dynamodb: Any, kind: dict[str, Any], wire: Wire, is_done: bool
    ) -> None:
        options = {**dynamodb.options, "max_retries": 0, "touch_interval": 0}
        one, other = browsers(options, **kind)

        def page(session: Any) -> None:
            deliver = wire.hold_back("PutItem")
            with pytest.raises(StoreUnavailable):
                put_inner(session, user="bob")
            if is_done:
                deliver()
            wire.clear()

        one.request(page)
        assert wire.operations == []
        assert contents(other) == {"user": "bob" if is_done else "alice"}


class TestASessionThatWasReplaced:
    @pytest.mark.parametrize("before", [list, lambda s: s.regenerate_id()], ids=["same", "new id"])
    def test_is_changed_with_a_creation_time_of_its_own(
        self, dynamodb: Any, every_kind: dict[str, Any], clock: Any, before: Page
    ) -> None:
        one, _ = browsers(dynamodb.options, **every_kind)
        if "session_class" not in every_kind and before is not list:
            pytest.skip("Beaker's class does not say that it had another id")

        def page(session: Any) -> None:
            before(session)
            log_in(session)
            clock.advance(5)
            session["_creation_time"] = clock.now
            put(cart=1)(session)

        one.request(page)
        assert contents(one) == {"user": "bob", "cart": 1}

    @pytest.mark.parametrize("end", [log_in, lambda s: (s.delete(), inner(s).save())])
    @pytest.mark.parametrize("new_id", [False, True], ids=["same id", "new id"])
    def test_is_not_brought_back_by_a_revert(
        self, dynamodb: Any, kind: dict[str, Any], end: Page, new_id: bool
    ) -> None:
        one, other = browsers(dynamodb.options, **kind)

        def page(session: Any) -> None:
            session.get("user")
            if new_id:
                session.regenerate_id()
            end(session)
            session.revert()
            session.save()

        one.request(page)
        assert "alice" not in {**contents(one), **contents(other)}.values()

    @pytest.mark.parametrize("remove", ["remove", "do_remove"])
    @pytest.mark.parametrize("auto", [False, True], ids=["saved", "auto"])
    def test_is_not_saved_again_after_its_removal(
        self, dynamodb: Any, every_kind: dict[str, Any], remove: str, auto: bool
    ) -> None:
        one, other = browsers(dynamodb.options, **every_kind, auto=auto)

        def page(session: Any) -> None:
            session.get("user")
            getattr(session.namespace, remove)()
            session.save()

        one.request(page)
        assert contents(other) == {}


def test_a_session_that_was_begun_without_an_answer_and_ended_is_begun_again(
    dynamodb: Any, every_kind: dict[str, Any], wire: Wire
) -> None:
    site = Site({**dynamodb.options, "max_retries": 0, **every_kind})
    site.use_cookie("f" * 32)
    then: list[Callable[[], None]] = []

    def page(session: Any) -> None:
        session["tmp"] = 1
        then.append(wire.hold_back("PutItem"))
        with pytest.raises(StoreUnavailable):
            inner(session).save()
        session.delete()
        inner(session).save()
        put(user="bob")(session)

    site.request(page)
    then[0]()
    site.use_cookie("f" * 32)
    assert contents(site) == {"user": "bob"}
