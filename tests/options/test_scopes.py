"""Settings of sessions and caches, checked when the application is built, without a call."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from beaker import cache
from paste.deploy import loadapp
from pyramid.config import Configurator
from tg import MinimalApplicationConfigurator, TGController
from tg.configurator.components.session import SessionConfigurationComponent

from beaker_dynamodb import ConfigurationError, SessionMiddleware
from beaker_dynamodb.middleware import session_filter
from beaker_dynamodb.turbogears import DynamoDBSessions
from tests.support.wire import Wire

Settings = dict[str, Any]


def build_middleware(settings: Settings, _: Path) -> object:
    return SessionMiddleware(lambda environ, start_response: [], settings)


def build_pyramid(settings: Settings, _: Path) -> object:
    config = Configurator(settings=settings)
    config.include("beaker_dynamodb.pyramid")
    return config


def build_filter(settings: Settings, folder: Path) -> object:
    lines = [f"{key} = {value}" for key, value in settings.items()]
    ini = [
        *("[pipeline:main]", "pipeline = session app"),
        *("[filter:session]", "use = egg:beaker-dynamodb#session", *lines),
        *("[app:app]", "paste.app_factory = tests.sessions.test_middleware:application_factory"),
    ]
    (folder / "site.ini").write_text("\n".join(ini))
    return loadapp(f"config:{folder / 'site.ini'}")


def build_turbogears(settings: Settings, _: Path) -> object:
    config = MinimalApplicationConfigurator()
    config.register(SessionConfigurationComponent)
    config.register(DynamoDBSessions)
    config.update_blueprint({"root_controller": TGController()})
    return config.make_wsgi_app({}, settings)


BUILDERS = [build_middleware, build_pyramid, build_filter, build_turbogears]
Build = Callable[[Settings, Path], object]


@pytest.mark.parametrize("build", BUILDERS)
class TestBuilding:
    def test_refuses_a_typo_and_names_the_full_key(
        self, build: Build, tmp_path: Path, wire: Wire
    ) -> None:
        expected = (
            r"unknown option session\.tabel_name = 'shop': did you mean session\.table_name\?"
        )
        with wire.expect(), pytest.raises(ConfigurationError, match=expected):
            build({"session.tabel_name": "shop"}, tmp_path)

    def test_quotes_a_wrong_value(self, build: Build, tmp_path: Path, wire: Wire) -> None:
        expected = r"option session\.lock_timeout must be a whole number .*, not 'soon'"
        with wire.expect(), pytest.raises(ConfigurationError, match=expected):
            build({"session.type": "ext:dynamodb", "session.lock_timeout": "soon"}, tmp_path)

    def test_refuses_a_key_without_an_effect(self, build: Build, tmp_path: Path) -> None:
        expected = r"session\.serializer has no effect: set session\.data_serializer"
        with pytest.raises(ConfigurationError, match=expected):
            build({"session.serializer": "json"}, tmp_path)

    def test_makes_no_call(self, build: Build, tmp_path: Path, wire: Wire) -> None:
        with wire.expect():
            build({"session.type": "ext:dynamodb", "session.region": "eu-west-1"}, tmp_path)

    def test_leaves_other_backends_to_beaker(self, build: Build, tmp_path: Path) -> None:
        build({"session.type": "memory", "session.zone": "x"}, tmp_path)


def refused(settings: Settings) -> str:
    with pytest.raises(ConfigurationError) as caught:
        build_middleware(settings, Path())
    return str(caught.value)


class TestAKeyWithoutAnEffect:
    @pytest.mark.parametrize(
        ("key", "hint"),
        [
            ("serializer", "set session.data_serializer"),
            ("expire", "set session.ttl"),
            ("cookie_name", "set session.key"),
            ("cookie_secure", "set session.secure"),
            ("max_age", "set session.cookie_expires"),
            ("table", "set session.table_name"),
            ("stale_ttl", "an option of caches: set cache.stale_ttl, or remove the key"),
            ("on_outage", "an option of caches: set cache.on_outage, or remove the key"),
            ("key_length", "an option of caches"),
        ],
    )
    def test_of_sessions_names_the_right_one(self, key: str, hint: str) -> None:
        message = refused({f"session.{key}": "1"})
        assert message.startswith(f"session.{key} has no effect")
        assert hint in message

    def test_is_found_in_a_url_too(self) -> None:
        message = refused({"session.url": "dynamodb://eu-west-1/shop?on_outage=miss"})
        assert message.startswith(
            "session.url?on_outage has no effect, because it is an option of caches"
        )
        message = refused({"session.url": "dynamodb:///?serializer=json"})
        assert (
            message == "session.url?serializer has no effect: set session.data_serializer instead"
        )
        message = refused({"session.url": "dynamodb:///?table=shop"})
        assert message == "session.url?table has no effect: set session.url?table_name instead"

    def test_of_a_framework_is_refused_without_it(self) -> None:
        assert "session.cookie_on_exception" in refused({"session.cookie_on_exception": "true"})
        build_pyramid({"session.cookie_on_exception": "true"}, Path())


class TestAKey:
    def test_is_named_with_its_long_prefix(self) -> None:
        message = refused({"beaker.session.tabel_name": "shop"})
        assert "beaker.session.tabel_name = 'shop': did you mean beaker.session.table_name?" in (
            message
        )

    def test_of_beakers_own_is_checked(self) -> None:
        assert "option session.secure: Session secure must be a boolean, not 'maybe'" in refused(
            {"session.secure": "maybe"}
        )
        assert "option session.samesite must be lax or strict or none, not 'loose'" in refused(
            {"session.samesite": "loose"}
        )
        assert "option session.data_serializer must be pickle or json, not 'yaml'" in refused(
            {"session.data_serializer": "yaml"}
        )

    def test_that_contradicts_another_is_named_with_its_prefix(self) -> None:
        settings = {"session.profile": "shop", "session.aws_access_key_id": "x"}
        assert "session.*: one of aws_access_key_id and" in refused(settings)

    def test_that_lets_active_users_expire_is_refused(self) -> None:
        message = refused({"session.timeout": "60", "session.touch_interval": "60"})
        assert "session.*: touch_interval (60 s) must be shorter" in message

    def test_is_compared_with_the_age_of_the_cookie(self) -> None:
        settings = {"session.touch_interval": "60", "session.cookie_expires": timedelta(seconds=50)}
        assert "touch_interval (60 s) must be shorter" in refused(settings)

    def test_that_encrypts_without_a_validate_key_is_refused(self) -> None:
        message = refused({"session.encrypt_key": "a-secret-key"})
        assert "session.encrypt_key is set without session.validate_key" in message
        assert "a-secret-key" not in message


SECRET = "hush-hush"  # a value that no message may show


@pytest.mark.parametrize(
    "key",
    [
        *("aws_secret_acess_key", "encrypt_keys", "secrets", "signing_key", "api_token"),
        *("db_password", "aws_access_key", "sign_key"),
    ],
)
def test_a_secret_is_never_quoted(key: str) -> None:
    assert SECRET not in refused({f"session.{key}": SECRET})


@pytest.mark.parametrize(
    "settings",
    [
        {"session.url": f"redis://user:{SECRET}@localhost"},
        {"session.url": f"dynamodb://eu-west-1/shop?aws_secret_access_key={SECRET}&signing_key=x"},
        {"session.endpoint_url": f"http://user:{SECRET}@127.0.0.1"},
        {"session.aws_secret_access_key": f"{SECRET} with a space"},
    ],
)
def test_a_secret_inside_a_value_is_never_quoted(settings: Settings) -> None:
    assert SECRET not in refused(settings)


def test_a_ttl_shorter_than_the_timeout_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
        for _ in range(2):
            build_middleware({"session.ttl": "613", "session.timeout": "617"}, Path())
    assert caplog.text.count("so timeout = 617 s has no effect") == 1


class TestCacheRegions:
    @pytest.fixture(autouse=True)
    def _own_regions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache, "cache_regions", {})

    def build(self, **keys: str) -> None:
        settings = {"cache.regions": "short, long", "cache.type": "ext:dynamodb"}
        more = {f"cache.{key.replace('__', '.')}": value for key, value in keys.items()}
        build_pyramid({**settings, **more}, Path())

    def test_that_are_right_are_taken(self) -> None:
        self.build(url="dynamodb:///shop", short__expire="5", long__stale_ttl="60")

    @pytest.mark.parametrize(
        ("keys", "hint"),
        [
            ({"short__tabel_name": "a"}, "did you mean cache.short.table_name?"),
            ({"short__stale_ttl": "soon"}, "option cache.short.stale_ttl must be"),
            ({"long__ttl": "60"}, "cache.long.ttl has no effect: set cache.long.expire"),
            (
                {"short__data_serializer": "json"},
                "cache.short.data_serializer has no effect: set cache.short.serializer",
            ),
            ({"short__hash_ids": "no"}, "an option of sessions: set session.hash_ids"),
            ({"table_name": "shop"}, "set cache.short.table_name, or put it into cache.url"),
        ],
    )
    def test_that_are_wrong_are_refused(self, keys: dict[str, str], hint: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            self.build(**keys)
        assert hint in str(caught.value)

    @pytest.mark.parametrize("prefix", ["cache.", "beaker.cache."])
    def test_are_checked_beside_sessions_of_any_type(self, prefix: str, tmp_path: Path) -> None:
        settings = {f"{prefix}regions": "short", f"{prefix}type": "ext:dynamodb"}
        build_middleware(settings, tmp_path)
        for name in ("tabel_name", "short.tabel_name"):
            wrong = {**settings, f"{prefix}{name}": "shop"}
            right = f"{prefix}{name}".replace("tabel", "table").replace(".", r"\.")
            with pytest.raises(ConfigurationError, match=f"did you mean {right}"):
                build_middleware(wrong, tmp_path)
            with pytest.raises(ConfigurationError, match=f"did you mean {right}"):
                session_filter(wrong)(lambda environ, start_response: [])
        build_middleware({**settings, f"{prefix}type": "memory", f"{prefix}x": "1"}, tmp_path)

    def test_may_have_a_cache_beside_them_in_turbogears(self, tmp_path: Path) -> None:
        settings = {"cache.regions": "short", "cache.type": "ext:dynamodb"}
        build_turbogears({**settings, "cache.table_name": "shop"}, tmp_path)
        with pytest.raises(ConfigurationError, match=r"did you mean cache\.table_name"):
            build_turbogears({**settings, "cache.tabel_name": "shop"}, tmp_path)

    def test_of_other_types_are_left_to_beaker(self) -> None:
        self.build(short__type="memory", short__zone="x")
