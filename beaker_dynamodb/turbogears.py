"""`configurator.register(DynamoDBSessions)`: TurboGears' sessions with DynamoDBSession.

Needs TurboGears 2.5: `pip install 'TurboGears2>=2.5'`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tg.configurator.base import BeforeConfigConfigurationAction, ConfigurationComponent

from .options import check_cache_settings
from .session import OWN_TYPES, DynamoDBSession
from .startup import prepare_sessions


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


def _configure(conf: dict[str, Any], _: object) -> None:
    """Name the class, unless the settings name another one or another type.

    Raises:
        ConfigurationError: for an unknown option, one without an effect, or a wrong value. It
            names the full key.
        BeakerDynamoDBError: with `startup_check = fail`, for an error in the table.
    """
    prepare_sessions(_of_application(conf))
    check_cache_settings(conf)
    if conf.get("session.type") in OWN_TYPES:
        # For Beaker, a missing type means memory, or files if there is a data_dir.
        conf["session.type"] = "ext:dynamodb"
        conf.setdefault("session.session_class", DynamoDBSession)


def _of_application(conf: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that TurboGears passes to Beaker: without those with another prefix."""
    return {key: value for key, value in conf.items() if key.startswith("session.")}
