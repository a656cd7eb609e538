"""A proxy between client and DynamoDB Local that injects faults where they happen: on the wire."""

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
    """What the engine has answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Exchange:
    """One request of the client, and what a fault may do about it."""

    def __init__(self, handler: _Handler, engine: str, body: bytes) -> None:
        self._handler = handler
        self._engine = engine
        self.body = body
        self.connection = handler.connection
        self.stopping = handler.server.stopping

    def ask_engine(self) -> Answer:
        """Let the engine do what is asked."""
        address = urlsplit(self._engine)
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
        told = {"x-amzn-requestid": "proxied", "x-amz-crc32": str(zlib.crc32(body))}
        return Answer(answer.status, told, body)

    def answer(self, answer: Answer, sent: int | None = None) -> None:
        """Send an answer, or as many bytes of its body."""
        handler = self._handler
        handler.send_response(answer.status)
        for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.body[:sent])
        if sent is not None:
            self.close()

    def refuse(self, status: int, code: str) -> None:
        """Answer with an error of the engine's, which is not asked."""
        body = json.dumps({"__type": _ERROR + code, "message": "injected"}).encode()
        self.answer(Answer(status, {"x-amzn-requestid": "injected"}, body))

    def reset(self) -> None:
        """Break the connection off."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """End the connection after what was sent."""
        self._handler.close_connection = True
        self._handler.wfile.flush()
        self._handler.rfile.close()
        self.connection.close()


Fault = Callable[[Exchange], None]


def none(exchange: Exchange) -> None:
    """No fault: an answer as it is, before the faults that were prepared after it."""
    exchange.answer(exchange.ask_engine())


def server_error(exchange: Exchange) -> None:
    """500: the engine fails, and has done nothing."""
    exchange.refuse(500, "InternalServerError")


def throttled(exchange: Exchange) -> None:
    """400, throttled: the engine has no capacity left, and has done nothing."""
    exchange.refuse(400, "ProvisionedThroughputExceededException")


def reset(exchange: Exchange) -> None:
    """The connection is reset before the engine is asked."""
    exchange.reset()


def hang(exchange: Exchange) -> None:
    """No answer, until the client gives up."""
    exchange.connection.settimeout(0.5)
    while not exchange.stopping.is_set():
        try:
            exchange.connection.recv(1)
            break
        except TimeoutError:
            continue
    exchange.close()


def slow(exchange: Exchange) -> None:
    """The answer comes late, but in time."""
    answer = exchange.ask_engine()
    exchange.stopping.wait(SLOW)
    exchange.answer(answer)


def answer_lost(exchange: Exchange) -> None:
    """The engine does what is asked, and the connection is reset instead of its answer."""
    exchange.ask_engine()
    exchange.reset()


def answer_truncated(exchange: Exchange) -> None:
    """The connection ends in the middle of the answer."""
    answer = exchange.ask_engine()
    exchange.answer(answer, len(answer.body) // 2)


def answer_altered(exchange: Exchange) -> None:
    """One byte of the answer is another than its checksum was made of."""
    answer = exchange.ask_engine()
    place = random.randrange(len(answer.body))
    altered = bytearray(answer.body)
    altered[place] ^= 1
    exchange.answer(answer._replace(body=bytes(altered)))


#: How late a slow answer is, in seconds.
SLOW = 0.1
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

    def __init__(self, engine: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine = engine
        self.stopping = threading.Event()
        self.injected: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._prepared: list[tuple[str | None, Fault]] = []
        self._choose: Callable[[str], Fault | None] = lambda _: None

    @property
    def url(self) -> str:
        """Where the client finds it."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def inject(self, fault: Fault, operation: str | None = None, times: int = 1) -> None:
        """Let a fault happen to the next attempts at an operation (None: at any)."""
        with self._lock:
            self._prepared += [(operation, fault)] * times

    def inject_by(self, choose: Callable[[str], Fault | None]) -> None:
        """Let a function of the operation choose the fault of each attempt."""
        self._choose = choose

    def forget(self) -> None:
        """Forget what was prepared and counted."""
        with self._lock:
            self._prepared.clear()
            self.injected.clear()
        self._choose = lambda _: None

    def take(self, operation: str) -> Fault | None:
        """The fault that happens to an attempt at an operation now."""
        with self._lock:
            prepared = next((p for p in self._prepared if p[0] in {None, operation}), None)
            if prepared:
                self._prepared.remove(prepared)
            fault = prepared[1] if prepared else self._choose(operation)
            if fault:
                self.injected[operation, fault.__name__] += 1
        return fault

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: a client that has given up closes its connection while it is answered."""


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        operation = self.headers["x-amz-target"].rpartition(".")[2]
        body = self.rfile.read(int(self.headers["content-length"]))
        exchange = Exchange(self, self.server.engine, body)
        fault = self.server.take(operation) or none
        fault(exchange)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests look at what was injected."""


@contextmanager
def proxy_for(engine: str) -> Iterator[Proxy]:
    """A proxy for an engine's URL, while inside."""
    with Proxy(engine) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stopping.set()
            proxy.shutdown()
            thread.join()
