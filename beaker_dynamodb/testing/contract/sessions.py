"""The life of a session: created, stored, changed, read, reverted."""

from datetime import datetime, timezone
from typing import Any

import pytest
from beaker.middleware import SessionMiddleware
from beaker.session import Session

from ..clock import Clock
from ..site import BackendOptions, Site, content
from .base import Contract
from .odd_ids import UNKNOWN_IDS

VALUES: dict[str, Any] = {
    "none": None,
    "true": True,
    "a fraction": 0.1,
    "a large number": 2**70,
    "an empty text": "",
    "a text in many scripts": "naïve 日本語 \U0001f36a",
    "control characters": "\x00\x1f\x7f",
    "nothing in lists": [[], {}],
    "nested": {"basket": [{"item": "tea", "sizes": [1, 2.5, None]}]},
    "300 KB": "tea " * 75_000,
}

PICKLED_VALUES = {
    "bytes": b"\x00\xff",
    "a date": datetime(2024, 2, 29, 12, tzinfo=timezone.utc),
    "a tuple": (1, (2, 3)),
    "a set": {1, 2},
    "numbers as keys": {1: "one"},
}

KEYS = {
    "empty": "",
    "a name of Beaker's": "session",
    "spaces": " with space ",
    "not ASCII": "ключ",
    "3,000 characters": "k" * 3_000,
}


