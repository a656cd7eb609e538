"""Runs the trace on all stores at the same time, and measures what each request costs."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from beaker_dynamodb.dictionaries import ENOUGH
from tests.support.dynamodb_local import running_dynamodb_local
from tests.support.proxy import proxy_for
from tests.support.trace import REQUESTS, USERS

from .meter import Meter, Traffic
from .sites import Site, running_redis, running_site
from .stores import OURS, SETTINGS, Store

#: Users that visit each site before the measurement: node compiles what it runs often.
WARM_UP = 1
FIRST_USER = 5000
#: Seconds between two requests of a user in the traces with a clock.
PAUSE = 20
#: Users of those traces; more of them would have the same cost.
USERS_WITH_PAUSES = 5
PAUSED_SETTINGS = ("zlib", "dictionary = auto, eventual")
TOUCH_INTERVALS = (0, 30, 60, 120, 300, 1200)
#: Seconds that a background training takes at most.
TRAINING = 5
#: What `take_redis_traffic` itself sends to Redis.
OWN_COMMANDS = {"client|setinfo", "config|resetstat", "hello", "info"}

#: CPU time of each request of one user, in microseconds.
Times = list[int]


@dataclass(frozen=True)
class Measurement:
    """What the trace costs on one store.

    Attributes:
        store: where the sessions are.
        traffic: the calls to DynamoDB, or to Redis; empty if there are none.
        times: of each user.
    """

    store: Store
    traffic: Traffic
    times: list[Times]


@dataclass(frozen=True)
class Place:
    """What the sites share.

    Attributes:
        endpoint: URL of the counting proxy before DynamoDB Local.
        meter: what it counts.
        redis_url: of a running Redis.
    """

    endpoint: str
    meter: Meter
    redis_url: str


@contextmanager
def running_place(endpoint: str | None) -> Iterator[Place]:
    """DynamoDB Local behind a counting proxy, and Redis.

    Args:
        endpoint: URL of a DynamoDB Local that runs already; None to start one.
    """
    meter = Meter()
    with (
        running_redis() as redis_url,
        nullcontext(endpoint) if endpoint else running_dynamodb_local() as local,
        proxy_for(local) as proxy,
    ):
        proxy.inject_by(meter.choose)
        yield Place(proxy.url, meter, redis_url)


def measured(place: Place, stores: Sequence[Store]) -> list[Measurement]:
    """The trace on all stores at the same time, so that all meet the same machine."""
    together = threading.Barrier(len(stores), action=partial(print, ".", end="", flush=True))
    with ThreadPoolExecutor(len(stores)) as pool:
        running = [pool.submit(_measured, place, together, store) for store in stores]
    errors = [future.exception() for future in running]
    for error in errors:
        # A broken barrier is how the other stores end.
        if error and not isinstance(error, threading.BrokenBarrierError):
            raise error
    return [future.result() for future in running]


def _measured(place: Place, together: threading.Barrier, store: Store) -> Measurement:
    try:
        with running_site(store, place.endpoint, f"peer-{id(store)}", place.redis_url) as site:
            warm_up(site)
            return run_trace(place, site, together)
    except BaseException:
        together.abort()
        raise


def warm_up(site: Site) -> None:
    """Visit a site until its code is compiled, its table exists and its dictionary is trained."""
    if site.store.trains:
        for number in range(ENOUGH + 1):
            site.log_in(number)
        time.sleep(TRAINING)
    for number in range(1000, 1000 + WARM_UP):
        site.visit(number)


def run_trace(place: Place, site: Site, together: threading.Barrier) -> Measurement:
    """The trace on one store; each user waits for that of the other stores."""
    take_traffic(place, site)
    times = []
    for number in range(FIRST_USER, FIRST_USER + USERS):
        together.wait()
        site.take_times()
        site.visit(number)
        times.append(site.take_times())
    return Measurement(site.store, take_traffic(place, site), times)


def take_traffic(place: Place, site: Site) -> Traffic:
    """The calls of a site since the last call of this function."""
    if site.store.uses_redis:
        return take_redis_traffic(place.redis_url)
    return place.meter.take(site.table)


def take_redis_traffic(url: str) -> Traffic:
    import redis  # noqa: PLC0415  # the other stores do without it

    with redis.Redis.from_url(url) as client:
        commands: dict[str, dict[str, int]] = client.info("commandstats")
        stats: dict[str, int] = client.info("stats")
        client.config_resetstat()
    calls = {name.removeprefix("cmdstat_"): each["calls"] for name, each in commands.items()}
    return Traffic(
        Counter({name: calls[name] for name in calls.keys() - OWN_COMMANDS}),
        sent=stats["total_net_input_bytes"],
        received=stats["total_net_output_bytes"],
    )


def cost_by_touch_interval(place: Place) -> list[dict[str, Any]]:
    """The trace with users who pause between their requests, by `touch_interval`."""
    cases = list(product(PAUSED_SETTINGS, TOUCH_INTERVALS))
    with ThreadPoolExecutor(len(cases)) as pool:
        return list(pool.map(partial(_cost_with_pauses, place), cases))


def _cost_with_pauses(place: Place, case: tuple[str, int]) -> dict[str, Any]:
    words, interval = case
    settings = {"type": OURS, "touch_interval": interval, **SETTINGS[words]}
    store = Store(words, OURS, "beaker", settings)
    table, pause = f"touch-{id(store)}", PAUSE / USERS_WITH_PAUSES
    with running_site(store, place.endpoint, table, place.redis_url, pause) as site:
        warm_up(site)
        take_traffic(place, site)
        site.visit_in_turn(range(FIRST_USER, FIRST_USER + USERS_WITH_PAUSES))
        dollars = take_traffic(place, site).dollars
    requests = REQUESTS * USERS_WITH_PAUSES / USERS
    return {"settings": words, "touch_interval": interval, "usd": round(dollars / requests, 4)}
