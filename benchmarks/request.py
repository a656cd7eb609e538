"""What one request costs this process: CPU, memory and import time, as ratios within one run.

    python benchmarks/request.py [--endpoint-url URL] [--requests 100000]

Calls a stand-in for DynamoDB on this machine: the one at --endpoint-url, or a DynamoDB Local
that it starts itself as the tests do. Each ratio comes from blocks run in
turn, one of ours and one of the other side's, and is the median over the pairs, so
that a change of the machine's pace hits both.
"""

from __future__ import annotations

import argparse
import base64
import os
import pickle
import platform
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import botocore.config
import botocore.session
from beaker.session import Session
from beaker.util import JsonSerializer, PickleSerializer

from beaker_dynamodb import DynamoDBNamespaceManager, create_table
from beaker_dynamodb.codec import SavedSession
from benchmarks.fresh_process import fresh_processes
from tests.support.dynamodb_local import running_dynamodb_local

Block = Callable[[], object]

WORDS = ["apple", "pear", "plum", "delivered", "express", "EUR", "12.50", "blue", "in stock"]


def session_of_2_kb() -> dict[str, object]:
    """A session such as a shop's: a user, his roles and a basket; 2,000 bytes as a pickle."""
    chosen = random.Random(1)
    basket = [
        {"sku": f"A{number}", "count": number, "name": " ".join(chosen.choices(WORDS, k=4))}
        for number in range(33)
    ]
    now = time.time()
    own = {"_creation_time": now, "_accessed_time": now, "_domain": None, "_path": "/"}
    return {**own, "user": "alice", "roles": ["editor", "admin"], "basket": basket}


@contextmanager
def engine_options(endpoint_url: str | None) -> Iterator[dict[str, str]]:
    if endpoint_url is None:
        with running_dynamodb_local() as started:
            yield from_endpoint(started)
    else:
        yield from_endpoint(endpoint_url)


def from_endpoint(endpoint_url: str) -> dict[str, str]:
    return {
        "endpoint_url": endpoint_url,
        "region": "us-east-1",
        "aws_access_key_id": "benchmark",
        "aws_secret_access_key": "benchmark",
        "table_name": f"benchmark-{os.getpid()}",
    }


def cpu_per_call(call: Block, calls: int) -> float:
    """CPU seconds of this process for one call, user and system."""
    begin = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - begin) / calls


def paired(ours: Block, others: Block, calls: int, pairs: int = 31) -> tuple[float, float, float]:
    """Median of our time, of the other's, and of the ratio pair by pair."""
    for call in (ours, others):
        cpu_per_call(call, calls)
    times = [(cpu_per_call(ours, calls), cpu_per_call(others, calls)) for _ in range(pairs)]
    mine, theirs = zip(*times, strict=True)
    ratio = statistics.median(one / other for one, other in times)
    return statistics.median(mine), statistics.median(theirs), ratio


def raw_get_item(options: dict[str, str], partition: str, **config: object) -> Block:
    """One GetItem of the same row by a plain botocore client."""
    session = botocore.session.Session()
    session.set_credentials(options["aws_access_key_id"], options["aws_secret_access_key"])
    client = session.create_client(
        "dynamodb",
        region_name=options["region"],
        endpoint_url=options["endpoint_url"],
        config=botocore.config.Config(**config),
    )
    key = {"id": {"S": partition}, "item": {"S": "session"}}
    return lambda: client.get_item(TableName=options["table_name"], Key=key, ConsistentRead=True)


def read_only_request(options: dict[str, str], texts: list[str]) -> Block:
    """Load a session, decide that nothing is to be written, end: what Beaker asks of a backend."""
    fresh = iter(lambda: random.choice(texts), None)

    def request() -> None:
        namespace = DynamoDBNamespaceManager("an-id", **options)
        namespace.acquire_read_lock()
        namespace["session"]
        namespace.release_read_lock()
        namespace["session"] = next(fresh)

    return request


def whole_request(options: dict[str, str]) -> Block:
    """The same with Beaker's own work: cookie, pickle and base64, both ways."""
    headers = {"cookie": "beaker.session.id=an-id"}

    def request() -> None:
        session = Session(dict(headers), type="ext:dynamodb", **options)
        session.save(accessed_only=True)

    return request


