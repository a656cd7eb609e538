"""Counts what the stores send to DynamoDB Local, and what it charges for that."""

from __future__ import annotations

import json
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.support.proxy import Exchange, Fault
from tests.support.trace import READ_PRICE, WRITE_PRICE

READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan"})
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem"})


@dataclass
class Traffic:
    """The calls for one table.

    Attributes:
        calls: their number, by operation.
        read_units: that DynamoDB Local has charged.
        write_units: that DynamoDB Local has charged.
        sent: bytes of the requests, with their heads.
        received: bytes of the answers, without their heads.
    """

    calls: Counter[str] = field(default_factory=Counter)
    read_units: float = 0.0
    write_units: float = 0.0
    sent: int = 0
    received: int = 0

    @property
    def dollars(self) -> float:
        """The price of the units times a million."""
        return self.read_units * READ_PRICE + self.write_units * WRITE_PRICE


class Meter:
    """What a proxy does with each call: it requests the units, and counts."""

    def __init__(self) -> None:
        self._tables: defaultdict[str, Traffic] = defaultdict(Traffic)

    def choose(self, operation: str) -> Fault | None:
        """The way to answer a call, for `Proxy.inject_by`."""
        return self.count if operation in READS | WRITES else None

    def take(self, table: str) -> Traffic:
        """The calls for a table since the last call of this method."""
        return self._tables.pop(table, Traffic())

    def count(self, exchange: Exchange) -> None:
        """Pass a call on, and its answer as the client would get it without a meter."""
        body = json.loads(exchange.body)
        size = exchange.head_size + len(exchange.body)
        exchange.body = json.dumps({**body, "ReturnConsumedCapacity": "TOTAL"}).encode()
        answer = exchange.forward()
        content = json.loads(answer.body)
        consumed = content.get("ConsumedCapacity", {})
        if body.get("ReturnConsumedCapacity", "NONE") == "NONE":
            content.pop("ConsumedCapacity", None)
            text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
            answer = answer._replace(
                headers={**answer.headers, "x-amz-crc32": f"{zlib.crc32(text)}"}, body=text
            )
        self._add(body["TableName"], exchange.operation, consumed, size, len(answer.body))
        exchange.answer(answer)

    def _add(
        self, table: str, operation: str, consumed: dict[str, Any], sent: int, received: int
    ) -> None:
        traffic = self._tables[table]
        units = consumed.get("CapacityUnits", 0.0)
        traffic.calls[operation] += 1
        traffic.read_units += units if operation in READS else 0.0
        traffic.write_units += units if operation in WRITES else 0.0
        traffic.sent += sent
        traffic.received += received
