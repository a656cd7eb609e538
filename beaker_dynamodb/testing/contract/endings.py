"""Ends of sessions: delete, invalidate, a new id, a timeout, a corrupt session."""

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from ..site import COOKIE, BackendOptions, Site, Visitor, content
from .base import Contract, namespace_manager

NOT_A_PAYLOAD = "bm90IGEgcGF5bG9hZA=="


def expiry_of_cookie(visitor: Visitor) -> datetime:
    """The expiry of the cookie in the last response."""
    [header] = visitor.cookies_set
    return parsedate_to_datetime(SimpleCookie(header)[COOKIE]["expires"])


def delete(session: Any) -> None:
    session.delete()


def invalidate(session: Any) -> None:
    session.invalidate()


def regenerate_id(session: Any) -> None:
    session.regenerate_id()


class EndingContract(Contract):
    """What remains of an ended session, with and without ``auto``."""

    @pytest.fixture
    def ada(self, site: Site) -> Visitor:
        return site.visitor(name="Ada", basket=["tea"])

    @pytest.fixture
    def intruder(self, site: Site, ada: Visitor) -> Visitor:
        """A visitor with a copy of Ada's first cookie."""
        return site.visitor_with(ada.cookie or "")

    def test_deleting_a_session_expires_its_cookie(self, ada: Visitor) -> None:
        ada.change(delete)

        assert expiry_of_cookie(ada) < datetime.now(timezone.utc)

    def test_a_deleted_session_is_empty(self, ada: Visitor) -> None:
        ada.change(delete)

        assert ada.read() == {}

    def test_an_old_cookie_finds_nothing_after_deletion(
        self, ada: Visitor, intruder: Visitor
    ) -> None:
        ada.change(delete)

        assert intruder.read() == {}
        assert intruder.visit(lambda session: session.is_new) == self.deletes_ended_sessions

    def test_a_deleted_session_stays_deleted_when_its_cookie_returns(
        self, ada: Visitor, intruder: Visitor
    ) -> None:
        ada.change(delete)

        for _ in range(3):
            intruder.read()

        assert intruder.read() == {}

    def test_a_deleted_session_is_not_found_by_its_id(self, site: Site, ada: Visitor) -> None:
        ada_id = ada.read_id()
        ada.change(delete)

        found = site.visitor().visit(lambda session: session.get_by_id(ada_id))

        assert (found is None) == self.deletes_ended_sessions
        assert not found or content(found) == {}

    def test_a_session_is_deleted_without_a_save(self, ada: Visitor) -> None:
        ada.visit(delete)

        assert ada.read() == {}

    def test_a_session_can_be_deleted_twice(self, ada: Visitor, intruder: Visitor) -> None:
        ada.change(delete)
        intruder.change(delete)

        assert intruder.read() == {}

    def test_a_session_that_was_never_stored_can_be_deleted(self, site: Site) -> None:
        visitor = site.visitor()

        visitor.change(delete)

        assert visitor.read() == {}

    def test_deleting_one_session_leaves_the_others(self, site: Site, ada: Visitor) -> None:
        grace = site.visitor(name="Grace")

        ada.change(delete)

        assert grace.read() == {"name": "Grace"}

    def test_after_a_deletion_a_visitor_gets_a_new_session(self, ada: Visitor) -> None:
        old_cookie = ada.cookie
        ada.change(delete)

        ada.put(name="Grace")

        assert ada.cookie != old_cookie
        assert ada.read() == {"name": "Grace"}

    def test_invalidating_gives_a_new_id_and_an_empty_session(self, ada: Visitor) -> None:
        old_id = ada.read_id()

        ada.change(invalidate)

        assert ada.cookie == f"{COOKIE}={ada.read_id()}"
        assert ada.read_id() != old_id
        assert ada.read() == {}

    def test_an_invalidated_session_stores_new_values(self, ada: Visitor) -> None:
        ada.change(lambda session: (session.invalidate(), session.update(order="coffee")))

        assert ada.read() == {"order": "coffee"}

    def test_regenerating_the_id_keeps_the_values(self, ada: Visitor) -> None:
        old_id = ada.read_id()

        ada.change(regenerate_id)

        assert ada.read_id() != old_id
        assert ada.cookie == f"{COOKIE}={ada.read_id()}"
        assert ada.read() == {"name": "Ada", "basket": ["tea"]}

    def test_regenerating_the_id_needs_no_save(self, ada: Visitor) -> None:
        old_id = ada.read_id()

        ada.visit(regenerate_id)

        assert ada.read_id() != old_id
        assert ada.read() == {"name": "Ada", "basket": ["tea"]}

    def test_values_can_change_along_with_the_id(self, ada: Visitor) -> None:
        ada.change(lambda session: (session.regenerate_id(), session.update(role="admin")))

        assert ada.read() == {"name": "Ada", "basket": ["tea"], "role": "admin"}

    @pytest.mark.parametrize("replace", [invalidate, regenerate_id])
    def test_the_replaced_id_finds_nothing(
        self, ada: Visitor, intruder: Visitor, replace: Any
    ) -> None:
        ada.change(replace)

        survives = intruder.read() == {"name": "Ada", "basket": ["tea"]}

        assert survives != self.deletes_replaced_sessions
        assert survives or intruder.read() == {}

    @pytest.mark.parametrize("replace", [invalidate, regenerate_id])
    def test_later_values_are_not_seen_with_the_replaced_id(
        self, ada: Visitor, intruder: Visitor, replace: Any
    ) -> None:
        ada.change(replace)

        ada.put(secret="for Ada")

        assert "secret" not in intruder.read()


class CorruptSessionContract(Contract):
    """Beaker's reaction to a stored session that it cannot read."""

    def corrupt(self, backend: BackendOptions, session_id: str) -> None:
        """Replace a stored session with something else; a subclass can override it."""
        namespace = namespace_manager(backend, session_id)
        assert namespace["session"]
        namespace.acquire_write_lock(replace=True)
        namespace["session"] = NOT_A_PAYLOAD
        namespace.release_write_lock()

    def test_a_corrupt_session_is_replaced_by_a_new_one(
        self, backend: BackendOptions, serializer: str
    ) -> None:
        site = Site(self.session_options(backend, data_serializer=serializer))
        ada = site.visitor(name="Ada")
        old_id = ada.read_id()
        self.corrupt(backend, old_id)

        with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
            found = ada.read()

        assert found == {}
        assert ada.read_id() != old_id

    def test_after_a_corrupt_session_a_visitor_gets_a_new_session(
        self, backend: BackendOptions, serializer: str
    ) -> None:
        site = Site(self.session_options(backend, data_serializer=serializer))
        ada = site.visitor(name="Ada")
        self.corrupt(backend, ada.read_id())

        with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
            ada.put(order="tea")

        assert ada.read() == {"order": "tea"}

    def test_a_corrupt_session_is_an_error_if_the_site_wants_it(
        self, backend: BackendOptions, serializer: str
    ) -> None:
        options = {"data_serializer": serializer, "invalidate_corrupt": False}
        site = Site(self.session_options(backend, **options))
        ada = site.visitor(name="Ada")
        self.corrupt(backend, ada.read_id())

        with pytest.raises(Exception) as caught:  # noqa: PT011  each serializer has its own
            ada.read()

        assert not isinstance(caught.value, (AssertionError, KeyError, TypeError))
