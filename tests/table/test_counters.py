"""statistics(): what this process has done."""

import os
import random
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import StoreUnavailable, statistics
from beaker_dynamodb.table import Table, counters
from beaker_dynamodb.testing.site import Site
from tests.support.internals import parse_options
from tests.support.pages import read, save

pytestmark = pytest.mark.usefixtures("create_table")


def changed(action: Callable[[], object]) -> dict[str, float]:
    """The counters that an action has changed, and by how much."""
    before = statistics()
    action()
    after = statistics()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def counted(action: Callable[[], object]) -> dict[str, float]:
    """The counters that an action has changed; bytes and capacity units aside."""
    sizes = ("bytes_before_compression", "bytes_after_compression", "read_units", "write_units")
    return {name: change for name, change in changed(action).items() if name not in sizes}


def test_a_session_is_counted(dynamodb: Any, clock: Any) -> None:
    visitor = Site(dynamodb.options).visitor(user="alice")
    assert counted(lambda: visitor.visit(save)) == {"reads": 1, "touches_skipped": 1}
    clock.advance(60)
    assert counted(lambda: visitor.visit(save)) == {"reads": 1, "writes": 1, "touches_done": 1}
    assert counted(lambda: visitor.put(n=1)) == {"reads": 1, "writes": 1}


def test_a_merge_is_counted(dynamodb: Any) -> None:
    site = Site(dynamodb.options)
    visitor = site.visitor(user="alice")
    tab = site.visitor_with(visitor.cookie or "")

    def slow_page(session: Any) -> None:
        session["slow"] = 1
        tab.put(fast=1)

    done = counted(lambda: visitor.change(slow_page))
    assert done == {"reads": 2, "writes": 3, "conflicts_merged": 1}


def test_an_outage_is_counted(dynamodb: Any, wire: Any) -> None:
    visitor = Site(dynamodb.options, max_retries=0).visitor(user="alice")
    wire.fail_next("GetItem", (503, "ServiceUnavailable"))

    def fails() -> None:
        with pytest.raises(StoreUnavailable):
            visitor.visit(read)

    assert counted(fails) == {"reads": 1, "outages": 1}


def test_a_retry_is_counted_if_another_attempt_follows(dynamodb: Any, wire: Any) -> None:
    visitor = Site(dynamodb.options, max_retries=1).visitor(user="alice")
    wire.fail_next("GetItem", (503, "ServiceUnavailable"))
    done = counted(lambda: visitor.visit(read))
    assert done == {"reads": 1, "touches_skipped": 1, "retries": 1}
    for _ in range(2):
        wire.fail_next("GetItem", (503, "ServiceUnavailable"))

    def fails() -> None:
        with pytest.raises(StoreUnavailable):
            visitor.visit(read)

    assert counted(fails) == {"reads": 1, "retries": 1, "outages": 1}


def test_calls_about_the_table_are_neither_reads_nor_writes(dynamodb: Any) -> None:
    table = Table(parse_options(dynamodb.options))
    assert counted(lambda: table.call("DescribeTable", {})) == {}
    assert counted(lambda: table.call("Scan", {})) == {"reads": 1}


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_capacity_units_are_those_that_dynamodb_reports(dynamodb: Any, wire: Any) -> None:
    cache = Cache("pages", type="ext:dynamodb", **dynamodb.options)

    def store_and_read() -> None:
        cache.put("large", random.Random(1).randbytes(500_000))
        cache.get("large")

    wire.clear()
    units = changed(store_and_read)
    is_read = {call.operation: "Get" in call.operation for call in wire.calls}
    for name, kind in {"read_units": True, "write_units": False}.items():
        consumed = [call.units or 0 for call in wire.calls if is_read[call.operation] is kind]
        assert units[name] == sum(consumed)
        assert units[name] > 100


def test_without_a_report_no_capacity_is_counted() -> None:
    assert changed(lambda: counters.count_units("GetItem", {})) == {}


def test_sizes_are_those_before_and_after_compression(dynamodb: Any) -> None:
    before = statistics()
    Site(dynamodb.options).visitor(text="x" * 5000)
    after = statistics()
    sizes = [after[name] - before[name] for name in after if name.startswith("bytes")]
    assert sizes[0] > 5000
    assert 0 < sizes[1] < 1000


def test_sizes_include_those_of_cache_values(dynamodb: Any) -> None:
    cache = Cache("pages", type="ext:dynamodb", **dynamodb.options)
    sizes = changed(lambda: cache.put("page", "x" * 5000))
    assert 5000 < sizes["bytes_before_compression"] < 5200
    assert 0 < sizes["bytes_after_compression"] < 200


def test_no_count_of_a_thread_is_lost() -> None:
    def count() -> None:
        for _ in range(2000):
            counters.add(reads=1)

    threads = [Thread(target=count) for _ in range(8)]

    def run() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert counted(run) == {"reads": 16_000}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_begins_at_zero() -> None:
    counters.add(reads=1)
    child = os.fork()
    if child == 0:
        os._exit(any(statistics().values()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
