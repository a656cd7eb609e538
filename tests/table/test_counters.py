"""statistics(): what this process has done."""

import os
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable, statistics
from beaker_dynamodb.table import counters
from tests.contract.site import Site
from tests.support.pages import read, save

pytestmark = [pytest.mark.usefixtures("create_table"), pytest.mark.moto_in_ci]


def counted(action: Callable[[], object]) -> dict[str, int]:
    """The counters that an action has changed, and by how much; sizes aside."""
    before = statistics()
    action()
    after = statistics()
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    return {name: change for name, change in changed.items() if not name.startswith("bytes")}


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


def test_sizes_are_those_before_and_after_compression(dynamodb: Any) -> None:
    before = statistics()
    Site(dynamodb.options).visitor(text="x" * 5000)
    after = statistics()
    sizes = [after[name] - before[name] for name in after if name.startswith("bytes")]
    assert sizes[0] > 5000
    assert 0 < sizes[1] < 1000


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
        os._exit(sum(statistics().values()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