class SessionContract(Contract):
    """Sessions through the middleware, for both serializers, with and without ``auto``."""

    @pytest.fixture
    def careful_site(self, backend: BackendOptions, serializer: str) -> Site:
        """A site that saves a session only on request."""
        return Site(self.session_options(backend, data_serializer=serializer, auto=False))

    def test_a_new_visitor_has_an_empty_session(self, site: Site) -> None:
        visitor = site.visitor()

        assert visitor.visit(lambda session: session.is_new)
        assert visitor.read() == {}

    def test_a_value_of_a_session_is_kept(self, site: Site) -> None:
        visitor = site.visitor(name="Ada")

        assert visitor.read() == {"name": "Ada"}
        assert visitor.read() == {"name": "Ada"}
        assert not visitor.visit(lambda session: session.is_new)

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_a_value_comes_back_as_it_was(self, site: Site, value: Any) -> None:
        visitor = site.visitor(value=value)

        kept = visitor.read()["value"]

        assert kept == value
        assert type(kept) is type(value)

    @pytest.mark.parametrize("value", PICKLED_VALUES.values(), ids=PICKLED_VALUES.keys())
    def test_a_pickled_session_keeps_any_type(self, backend: BackendOptions, value: Any) -> None:
        site = Site(self.session_options(backend, data_serializer="pickle"))

        visitor = site.visitor(value=value)

        assert visitor.read() == {"value": value}

    @pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
    def test_a_session_has_keys_of_any_text(self, site: Site, key: str) -> None:
        visitor = site.visitor(**{key: "kept"})

        assert visitor.read() == {key: "kept"}

    @pytest.mark.filterwarnings("ignore:Session options should start:DeprecationWarning")
    def test_a_session_class_can_be_given_by_keyword(self, backend: BackendOptions) -> None:
        """Beaker then passes it to the backend twice, the second time as ``class``."""
        options = {"session_class": Session, **self.session_options(backend)}
        site = Site(options)
        site.application = SessionMiddleware(site.application.app, **options)

        assert site.visitor(name="Ada").read() == {"name": "Ada"}

    @pytest.mark.parametrize(("before", "after"), [("tea", "coffee"), (1, True), (1, None)])
    def test_a_changed_value_replaces_the_old_one(
        self, site: Site, before: Any, after: Any
    ) -> None:
        visitor = site.visitor(order=before, name="Ada")

        visitor.put(order=after)

        assert visitor.read() == {"order": after, "name": "Ada"}
        assert type(visitor.read()["order"]) is type(after)

    def test_a_removed_key_stays_removed(self, site: Site) -> None:
        visitor = site.visitor(order="tea", name="Ada")

        visitor.remove("order")

        assert visitor.read() == {"name": "Ada"}

    def test_the_last_key_can_be_removed(self, site: Site) -> None:
        visitor = site.visitor(order="tea")

        visitor.remove("order")

        assert visitor.read() == {}

    def test_a_value_changed_in_place_is_kept(self, site: Site) -> None:
        visitor = site.visitor(basket={"tea": [1]})

        visitor.change(lambda session: session["basket"]["tea"].append(2))

        assert visitor.read() == {"basket": {"tea": [1, 2]}}

    def test_many_requests_build_on_each_other(self, site: Site) -> None:
        visitor = site.visitor(visits=0)

        for _ in range(10):
            visitor.put(visits=visitor.read()["visits"] + 1)

        assert visitor.read() == {"visits": 10}

    def test_saves_within_one_request_build_on_each_other(self, site: Site) -> None:
        visitor = site.visitor(order="tea")

        def save_twice(session: Any) -> None:
            session["first"] = 1
            session.save()
            session.persist()
            session["second"] = 2

        visitor.change(save_twice)

        assert visitor.read() == {"order": "tea", "first": 1, "second": 2}

    def test_reading_changes_nothing(self, site: Site, clock: Clock) -> None:
        visitor = site.visitor(basket={"tea": [1]})
        before = visitor.visit(lambda session: (session.id, session.created, content(session)))

        for _ in range(3):
            clock.advance(100)
            visitor.read()

        after = visitor.visit(lambda session: (session.id, session.created, content(session)))
        assert after == before

    def test_a_change_keeps_the_creation_time(self, site: Site, clock: Clock) -> None:
        created = clock.now
        visitor = site.visitor(order="tea")

        clock.advance(100)
        visitor.put(order="coffee")

        assert visitor.visit(lambda session: session.created) == created

    def test_a_change_that_is_not_saved_is_lost(self, careful_site: Site) -> None:
        visitor = careful_site.visitor(order="tea")

        visitor.visit(lambda session: session.update(order="coffee"))

        assert visitor.read() == {"order": "tea"}

    def test_revert_undoes_the_changes_of_the_request(self, site: Site) -> None:
        visitor = site.visitor(order="tea", name="Ada")

        def change_and_revert(session: Any) -> None:
            session["order"] = "coffee"
            session["more"] = "cake"
            del session["name"]
            session.revert()

        visitor.change(change_and_revert)

        assert visitor.read() == {"order": "tea", "name": "Ada"}

    def test_a_session_can_be_changed_after_a_revert(self, site: Site) -> None:
        visitor = site.visitor(order="tea", name="Ada")

        def revert_and_change(session: Any) -> None:
            session["order"] = "coffee"
            session.revert()
            session["name"] = "Grace"

        visitor.change(revert_and_change)

        assert visitor.read() == {"order": "tea", "name": "Grace"}

    def test_two_visitors_never_see_each_others_data(self, site: Site) -> None:
        ada, grace = site.visitor(name="Ada"), site.visitor(name="Grace")

        ada.put(order="tea")
        grace.put(order="coffee")

        assert ada.read() == {"name": "Ada", "order": "tea"}
        assert grace.read() == {"name": "Grace", "order": "coffee"}

    def test_one_visitor_in_two_browsers_sees_one_session(self, site: Site) -> None:
        visitor = site.visitor(name="Ada")
        same_visitor = site.visitor_with(visitor.cookie or "")

        same_visitor.put(order="tea")

        assert visitor.read() == {"name": "Ada", "order": "tea"}

    def test_a_known_session_is_found_by_its_id(self, site: Site) -> None:
        ada, grace = site.visitor(name="Ada"), site.visitor(name="Grace")
        ada_id = ada.read_id()

        found = grace.visit(lambda session: content(session.get_by_id(ada_id)))

        assert found == {"name": "Ada"}

    @pytest.mark.parametrize("unknown", UNKNOWN_IDS.values(), ids=UNKNOWN_IDS.keys())
    def test_an_unknown_session_is_not_found_by_its_id(self, site: Site, unknown: str) -> None:
        visitor = site.visitor(name="Ada")

        assert visitor.visit(lambda session: session.get_by_id(unknown)) is None

    def test_a_session_found_by_its_id_can_be_changed(self, site: Site) -> None:
        ada, grace = site.visitor(name="Ada"), site.visitor(name="Grace")
        ada_id = ada.read_id()

        def invite(session: Any) -> None:
            other = session.get_by_id(ada_id)
            other["invited_by"] = session["name"]
            other.save()

        grace.visit(invite)

        assert ada.read() == {"name": "Ada", "invited_by": "Grace"}
        assert grace.read() == {"name": "Grace"}
