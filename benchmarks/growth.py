"""What growth costs this process: rows, sizes, threads, tables and renewed credentials.

    python benchmarks/growth.py [--rows 1000000] [--only rows,values] [--endpoint-url URL]

Calls the DynamoDB Local at --endpoint-url, or one that it starts as the tests do. Rows are copies
of one stored session, written by BatchWriteItem under ids of their own; one in twenty has expired.
CPU is that of this process, user and system, so that DynamoDB Local's own time does not count; the
rows per second of `purge` and `stats` contain it. Blocks of our requests and of raw GetItem calls
run in turn, and each figure is the median over the blocks. Each part's results are written as soon
as it is done; `scale_plots.py` draws them.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import pickle
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import botocore.config
import botocore.session
from beaker.cache import Cache
from beaker.session import Session
from renewals import footprint, renewed

from beaker_dynamodb import DynamoDBNamespaceManager, create_table
from beaker_dynamodb.admin.purge import purge
from beaker_dynamodb.admin.stats import table_stats
from beaker_dynamodb.options import parse_options
from tests.support.dynamodb_local import running_dynamodb_local

RESULTS = Path(__file__).parent / "results" / "growth.json"
LEVELS = (1_000, 10_000, 100_000, 300_000, 1_000_000)
SIZES = (500, 2_000, 8_000, 32_000, 100_000, 390_000, 1_000_000, 5_000_000)
THREADS = (1, 2, 4, 8, 16, 32, 64)
TABLES = 1_000
#: DynamoDB's limit for one BatchWriteItem.
BATCH = 25
EXPIRED = 20
PLACE = {
    # DynamoDB Local counts the rows of a large table for each DescribeTable.
    "read_timeout": 60,
    "region": "us-east-1",
    "aws_access_key_id": "benchmark",
    "aws_secret_access_key": "benchmark",
}

Call = Callable[[], object]
Found = dict[str, Any]


def raw_client(options: dict[str, Any]) -> Any:
    session = botocore.session.Session()
    session.set_credentials(options["aws_access_key_id"], options["aws_secret_access_key"])
    config = botocore.config.Config(max_pool_connections=max(THREADS))
    return session.create_client(
        "dynamodb", options["region"], endpoint_url=options["endpoint_url"], config=config
    )


def cpu_per_call(call: Call, calls: int) -> float:
    begin = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - begin) / calls


def in_turn(calls: dict[str, Call], count: int, blocks: int = 11) -> dict[str, float]:
    """The median CPU seconds of each call, over blocks that run in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(blocks):
        for name, call in calls.items():
            times[name].append(cpu_per_call(call, count))
    return {name: statistics.median(each) for name, each in times.items()}


def session_id(number: int) -> str:
    return f"session-{number}"


class Rows:
    """A table with any number of copies of one session.

    Args:
        options: of a table that is created here.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        create_table(**options)
        self.place = options
        # No end and no touch: what is measured reads.
        self.options = {**options, "ttl": 0, "touch_interval": 10**6, "create_table": False}
        self.client = raw_client(options)
        self._name = options["table_name"]
        self._item = self._stored()
        self.count = 0

    def _stored(self) -> dict[str, Any]:
        chosen = random.Random(1)
        basket = [{"sku": f"A{n}", "price": chosen.randrange(9_999)} for n in range(40)]
        now = time.time()
        content = {"_creation_time": now, "_accessed_time": now, "user": "alice", "basket": basket}
        text = base64.b64encode(pickle.dumps(content, 2)).decode()
        DynamoDBNamespaceManager(session_id(0), **self.options)["session"] = text
        return self.client.scan(TableName=self._name)["Items"][0]

    def fill(self, count: int) -> float:
        """Write copies until there are so many; the rows written per second."""
        begin, first = time.monotonic(), self.count
        with ThreadPoolExecutor(4) as threads:
            for _ in threads.map(self._write, range(first, count, BATCH)):
                pass
        self.count = count
        return (count - first) / (time.monotonic() - begin)

    def _write(self, first: int) -> None:
        requests = [{"PutRequest": {"Item": self._copy(n)}} for n in range(first, first + BATCH)]
        self.client.batch_write_item(RequestItems={self._name: requests})

    def _copy(self, number: int) -> dict[str, Any]:
        copy = {**self._item, "id": {"S": sha256(session_id(number).encode()).hexdigest()}}
        if number % EXPIRED == 1:
            copy["expires"] = {"N": str(int(time.time()) - 86_400)}
        return copy

    def a_number(self) -> int:
        """The number of a row that has not expired."""
        number = random.randrange(self.count)
        return number - 1 if number % EXPIRED == 1 else number

    def read(self) -> None:
        """A request that changes nothing, with Beaker's own work."""
        self._session().save(accessed_only=True)

    def change(self) -> None:
        """A request that changes a session."""
        session = self._session()
        session["n"] = random.random()
        session.save()

    def _session(self) -> Session:
        cookie = {"cookie": f"beaker.session.id={session_id(self.a_number())}"}
        session = Session(cookie, type="ext:dynamodb", **self.options)
        assert session["user"] == "alice"
        return session

    def raw_read(self) -> None:
        """A raw GetItem of a row."""
        partition = sha256(session_id(self.a_number()).encode()).hexdigest()
        key = {"id": {"S": partition}, "item": {"S": "session"}}
        assert self.client.get_item(TableName=self._name, Key=key, ConsistentRead=True)["Item"]


