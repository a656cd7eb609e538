"""SessionModel bound to a table: one class and one pool of connections for each."""

from __future__ import annotations

import os
import threading
from typing import Any, TypedDict, cast

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.constants import PROVISIONED_BILLING_MODE
from pynamodb.models import MetaModel

from ..options import Options, parse_options
from .connection import EngineConnection
from .item import SessionModel


def session_model(**options: object) -> type[SessionModel]:
    """The `SessionModel` bound to the table that the options name.

    One class, and so one pool of connections, serves all options that name the same table in
    the same way. Nothing is connected before the first use.

    Args:
        options: as in the ini file; see `Options`.

    Raises:
        ConfigurationError: for an unknown option or a wrong value.
    """
    return bound_model(parse_options(options))


def bound_model(options: Options) -> type[SessionModel]:
    """As `session_model`, for options already parsed."""
    return _registry.model(options)


def forget_connections() -> None:
    """Begin with new connections: in a forked worker, or where the AWS chain has changed."""
    _registry.forget_connections()


def client_in_use(model: type[SessionModel]) -> Any:
    """The model's client, if there is one by now; for `renew_credentials`."""
    return cast("EngineConnection", model.table_connection().connection).client_in_use


def renew_credentials(model: type[SessionModel], refused: Any) -> bool:
    """Read the credentials of the AWS chain anew; False where the options name them.

    Args:
        model: bound to the table.
        refused: the client whose credentials were refused: of many threads that meet this at
            once, the first makes a new one.
    """
    connection = cast("EngineConnection", model.table_connection().connection)
    if connection.has_own_credentials:
        return False
    if connection.client_in_use is refused:
        connection.forget()
    return True


class Location(TypedDict):
    """Where a model's table is, as the errors name it."""

    table: str
    region: str | None


def location(model: type[SessionModel]) -> Location:
    """Table and region of a model, as the errors name them."""
    connection = cast("EngineConnection", model.table_connection().connection)
    return {"table": model.Meta.table_name, "region": connection.region_in_use}


def _bind(options: Options) -> type[SessionModel]:
    attributes: dict[str, Any] = {
        "Meta": type("Meta", (SessionModel.Meta,), _meta(options)),
        "id": UnicodeAttribute(hash_key=True, attr_name=options.hash_key),
        "item": UnicodeAttribute(range_key=True, attr_name=options.range_key),
        "expires": TTLAttribute(null=True, attr_name=options.ttl_attribute),
        "__module__": __name__,
    }
    model = cast("type[SessionModel]", MetaModel("SessionModel", (SessionModel,), attributes))
    table_connection = model.table_connection()
    connection = _connection(options)
    connection.add_meta_table(table_connection.get_meta_table())
    table_connection.connection = connection
    return model


def _meta(options: Options) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "table_name": options.table_name,
        "region": options.region,
        "host": options.endpoint_url,
    }
    if options.is_provisioned:
        meta["billing_mode"] = PROVISIONED_BILLING_MODE
        meta["read_capacity_units"] = options.read_capacity_units or 1
        meta["write_capacity_units"] = options.write_capacity_units or 1
    return meta


def _connection(options: Options) -> EngineConnection:
    return EngineConnection(
        profile=options.profile,
        region=options.region,
        host=options.endpoint_url,
        connect_timeout_seconds=options.connect_timeout,
        read_timeout_seconds=options.read_timeout,
        max_retry_attempts=options.max_retries,
        retry_configuration="LEGACY",  # PynamoDB's word for: use max_retry_attempts
        max_pool_connections=options.max_pool_connections,
        aws_access_key_id=options.aws_access_key_id,
        aws_secret_access_key=options.aws_secret_access_key,
        aws_session_token=options.aws_session_token,
    )


class _Registry:
    """The bound models of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[tuple[Any, ...], type[SessionModel]] = {}

    def model(self, options: Options) -> type[SessionModel]:
        binding = (options.client_key(), options.table_key())
        with self._lock:
            if binding not in self._models:
                self._models[binding] = _bind(options)
            return self._models[binding]

    def forget_connections(self) -> None:
        # In a forked worker the lock may be held, for ever, by a thread that the parent has.
        self._lock = threading.Lock()
        for model in self._models.values():
            cast("EngineConnection", model.table_connection().connection).forget()


_registry = _Registry()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=forget_connections)
