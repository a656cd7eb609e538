"""Connections that died while they were idle, behind a NAT: no request notices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import StoreUnavailable, session_model
from beaker_dynamodb.testing.site import Site
from tests.support.internals import client_module, connection_of
from tests.support.nat import Nat, nat_for
from tests.support.pages import count, read
from tests.support.wire import Wire

REQUESTS = 12


@pytest.fixture
def nat(dynamodb_local: str) -> Iterator[Nat]:
    with nat_for(dynamodb_local) as nat:
        yield nat


@pytest.fixture
def options(table: dict[str, Any], nat: Nat) -> dict[str, Any]:
    """A client without retries behind the NAT."""
    timeouts = {"connect_timeout": 1, "read_timeout": 5, "max_retries": 0}
    return {**table, **timeouts, "endpoint_url": nat.url}


def at_once(action: Callable[[], Any]) -> list[Any]:
    """Run an action in threads that begin together; returns what they return, or their errors."""
    barrier, results = threading.Barrier(REQUESTS), list[Any]()

    def run() -> None:
        barrier.wait()
        try:
            results.append(action())
        except StoreUnavailable as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(REQUESTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class TestAfterAQuietTime:
    def test_every_request_finds_its_session(self, options: dict[str, Any], nat: Nat) -> None:
        site = Site(options)
        site.request(count)
        cookie = str(site.cookie)

        def visit() -> Any:
            visitor = Site(options)
            visitor.use_cookie(cookie)
            return visitor.request(read)

        assert at_once(visit) == [1] * REQUESTS
        nat.forget_connections()
        assert at_once(visit) == [1] * REQUESTS
        assert nat.dead > 1

    def test_one_after_the_other_finds_its_value(self, options: dict[str, Any], nat: Nat) -> None:
        cache = Cache("nat", type="ext:dynamodb", **options)
        cache.put("a", "value")
        at_once(lambda: cache.get("a"))
        nat.forget_connections()
        assert [cache.get("a") for _ in range(REQUESTS)] == ["value"] * REQUESTS
        # All idle connections are replaced as soon as one is found dead.
        assert nat.dead == 1

    def test_a_write_is_sent_again(self, options: dict[str, Any], nat: Nat, wire: Wire) -> None:
        site = Site(options)
        site.request(count)
        nat.forget_connections()
        with wire.expect("GetItem", "GetItem", "PutItem"):
            assert site.request(count) == 2
        nat.forget_connections()
        session = Site(options)
        with wire.expect("PutItem", "PutItem"):
            assert session.request(count) == 1
        assert session.request(read) == 1

    def test_connections_that_vanish_without_a_reset_are_not_used(
        self, options: dict[str, Any], nat: Nat, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = Site(options)
        site.request(count)
        nat.is_silent = True
        nat.forget_connections()
        monkeypatch.setattr(client_module, "LONGEST_IDLE", 0)
        assert site.request(read) == 1
        assert nat.dead == 0


def test_connections_are_kept_while_they_are_in_use(options: dict[str, Any], nat: Nat) -> None:
    site = Site(options)
    for _ in range(REQUESTS):
        site.request(count)
    assert nat.opened == 1


def test_a_client_without_connections_has_none_to_replace(options: dict[str, Any]) -> None:
    shared = connection_of(session_model(**{**options, "connect_timeout": 2})).shared
    assert shared.replace_connections(0.0) is False