def measure_rows(rows: Rows, level: int) -> Found:
    filled = rows.fill(level)
    calls = {"read": rows.read, "change": rows.change, "raw": rows.raw_read}
    cpu = in_turn(calls, 40)
    options = parse_options(rows.place)
    begin = time.process_time()
    stats = table_stats(options, everything=True)
    stats_cpu = time.process_time() - begin
    begin = time.process_time()
    purged = purge(options)
    purge_cpu = time.process_time() - begin
    return {
        "rows": level,
        "written_per_second": filled,
        "cpu": cpu,
        "stats": {
            "rows": stats.scanned,
            "seconds": stats.seconds,
            "cpu": stats_cpu,
            "read_units": stats.read_units,
        },
        "purge": {
            "rows": purged.scanned,
            "deleted": purged.deleted,
            "seconds": purged.seconds,
            "cpu": purge_cpu,
            "read_units": purged.read_units,
            "write_units": purged.write_units,
        },
    }


def growing_rows(options: dict[str, Any], most: int) -> Iterator[Found]:
    rows = Rows(options)
    for level in [*(level for level in LEVELS if level < most), most]:
        yield measure_rows(rows, level)


def growing_values(options: dict[str, Any]) -> Iterator[Found]:
    create_table(**options)
    cache = Cache("sizes", type="ext:dynamodb", **options, create_table=False)
    for size in SIZES:
        value = random.Random(size).randbytes(size)
        cache.put("a", value)
        assert cache.get("a") == value
        calls = {"read": partial(cache.get, "a"), "write": partial(cache.put, "a", value)}
        yield {"size": size, "cpu": in_turn(calls, 20 if size < 10**6 else 2)}


def growing_threads(options: dict[str, Any], requests: int = 192) -> Iterator[Found]:
    rows = Rows(options)
    rows.fill(200)
    for threads in THREADS:
        blocks = {"read": rows.read, "raw": rows.raw_read}
        done = {
            name: [in_threads(call, threads, requests) for _ in range(3)]
            for name, call in blocks.items()
        }
        cpu = {name: statistics.median(each[0] for each in found) for name, found in done.items()}
        rate = {name: statistics.median(each[1] for each in found) for name, found in done.items()}
        yield {"threads": threads, "cpu": cpu, "per_second": rate}


def in_threads(call: Call, threads: int, requests: int) -> tuple[float, float]:
    """CPU seconds of a call, and calls per second, if each thread makes its share."""

    def run(_thread: int) -> None:
        for _ in range(requests // threads):
            call()

    with ThreadPoolExecutor(threads) as pool:
        began, begin = time.monotonic(), time.process_time()
        list(pool.map(run, range(threads)))
        cpu, seconds = time.process_time() - begin, time.monotonic() - began
    return cpu / requests, requests / seconds


def growing_tables(options: dict[str, Any]) -> Iterator[Found]:
    """One cache value read from each of many tables."""
    client = raw_client(options)
    keys = {"id": "HASH", "item": "RANGE"}
    for number in range(TABLES + 1):
        name = f"{options['table_name']}-{number}"
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        )
        place = {**options, "table_name": name, "create_table": False}
        Cache("values", type="ext:dynamodb", **place).get("a", createfunc=lambda: "made")
        if number % (TABLES // 10) == 0:
            yield footprint(number)._asdict()


def growing_renewals(options: dict[str, Any]) -> Iterator[Found]:
    for found in renewed(options["endpoint_url"], 1_000):
        yield found._asdict()


PARTS: dict[str, Callable[..., Iterator[Found]]] = {
    "tables": growing_tables,
    "renewals": growing_renewals,
    "values": growing_values,
    "threads": growing_threads,
    "rows": growing_rows,
}


def run(part: str, most: int, file: Path, endpoint_url: str | None) -> None:
    found: list[Found] = []
    local = nullcontext(endpoint_url) if endpoint_url else running_dynamodb_local()
    with local as place:
        name = f"growth-{part}-{os.getpid()}"
        options = {**PLACE, "endpoint_url": place, "table_name": name}
        for each in PARTS[part](options, *([most] if part == "rows" else [])):
            print(part, each, flush=True)
            found.append(each)
            keep(file, part, found)


def keep(file: Path, part: str, found: list[Found]) -> None:
    """Write a part's results into a file beside those of other parts."""
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    results = {**results, "machine": machine, part: found}
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=max(LEVELS), help="at most")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--endpoint-url", help="of a DynamoDB Local that runs already")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for part in arguments.only.split(","):
        run(part, arguments.rows, arguments.results, arguments.endpoint_url)


if __name__ == "__main__":
    main()
