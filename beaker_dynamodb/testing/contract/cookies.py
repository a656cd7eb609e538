"""Cookies: signed, forged, malformed or missing; and encrypted sessions."""

from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from ..clock import Clock
from ..site import COOKIE, BackendOptions, Site, Visitor, unknown_id
from .base import Contract
from .odd_ids import NEAR_IDS, ODD_IDS

ACTIONS = {
    "reads": lambda session: session.get("name"),
    "saves": lambda session: (session.update(order="tea"), session.save()),
    "deletes": lambda session: session.delete(),
    "invalidates": lambda session: session.invalidate(),
    "regenerates the id": lambda session: session.regenerate_id(),
}


class CookieContract(Contract):
    """No cookie breaks the site, or opens another visitor's session.

    Without ``invalidate_corrupt``, an id that the backend refuses is an error, which tests see.
    """

    @pytest.fixture
    def site(self, backend: BackendOptions) -> Site:
        return Site(self.session_options(backend, invalidate_corrupt=False))

    @pytest.fixture
    def ada(self, site: Site) -> Visitor:
        return site.visitor(name="Ada")

    @pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
    @pytest.mark.parametrize("auto", [False, True], ids=["saved", "auto"])
    @pytest.mark.parametrize("odd", ODD_IDS.values(), ids=ODD_IDS.keys())
    def test_an_odd_id_never_breaks_the_site(
        self, backend: BackendOptions, odd: str, auto: bool, action: Any
    ) -> None:
        options = {"auto": auto, "invalidate_corrupt": False}
        site = Site(self.session_options(backend, **options))
        ada = site.visitor(name="Ada")
        visitor = site.visitor_with(f"{COOKIE}={odd}")

        visitor.visit(action)

        assert "name" not in visitor.read()
        assert ada.read() == {"name": "Ada"}

    @pytest.mark.parametrize("near", NEAR_IDS.values(), ids=NEAR_IDS.keys())
    def test_an_id_close_to_another_finds_nothing(
        self, site: Site, ada: Visitor, near: Any
    ) -> None:
        intruder = site.visitor_with(f"{COOKIE}={near(ada.read_id())}")

        intruder.put(order="tea")

        assert intruder.read() in ({"order": "tea"}, {})
        assert ada.read() == {"name": "Ada"}

    def test_long_ids_that_differ_at_the_end_are_two_sessions(self, site: Site) -> None:
        long = unknown_id() * 1_000
        first, second = (site.visitor_with(f"{COOKIE}={long}{end}") for end in "ab")

        first.put(order="tea")

        assert first.read() == {"order": "tea"}
        assert second.read() == {}

    def test_two_cookies_of_one_name_open_no_other_visitors_session(
        self, site: Site, ada: Visitor
    ) -> None:
        unknown = f"{COOKIE}={unknown_id()}"

        assert site.visitor_with(f"{unknown}; {ada.cookie}").read() in ({}, {"name": "Ada"})
        assert site.visitor_with(f"{ada.cookie}; {unknown}").read() in ({}, {"name": "Ada"})
        assert site.visitor_with(f"{unknown}; {unknown}").read() == {}

    def test_cookies_of_other_names_do_no_harm(self, site: Site, ada: Visitor) -> None:
        visitor = site.visitor_with(f'theme="dark"; a:b=1; {ada.cookie}; last=é')

        assert visitor.read() == {"name": "Ada"}

    @pytest.mark.parametrize("malformed", ["a[b]=1", ";", "=", "é", "expires=1", '"', "a\x00=1"])
    def test_malformed_cookies_open_no_other_visitors_session(
        self, site: Site, ada: Visitor, malformed: str
    ) -> None:
        before = site.visitor_with(f"{malformed}; {ada.cookie}")
        after = site.visitor_with(f"{ada.cookie}; {malformed}")

        assert before.read() in ({}, {"name": "Ada"})
        assert after.read() in ({}, {"name": "Ada"})

    def test_a_request_that_does_not_use_the_session_sets_no_cookie(self, site: Site) -> None:
        visitor = site.visitor()

        visitor.see()

        assert visitor.cookies_set == []
        assert visitor.cookie is None

    def test_a_request_that_does_not_use_the_session_does_not_touch_it(
        self, site: Site, clock: Clock
    ) -> None:
        visitor = site.visitor(name="Ada")
        last_used = clock.now

        clock.advance(100)
        visitor.see()

        assert visitor.visit(lambda session: session.last_accessed) == last_used

    def test_a_new_visitor_gets_no_cookie_by_reading(self, site: Site) -> None:
        visitor = site.visitor()

        visitor.read()

        assert visitor.cookies_set == []

    def test_a_known_visitor_gets_no_second_cookie(self, ada: Visitor) -> None:
        ada.put(order="tea")

        assert ada.cookies_set == []


