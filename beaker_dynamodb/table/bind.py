"""SessionModel bound to a table: one class for each table, one client for each location."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from operator import attrgetter
from typing import Any, cast
from weakref import WeakValueDictionary

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.constants import PROVISIONED_BILLING_MODE
from pynamodb.models import MetaModel

from ..options import Options, parse_options
from .client import SharedClient
from .connection import DynamoDBConnection
from .item import SessionModel, index_attribute
from .schema import schema

#: Clients that are kept open, each with its connections and some 350 KiB.
MOST_CLIENTS = 32
#: Models that are kept, each with some 11 KiB.
MOST_MODELS = 256


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
    """The bound models and the clients of this process.

    Both are bounded, since renewed credentials that are given as options name another client.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: The models that were used last; one that is dropped here lives while it is in use.
        self._models: OrderedDict[tuple[Any, ...], type[SessionModel]] = OrderedDict()
        #: The clients of all models that are alive.
        self._clients: WeakValueDictionary[tuple[Any, ...], SharedClient] = WeakValueDictionary()

    def model(self, options: Options) -> type[SessionModel]:
        key = (options.client_key(), options.table_key())
        with self._lock:
            if key not in self._models:
                self._models[key] = _bind(options, self._client(options))
            self._models.move_to_end(key)
            while len(self._models) > MOST_MODELS:
                self._models.popitem(last=False)
            return self._models[key]

    def forget_connections(self) -> None:
        # In a forked worker, a thread that only the parent has may hold the old lock for ever.
        self._lock = threading.Lock()
        for client in list(self._clients.values()):
            client.forget()

    def _client(self, options: Options) -> SharedClient:
        key = options.client_key()
        client = self._clients.get(key) or SharedClient(options, self._close_unused)
        self._clients[key] = client
        return client

    def _close_unused(self) -> None:
        """Close those that were not used for longest, if too many clients are open."""
        with self._lock:
            opened = [client for client in self._clients.values() if client.current is not None]
        opened.sort(key=attrgetter("last_used"), reverse=True)
        for client in opened[MOST_CLIENTS:]:
            client.close()


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
