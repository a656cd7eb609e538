"""The counters as metrics of OpenTelemetry, and the calls as spans."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from beaker_dynamodb import StoreUnavailable, statistics
from beaker_dynamodb.table import counters
from beaker_dynamodb.telemetry import observe
from beaker_dynamodb.testing.site import Site
from tests.support.internals import DynamoDBConnection
from tests.support.pages import read


@pytest.fixture(autouse=True)
def observe_nothing_afterwards() -> Iterator[None]:
    yield
    DynamoDBConnection.observer = None


@pytest.fixture
def spans(create_table: None) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observe(tracer_provider=provider)
    yield exporter
    provider.shutdown()


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


def facts(span: ReadableSpan) -> tuple[object, ...]:
    """The operation of a span, and what became of the call."""
    found = span.attributes or {}
    assert span.name == " ".join(
        map(str, (found["db.operation.name"], found["db.collection.name"]))
    )
    own = (found["beaker_dynamodb.outcome"], found["beaker_dynamodb.retries"])
    return (found["db.operation.name"], *own, span.status.status_code.name)


class TestSpans:
    def test_are_one_for_each_call(self, dynamodb: Any, spans: Any, wire: Any) -> None:
        visitor = Site(dynamodb.options, max_retries=1).visitor(user="alice")
        wire.fail_next("GetItem", (503, "ServiceUnavailable"))
        visitor.visit(read)
        assert [facts(span) for span in spans.get_finished_spans()] == [
            ("PutItem", "done", 0, "UNSET"),
            ("GetItem", "done", 1, "UNSET"),
        ]

    def test_say_why_a_call_has_failed(self, dynamodb: Any, spans: Any, wire: Any) -> None:
        visitor = Site(dynamodb.options, max_retries=0).visitor(user="alice")
        spans.clear()
        wire.fail_next("GetItem", (503, "ServiceUnavailable"))
        with pytest.raises(StoreUnavailable):
            visitor.visit(read)
        [span] = spans.get_finished_spans()
        assert facts(span) == ("GetItem", "ServiceUnavailable", 0, "ERROR")
        assert span.kind is trace.SpanKind.CLIENT

    def test_of_an_unmet_condition_are_no_failure(self, dynamodb: Any, spans: Any) -> None:
        site = Site(dynamodb.options)
        visitor = site.visitor(user="alice")
        tab = site.visitor_with(visitor.cookie or "")

        def slow_page(session: Any) -> None:
            session["slow"] = 1
            tab.put(fast=1)

        spans.clear()
        visitor.change(slow_page)
        found = [facts(span) for span in spans.get_finished_spans()]
        assert ("PutItem", "ConditionalCheckFailedException", 0, "UNSET") in found

    def test_have_table_and_region_and_no_id(self, dynamodb: Any, spans: Any, wire: Any) -> None:
        visitor = Site(dynamodb.options).visitor(user="alice")
        visitor.put(n=1)
        keys = {call.body.get("Key", call.body.get("Item"))["id"]["S"] for call in wire.calls}
        for span in spans.get_finished_spans():
            attributes = span.attributes
            assert attributes["db.collection.name"] == dynamodb.options["table_name"]
            assert attributes["cloud.region"] == dynamodb.options["region"]
            assert not span.events
            assert not any(key in span.to_json() for key in (*keys, visitor.read_id()))
