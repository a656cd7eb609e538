"""The demo's table: where it is, and the row behind a session.

All that the demo takes from the package, but for its middleware and errors, is imported here.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

from ..codec import SavedSession
from ..options import Options, parse_options
from ..table import Table, item_size, session_key
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
        self._table = Table(parse_options({"table_name": TABLE, **endpoint.options}))

    @property
    def client(self) -> Any:
        """The botocore client that makes the calls."""
        return self._table.client

    def create(self) -> None:
        """Create the table if it is missing."""
        self._table.definition.create()

    def read(self, session_id: str) -> StoredRow | None:
        """The row of a session; None if there is none, or only the marker of its end.

        This read is the page's own and not counted.
        """
        key = session_key("", session_id, hash_id=True)
        with counted_by(None):
            stored = self._table.get(key, consistent=True)
        item = self._table.parse(stored) if stored else None
        if stored is None or item is None or item.ended is not None:
            return None
        session = SavedSession.from_data(item.data, Options.max_value_size)
        return StoredRow(
            partition=key.partition,
            version=item.version,
            touched=item.touched,
            expires=item.expires.timestamp(),
            seen=round(time.time(), 3),
            data_size=len(item.data),
            payload_size=len(session.payload),
            text_size=len(session.text),
            item_size=item_size(stored),
        )


def endpoint_at(url: str) -> Endpoint:
    """The endpoint at a URL; the demo's defaults complete what the AWS settings leave out.

    Raises:
        BeakerDynamoDBError: the AWS settings cannot be read.
    """
    missing = Table(parse_options({"endpoint_url": url})).missing_settings()
    defaults = {name: value for name, value in DEFAULTS.items() if name in missing}
    return Endpoint(url, {"endpoint_url": url, **defaults}, reports_units=True)
