"""The counters of `statistics()` as metrics of OpenTelemetry.

Needs its API: `pip install "beaker-dynamodb[telemetry]"`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry import metrics

from .table import statistics
from .version import __version__


def observe(provider: metrics.MeterProvider | None = None) -> None:
    """Report each counter of `statistics()` as `beaker_dynamodb.NAME`.

    Call it once in each process; in a forked worker after the fork. The metrics have no
    attributes: no id, no key and no value of a session is in them.

    Args:
        provider: receives them; None for the application's own.
    """
    meter = metrics.get_meter("beaker_dynamodb", __version__, provider)
    for name in statistics():
        meter.create_observable_counter(
            f"beaker_dynamodb.{name}",
            callbacks=[_reading(name)],
            unit="By" if name.startswith("bytes") else "1",
        )


def _reading(name: str) -> Callable[[Any], Iterable[metrics.Observation]]:
    return lambda _: [metrics.Observation(statistics()[name])]
