"""SessionModel: the item as PynamoDB maps it, bound to a table by `session_model`."""

from __future__ import annotations

import os
import threading
from typing import Any, TypedDict, cast

import botocore.session
from botocore.config import Config
from botocore.parsers import ResponseParserError
from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)
from pynamodb.connection import Connection, TableConnection
from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, PROVISIONED_BILLING_MODE
from pynamodb.models import MetaModel, Model

from .options import TABLE_OPTIONS, Options, parse_options
from .version import __version__


class SessionModel(Model):
    """One item of the table: a session, a value of a cache, or a lease."""

    class Meta:
        """Replaced in each class that `session_model` binds to a table."""

        table_name = "beaker"
        billing_mode = PAY_PER_REQUEST_BILLING_MODE
        read_capacity_units: int | None = None
        write_capacity_units: int | None = None

    id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    data = BinaryAttribute(legacy_encoding=False)
    version = UnicodeAttribute()
    touched = NumberAttribute()
    created = NumberAttribute(null=True)
    expires = TTLAttribute(null=True)
    key = BinaryAttribute(legacy_encoding=False, null=True)
    parts = UnicodeAttribute(null=True)
    lock_owner = UnicodeAttribute(null=True)
    lock_until = NumberAttribute(null=True)

    @classmethod
    def table_connection(cls) -> TableConnection:
        """PynamoDB's connection to the table; connects on first use."""
        return cls._get_connection()


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


def renew_credentials(model: type[SessionModel]) -> bool:
    """Read the credentials of the AWS chain anew; False where the options name them."""
    connection = cast("_Connection", model.table_connection().connection)
    if connection.has_own_credentials:
        return False
    connection.forget()
    return True


class Location(TypedDict):
    """Where a model's table is, as the errors name it."""

    table: str
    region: str | None


def location(model: type[SessionModel]) -> Location:
    """Table and region of a model, as the errors name them."""
    connection = cast("_Connection", model.table_connection().connection)
    return {"table": model.Meta.table_name, "region": connection.region_in_use}


class _Connection(Connection):
    """PynamoDB's connection with a profile, a name of ours, and one client for all threads."""

    def __init__(self, profile: str | None, **settings: Any) -> None:
        super().__init__(**settings)
        self._profile = profile
        self._client_lock = threading.Lock()

    @property
    def session(self) -> botocore.session.Session:
        named = botocore.session.Session(profile=self._profile) if self._profile else None
        session = named or super().session
        # A fixed name: botocore else composes its own anew for each call, a tenth of a call's CPU.
        name = f"beaker-dynamodb/{__version__} botocore/{botocore.__version__}"
        session.set_default_client_config(Config(user_agent=name))
        events = session.get_component("event_emitter")
        events.register_first("needs-retry", _take_no_longer_pause, unique_id=__name__)
        return session

    @property
    def client(self) -> Any:
        if self._client is None:
            with self._client_lock:
                return super().client
        return super().client

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        """Make a call, and see to it that it was DynamoDB that answered."""
        answer = super().dispatch(operation_name, operation_kwargs)
        if not answer["ResponseMetadata"].get("RequestId"):
            # botocore reads an empty answer out of any page with status 200: no item, and saved.
            raise ResponseParserError("the answer has no request id, so it is not DynamoDB's")
        return answer

    @property
    def region_in_use(self) -> str | None:
        """The region that the AWS chain has given, once there is a client."""
        return self._client.meta.region_name if self._client else self.region

    @property
    def has_own_credentials(self) -> bool:
        """Whether the options give an access key."""
        return self._aws_access_key_id is not None

    def forget(self) -> None:
        """Begin with a new client; the sockets are left to the parent process or other threads."""
        self._client = None
        self._client_lock = threading.Lock()
        # With it go the credentials: a thread of the parent may hold their lock for ever.
        self._local = threading.local()


def _take_no_longer_pause(response: tuple[Any, Any] | None, **_: Any) -> None:
    """Let the engine not lengthen a pause by seconds, which `Options.longest_call` must bound.

    botocore does as this header asks (botocore/retries/standard.py, ExponentialBackoff).
    """
    if response is not None:
        response[0].headers.pop("x-amz-retry-after", None)


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


def _connection(options: Options) -> _Connection:
    return _Connection(
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
        binding = tuple(getattr(options, name) for name in TABLE_OPTIONS)
        with self._lock:
            if binding not in self._models:
                self._models[binding] = _bind(options)
            return self._models[binding]

    def forget_connections(self) -> None:
        # In a forked worker the lock may be held, for ever, by a thread that the parent has.
        self._lock = threading.Lock()
        for model in self._models.values():
            cast("_Connection", model.table_connection().connection).forget()


_registry = _Registry()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=forget_connections)
