"""Timeouts of sessions, on a controlled clock."""

import pytest
from beaker.session import Session

from ..clock import Clock
from ..site import BackendOptions, Site, Visitor, content
from .base import Contract, namespace_manager

TIMEOUT = 4
DAY = 86_400


@pytest.mark.usefixtures("clock")
class SessionExpiryContract(Contract):
    """``timeout`` and ``save_accessed_time``.

    A backend that skips some touches must touch a session at least once a second here:
    set its option in ``session_options``.
    """

    @pytest.fixture(params=["pickle", "json"])
    def site(self, backend: BackendOptions, request: pytest.FixtureRequest) -> Site:
        options = {"timeout": TIMEOUT, "data_serializer": request.param}
        return Site(self.session_options(backend, **options))

    @pytest.fixture
    def ada(self, site: Site) -> Visitor:
        return site.visitor(name="Ada")

    def test_an_idle_session_lasts_until_its_timeout(self, ada: Visitor, clock: Clock) -> None:
        clock.advance(TIMEOUT - 0.1)

        assert ada.read() == {"name": "Ada"}

    def test_an_idle_session_is_gone_after_its_timeout(self, ada: Visitor, clock: Clock) -> None:
        clock.advance(TIMEOUT + 0.1)

        assert ada.read() == {}

    def test_after_the_timeout_a_visitor_gets_a_new_id(self, ada: Visitor, clock: Clock) -> None:
        old_id = ada.read_id()

        clock.advance(TIMEOUT + 0.1)
        ada.put(order="tea")

        assert ada.read() == {"order": "tea"}
        assert ada.read_id() != old_id

    @pytest.mark.parametrize("idle", [TIMEOUT + 0.1, TIMEOUT + 121, 30 * DAY])
    def test_an_old_cookie_finds_nothing_after_the_timeout(
        self, site: Site, ada: Visitor, clock: Clock, idle: float
    ) -> None:
        old_cookie = ada.cookie or ""

        clock.advance(idle)

        assert site.visitor_with(old_cookie).read() == {}

    def test_a_session_is_not_found_by_its_id_after_the_timeout(
        self, site: Site, ada: Visitor, clock: Clock
    ) -> None:
        ada_id = ada.read_id()

        clock.advance(TIMEOUT + 0.1)
        found = site.visitor().visit(lambda session: session.get_by_id(ada_id))

        assert found is None

    @pytest.mark.parametrize("changes", [False, True], ids=["who reads", "who changes it"])
    def test_an_active_visitor_is_never_timed_out(
        self, ada: Visitor, clock: Clock, changes: bool
    ) -> None:
        end = clock.now + 60
        while clock.now < end:
            clock.advance(1.3)
            if changes:
                ada.put(seen=clock.now)
            assert ada.read()["name"] == "Ada"

    def test_a_request_that_does_not_use_the_session_does_not_extend_it(
        self, ada: Visitor, clock: Clock
    ) -> None:
        for _ in range(3):
            clock.advance(1.5)
            ada.see()

        assert ada.read() == {}

    def test_a_timeout_ends_one_session_and_not_the_others(
        self, site: Site, ada: Visitor, clock: Clock
    ) -> None:
        clock.advance(TIMEOUT - 1)
        grace = site.visitor(name="Grace")
        clock.advance(2)

        assert ada.read() == {}
        assert grace.read() == {"name": "Grace"}

    def test_a_session_without_a_timeout_lasts_an_hour(
        self, backend: BackendOptions, clock: Clock
    ) -> None:
        visitor = Site(self.session_options(backend)).visitor(name="Ada")

        clock.advance(3_600)

        assert visitor.read() == {"name": "Ada"}

    @pytest.mark.parametrize("saves_accessed_time", [True, False])
    def test_the_time_of_the_last_request_is_stored_if_the_site_wants_it(
        self, backend: BackendOptions, clock: Clock, saves_accessed_time: bool
    ) -> None:
        options = self.session_options(backend, save_accessed_time=saves_accessed_time)
        visitor = Site(options).visitor(name="Ada")
        put_at = clock.now
        clock.advance(100)
        visitor.read()
        read_at = clock.now

        clock.advance(100)
        last = visitor.visit(lambda session: session.last_accessed)

        assert last == (read_at if saves_accessed_time else put_at)

    def test_without_accessed_times_changes_are_kept(self, backend: BackendOptions) -> None:
        visitor = Site(self.session_options(backend, save_accessed_time=False)).visitor(n=1)

        visitor.put(n=2)
        visitor.visit(lambda session: session.update(n=3))

        assert visitor.read() == {"n": 2}

    def test_the_store_forgets_a_session_two_minutes_after_its_timeout(
        self, backend: BackendOptions, ada: Visitor, clock: Clock
    ) -> None:
        ada_id = ada.read_id()

        clock.advance(TIMEOUT + 122)

        stored = "session" in namespace_manager(backend, ada_id)
        assert stored != self.expires_automatically

    def test_the_store_keeps_a_session_longer_than_its_timeout(
        self, backend: BackendOptions, ada: Visitor, clock: Clock
    ) -> None:
        ada_id = ada.read_id()

        clock.advance(TIMEOUT + 60)

        assert "session" in namespace_manager(backend, ada_id)

    def test_the_namespace_shows_the_timeout_that_beaker_gave_it(
        self, backend: BackendOptions
    ) -> None:
        session = Session({}, use_cookies=False, timeout=TIMEOUT, **self.session_options(backend))
        session["name"] = "Ada"
        session.save()

        shown = getattr(session.namespace, "timeout", None)

        assert shown == (TIMEOUT + 120 if self.timeout_attribute else None)
        assert content(session) == {"name": "Ada"}
