"""SessionMiddleware: Beaker's, with DynamoDBSession as its session class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from beaker import middleware

from .session import (
    DynamoDBSession,
    release_locks,
    session_by_id,
    session_in_use,
    with_session_class,
)
from .startup import PREFIXES, prepare_caches, prepare_sessions


class SessionMiddleware(middleware.SessionMiddleware):  # type: ignore[misc]  # Beaker has no types
    """Beaker's middleware, with sessions in DynamoDB unless the settings name another type.

    An ini file cannot name a class. If its `session.type` is `ext:dynamodb` or missing, the
    sessions are `DynamoDBSession`s; Beaker handles any other type.

    Args:
        wrap_app: the WSGI application.
        config: settings with Beaker's prefix `session.` or `beaker.session.`. Settings of caches in
            DynamoDB, with `cache.` or `beaker.cache.`, are only checked: Beaker's
            `CacheMiddleware` and `CacheManager` read them.
        environ_key: key of the session in the WSGI environment.
        settings: settings without a prefix; they take precedence.

    Raises:
        ConfigurationError: for an unknown option, one without an effect, or a wrong value. It
            names the full key.
        BeakerDynamoDBError: with `startup_check = fail`, for an error in the table.
    """

    def __init__(
        self,
        wrap_app: Callable[..., Any],
        config: Mapping[str, Any] | None = None,
        environ_key: str = "beaker.session",
        **settings: Any,
    ) -> None:
        prepare_sessions(config or {}, **settings)
        prepare_caches(config or {})
        super().__init__(wrap_app, dict(config or {}), environ_key, **settings)
        self.options: dict[str, Any] = with_session_class(self.options)
        self.wrap_app = self._respond

    def _get_session(self) -> Any:
        if not self._has_own_class:
            return super()._get_session()
        return DynamoDBSession({}, use_cookies=False, **self.options)

    @property
    def _has_own_class(self) -> bool:
        return self.options.get("session_class") is DynamoDBSession

    def _respond(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if not self._has_own_class:
            return self.app(environ, start_response)
        session = environ[self.environ_key]
        session.__dict__["get_by_id"] = partial(session_by_id, self.options)
        return _respond_and_release(session, self.app, environ, start_response)


class _Body:
    """A response that releases the session's lock when the server closes it."""

    def __init__(self, body: Iterable[bytes], session: Any) -> None:
        self._body = body
        self._session = session

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """End the request."""
        try:
            getattr(self._body, "close", _do_nothing)()
        finally:
            release_locks(self._session)


def _do_nothing() -> None:
    """Close a body that needs no closing."""


def _respond_and_release(
    session: Any,
    app: Callable[..., Any],
    environ: dict[str, Any],
    start_response: Callable[..., Any],
) -> Any:
    """The response of an application; whatever it has locked is released when that ends.

    A generator begins when the server reads it. Any other response passes as it is, unless the
    session is locked.
    """
    started: list[bool] = []

    def start(*arguments: Any) -> Any:
        started.append(True)
        return start_response(*arguments)

    try:
        body = app(environ, start)
    except BaseException:
        release_locks(session)
        raise
    used = session_in_use(session)
    is_locked = used is not None and used.is_locked
    return _Body(body, session) if is_locked or not started else body


def session_filter(
    global_config: Mapping[str, Any], **settings: Any
) -> Callable[[Callable[..., Any]], SessionMiddleware]:
    """The Paste filter `egg:beaker-dynamodb#session`: SessionMiddleware from a section's lines.

    Args:
        global_config: the ini file's defaults; those with Beaker's prefix count.
        settings: the section's lines, with or without Beaker's prefix.
    """
    own = {_prefixed(name): value for name, value in settings.items()}
    return lambda app: SessionMiddleware(app, {**global_config, **own})


def _prefixed(name: str) -> str:
    return name if name.startswith(PREFIXES) else f"session.{name}"
