"""The counters of `statistics()` as metrics of OpenTelemetry, and the calls to DynamoDB as spans.

Needs its API: `pip install "beaker-dynamodb[telemetry]"`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import metrics, trace

from .table import CONDITION_FAILED, Call, DynamoDBConnection, statistics
from .version import __version__

_NAME = "beaker_dynamodb"
#: Outcomes of a call that are no failure.
_EXPECTED = {"done", CONDITION_FAILED}


def observe(
    meter_provider: metrics.MeterProvider | None = None,
    tracer_provider: trace.TracerProvider | None = None,
) -> None:
    """Report each counter of `statistics()` as `beaker_dynamodb.NAME`, and each call as a span.

    Call it once in each process; in a forked worker after the fork. The metrics have no
    attributes; a span has the operation, the table, the region, the outcome and the number of
    retries. No id, no key and no value of a session is in them.

    Args:
        meter_provider: receives the metrics; None for the application's own.
        tracer_provider: receives the spans; None for the application's own.
    """
    meter = metrics.get_meter(_NAME, __version__, meter_provider)
    for name in statistics():
        meter.create_observable_counter(
            f"{_NAME}.{name}",
            callbacks=[_reading(name)],
            unit="By" if name.startswith("bytes") else "1",
        )
    tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
    DynamoDBConnection.observer = lambda call: _span(tracer, call)


def _reading(name: str) -> Callable[[Any], Iterable[metrics.Observation]]:
    return lambda _: [metrics.Observation(statistics()[name])]


@contextmanager
def _span(tracer: trace.Tracer, call: Call) -> Iterator[None]:
    # The exception is not recorded: a client library may quote a key in it.
    with tracer.start_as_current_span(
        f"{call.operation} {call.table}",
        kind=trace.SpanKind.CLIENT,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        finally:
            if span.is_recording():
                span.set_attributes(_attributes(call))
                if call.outcome not in _EXPECTED:
                    span.set_status(trace.StatusCode.ERROR, call.outcome)


def _attributes(call: Call) -> dict[str, str | int]:
    """The attributes of a span, by the names of OpenTelemetry's conventions if it has one."""
    found = {
        "db.system.name": "aws.dynamodb",
        "db.operation.name": call.operation,
        "db.collection.name": call.table,
        "cloud.region": call.region,
        f"{_NAME}.outcome": call.outcome,
        f"{_NAME}.retries": call.retries,
    }
    return {name: value for name, value in found.items() if value is not None}
