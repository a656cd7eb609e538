"""`configurator.register(DynamoDBSessions)`: TurboGears' sessions with DynamoDBSession.

Needs TurboGears 2.5: `pip install 'TurboGears2>=2.5'`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tg.appwrappers.base import ApplicationWrapper
from tg.appwrappers.session import SessionApplicationWrapper
from tg.configurator.base import BeforeConfigConfigurationAction, ConfigurationComponent

from .session import OWN_TYPES, DynamoDBSession, release_locks, session_by_id
from .startup import prepare_caches, prepare_sessions


class DynamoDBSessions(ConfigurationComponent):  # type: ignore[misc]  # TurboGears has no types
    """Makes `DynamoDBSession` the class of the sessions that TurboGears stores in DynamoDB.

    An ini file cannot name a class. Register it beside TurboGears' own session component, which
    `FullStackApplicationConfigurator` includes; the order does not matter. The settings of
    sessions and cache regions are checked when the application is made.
    """

    id = "beaker_dynamodb"

    def get_actions(self) -> tuple[Any, ...]:
        """What TurboGears runs before it reads the settings."""
        return (BeforeConfigConfigurationAction(_configure),)

    def on_bind(self, configurator: Any) -> None:
        """Let `get_by_id` and `beaker.get_session` return `DynamoDBSession`s, too."""
        configurator.register_application_wrapper(SessionsById)
        configurator.register_application_wrapper(ReleasedLocks, after=SessionApplicationWrapper)


class SessionsById(ApplicationWrapper):  # type: ignore[misc]  # TurboGears has no types
    """Runs inside TurboGears' session wrapper, which uses Beaker's class for other sessions."""

    def __call__(self, controller: Any, environ: dict[str, Any], context: Any) -> Any:
        """Let the request's session find others of its class."""
        session = environ.get("beaker.session")
        options = {} if session is None else session.__dict__["_params"]
        if options.get("session_class") is DynamoDBSession:
            session.__dict__["get_by_id"] = partial(session_by_id, options)
            environ["beaker.get_session"] = partial(
                DynamoDBSession, {}, **{**options, "use_cookies": False}
            )
        return self.next_handler(controller, environ, context)


class ReleasedLocks(ApplicationWrapper):  # type: ignore[misc]  # TurboGears has no types
    """Runs around TurboGears' session wrapper, which saves the session."""

    def __call__(self, controller: Any, environ: dict[str, Any], context: Any) -> Any:
        """Release at the end of the request what it still has locked."""
        try:
            return self.next_handler(controller, environ, context)
        finally:
            session = environ.get("beaker.session")
            if session is not None:
                release_locks(session)


def _configure(conf: dict[str, Any], _: object) -> None:
    """Name the class, unless the settings name another one or another type.

    Raises:
        ConfigurationError: for an unknown option, one without an effect, or a wrong value. It
            names the full key.
        BeakerDynamoDBError: with `startup_check = fail`, for an error in the table.
    """
    # TurboGears reads no other prefix.
    prepare_sessions({key: conf[key] for key in conf if key.startswith("session.")})
    prepare_caches(conf)
    if conf.get("session.type") in OWN_TYPES:
        # For Beaker, a missing type means memory, or files if there is a data_dir.
        conf["session.type"] = "ext:dynamodb"
        conf.setdefault("session.session_class", DynamoDBSession)
