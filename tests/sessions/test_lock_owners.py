"""The owner of a session's lock: the session object, until its request ends. Lost leases."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from beaker.session import Session
from pyramid.config import Configurator
from pyramid.response import Response
from tg import MinimalApplicationConfigurator, TGController, expose, session
from tg.configurator.components.session import SessionConfigurationComponent
from webtest import TestApp

from beaker_dynamodb import DynamoDBSession, LockTimeout, SessionMiddleware, session_model
from beaker_dynamodb.turbogears import DynamoDBSessions
from tests.support.pages import KEYS, OwnSerializer
from tests.support.tables import stored_items

pytestmark = pytest.mark.usefixtures("create_table")

#: The kinds of sessions: class, and options.
SESSIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (Session, {}),
    "class": (DynamoDBSession, {}),
    "encrypted": (DynamoDBSession, KEYS),
    "own serializer": (DynamoDBSession, {"data_serializer": OwnSerializer()}),
}
COOKIE = "beaker.session.id"


class Shop:
    """Loads sessions of one table, as requests do."""

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        self._class, further = SESSIONS[kind]
        self.options = {"type": "ext:dynamodb", **options, "lock_wait": 0, **further}

    def begin(self, **values: Any) -> str:
        """Store a session; returns its id."""
        begun = self._class({}, use_cookies=False, **self.options)
        begun.update(values)
        begun.save()
        return str(begun.id)

    def load(self, session_id: str) -> Any:
        """The session object of one request."""
        return self._class({}, id=session_id, use_cookies=False, **self.options)

    def count(self, session_id: str) -> None:
        """Count under the lock, in another thread."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self._count, session_id).result(30)

    def can_lock(self, session_id: str) -> bool:
        """Whether another thread can lock a session now."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._can_lock, session_id).result(30)

    def _count(self, session_id: str) -> None:
        loaded = self.load(session_id)
        loaded.lock()
        loaded.load()
        loaded["n"] += 1
        loaded.save()
        loaded.unlock()

    def _can_lock(self, session_id: str) -> bool:
        loaded = self.load(session_id)
        try:
            loaded.lock()
        except LockTimeout:
            return False
        loaded.unlock()
        return True


@pytest.fixture(params=list(SESSIONS))
def shop(request: pytest.FixtureRequest, dynamodb: Any) -> Shop:
    return Shop(request.param, dynamodb.options)


@pytest.fixture(params=[kind for kind in SESSIONS if kind != "plain"])
def own_shop(request: pytest.FixtureRequest, dynamodb: Any) -> Shop:
    return Shop(request.param, dynamodb.options)


def locks(dynamodb: Any) -> list[Any]:
    return [item for item in stored_items(dynamodb) if item.item == "session lock"]


def unlock(_: Shop, loaded: Any) -> None:
    loaded.unlock()


def lock_again(_: Shop, loaded: Any) -> None:
    with pytest.raises(LockTimeout, match="held for more than lock_timeout"):
        loaded.lock()


def fail_to_lock_again(_: Shop, loaded: Any) -> None:
    """As `try: session.lock() ... finally: session.unlock()` does."""
    lock_again(_, loaded)
    loaded.unlock()


def lock_another_object(shop: Shop, loaded: Any) -> None:
    other = shop.load(loaded.id)
    try:
        other.lock()
    except LockTimeout:
        other.unlock()
    else:
        other.unlock()


def load_again(_: Shop, loaded: Any) -> None:
    # Not under the lock: another still holds it, or may acquire it.
    loaded.load()
    loaded.unlock()


STEPS = [unlock, lock_again, fail_to_lock_again, lock_another_object, load_again]


class TestALostLease:
    @pytest.fixture
    def slow(self, shop: Shop, clock: Any) -> Any:
        """A session object that has loaded the session under a lock, which another got since."""
        loaded = shop.load(shop.begin(n=0))
        loaded.lock()
        loaded.load()
        clock.advance(31)
        shop.count(loaded.id)
        return loaded

    @pytest.mark.parametrize("step", STEPS)
    def test_is_reported_at_the_next_save_whatever_comes_between(
        self, shop: Shop, slow: Any, step: Callable[[Shop, Any], None]
    ) -> None:
        step(shop, slow)
        for _ in range(2):
            slow["n"] = 7
            with pytest.raises(LockTimeout, match="unlock it, then lock and load it again"):
                slow.save()
        assert shop.load(slow.id)["n"] == 1

    def test_is_made_up_for_by_a_new_lock_and_load(self, shop: Shop, slow: Any) -> None:
        slow["n"] = 1
        with pytest.raises(LockTimeout):
            slow.save()
        slow.unlock()
        slow.lock()
        slow.load()
        slow["n"] += 1
        slow.save()
        slow.unlock()
        assert shop.load(slow.id)["n"] == 2

    def test_is_made_up_for_by_a_load_after_the_unlock(self, shop: Shop, slow: Any) -> None:
        slow.unlock()
        slow.load()
        slow["n"] += 1
        slow.save()
        assert shop.load(slow.id)["n"] == 2

    @pytest.mark.parametrize("unlocks", [True, False])
    def test_hinders_no_touch_and_no_logout(
        self, shop: Shop, slow: Any, clock: Any, unlocks: bool
    ) -> None:
        if unlocks:
            slow.unlock()
        clock.advance(60)
        slow.save(accessed_only=True)
        slow.delete()
        slow.save()
        assert shop.load(slow.id).get("n") is None

    def test_hinders_no_other_session_object(self, own_shop: Shop, clock: Any) -> None:
        loaded = own_shop.load(own_shop.begin(n=0))
        loaded.lock()
        clock.advance(31)
        other = own_shop.load(loaded.id)
        other["a"] = 1
        other.save()
        assert own_shop.load(loaded.id)["a"] == 1

    def test_of_the_old_id_hinders_no_session_begun_since(self, own_shop: Shop, clock: Any) -> None:
        loaded = own_shop.load(own_shop.begin(n=0))
        loaded.lock()
        loaded.invalidate()
        clock.advance(31)
        loaded.unlock()
        loaded["n"] = 5
        loaded.save()
        assert own_shop.load(loaded.id)["n"] == 5


class TestALock:
    def test_belongs_to_one_session_object(self, own_shop: Shop) -> None:
        first = own_shop.load(own_shop.begin(n=0))
        second = own_shop.load(first.id)
        first.lock()
        first.lock()
        with pytest.raises(LockTimeout, match="was not free for 0 s"):
            second.lock()
        second.unlock()
        first.unlock()
        with pytest.raises(LockTimeout):
            second.lock()
        first.unlock()
        second.lock()
        second.unlock()

    def test_of_beakers_class_is_shared_by_the_objects_of_a_thread(self, dynamodb: Any) -> None:
        shop = Shop("plain", dynamodb.options)
        first = shop.load(shop.begin(n=0))
        first.lock()
        second = shop.load(first.id)
        second.lock()
        assert not shop.can_lock(first.id)
        second.unlock()
        first.unlock()
        assert shop.can_lock(first.id)

    def test_can_be_released_by_another_thread(self, own_shop: Shop, dynamodb: Any) -> None:
        loaded = own_shop.load(own_shop.begin(n=0))
        loaded.lock()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(loaded.unlock).result(30)
        assert locks(dynamodb) == []


class TestAnUnlock:
    """It releases no lock of another session, whatever has become of its own."""

    @pytest.fixture
    def one(self, shop: Shop) -> Any:
        loaded = shop.load(shop.begin(n=0))
        loaded.lock()
        return loaded

    @pytest.fixture
    def other(self, shop: Shop) -> Iterator[Any]:
        loaded = shop.load(shop.begin(m=0))
        yield loaded
        assert not shop.can_lock(loaded.id)

    def test_of_the_other_one(self, one: Any, other: Any) -> None:
        other.lock()
        one.unlock()

    def test_once_too_often(self, one: Any, other: Any) -> None:
        other.lock()
        one.unlock()
        one.unlock()

    def test_after_one_through_another_object(self, shop: Shop, one: Any, other: Any) -> None:
        shop.load(one.id).unlock()
        other.lock()
        one.unlock()

    def test_after_the_lease_has_expired(self, one: Any, other: Any, clock: Any) -> None:
        clock.advance(31)
        other.lock()
        one.unlock()
        one.unlock()

    def test_under_a_new_id(self, one: Any, other: Any) -> None:
        other.lock()
        one.invalidate()
        one.unlock()
        one.unlock()

    def test_in_another_thread_that_holds_the_other_lock(self, one: Any, other: Any) -> None:
        def act() -> None:
            other.lock()
            one.unlock()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(act).result(30)


def view_that_fails(locked: Any) -> None:
    locked.lock()
    locked.load()
    raise ZeroDivisionError


def view_that_does_not_unlock(locked: Any) -> None:
    locked.lock()
    locked.load()
    locked["n"] += 1
    locked.save()


VIEWS = [view_that_fails, view_that_does_not_unlock]


def wsgi_site(options: dict[str, Any], view: Callable[[Any], None]) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        view(environ["beaker.session"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    return SessionMiddleware(application, **options)


def generating_site(options: dict[str, Any], view: Callable[[Any], None]) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        view(environ["beaker.session"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"done"

    return SessionMiddleware(application, **options)


def pyramid_site(options: dict[str, Any], view: Callable[[Any], None]) -> Any:
    def respond(request: Any) -> Response:
        view(request.session)
        return Response("done")

    config = Configurator(settings={f"session.{name}": options[name] for name in options})
    config.include("beaker_dynamodb.pyramid")
    config.add_route("home", "/")
    config.add_view(respond, route_name="home")
    return config.make_wsgi_app()


def turbogears_site(options: dict[str, Any], view: Callable[[Any], None]) -> Any:
    class RootController(TGController):  # type: ignore[misc]  # TurboGears has no types
        @expose(content_type="text/plain")
        def index(self) -> str:
            view(session)
            return "done"

    config = MinimalApplicationConfigurator()
    config.register(SessionConfigurationComponent)
    config.register(DynamoDBSessions)
    config.update_blueprint({"root_controller": RootController()})
    return config.make_wsgi_app({}, {f"session.{name}": options[name] for name in options})


class TestALockLeftBehind:
    @pytest.mark.parametrize("view", VIEWS)
    @pytest.mark.parametrize("make", [wsgi_site, generating_site, pyramid_site, turbogears_site])
    def test_is_released_when_the_request_ends(
        self,
        dynamodb: Any,
        make: Callable[..., Any],
        view: Callable[[Any], None],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        shop = Shop("class", dynamodb.options)
        session_id = shop.begin(n=0)
        browser = TestApp(make(shop.options, view))
        browser.set_cookie(COOKIE, session_id)
        if view is view_that_fails:
            with pytest.raises(ZeroDivisionError):
                browser.get("/")
        else:
            assert browser.get("/").text == "done"
        assert locks(dynamodb) == []
        assert "still locked when its request ended" in caplog.text
        assert shop.load(session_id)["n"] == (0 if view is view_that_fails else 1)

    def test_hinders_no_later_page_of_the_thread(self, dynamodb: Any, clock: Any) -> None:
        shop = Shop("class", dynamodb.options)
        session_id = shop.begin(n=0)
        browser = TestApp(wsgi_site(shop.options, view_that_fails))
        browser.set_cookie(COOKIE, session_id)
        with pytest.raises(ZeroDivisionError):
            browser.get("/")
        later = TestApp(wsgi_site(shop.options, view_that_does_not_unlock))
        later.set_cookie(COOKIE, session_id)
        for seconds in (0, 20, 7200):
            clock.advance(seconds)
            later.get("/")
        assert shop.load(session_id)["n"] == 3

    def test_is_kept_while_a_response_is_sent(self, dynamodb: Any) -> None:
        shop = Shop("class", dynamodb.options)
        session_id = shop.begin(n=0)

        def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            environ["beaker.session"].lock()
            start_response("200 OK", [])
            return iter([b"a", b"b"])

        environ = {"HTTP_COOKIE": f"{COOKIE}={session_id}"}
        body = SessionMiddleware(application, **shop.options)(environ, lambda *_: None)
        assert [(chunk, shop.can_lock(session_id)) for chunk in body] == [
            (b"a", False),
            (b"b", False),
        ]
        body.close()
        assert shop.can_lock(session_id)

    def test_leaves_an_unlocked_response_as_it_is(self, dynamodb: Any) -> None:
        body = [b"done"]

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            environ["beaker.session"]["n"] = 1
            start_response("200 OK", [])
            return body

        options = Shop("class", dynamodb.options).options
        assert SessionMiddleware(application, **options)({}, lambda *_: None) is body

    def test_by_an_object_that_is_gone_is_released_by_the_next_lock(
        self, shop: Shop, dynamodb: Any
    ) -> None:
        session_id = shop.begin(n=0)
        shop.load(session_id).lock()
        gc.collect()
        assert len(locks(dynamodb)) == 1
        other = shop.load(session_id)
        other.lock()
        other.unlock()
        assert locks(dynamodb) == []

    def test_by_an_object_of_beakers_class_hinders_no_page_that_only_reads(
        self, dynamodb: Any, clock: Any
    ) -> None:
        shop = Shop("plain", dynamodb.options)
        left = shop.load(shop.begin(n=0))
        left.lock()
        for seconds in (0, 20, 20, 20):
            clock.advance(seconds)
            later = shop.load(left.id)
            assert later["n"] == 0
            later.save(accessed_only=True)
        # So long after its end nobody counts on it any more.
        later["n"] = 1
        later.save()
        assert session_model(**dynamodb.options).count() == 2


def test_a_page_without_a_lock_pays_nothing_for_one(shop: Shop, wire: Any) -> None:
    session_id = shop.begin(n=0)
    act = partial(shop.load, session_id)
    with wire.expect("GetItem", "PutItem"):
        loaded = act()
        loaded["n"] = 1
        loaded.save()
        loaded.unlock()