def renewed(session: dict[str, object]) -> dict[str, object]:
    return {**session, "_accessed_time": time.time() + random.random()}


def report_cpu(options: dict[str, str]) -> None:
    create_table(**options)
    session = session_of_2_kb()
    payload = pickle.dumps(session, 2)
    texts = [base64.b64encode(pickle.dumps(renewed(session), 2)).decode() for _ in range(50)]
    namespace = DynamoDBNamespaceManager("an-id", ttl=0, **options)
    namespace["session"] = base64.b64encode(payload).decode()
    partition = sha256(b"an-id").hexdigest()
    # A touch within the run would be a write: not what is measured here.
    quiet = {**options, "ttl": 0, "touch_interval": 10**6}
    raw = raw_get_item(options, partition)
    bare = raw_get_item(options, partition, parameter_validation=False)
    stored = SavedSession.from_text(texts[0]).data("zlib", 10_000)
    print(f"session: {len(payload)} bytes as a pickle, {len(stored)} stored")
    for name, ours, others in (
        ("read-only request / raw GetItem", read_only_request(quiet, texts), raw),
        ("... / raw GetItem that checks no parameters", read_only_request(quiet, texts), bare),
        ("the same with Beaker's Session / raw GetItem", whole_request(quiet), raw),
    ):
        mine, theirs, ratio = paired(ours, others, calls=60)
        print(f"{name:<50} {mine * 1e6:6.0f} us / {theirs * 1e6:6.0f} us = {ratio:.2f}")


def report_steps(options: dict[str, str]) -> None:
    session = session_of_2_kb()
    for name, dumps in (("pickle", PickleSerializer().dumps), ("JSON", JsonSerializer().dumps)):
        stored = dumps(session)
        text = base64.b64encode(dumps(renewed(session))).decode()
        seconds = best_of(lambda stored=stored, text=text: decide(stored, text))
        print(f"{'deciding whether a 2 KB session changed, ' + name:<50} {seconds * 1e6:6.1f} us")
    seconds = best_of(lambda: DynamoDBNamespaceManager("an-id", **options))
    print(f"{'building a namespace manager':<50} {seconds * 1e6:6.1f} us")


def decide(stored: bytes, text: str) -> bool:
    saved = SavedSession.from_text(text)
    assert saved.content is not None
    return saved.has_changed(SavedSession.from_payload(stored))


def best_of(call: Block, blocks: int = 31, calls: int = 500) -> float:
    """Median CPU seconds of one call."""
    cpu_per_call(call, calls)
    return statistics.median(cpu_per_call(call, calls) for _ in range(blocks))


def report_import(pairs: int = 15) -> None:
    """All that Beaker loads of this package for `ext:dynamodb`, beside PynamoDB and Beaker."""
    manager = "from beaker_dynamodb import DynamoDBNamespaceManager"
    programs = {
        "import beaker_dynamodb / import pynamodb.models": (
            "import beaker_dynamodb",
            "import pynamodb.models",
        ),
        "its namespace manager / pynamodb.models": (manager, "import pynamodb.models"),
        "the same, Beaker's middleware on both sides": (
            f"import beaker.middleware; {manager}",
            "import beaker.middleware, pynamodb.models",
        ),
    }
    with fresh_processes() as run:
        for name, (program, other) in programs.items():
            run(program), run(other)
            times = [(run(program), run(other)) for _ in range(pairs)]
            mine, theirs = map(statistics.median, zip(*times, strict=True))
            ratio = statistics.median(one / other for one, other in times)
            print(f"{name:<50} {mine * 1e3:6.0f} ms / {theirs * 1e3:6.0f} ms = {ratio:.2f}")


def report_memory(options: dict[str, str], requests: int) -> None:
    request = whole_request({**options, "ttl": 0, "touch_interval": 10**6})
    sizes = []
    for _ in range(5):
        for _ in range(requests // 5):
            request()
        sizes.append(resident_kib())
    print(f"resident memory over {requests} requests: {' '.join(f'{size}' for size in sizes)} KiB")


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint-url", help="of one that runs already")
    parser.add_argument("--requests", type=int, default=100_000, help="for the memory run")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with engine_options(arguments.endpoint_url) as options:
        report_cpu(options)
        report_steps(options)
        report_import()
        report_memory(options, arguments.requests)


if __name__ == "__main__":
    main()
