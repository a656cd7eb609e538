"""One trace of a site, and the capacity units that it consumes.

20 users, each with a login, 44 reads, 5 small changes and a logout.
"""

from __future__ import annotations

from dataclasses import dataclass

from beaker_dynamodb.testing.site import Site

from .dictionaries import content
from .pages import log_out
from .wire import Wire, open_wire

USERS, READS, CHANGES = 20, 44, 5
REQUESTS = USERS * (READS + CHANGES + 2)
#: Dollars for a million units (us-east-1, on demand).
READ_PRICE, WRITE_PRICE = 0.125, 0.625


@dataclass
class Charge:
    """Capacity units of some requests."""

    reads: float
    writes: float

    @classmethod
    def of(cls, wire: Wire) -> Charge:
        units = {"GetItem": 0.0, "PutItem": 0.0, "UpdateItem": 0.0}
        for call in wire.calls:
            units[call.operation] += call.units or 0.0
        return cls(units["GetItem"], units["PutItem"] + units["UpdateItem"])

    @property
    def dollars(self) -> float:
        return self.reads * READ_PRICE + self.writes * WRITE_PRICE


def trace(site: Site, first: int) -> Charge:
    """What the trace of 20 users costs."""
    with open_wire() as wire:
        for number in range(first, first + USERS):
            visitor = site.visitor(**content(number))
            for _ in range(READS):
                assert visitor.read()
            for change in range(CHANGES):
                visitor.put(page=change)
            visitor.visit(log_out)
    return Charge.of(wire)
