"""What a call costs by each client: CPU time, calls per second in threads, the first request.

    python benchmarks/clients.py [--threads 16] [--calls 4000]

A server of its own answers each call at once, in another process, so that the clients are the
bottleneck; DynamoDB Local is slower than they are. Blocks of the clients run in turn, and each
ratio is the median over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import botocore.session

from beaker_dynamodb import session_model
from benchmarks.fresh_process import fresh_processes

CLIENTS = ("lean", "botocore")
ITEM = {
    "id": {"S": "a" * 64},
    "item": {"S": "session"},
    "data": {"B": "QUJD" * 280},
    "version": {"S": "b" * 12},
    "birth": {"S": "c" * 12},
    "touched": {"N": "1795000000.123"},
}
KEYS = {"aws_access_key_id": "benchmark", "aws_secret_access_key": "benchmark"}
TABLE = "benchmark"

Call = Callable[[], object]


class Answers(asyncio.Protocol):
    """Answers each request with the same item."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if end and len(body) >= int(length):
            self._received = body[int(length) :]
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


def canned_answer() -> bytes:
    capacity = {"TableName": TABLE, "CapacityUnits": 0.5}
    body = json.dumps({"Item": ITEM, "ConsumedCapacity": capacity}).encode()
    lines = ["HTTP/1.1 200 OK", "x-amzn-RequestId: benchmark", f"x-amz-crc32: {zlib.crc32(body)}"]
    framing = ["Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *framing, "", ""]).encode() + body


ANSWER = canned_answer()


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running_server() -> Iterator[str]:
    program = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def raw_call(url: str) -> Call:
    session = botocore.session.Session()
    session.set_credentials(*KEYS.values())
    client = session.create_client("dynamodb", "us-east-1", endpoint_url=url)
    key = {"id": ITEM["id"], "item": ITEM["item"]}
    return lambda: client.get_item(TableName=TABLE, Key=key, ConsistentRead=True)


def call_by(client: str, url: str) -> Call:
    place = {**KEYS, "region": "us-east-1", "endpoint_url": url, "table_name": TABLE}
    model = session_model(**place, client=client, create_table=False)
    connection = model.table_connection()
    partition, sort = ITEM["id"]["S"], ITEM["item"]["S"]
    return lambda: connection.get_item(partition, sort, consistent_read=True)


def cpu_per_call(call: Call, calls: int) -> float:
    begin = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - begin) / calls


def report_cpu(url: str, rounds: int = 31, calls: int = 100) -> None:
    called = {"raw": raw_call(url), **{client: call_by(client, url) for client in CLIENTS}}
    times: dict[str, list[float]] = {name: [] for name in called}
    for _ in range(rounds):
        for name, call in called.items():
            times[name].append(cpu_per_call(call, calls))
    for name, each in times.items():
        ratio = statistics.median(one / raw for one, raw in zip(each, times["raw"], strict=True))
        median = statistics.median(each) * 1e6
        print(f"GetItem, {name:<10} {median:6.0f} us of CPU, {ratio:.2f} of raw botocore")


def calls_per_second(call: Call, threads: int, calls: int) -> float:
    def run() -> None:
        for _ in range(calls // threads):
            call()

    running = [threading.Thread(target=run) for _ in range(threads)]
    begin = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return calls / (time.perf_counter() - begin)


def report_throughput(url: str, threads: int, calls: int, rounds: int = 9) -> None:
    called = {client: call_by(client, url) for client in CLIENTS}
    rates: dict[str, list[float]] = {client: [] for client in CLIENTS}
    for _ in range(rounds):
        for client, call in called.items():
            rates[client].append(calls_per_second(call, threads, calls))
    lean, other = (rates[client] for client in CLIENTS)
    ratio = statistics.median(one / two for one, two in zip(lean, other, strict=True))
    medians = " / ".join(f"{statistics.median(rates[client]):.0f}" for client in CLIENTS)
    print(f"GetItem per second in {threads} threads, lean / botocore: {medians} = {ratio:.2f}")


#: The first request of a process, as in Lambda: imports and one GetItem.
FIRST = """
import sys
from beaker_dynamodb import DynamoDBNamespaceManager, session_model
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
session_model(**options).table_connection().get_item("a" * 64, "session", consistent_read=True)
"""
#: The same by PynamoDB alone.
FIRST_BY_PYNAMODB = """
import sys
from pynamodb.attributes import BinaryAttribute, UnicodeAttribute
from pynamodb.models import Model

class Item(Model):
    class Meta:
        table_name, host, region = sys.argv[1:]
        aws_access_key_id = aws_secret_access_key = "benchmark"

    id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    data = BinaryAttribute(legacy_encoding=False)

Item.get("a" * 64, "session", consistent_read=True)
"""


def report_first_request(url: str, rounds: int = 9) -> None:
    place = {"table_name": TABLE, "endpoint_url": url, "region": "us-east-1"}
    programs = {
        client: (FIRST, {**KEYS, **place, "client": client, "create_table": "false"})
        for client in CLIENTS
    }
    times: dict[str, list[float]] = {name: [] for name in (*CLIENTS, "PynamoDB")}
    with fresh_processes() as run:
        run(FIRST_BY_PYNAMODB, *place.values())
        for _ in range(rounds):
            times["PynamoDB"].append(run(FIRST_BY_PYNAMODB, *place.values()))
            for client, (program, options) in programs.items():
                words = [word for option in options.items() for word in option]
                times[client].append(run(program, *words))
    for name, each in times.items():
        ratio = statistics.median(
            one / other for one, other in zip(each, times["PynamoDB"], strict=True)
        )
        median = statistics.median(each) * 1e3
        print(f"import and first GetItem, {name:<10} {median:4.0f} ms of CPU, {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--calls", type=int, default=4000, help="in each block of threads")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with running_server() as url:
        report_cpu(url)
        report_throughput(url, arguments.threads, arguments.calls)
        report_first_request(url)


if __name__ == "__main__":
    main()
