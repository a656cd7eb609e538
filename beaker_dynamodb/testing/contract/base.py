"""The base of every part of the contract: the backend, and what it can do."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from beaker import cache as beaker_cache
from beaker.cache import Cache, clsmap

from ..site import BackendOptions, Site

MakeCache = Callable[..., Any]


class Contract:
    """The promises of a backend; a subclass says which optional ones it keeps.

    Attributes:
        expires_automatically: an expired value is missing for the namespace manager too.
        timeout_attribute: a namespace manager shows, as ``timeout``, the one it was given.
        deletes_ended_sessions: ``Session.delete()`` leaves nothing in the store.
        deletes_replaced_sessions: ``invalidate()`` and ``regenerate_id()`` end the old id.
        serves_expired_values: while one thread replaces an expired value, others get the old one.
    """

    expires_automatically: ClassVar[bool] = True
    timeout_attribute: ClassVar[bool] = True
    deletes_ended_sessions: ClassVar[bool] = True
    deletes_replaced_sessions: ClassVar[bool] = True
    serves_expired_values: ClassVar[bool] = False

    @pytest.fixture
    def backend(self) -> BackendOptions:
        """Beaker's options: ``type``, and the options that lead to an empty store."""
        raise NotImplementedError("define a fixture named backend")

    def session_options(self, backend: BackendOptions, **options: Any) -> BackendOptions:
        """Options of a session; override it to add options of the backend."""
        return {**backend, **options}

    @pytest.fixture(params=["pickle", "json"])
    def serializer(self, request: pytest.FixtureRequest) -> str:
        """The serializer of the sessions."""
        return str(request.param)

    @pytest.fixture(params=[False, True], ids=["saved", "auto"])
    def auto(self, request: pytest.FixtureRequest) -> bool:
        """Whether each session that was used is saved."""
        return bool(request.param)

    @pytest.fixture
    def site(self, backend: BackendOptions, serializer: str, auto: bool) -> Site:
        """One site for each serializer, with and without ``auto``."""
        return Site(self.session_options(backend, data_serializer=serializer, auto=auto))

    @pytest.fixture(autouse=True)
    def own_registries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hide the caches and regions of one test from the next; stored values stay."""
        monkeypatch.setattr(beaker_cache, "cache_managers", {})
        monkeypatch.setattr(beaker_cache, "cache_regions", {})

    @pytest.fixture
    def name(self) -> str:
        """A name that no other test uses."""
        return uuid4().hex

    @pytest.fixture
    def make_cache(self, backend: BackendOptions) -> MakeCache:
        """Makes a cache: ``make_cache(namespace, **options)``."""

        def make(namespace: str, **options: Any) -> Any:
            return Cache(namespace, **{**backend, **options})

        return make

    @pytest.fixture
    def cache(self, name: str, make_cache: MakeCache) -> Any:
        """An empty cache of a name that no other test uses."""
        return make_cache(name)


def namespace_manager(backend: BackendOptions, namespace: str) -> Any:
    """A new namespace manager, which knows only the stored values."""
    options = dict(backend)
    return clsmap[options.pop("type")](namespace, **options)
