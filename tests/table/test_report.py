"""The error hook: `on_error` receives each error once."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import (
    BeakerDynamoDBError,
    ConfigurationError,
    DynamoDBSession,
    LockTimeout,
    SessionMiddleware,
    StoreUnavailable,
)
from beaker_dynamodb.testing.site import Site
from tests.support.internals import parse_options
from tests.support.pages import read, save

pytestmark = pytest.mark.usefixtures("create_table")
OUTAGE = (503, "ServiceUnavailable")


@pytest.fixture
def errors() -> list[BeakerDynamoDBError]:
    """The errors that the hook has received."""
    return []


@pytest.fixture
def options(dynamodb: Any, errors: list[BeakerDynamoDBError]) -> dict[str, Any]:
    return {**dynamodb.options, "max_retries": 0, "on_error": errors.append}


def raises(kind: type[Exception], call: Callable[[], object]) -> None:
    with pytest.raises(kind):
        call()


class TestTheHook:
    def test_receives_what_a_load_and_a_save_raise(
        self, options: Any, wire: Any, errors: list[Any]
    ) -> None:
        visitor = Site(options).visitor(user="alice")
        wire.fail_next("GetItem", OUTAGE)
        raises(StoreUnavailable, lambda: visitor.visit(read))
        wire.fail_next("PutItem", OUTAGE)
        raises(StoreUnavailable, lambda: visitor.put(n=1))
        assert [type(error) for error in errors] == [StoreUnavailable] * 2
        assert errors[0] is not errors[1]

    def test_receives_a_failed_touch(
        self, options: Any, wire: Any, errors: list[Any], clock: Any
    ) -> None:
        visitor = Site(options).visitor(user="alice")
        clock.advance(60)
        wire.fail_next("PutItem", OUTAGE)
        visitor.visit(save)
        assert [type(error) for error in errors] == [StoreUnavailable]

    def test_receives_an_outage_that_is_a_miss(
        self, options: Any, wire: Any, errors: list[Any]
    ) -> None:
        cache = Cache("pages", type="ext:dynamodb", **options, on_outage="miss")
        wire.fail_next("GetItem", OUTAGE)
        assert cache.get("page", createfunc=lambda: "made") == "made"
        assert [type(error) for error in errors] == [StoreUnavailable]

    def test_receives_a_creation_that_could_not_begin(
        self, options: Any, wire: Any, errors: list[Any]
    ) -> None:
        cache = Cache("pages", type="ext:dynamodb", **options)
        wire.fail_next("UpdateItem", OUTAGE)
        raises(StoreUnavailable, lambda: cache.get("page", createfunc=lambda: "made"))
        assert [type(error) for error in errors] == [StoreUnavailable]

    def test_receives_a_lock_that_was_not_free(self, options: Any, errors: list[Any]) -> None:
        site = Site(options, session_class=DynamoDBSession, lock_wait=0.05)
        visitor = site.visitor(user="alice")
        other = site.visitor_with(visitor.cookie or "")

        def hold(session: Any) -> None:
            session.lock()
            with ThreadPoolExecutor() as threads, pytest.raises(LockTimeout):
                threads.submit(other.visit, lambda mine: mine.lock()).result()
            session.unlock()

        visitor.visit(hold)
        assert [type(error) for error in errors] == [LockTimeout]

    def test_holds_no_id(self, options: Any, wire: Any, errors: list[Any]) -> None:
        visitor = Site(options).visitor(user="alice")
        session_id = visitor.read_id()
        wire.fail_next("GetItem", OUTAGE)
        raises(StoreUnavailable, lambda: visitor.visit(read))
        assert session_id not in f"{errors[0]} {vars(errors[0])}"


class TestAHookThatFails:
    def test_is_logged_and_breaks_no_page(
        self, dynamodb: Any, wire: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(error: BeakerDynamoDBError) -> None:
            raise KeyError("the hook's own fault")

        options = {**dynamodb.options, "max_retries": 0, "on_error": fail, "on_outage": "miss"}
        cache = Cache("pages", type="ext:dynamodb", **options)
        wire.fail_next("GetItem", OUTAGE)
        with caplog.at_level(logging.ERROR):
            assert cache.get("page", createfunc=lambda: "made") == "made"
        assert "the function on_error has raised an exception" in caplog.text
        assert "the hook's own fault" in caplog.text
        assert "StoreUnavailable" not in caplog.text

    def test_by_an_outage_of_its_own_is_not_called_again(self, dynamodb: Any, wire: Any) -> None:
        calls: list[BeakerDynamoDBError] = []

        def use_the_table(error: BeakerDynamoDBError) -> None:
            calls.append(error)
            wire.fail_next("GetItem", OUTAGE)
            cache.get("reports")

        options = {**dynamodb.options, "max_retries": 0, "on_error": use_the_table}
        cache = Cache("pages", type="ext:dynamodb", **options)
        for _ in range(2):
            wire.fail_next("GetItem", OUTAGE)
            raises(StoreUnavailable, lambda: cache.get("page"))
        assert len(calls) == 2


class TestAStart:
    @pytest.mark.parametrize("wrong", [{"tabel_name": "shop"}, {"ttl": "soon"}])
    def test_reports_a_wrong_setting(self, errors: list[Any], wrong: dict[str, str]) -> None:
        settings: dict[str, Any] = {"type": "ext:dynamodb", "on_error": errors.append, **wrong}
        with pytest.raises(ConfigurationError) as caught:
            SessionMiddleware(lambda *_: [], **settings)
        assert errors == [caught.value]

    @pytest.mark.parametrize("region", ["cache.", "cache.pages.", "beaker.cache.pages."])
    def test_reports_a_wrong_setting_of_a_cache(self, errors: list[Any], region: str) -> None:
        own = {"type": "ext:dynamodb", "on_error": errors.append, "tabel_name": "shop"}
        config = {f"{region}{name}": value for name, value in own.items()}
        if "pages" in region:
            config[region.replace("pages.", "regions")] = "pages"
        with pytest.raises(ConfigurationError) as caught:
            SessionMiddleware(lambda *_: [], config)
        assert errors == [caught.value]

    def test_reports_why_it_is_refused(self, options: Any, errors: list[Any]) -> None:
        settings = {**options, "table_name": "missing", "create_table": False}
        with pytest.raises(BeakerDynamoDBError, match="table missing is missing") as caught:
            SessionMiddleware(lambda *_: [], type="ext:dynamodb", startup_check="fail", **settings)
        assert errors[-1] is caught.value


class TestAName:
    def test_is_imported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = ModuleType("my_shop")
        monkeypatch.setitem(sys.modules, "my_shop", module)
        monkeypatch.setattr(module, "note", print, raising=False)
        assert parse_options({"on_error": "my_shop:note"}).on_error is print

    @pytest.mark.parametrize(
        "name", ["my_shop:note", "os:nothing", "os:name", "os", ":print", ".os:getpid", "", 7]
    )
    def test_that_cannot_be_imported_is_refused_at_the_start(self, name: object) -> None:
        settings = {"session.type": "ext:dynamodb", "session.on_error": name}
        with pytest.raises(ConfigurationError, match=r"session\.on_error must be a function"):
            SessionMiddleware(lambda *_: [], settings)
