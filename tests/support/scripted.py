"""A server that answers each HTTP request with the bytes that a test gives it."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_CHUNK = 65_536


@dataclass
class Request:
    """One request as it arrived; the names of its headers are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


#: The bytes to answer a request with. The connection stays open after them, unless they end with
#: `HANG_UP`.
Script = Callable[[Request], bytes]
HANG_UP = b"<hang up>"


def answer(
    body: bytes, *lines: str, status: str = "200 OK", request_id: str | None = "id"
) -> bytes:
    """An answer in DynamoDB's form, with its length unless `lines` give another framing."""
    framing = list(lines) or [f"Content-Length: {len(body)}"]
    named = [f"x-amzn-RequestId: {request_id}"] if request_id else []
    return "\r\n".join([f"HTTP/1.1 {status}", *named, *framing, "", ""]).encode() + body


def checked(parsed: dict[str, Any], status: str = "200 OK") -> bytes:
    """An answer with DynamoDB's checksum."""
    body = json.dumps(parsed).encode()
    lines = [f"Content-Length: {len(body)}", f"x-amz-crc32: {zlib.crc32(body)}"]
    return answer(body, *lines, status=status)


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Listens on a free port of this machine."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.script = script
        self.tls = tls
        self.opened = 0

    @property
    def port(self) -> int:
        """The port."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The endpoint for the client."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: clients refuse certificates and close connections."""


class _Connection(socketserver.StreamRequestHandler):
    server: ScriptedServer

    def setup(self) -> None:
        self.server.opened += 1
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        with suppress(OSError):
            while request := self._request():
                if request.line.startswith("CONNECT"):
                    self._pass_on(request)
                    return
                data = self.server.script(request)
                self.wfile.write(data.removesuffix(HANG_UP))
                if data.endswith(HANG_UP):
                    return

    def _request(self) -> Request | None:
        line = self.rfile.readline().decode().strip()
        if not line:
            return None
        headers = {}
        while field := self.rfile.readline().decode().strip():
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        return Request(line, headers, self.rfile.read(int(headers.get("content-length", 0))))

    def _pass_on(self, request: Request) -> None:
        """As a proxy: open a tunnel if the script's answer to CONNECT allows it."""
        data = self.server.script(request)
        self.wfile.write(data)
        if b" 200 " in data.partition(b"\r\n")[0]:
            address = urlsplit(f"//{request.line.split()[1]}")
            tunnel(self.connection, (str(address.hostname), int(address.port or 443)))


def tunnel(connection: Any, address: tuple[str, int]) -> None:
    """Pass bytes on in both directions until one side ends."""
    with socket.create_connection(address) as other:
        back = threading.Thread(target=_copy, args=(other, connection), daemon=True)
        back.start()
        _copy(connection, other)


def _copy(source: Any, target: Any) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)


@contextmanager
def scripted_server(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """A scripted server, running inside the context."""
    with ScriptedServer(script, tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
