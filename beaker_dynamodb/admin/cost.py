"""What sessions cost in a month, at on-demand prices."""

from __future__ import annotations

from dataclasses import dataclass

SECONDS_OF_A_MONTH = 730 * 3600
MILLION = 1_000_000
GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Prices:
    """Prices in dollars: standard table class, in us-east-1 since November 2024.

    Attributes:
        read: of a million read units, on demand.
        write: of a million write units, on demand; a replicated one costs the same.
        storage: of a gigabyte for a month.
        read_hour: of a provisioned read unit for an hour.
        write_hour: of a provisioned write unit for an hour.
    """

    read: float = 0.125
    write: float = 0.625
    storage: float = 0.25
    read_hour: float = 0.00013
    write_hour: float = 0.00065


US_EAST_1 = Prices()


@dataclass(frozen=True)
class Load:
    """How a site uses its sessions.

    Attributes:
        requests: a second, that load a session.
        changes: share of them that change it, from 0 to 1.
        active: sessions that are in use at the same time.
        read_units: of one strongly consistent read of a session.
        write_units: of one write of it.
        is_consistent: whether reads are strongly consistent, `consistent_read`.
        stored: bytes that all sessions take.
    """

    requests: float
    changes: float
    active: float
    read_units: float = 1.0
    write_units: float = 1.0
    is_consistent: bool = True
    stored: float = 0.0


@dataclass(frozen=True)
class Cost:
    """What a load costs with a `touch_interval`.

    Attributes:
        touch_interval: in seconds.
        touches: writes a second that only renew a session.
        reads: dollars a month.
        changes: likewise.
        touching: likewise.
        storage: likewise.
    """

    touch_interval: float
    touches: float
    reads: float
    changes: float
    touching: float
    storage: float

    @property
    def total(self) -> float:
        """Dollars a month."""
        return self.reads + self.changes + self.touching + self.storage


def monthly_cost(load: Load, touch_interval: float, prices: Prices = US_EAST_1) -> Cost:
    """What sessions cost: each request reads one, some change it, the others may touch it.

    A session is touched at most once in `touch_interval`, and a change counts as a touch.

    Args:
        load: of the site.
        touch_interval: in seconds; 0 = each request writes.
        prices: of DynamoDB.
    """
    unchanged = load.requests * (1 - load.changes)
    touches = min(unchanged, load.active / touch_interval) if touch_interval else unchanged
    read = load.read_units if load.is_consistent else load.read_units / 2
    write = load.write_units * prices.write
    return Cost(
        touch_interval,
        touches,
        _monthly(load.requests * read * prices.read),
        _monthly(load.requests * load.changes * write),
        _monthly(touches * write),
        load.stored / GIGABYTE * prices.storage,
    )


def _monthly(dollars_for_millions: float) -> float:
    return dollars_for_millions / MILLION * SECONDS_OF_A_MONTH
