"""The counters as metrics of OpenTelemetry."""

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from beaker_dynamodb import statistics
from beaker_dynamodb.table import counters
from beaker_dynamodb.telemetry import observe


def test_each_counter_is_a_metric_without_attributes() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    observe(provider)
    counters.add(reads=3)
    data = reader.get_metrics_data()
    assert data is not None
    (found,) = data.resource_metrics[0].scope_metrics
    points: dict[str, list[Any]] = {
        metric.name: list(metric.data.data_points) for metric in found.metrics
    }
    values = {name: [point.value for point in each] for name, each in points.items()}
    assert values == {f"beaker_dynamodb.{name}": [n] for name, n in statistics().items()}
    assert not any(point.attributes for each in points.values() for point in each)
    provider.shutdown()
