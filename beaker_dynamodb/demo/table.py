"""The demo's table: where it is, and the row behind a session.

All that the demo takes from the package, but for its middleware and errors, is imported here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import store
from ..codec import SessionText
from ..model import session_model
from ..model.connection import missing_settings
from ..options import Options
from ..store.faults import translated
from .calls import counted_by

TABLE = "beaker-demo"
REGION = "us-east-1"
#: For an endpoint that needs credentials and accepts any, such as DynamoDB Local.
DEFAULTS = {"region": REGION, "aws_access_key_id": "demo", "aws_secret_access_key": "demo"}


class Endpoint(NamedTuple):
    """DynamoDB or its stand-in: its name on the page, the options that lead to it.

    `reports_units` is set if the capacity units that it reports are real.
    """

    name: str
    options: dict[str, str]
    reports_units: bool


class StoredRow(NamedTuple):
    """The row of a session; sizes in bytes, times in seconds since the epoch."""

    partition: str
    version: str
    touched: float
    expires: float
    seen: float
    data_size: int
    payload_size: int
    text_size: int
    item_size: int

    @property
    def age(self) -> float:
        """Seconds from the last write of the row to `seen`."""
        return max(0.0, round(self.seen - self.touched, 3))

    @property
    def left(self) -> float:
        """Seconds from `seen` until the session ends; `expires` is rounded up to a second."""
        ends = self.expires - (math.ceil(self.touched) - self.touched)
        return max(0.0, round(ends - self.seen, 3))


class DemoTable:
    """The demo's table at an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._model = session_model(table_name=TABLE, **endpoint.options)

    @property
    def client(self) -> Any:
        """The botocore client that makes the calls."""
        return self._model.table_connection().connection.client

    def create(self) -> None:
        """Create the table if it is missing."""
        store.create(self._model)

    def read(self, session_id: str) -> StoredRow | None:
        """The row of a session, or None; this read is the page's own and not counted."""
        key = store.session_key("", session_id, True)
        with counted_by(None), translated(self._model):
            try:
                item = self._model.get(key.partition, key.sort, consistent_read=True)
            except self._model.DoesNotExist:
                return None
        text = SessionText.stored_as(item.data, Options.max_value_size)
        return StoredRow(
            partition=key.partition,
            version=item.version,
            touched=item.touched,
            expires=item.expires.timestamp(),
            seen=round(time.time(), 3),
            data_size=len(item.data),
            payload_size=len(text.payload),
            text_size=len(text.text),
            item_size=item_size(item.serialize()),
        )


def endpoint_at(url: str) -> Endpoint:
    """The endpoint at a URL; the demo's defaults complete what the AWS settings leave out.

    Raises:
        BeakerDynamoDBError: the AWS settings cannot be read.
    """
    with translated(session_model(endpoint_url=url)):
        missing = missing_settings()
    defaults = {name: value for name, value in DEFAULTS.items() if name in missing}
    return Endpoint(url, {"endpoint_url": url, **defaults}, reports_units=True)


def item_size(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """The size of an item as DynamoDB charges for it, in bytes.

    Names and values, a number with a byte for two digits and one more (developer guide,
    "DynamoDB item sizes and formats").
    """
    return sum(
        len(name.encode()) + _value_size(kind, value)
        for name, attribute in attributes.items()
        for kind, value in attribute.items()
    )


def _value_size(kind: str, value: str | bytes) -> int:
    if isinstance(value, bytes):
        return len(value)
    if kind == "N":
        digits = value.replace(".", "").strip("0")
        return (len(digits) + 1) // 2 + 1
    return len(value.encode())
