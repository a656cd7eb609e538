"""The ways to DynamoDBSession without naming the class: middleware, Paste and Pyramid."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from beaker import cache
from beaker.session import Session
from paste.deploy import loadapp
from pyramid.config import Configurator
from pyramid.response import Response
from tg import (
    FullStackApplicationConfigurator,
    MinimalApplicationConfigurator,
    TGController,
    expose,
    request,
    session,
)
from tg.configurator.components.session import SessionConfigurationComponent
from webtest import TestApp

from beaker_dynamodb import ConfigurationError, DynamoDBSession, SessionMiddleware, session_model
from beaker_dynamodb.turbogears import DynamoDBSessions

pytestmark = pytest.mark.usefixtures("create_table")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    session = environ["beaker.session"]
    session["n"] = session.get("n", 0) + 1
    session.save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{session['n']} {type(session._session()).__name__}".encode()]


def prefixed(prefix: str, options: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in options.items()}


def visits(app: Any) -> list[str]:
    browser = TestApp(app)
    return [browser.get("/").text for _ in range(2)]


class TestMiddleware:
    @pytest.mark.parametrize("prefix", ["session.", "beaker.session."])
    @pytest.mark.parametrize("named", [{}, {"type": "ext:dynamodb"}])
    def test_uses_the_class_by_default(
        self, dynamodb: Any, prefix: str, named: dict[str, str]
    ) -> None:
        config = prefixed(prefix, {**dynamodb.options, **named})
        assert visits(SessionMiddleware(application, config)) == [
            "1 DynamoDBSession",
            "2 DynamoDBSession",
        ]

    def test_takes_keywords(self, dynamodb: Any) -> None:
        app = SessionMiddleware(application, **dynamodb.options)
        assert visits(app) == ["1 DynamoDBSession", "2 DynamoDBSession"]

    def test_leaves_other_backends_to_beaker(self) -> None:
        app = SessionMiddleware(application, {"session.type": "memory"})
        assert visits(app) == ["1 Session", "2 Session"]

    def test_keeps_a_class_that_the_options_name(self, dynamodb: Any) -> None:
        app = SessionMiddleware(application, **dynamodb.options, session_class=Session)
        assert visits(app) == ["1 Session", "2 Session"]

    @pytest.mark.parametrize("session_type", ["memory", None])
    def test_gives_every_request_a_session_of_the_class(
        self, dynamodb: Any, session_type: str | None
    ) -> None:
        options = dynamodb.options if session_type is None else {}
        app = SessionMiddleware(application, type=session_type, **options)
        environ: dict[str, Any] = {}
        app(environ, lambda *_: None)
        session = environ["beaker.get_session"]()
        session["n"] = 5
        session.save()
        assert isinstance(session, DynamoDBSession) == (session_type is None)


def test_the_class_refuses_another_backend() -> None:
    with pytest.raises(ConfigurationError, match=r"session\.type is file"):
        DynamoDBSession({}, type="file")


class TestPaste:
    @pytest.mark.parametrize("prefix", ["session.", ""])
    def test_finds_the_filter_by_its_entry_point(
        self, dynamodb: Any, tmp_path: Path, prefix: str
    ) -> None:
        lines = [f"{name} = {value}" for name, value in prefixed(prefix, dynamodb.options).items()]
        ini = "\n".join(
            [
                "[DEFAULT]",
                "session.timeout = 600",
                "[pipeline:main]",
                "pipeline = session app",
                "[filter:session]",
                "use = egg:beaker-dynamodb#session",
                *lines,
                "[app:app]",
                "paste.app_factory = tests.sessions.test_middleware:application_factory",
            ]
        )
        (tmp_path / "site.ini").write_text(ini)
        app = loadapp(f"config:{tmp_path / 'site.ini'}")
        assert visits(app) == ["1 DynamoDBSession", "2 DynamoDBSession"]
        [row] = session_model(**dynamodb.options).scan()
        assert 719 <= row.expires.timestamp() - float(row.touched) <= 721


def application_factory(_: dict[str, str], **__: str) -> Any:
    return application


class TestPyramid:
    @pytest.mark.parametrize("prefix", ["session.", "beaker.session."])
    @pytest.mark.parametrize(
        ("named", "name"),
        [
            ({}, "DynamoDBSession"),
            ({"type": "ext:dynamodb"}, "DynamoDBSession"),
            ({"type": "memory"}, "Session"),
        ],
    )
    def test_includes_the_class(
        self, dynamodb: Any, prefix: str, named: dict[str, str], name: str
    ) -> None:
        options = {} if "memory" in named.values() else dynamodb.options
        app = pyramid_site(prefixed(prefix, {**options, **named}))
        assert visits(app) == [f"1 {name}", f"2 {name}"]

    def test_includes_the_cache_regions(self, dynamodb: Any, monkeypatch: Any) -> None:
        cache_regions: dict[str, Any] = {}
        monkeypatch.setattr(cache, "cache_regions", cache_regions)
        regions = {"cache.regions": "short", "cache.short.expire": "5"}
        pyramid_site({**prefixed("session.", dynamodb.options), **regions})
        assert cache_regions["short"]["expire"] == 5


class TestTurboGears:
    @pytest.mark.parametrize("comes_first", [False, True])
    @pytest.mark.parametrize(
        ("named", "name"),
        [
            ({}, "DynamoDBSession"),
            ({"type": "ext:dynamodb"}, "DynamoDBSession"),
            ({"session_class": Session, "type": "ext:dynamodb"}, "Session"),
            ({"type": "memory"}, "Session"),
        ],
    )
    def test_registers_the_class(
        self, dynamodb: Any, named: dict[str, Any], name: str, comes_first: bool
    ) -> None:
        options = {} if "memory" in named.values() else dynamodb.options
        settings = prefixed("session.", {**options, **named})
        app = turbogears_site(MinimalApplicationConfigurator(), settings, comes_first)
        assert visits(app) == [f"1 {name}", f"2 {name}"]

    def test_finds_other_sessions_of_the_class(self, dynamodb: Any) -> None:
        settings = prefixed("session.", dynamodb.options)
        app = turbogears_site(MinimalApplicationConfigurator(), settings, comes_first=False)
        browser, other = TestApp(app), TestApp(app)
        browser.get("/")
        cookie = browser.cookies["beaker.session.id"]
        assert other.get(f"/other?session_id={cookie}").text == "1 DynamoDBSession"
        assert other.get("/other?session_id=unknown").text == "none"
        assert other.get("/new").text == "DynamoDBSession"

    def test_works_in_the_full_stack(self, dynamodb: Any) -> None:
        config = FullStackApplicationConfigurator()
        config.register(DynamoDBSessions)
        config.update_blueprint({"root_controller": RootController(), "i18n.enabled": False})
        app = config.make_wsgi_app({}, prefixed("session.", dynamodb.options))
        assert visits(app) == ["1 DynamoDBSession", "2 DynamoDBSession"]


class RootController(TGController):  # type: ignore[misc]  # TurboGears has no types
    @expose(content_type="text/plain")
    def index(self) -> str:
        session["n"] = session.get("n", 0) + 1
        session.save()
        return f"{session['n']} {type(session._session()).__name__}"

    @expose(content_type="text/plain")
    def other(self, session_id: str) -> str:
        found = session.get_by_id(session_id)
        return f"{found['n']} {type(found).__name__}" if found else "none"

    @expose(content_type="text/plain")
    def new(self) -> str:
        return type(request.environ["beaker.get_session"]()).__name__


def turbogears_site(config: Any, settings: dict[str, Any], comes_first: bool) -> Any:
    components = [DynamoDBSessions, SessionConfigurationComponent]
    for component in components if comes_first else reversed(components):
        config.register(component)
    config.update_blueprint({"root_controller": RootController()})
    return config.make_wsgi_app({}, settings)


def pyramid_site(settings: dict[str, Any]) -> Any:
    config = Configurator(settings=settings)
    config.include("beaker_dynamodb.pyramid")
    config.add_route("home", "/")
    config.add_view(pyramid_view, route_name="home")
    return config.make_wsgi_app()


def pyramid_view(request: Any) -> Response:
    session = request.session
    session["n"] = session.get("n", 0) + 1
    return Response(f"{session['n']} {type(session._session()).__name__}")
