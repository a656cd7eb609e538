"""`config.include("beaker_dynamodb.pyramid")`: pyramid_beaker with DynamoDBSession.

Needs pyramid_beaker: `pip install "beaker-dynamodb[pyramid]"`.
"""

from __future__ import annotations

from typing import Any

import pyramid_beaker
from pyramid.events import NewRequest

from .options import FRAMEWORK_SESSION_KEYS
from .session import DynamoDBSession, release_locks, session_by_id, with_session_class
from .startup import prepare_caches, prepare_sessions


def includeme(config: Any) -> None:
    """Set the session factory and the cache regions that the settings describe.

    Does what `config.include("pyramid_beaker")` does, with `DynamoDBSession` as the session class
    if `session.type` is `ext:dynamodb` or missing.

    Args:
        config: Pyramid's `Configurator`.

    Raises:
        ConfigurationError: for an unknown option, one without an effect, or a wrong value. It
            names the full key.
        BeakerDynamoDBError: with `startup_check = fail`, for an error in the table.
    """
    settings = config.registry.settings
    prepare_sessions(
        {
            key: value
            for key, value in settings.items()
            if key.rpartition(".")[2] not in FRAMEWORK_SESSION_KEYS
        }
    )
    prepare_caches(settings, regions_alone=True)
    named = {name.removeprefix("beaker."): value for name, value in settings.items()}
    own = {name[8:]: value for name, value in named.items() if name.startswith("session.")}
    options = with_session_class(own)
    factory = pyramid_beaker.session_factory_from_settings(
        {f"session.{name}": value for name, value in options.items()}
    )
    if options.get("session_class") is DynamoDBSession:
        factory.get_by_id = _get_by_id
        config.add_subscriber(_expect_the_end, NewRequest)
    config.set_session_factory(factory)
    pyramid_beaker.set_cache_regions_from_settings(settings)


def _expect_the_end(event: Any) -> None:
    event.request.add_finished_callback(_release_locks)


def _release_locks(request: Any) -> None:
    # Pyramid keeps the session there once it is used.
    session = request.__dict__.get("session")
    if session is not None:
        release_locks(session)


def _get_by_id(session: Any, session_id: str) -> DynamoDBSession | None:
    return session_by_id(session.__dict__["_params"], session_id)
