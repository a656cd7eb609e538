"""The soak: many users, faults on the wire, a killed worker, a restarted DynamoDB; the audit."""

from __future__ import annotations

import json
import logging
import random
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from beaker.session import Session as BeakerSession

from beaker_dynamodb import create_table, session_model
from tests.support import proxy as on_the_wire
from tests.support.proxy import Exchange, Fault, Proxy, proxy_for

from .application import SETTINGS, shown
from .clients import Site, User
from .model import ANSWERED, LOST, Page, Record
from .servers import Gunicorn, RestartableDynamoDBLocal, running_gunicorn

#: 25 users with two windows each request 50 pages at once.
USERS = 25
#: The number of users with a session of more than one item.
LARGE_ONES = 2
FAULTS = (*on_the_wire.FAULTS, on_the_wire.late)
#: One in so many calls to DynamoDB meets a fault.
ONE_IN = 50
#: Of a worker's memory since its first sixth, when all of its code was in use; and in KiB, what its
#: threads may have of large sessions at that moment.
MOST_GROWTH = 1.1
IN_USE = 16_000
#: The pool's 25 to DynamoDB, those of 50 windows, and gunicorn's own.
MOST_SOCKETS = 25 + 2 * USERS + 10
#: How long DynamoDB Local is away, in seconds, without its own start.
RESTART_PAUSE = 2


class Vitals(NamedTuple):
    """The resources of a worker: resident memory in KiB, threads, open sockets."""

    process: int
    memory: int
    threads: int
    sockets: int


class Injected(NamedTuple):
    """A fault on the wire: its time, and the partition of its call."""

    moment: float
    partition: str
    fault: str


class Result(NamedTuple):
    """The result of a soak."""

    seconds: float
    record: Record
    injected: list[Injected]
    vitals: list[list[Vitals]]
    rows: int
    live: int
    markers: int


class Audit(NamedTuple):
    """The table after a soak: its sessions' births and its markers, by partition key."""

    births: dict[str, str | None]
    ended: dict[str, Marker]

    @classmethod
    def of(cls, items: Iterable[Any]) -> Audit:
        """The audit of the items that hold a session or a marker."""
        births, ended = {}, {}
        for item in items:
            if item.ended is not None:
                ended[item.id] = Marker(*json.loads(item.ended))
            elif item.item == "session":
                births[item.id] = item.birth
        return cls(births, ended)

    def faults(self, record: Record) -> Iterator[str]:
        """What no table must hold, once the record's sessions have ended."""
        closed = {marker.birth for marker in self.ended.values() if not marker.successors}
        yield from (
            f"the row of a session that has ended is there: {session.user}"
            for session in record.ended
            if session.partition in self.births
        )
        yield from (
            f"a session that has ended left no marker: {session.user}"
            for session in record.ended
            if session.partition not in self.ended
        )
        births = list(self.births.values())
        if None in births or len(set(births)) < len(births):
            yield "two sessions have the same birth, or one has none"
        if closed & set(births):
            yield "a row has the birth of a session that has ended"


class Marker(NamedTuple):
    """What a finished session leaves in the table."""

    token: str
    birth: str
    successors: list[list[str]]


def soak(seconds: float, seed: int = 1) -> Result:
    """Run the site under load, and compare the table with the model.

    Args:
        seconds: how long the users continue; a worker is killed after a third, and DynamoDB Local
            restarted after two.
        seed: of the faults.
    """
    record, stop = Record(), Event()
    with _running() as (local, proxy, server):
        injected = _inject_at_random(proxy, random.Random(seed))
        site = Site(server.url, record)
        users = [
            User(f"user {number}", site, record, stop, large=number < LARGE_ONES)
            for number in range(USERS)
        ]
        with ThreadPoolExecutor(USERS) as threads:
            running = [threads.submit(user.run) for user in users]
            began = time.monotonic()
            try:
                vitals = _disturb(seconds, site, server, local)
            finally:
                stop.set()
                took = time.monotonic() - began
        for user in running:
            user.result()
        proxy.forget()
        audit, live = _audit(local, users, record)
        rows, markers = len(audit.births), len(audit.ended)
        return Result(took, record, injected, vitals, rows, live, markers)


