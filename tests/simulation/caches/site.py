"""Caches over the simulated endpoint, and what a process of the package keeps for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from beaker.cache import Cache

from beaker_dynamodb.caches import creation, creation_lease
from beaker_dynamodb.caches.heartbeat import Heartbeat
from beaker_dynamodb.options import Options, parse_options
from beaker_dynamodb.table import bind
from beaker_dynamodb.table.breaker import Breaker
from beaker_dynamodb.table.client import OpenClients, SharedClient

from ..clients import Process
from ..endpoint import Endpoint
from ..world import TABLE, World

NAMESPACE = "shop"
#: In seconds: `lock_timeout`, `lock_wait`, how long a value is fresh, and how long stale after it.
LEASE, LOCK_WAIT, EXPIRE, STALE_TTL = 6, 30, 20, 10
#: In seconds: how often a lease is extended.
BEAT = LEASE / creation_lease.BEATS_PER_LEASE


class Site(NamedTuple):
    """How all processes reach the caches.

    Attributes:
        backend: options of the package.
        options: the same, parsed.
        shared: the client that they share; its breaker is that of the process that runs.
        expire: of `Cache`; None for values that never expire.
    """

    backend: dict[str, Any]
    options: Options
    shared: SharedClient
    expire: int | None

    @classmethod
    def of(cls, expire: int | None, **backend: Any) -> Site:
        """The site with some options of the package."""
        named = {
            "region": TABLE,
            "aws_access_key_id": "simulated",
            "aws_secret_access_key": "simulated",
            "table_name": TABLE,
            "create_table": False,
            "compression": "none",
            "lock_timeout": LEASE,
            "lock_wait": LOCK_WAIT,
            **backend,
        }
        options = parse_options(named)
        shared = bind.connection_of(bind.bound_model(options)).shared
        if not isinstance(shared.current, Endpoint):
            shared._opened = OpenClients(Endpoint(options.read_timeout), None)
        return cls(named, options, shared, expire)

    def cache(self) -> Cache:
        """A cache of this site, for one client: it keeps what one thread knows."""
        return Cache(NAMESPACE, type="ext:dynamodb", expire=self.expire, **self.backend)

    def process(self, world: World) -> Process:
        """A new process: with its own locks among threads, its own heartbeat and breaker."""
        process = world.process()

        def start(run: Any) -> None:
            world.add("heartbeat", lambda _: run(), process)

        process.state = [
            (creation, "_local_locks", creation._LocalLocks()),
            (creation_lease, "HEARTBEAT", Heartbeat(lambda: world.now, start)),
            (self.shared, "breaker", Breaker(self.options.longest_call)),
        ]
        return process

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have the package keep its own state after the run."""
        kept = [
            (owner, name, getattr(owner, name))
            for owner, name in (
                (creation, "_local_locks"),
                (creation_lease, "HEARTBEAT"),
                (self.shared, "breaker"),
            )
        ]
        try:
            yield
        finally:
            for owner, name, value in kept:
                setattr(owner, name, value)
