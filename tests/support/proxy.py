"""A proxy between a client and DynamoDB Local that injects faults on the wire."""

from __future__ import annotations

import http.client
import json
import random
import socket
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

#: With a linger of no seconds, closing a socket sends a reset (socket(7), SO_LINGER).
_RESET = struct.pack("ii", 1, 0)
_ERROR = "com.amazonaws.dynamodb.v20120810#"


class Answer(NamedTuple):
    """An answer of DynamoDB."""

    status: int
    headers: dict[str, str]
    body: bytes


class Exchange:
    """One request of the client, and the ways to answer it.

    Attributes:
        operation: of DynamoDB, such as `GetItem`.
        body: of the request, as `forward` sends it.
        head_size: bytes of the request before its body.
    """

    def __init__(self, handler: _Handler, endpoint: str, operation: str, body: bytes) -> None:
        self._handler = handler
        self._endpoint = endpoint
        self.operation = operation
        self.body = body
        lines = [handler.raw_requestline, *map(": ".join, handler.headers.items())]
        self.head_size = sum(len(line) + len("\r\n") for line in lines)
        self.connection = handler.connection
        self.stopping = handler.server.stopping

    def forward(self) -> Answer:
        """Send the request to DynamoDB, and return its answer."""
        address = urlsplit(self._endpoint)
        assert address.hostname
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        kept = {"content-type", "x-amz-target", "authorization", "x-amz-date"}
        headers = {k: v for k, v in self._handler.headers.items() if k.lower() in kept}
        try:
            connection.request("POST", "/", self.body, headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        headers = {"x-amzn-requestid": "proxied", "x-amz-crc32": str(zlib.crc32(body))}
        return Answer(answer.status, headers, body)

    def answer(self, answer: Answer, sent: int | None = None) -> None:
        """Send an answer; with `sent`, only that many bytes of its body."""
        handler = self._handler
        handler.send_response(answer.status)
        for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.body[:sent])
        if sent is not None:
            self.close()

    def refuse(self, status: int, code: str) -> None:
        """Answer with an error of DynamoDB, which does not get the request."""
        body = json.dumps({"__type": _ERROR + code, "message": "injected"}).encode()
        self.answer(Answer(status, {"x-amzn-requestid": "injected"}, body))

    def reset(self) -> None:
        """Reset the connection."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """Close the connection after the bytes that were sent."""
        self._handler.close_connection = True
        self._handler.wfile.flush()
        self._handler.rfile.close()
        self.connection.close()


Fault = Callable[[Exchange], None]


def none(exchange: Exchange) -> None:
    """No fault: pass the answer on. It delays the faults that are injected after it."""
    exchange.answer(exchange.forward())


def server_error(exchange: Exchange) -> None:
    """500: DynamoDB fails, and has done nothing."""
    exchange.refuse(500, "InternalServerError")


def throttled(exchange: Exchange) -> None:
    """400: DynamoDB throttles the request, and has done nothing."""
    exchange.refuse(400, "ProvisionedThroughputExceededException")


def reset(exchange: Exchange) -> None:
    """The connection is reset before DynamoDB gets the request."""
    exchange.reset()


def hang(exchange: Exchange) -> None:
    """No answer until the client gives up."""
    exchange.connection.settimeout(0.5)
    while not exchange.stopping.is_set():
        try:
            exchange.connection.recv(1)
            break
        except TimeoutError:
            continue
    exchange.close()


def late(exchange: Exchange) -> None:
    """No answer until the client gives up; DynamoDB executes the request some time after that."""
    hang(exchange)
    exchange.stopping.wait(random.uniform(0, LATEST))
    exchange.forward()


def slow(exchange: Exchange) -> None:
    """The answer comes late, but before the timeout."""
    answer = exchange.forward()
    exchange.stopping.wait(SLOW)
    exchange.answer(answer)


def answer_lost(exchange: Exchange) -> None:
    """DynamoDB executes the request, and the connection is reset instead of the answer."""
    exchange.forward()
    exchange.reset()


def answer_truncated(exchange: Exchange) -> None:
    """The connection ends in the middle of the answer."""
    answer = exchange.forward()
    exchange.answer(answer, len(answer.body) // 2)


def answer_altered(exchange: Exchange) -> None:
    """One byte of the answer is altered after its checksum was computed."""
    answer = exchange.forward()
    place = random.randrange(len(answer.body))
    altered = bytearray(answer.body)
    altered[place] ^= 1
    exchange.answer(answer._replace(body=bytes(altered)))


#: How late a slow answer is, in seconds.
SLOW = 0.1
#: How long a late request travels on after its client has given up, in seconds.
LATEST = 2.0
FAULTS: tuple[Fault, ...] = (
    server_error,
    throttled,
    reset,
    hang,
    slow,
    answer_lost,
    answer_truncated,
    answer_altered,
)


class Proxy(ThreadingHTTPServer):
    """Listens on a free port of this machine."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint = endpoint
        self.stopping = threading.Event()
        self.injected: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._prepared: list[tuple[str | None, Fault]] = []
        self._choose: Callable[[str], Fault | None] = lambda _: None

    @property
    def url(self) -> str:
        """The endpoint for the client."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def inject(self, fault: Fault, operation: str | None = None, times: int = 1) -> None:
        """Inject a fault into the next attempts at an operation (None: any operation)."""
        with self._lock:
            self._prepared += [(operation, fault)] * times

    def inject_by(self, choose: Callable[[str], Fault | None]) -> None:
        """Let a function of the operation's name choose the fault of each attempt."""
        self._choose = choose

    def forget(self) -> None:
        """Forget the faults that are left, and the counts."""
        with self._lock:
            self._prepared.clear()
            self.injected.clear()
        self._choose = lambda _: None

    def take(self, operation: str) -> Fault | None:
        """The fault of the current attempt at an operation."""
        with self._lock:
            prepared = next((p for p in self._prepared if p[0] in {None, operation}), None)
            if prepared:
                self._prepared.remove(prepared)
            fault = prepared[1] if prepared else self._choose(operation)
            if fault:
                self.injected[operation, fault.__name__] += 1
        return fault

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a client that gives up closes its connection before the answer."""


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    raw_requestline: bytes
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        operation = self.headers["x-amz-target"].rpartition(".")[2]
        body = self.rfile.read(int(self.headers["content-length"]))
        exchange = Exchange(self, self.server.endpoint, operation, body)
        fault = self.server.take(operation) or none
        fault(exchange)

    def log_message(self, *_: Any) -> None:
        """Print nothing: tests look at the counts."""


@contextmanager
def proxy_for(endpoint: str) -> Iterator[Proxy]:
    """A proxy for an endpoint, running inside the context."""
    with Proxy(endpoint) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stopping.set()
            proxy.shutdown()
            thread.join()
