"""Requests over HTTP and their answers, on connections that are kept open."""

from __future__ import annotations

import socket
import ssl
import weakref
from collections import deque
from contextlib import closing, suppress
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.httpsession import create_urllib3_context, mask_proxy_url
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import is_connection_dropped


class Answer(NamedTuple):
    """The answer to one request; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Route(NamedTuple):
    """How requests reach an endpoint.

    Attributes:
        url: of the endpoint.
        ca_bundle: path of the certificates that it is verified with.
        proxy_url: of a proxy over HTTP; None for none.
        proxy_headers: what the proxy is sent, such as its credentials.
        connect_timeout, read_timeout: in seconds.
        keeps_alive: whether TCP probes idle connections.
        most_idle: how many idle connections are kept open.
    """

    url: str
    ca_bundle: str
    proxy_url: str | None
    proxy_headers: dict[str, str]
    connect_timeout: float
    read_timeout: float
    keeps_alive: bool
    most_idle: int


class Transport:
    """Sends requests of any number of threads to one endpoint.

    Attributes:
        url: of the endpoint.
        target: what the request line names.
        proxy_headers: those that each request begins with.
    """

    def __init__(self, route: Route) -> None:
        self.url = route.url
        self._route = route
        self._endpoint = urlsplit(route.url)
        self._proxy = urlsplit(route.proxy_url) if route.proxy_url else None
        self._is_tunnel = self._proxy is not None and self._endpoint.scheme == "https"
        is_forwarded = self._proxy is not None and not self._is_tunnel
        self.target = route.url if is_forwarded else self._endpoint.path or "/"
        self.proxy_headers = route.proxy_headers if is_forwarded else {}
        self._tls = _tls_context(route) if self._endpoint.scheme == "https" else None
        #: The connections that no thread uses: the last one used is used next.
        self._idle: deque[HTTPConnection] = deque()
        #: How often all of them were closed.
        self._generation = 0
        weakref.finalize(self, _close_all, self._idle)

    def exchange(self, message: bytes) -> Answer:
        """Send a request, and receive its answer.

        Args:
            message: the request, head and body.

        Raises:
            HTTPClientError, ConnectionError: botocore's, as its own client raises them.
        """
        generation = self._generation
        connection, is_reusable = self._connection(), False
        try:
            # A server that refuses a request may answer before it has read the whole.
            with suppress(BrokenPipeError):
                connection.sock.sendall(message)
            with closing(HTTPResponse(connection.sock, method="POST")) as response:
                response.begin()
                body = response.read()
            is_reusable = not response.will_close
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self.url, error=error) from error
        except IncompleteRead as error:
            raise ResponseStreamingError(error=error) from error
        except (OSError, ValueError, HTTPException) as error:
            raise ConnectionClosedError(endpoint_url=self.url, error=error) from error
        finally:
            # An answer that is still to come, after any exception, must not meet another request.
            is_kept = is_reusable and generation == self._generation
            if is_kept and len(self._idle) < self._route.most_idle:
                self._idle.append(connection)
            else:
                connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body)

    def close(self) -> None:
        """Close the idle connections; those in use are closed after their answer."""
        self._generation += 1
        _close_all(self._idle)

    def _connection(self) -> HTTPConnection:
        while (connection := _pop(self._idle)) is not None:
            # Whatever can be read before a request ends the connection, or belongs to no request.
            if not is_connection_dropped(connection):
                return connection
            connection.close()
        return self._connect()

    def _connect(self) -> HTTPConnection:
        url, connection = self.url, self._new_connection()
        try:
            connection.connect()
        except (ssl.SSLError, ValueError) as error:
            raise SSLError(endpoint_url=url, error=error) from error
        except (OSError, urllib3_errors.HTTPError) as error:
            raise self._unreachable(error) from error
        connection.sock.settimeout(self._route.read_timeout)
        return connection

    def _unreachable(self, error: Exception) -> BotoCoreError:
        url, proxy_url = self.url, self._route.proxy_url
        if proxy_url is not None:
            return ProxyConnectionError(proxy_url=mask_proxy_url(proxy_url), error=error)
        is_late = isinstance(error, (TimeoutError, urllib3_errors.ConnectTimeoutError))
        # A subclass of the other.
        if is_late and not isinstance(error, urllib3_errors.NewConnectionError):
            return ConnectTimeoutError(endpoint_url=url, error=error)
        return EndpointConnectionError(endpoint_url=url, error=error)

    def _new_connection(self) -> HTTPConnection:
        address = self._proxy or self._endpoint
        options: dict[str, Any] = {
            "host": address.hostname,
            "port": address.port,
            "timeout": self._route.connect_timeout,
            "socket_options": _socket_options(self._route),
        }
        if self._tls is None:
            return HTTPConnection(**options)
        connection = HTTPSConnection(**options, ssl_context=self._tls)
        if self._is_tunnel:
            port = self._endpoint.port or connection.default_port
            connection.set_tunnel(self._endpoint.hostname or "", port, self._route.proxy_headers)
        return connection


def _pop(idle: deque[HTTPConnection]) -> HTTPConnection | None:
    try:
        return idle.pop()
    except IndexError:
        return None


def _close_all(idle: deque[HTTPConnection]) -> None:
    while (connection := _pop(idle)) is not None:
        connection.close()


def _tls_context(route: Route) -> ssl.SSLContext:
    """The context of botocore; the certificates are read once, not for each connection."""
    context: ssl.SSLContext = create_urllib3_context()
    context.check_hostname = True
    try:
        context.load_verify_locations(route.ca_bundle)
    except OSError as error:
        raise SSLError(endpoint_url=route.url, error=error) from error
    return context


def _socket_options(route: Route) -> list[tuple[int, int, int | bytes]]:
    options = list(HTTPConnection.default_socket_options)
    if route.keeps_alive:
        options.append((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
    return options
