"""SessionModel bound to a table: one class for each table, one client for each location."""

from __future__ import annotations

import os
import threading
from typing import Any, cast

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.constants import PROVISIONED_BILLING_MODE
from pynamodb.models import MetaModel

from ..options import Options, parse_options
from .connection import DynamoDBConnection, SharedClient
from .item import SessionModel, index_attribute
from .schema import schema


def session_model(**options: object) -> type[SessionModel]:
    """The `SessionModel` bound to the table that the options name.

    Options that name the same table in the same way share one class. Tables at the same place
    with the same credentials share one client. Nothing connects before the first use.

    Args:
        options: as in the ini file; see `Options`.

    Raises:
        ConfigurationError: for an unknown option or a wrong value.
    """
    return bound_model(parse_options(options))


def bound_model(options: Options) -> type[SessionModel]:
    """As `session_model`, for options already parsed."""
    return _registry.model(options)


def connection_of(model: type[SessionModel]) -> DynamoDBConnection:
    """The connection of a bound model."""
    return cast("DynamoDBConnection", model.table_connection().connection)


def forget_connections() -> None:
    """Start with new clients: in a forked worker, or after the AWS chain has changed."""
    _registry.forget_connections()


class _Registry:
    """The bound models and the clients of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[tuple[Any, ...], type[SessionModel]] = {}
        self._clients: dict[tuple[Any, ...], SharedClient] = {}

    def model(self, options: Options) -> type[SessionModel]:
        client_key = options.client_key()
        model_key = (client_key, options.table_key())
        with self._lock:
            if model_key not in self._models:
                client = self._clients.setdefault(client_key, SharedClient(options))
                self._models[model_key] = _bind(options, client)
            return self._models[model_key]

    def forget_connections(self) -> None:
        # In a forked worker, a thread that only the parent has may hold the old lock for ever.
        self._lock = threading.Lock()
        for client in self._clients.values():
            client.forget()


_registry = _Registry()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=forget_connections)


def _bind(options: Options, client: SharedClient) -> type[SessionModel]:
    attributes: dict[str, Any] = {
        "Meta": type("Meta", (SessionModel.Meta,), _meta(options)),
        "id": UnicodeAttribute(hash_key=True, attr_name=options.hash_key),
        "item": UnicodeAttribute(range_key=True, attr_name=options.range_key),
        "expires": TTLAttribute(null=True, attr_name=options.ttl_attribute),
        **{
            index_attribute(key): UnicodeAttribute(null=True, attr_name=key)
            for key in options.index_keys
        },
        "__module__": __name__,
    }
    model = cast("type[SessionModel]", MetaModel("SessionModel", (SessionModel,), attributes))
    table_connection = model.table_connection()
    connection = DynamoDBConnection(options, client)
    connection.add_meta_table(table_connection.get_meta_table())
    table_connection.connection = connection
    return model


def _meta(options: Options) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "table_name": options.table_name,
        "region": options.region,
        "host": options.endpoint_url,
        "schema": schema(options),
        "index_keys": options.index_keys,
    }
    if options.is_provisioned:
        meta["billing_mode"] = PROVISIONED_BILLING_MODE
        meta["read_capacity_units"] = options.read_capacity_units or 1
        meta["write_capacity_units"] = options.write_capacity_units or 1
    return meta
