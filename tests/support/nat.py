"""A NAT gateway between a client and DynamoDB Local: it forgets connections that are idle."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

#: With a linger of no seconds, closing a socket sends a reset (socket(7), SO_LINGER).
_RESET = struct.pack("ii", 1, 0)
_CHUNK = 65_536


class Nat(socketserver.ThreadingTCPServer):
    """Listens on a free port of this machine, and passes bytes on.

    Args:
        endpoint: of DynamoDB Local.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.endpoint = endpoint
        #: How many connections were opened, and how many were used after they were forgotten.
        self.opened = 0
        self.dead = 0
        #: Whether the packets of a forgotten connection vanish; otherwise the NAT resets it.
        self.is_silent = False
        self.stopping = threading.Event()
        self.generation = 0

    @property
    def url(self) -> str:
        """The endpoint for the client."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def forget_connections(self) -> None:
        """Forget all connections, as a NAT forgets those that are idle."""
        self.generation += 1


class _Connection(socketserver.BaseRequestHandler):
    server: Nat
    request: socket.socket

    def handle(self) -> None:
        self.server.opened += 1
        generation = self.server.generation
        address = urlsplit(self.server.endpoint)
        with socket.create_connection((address.hostname or "", address.port or 0)) as other:
            back = threading.Thread(target=_pass_on, args=(other, self.request), daemon=True)
            back.start()
            while data := self._receive():
                if self.server.generation != generation:
                    self._drop()
                    return
                other.sendall(data)

    def _receive(self) -> bytes:
        with suppress(OSError):
            return self.request.recv(_CHUNK)
        return b""

    def _drop(self) -> None:
        self.server.dead += 1
        if self.server.is_silent:
            self.server.stopping.wait(60)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.request.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)


@contextmanager
def nat_for(endpoint: str) -> Iterator[Nat]:
    """A NAT gateway in front of an endpoint, running inside the context."""
    with Nat(endpoint) as nat:
        thread = threading.Thread(target=nat.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield nat
        finally:
            nat.stopping.set()
            nat.shutdown()
            thread.join()