@contextmanager
def _running() -> Iterator[tuple[RestartableDynamoDBLocal, Proxy, Gunicorn]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = stack.enter_context((folder / "gunicorn.log").open("wb"))
        (folder / "tables").mkdir()
        local = stack.enter_context(RestartableDynamoDBLocal(folder / "tables"))
        create_table(**_options(local))
        proxy = stack.enter_context(proxy_for(local.url))
        yield local, proxy, stack.enter_context(running_gunicorn(proxy.url, log))


def _inject_at_random(proxy: Proxy, chance: random.Random) -> list[Injected]:
    """Inject faults at random, and add each to the list."""
    injected: list[Injected] = []

    def noted(fault: Fault) -> Fault:
        @wraps(fault)
        def happen(exchange: Exchange) -> None:
            injected.append(Injected(time.monotonic(), _partition(exchange.body), fault.__name__))
            fault(exchange)

        return happen

    faults = [noted(fault) for fault in FAULTS]
    proxy.inject_by(lambda _: chance.choice(faults) if chance.randrange(ONE_IN) == 0 else None)
    return injected


def _partition(body: bytes) -> str:
    """The partition of a call; a cache's partition counts as its page."""
    partition = re.search(rb'"id": ?{"S": ?"([0-9a-f]{64})"}', body)
    return partition[1].decode() if partition else "article"


def _disturb(
    seconds: float, site: Site, server: Gunicorn, local: RestartableDynamoDBLocal
) -> list[list[Vitals]]:
    """Let time pass, with a worker's death and a restart of DynamoDB Local; look at the workers."""
    vitals = []
    for step in range(6):
        time.sleep(seconds / 6)
        vitals.append(_vitals(site, server))
        if step == 1:
            server.kill_worker()
        if step == 3:
            local.restart(RESTART_PAUSE)
    return vitals


def _vitals(site: Site, server: Gunicorn) -> list[Vitals]:
    """The vitals of each worker, requested until each has answered."""
    found: dict[int, Vitals] = {}
    for _ in range(50):
        answer = site.request("vitals")
        if answer.outcome == ANSWERED:
            found[answer.content["process"]] = Vitals(**answer.content)
        if found.keys() >= set(server.workers()):
            break
    return sorted(found.values())


def _options(local: RestartableDynamoDBLocal) -> dict[str, Any]:
    own = {name[8:]: value for name, value in SETTINGS.items() if name.startswith("session.")}
    return {**own, "endpoint_url": local.url}


def _audit(local: RestartableDynamoDBLocal, users: list[User], record: Record) -> tuple[Audit, int]:
    """Compare the table with what each user knows, past site and proxy.

    Returns:
        what the table holds, and how many sessions are live.
    """
    options = {**_options(local), "type": "ext:dynamodb", "use_cookies": False}
    audit = Audit.of(session_model(**_options(local)).scan())
    live = [user.session for user in users if user.session]
    for session in live:
        stored = shown(BeakerSession({}, id=session.cookie, **options))
        if not session.allows(stored, session.possible()):
            record.is_wrong(f"the table has {stored}, possible is {session.possible()}")
    record.wrong += audit.faults(record)
    unknown = sum(
        count * (2 if what.endswith("or two") else 1)
        for what, count in record.counts.items()
        if "left a row" in what
    )
    if len(audit.births) > len(live) + unknown:
        record.is_wrong(f"{len(audit.births)} rows, {len(live)} live sessions, {unknown} unknown")
    return audit, len(live)


def problems(result: Result) -> list[str]:
    """The broken promises, and the growth of workers that lived through the soak."""
    first = {worker.process: worker for worker in result.vitals[0]}
    lasting = [(first[last.process], last) for last in result.vitals[-1] if last.process in first]
    grown = [
        f"a worker has grown from {before} to {after}"
        for before, after in lasting
        if after.memory > MOST_GROWTH * before.memory + IN_USE
        or after.threads > before.threads
        or after.sockets > MOST_SOCKETS
    ]
    return result.record.wrong + grown


def outcomes_by_fault(result: Result) -> dict[str, Counter[str]]:
    """For each fault: how the pages ended that were under way on its partition at that moment.

    Two windows send requests at once: of two pages, the worse result counts.
    """
    pages: defaultdict[str, list[Page]] = defaultdict(list)
    for page in result.record.pages:
        pages[page.partition].append(page)
    outcomes: dict[str, Counter[str]] = {fault.__name__: Counter() for fault in FAULTS}
    for moment, partition, fault in result.injected:
        under_way = [
            page.outcome for page in pages[partition] if page.began <= moment <= page.ended
        ]
        outcomes[fault][worst(under_way)] += 1
    return outcomes


def worst(outcomes: list[str]) -> str:
    """Of some pages' outcomes; without any, the page was a login, whose session has no id yet."""
    others = [outcome for outcome in outcomes if outcome != ANSWERED]
    return LOST if LOST in others else others[0] if others else ANSWERED


logging.getLogger("beaker_dynamodb").setLevel(logging.ERROR)