class SignedCookieContract(Contract):
    """Cookies under a ``secret``."""

    @pytest.fixture
    def site(self, backend: BackendOptions) -> Site:
        options = {"secret": "a secret of the site", "invalidate_corrupt": False}
        return Site(self.session_options(backend, **options))

    def test_a_signed_cookie_opens_its_session(self, site: Site) -> None:
        visitor = site.visitor(name="Ada")

        visitor.put(order="tea")

        assert visitor.read() == {"name": "Ada", "order": "tea"}
        assert visitor.cookie != f"{COOKIE}={visitor.read_id()}"

    def test_a_tampered_signature_opens_nothing(self, site: Site) -> None:
        ada = site.visitor(name="Ada")
        name, value = (ada.cookie or "").split("=")
        forged = ("1" if value[0] == "0" else "0") + value[1:]

        intruder = site.visitor_with(f"{name}={forged}")

        assert intruder.read() == {}
        assert intruder.read_id() != ada.read_id()

    def test_an_id_without_a_signature_opens_nothing(self, site: Site) -> None:
        ada = site.visitor(name="Ada")

        intruder = site.visitor_with(f"{COOKIE}={ada.read_id()}")

        assert intruder.read() == {}

    def test_a_signature_of_another_id_opens_nothing(self, site: Site) -> None:
        ada, grace = site.visitor(name="Ada"), site.visitor(name="Grace")
        signature = (grace.cookie or "").split("=")[1][:40]

        intruder = site.visitor_with(f"{COOKIE}={signature}{ada.read_id()}")

        assert intruder.read() == {}

    @pytest.mark.parametrize("odd", ODD_IDS.values(), ids=ODD_IDS.keys())
    def test_an_odd_id_never_breaks_a_site_that_signs(self, site: Site, odd: str) -> None:
        ada = site.visitor(name="Ada")
        visitor = site.visitor_with(f"{COOKIE}={odd}")

        visitor.put(order="tea")

        assert "name" not in visitor.read()
        assert ada.read() == {"name": "Ada"}


class EncryptedSessionContract(Contract):
    """Sessions under an ``encrypt_key``."""

    @pytest.fixture(params=["pickle", "json"])
    def options(self, backend: BackendOptions, request: pytest.FixtureRequest) -> BackendOptions:
        keys = {"encrypt_key": "to read", "validate_key": "to trust"}
        return self.session_options(backend, data_serializer=request.param, **keys)

    def test_an_encrypted_session_is_kept_and_changed(self, options: BackendOptions) -> None:
        visitor = Site(options).visitor(name="Ada", basket=["tea"])

        visitor.change(lambda session: session["basket"].append("cake"))
        visitor.remove("name")

        assert visitor.read() == {"basket": ["tea", "cake"]}

    def test_an_encrypted_session_ends(self, options: BackendOptions) -> None:
        site = Site(options)
        ada = site.visitor(name="Ada")
        intruder = site.visitor_with(ada.cookie or "")

        ada.change(lambda session: session.delete())

        assert intruder.read() == {}

    def test_an_encrypted_session_keeps_its_values_under_a_new_id(
        self, options: BackendOptions
    ) -> None:
        ada = Site(options).visitor(name="Ada")

        ada.change(lambda session: session.regenerate_id())

        assert ada.read() == {"name": "Ada"}

    def test_another_key_opens_nothing(self, options: BackendOptions) -> None:
        ada = Site(options).visitor(name="Ada")
        other_site = Site({**options, "encrypt_key": "another key"})

        with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
            found = other_site.visitor_with(ada.cookie or "").read()

        assert found == {}
