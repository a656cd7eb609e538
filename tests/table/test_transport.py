"""What servers, proxies and networks answer, over both clients."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from beaker_dynamodb import session_model
from tests.support.internals import (
    DynamoDBConnection,
    UnusableAnswer,
    connection_of,
    forget_connections,
)
from tests.support.scripted import HANG_UP, Request, Script, answer, checked, scripted_server

FOUND = {"Item": {"id": {"S": "a"}}}
BODY = json.dumps(FOUND).encode()
PAGE = b"<html><body>Bad Gateway</body></html>"
GET = {"TableName": "a-table", "Key": {"id": {"S": "a"}}}


@pytest.fixture(params=["lean", "botocore"])
def connect(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., DynamoDBConnection]:
    """A connection to an endpoint, by each client."""
    forget_connections()

    def connection(url: str, **options: Any) -> DynamoDBConnection:
        place = {"region": "us-east-1", "endpoint_url": url, "client": request.param}
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        times = {"connect_timeout": 5, "read_timeout": 5, "max_retries": 0}
        name = f"table-{uuid.uuid4().hex}"
        return connection_of(
            session_model(**{**place, **keys, **times, "table_name": name, **options})
        )

    return connection


def get(connection: DynamoDBConnection) -> dict[str, Any]:
    return connection.attempt("GetItem", lambda: dict(GET))


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    framed = b"".join(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return answer(b"", "Transfer-Encoding: chunked") + framed + b"0\r\n" + trailer + b"\r\n"


#: Answers with the item: the framing, and how many connections three calls take.
WHOLE: dict[str, tuple[bytes, int]] = {
    "with its length": (answer(BODY), 1),
    "with its checksum": (checked(FOUND), 1),
    "in chunks": (chunked(BODY[:5], BODY[5:]), 1),
    "in large chunks": (chunked(json.dumps({**FOUND, "a": "b" * 200_000}).encode()), 1),
    "until the end": (answer(BODY, "Connection: close") + HANG_UP, 3),
    "over HTTP/1.0": (answer(BODY).replace(b"HTTP/1.1", b"HTTP/1.0") + HANG_UP, 3),
    "and then closed": (answer(BODY, f"Content-Length: {len(BODY)}", "Connection: close"), 3),
    "after 100 Continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(BODY), 1),
    "with a large head": (answer(BODY, f"Content-Length: {len(BODY)}", f"a: {'b' * 60_000}"), 1),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_read_whole(connect: Any, name: str) -> None:
    data, opened = WHOLE[name]
    with scripted_server(lambda _: data) as server:
        connection = connect(server.url)
        for _ in range(3):
            assert get(connection)["Item"] == FOUND["Item"]
        assert server.opened == opened


#: Answers with bytes after them, or that may have some.
LONGER = {
    "trailers": chunked(BODY, trailer=b"a: b\r\n"),
    "another answer": answer(BODY) + answer(json.dumps({"Item": {"id": {"S": "other"}}}).encode()),
}


@pytest.mark.parametrize("name", LONGER)
def test_bytes_after_an_answer_do_not_reach_the_next_call(connect: Any, name: str) -> None:
    with scripted_server(lambda _: LONGER[name]) as server:
        connection = connect(server.url)
        for _ in range(3):
            assert get(connection)["Item"] == FOUND["Item"]
        assert server.opened == 3 or connection.options.client == "botocore"


def test_a_connection_that_the_server_has_closed_is_not_used_again(connect: Any) -> None:
    with scripted_server(lambda _: answer(BODY) + HANG_UP) as server:
        connection = connect(server.url)
        for _ in range(3):
            assert get(connection)["Item"] == FOUND["Item"]
            time.sleep(0.05)


#: Answers that are none of DynamoDB, and how the client's error is named.
BROKEN: dict[str, tuple[bytes, type[Exception]]] = {
    "a page": (answer(PAGE, request_id=None), UnusableAnswer),
    "a page with an error": (
        answer(PAGE, status="502 Bad Gateway", request_id=None),
        UnusableAnswer,
    ),
    "a redirect": (
        answer(b"", "Location: /a", "Content-Length: 0", status="302 Found", request_id=None),
        UnusableAnswer,
    ),
    "too large": (
        answer(PAGE, "Connection: close", status="413 Too Large", request_id=None) + HANG_UP,
        UnusableAnswer,
    ),
    "empty": (answer(b"", request_id=None), UnusableAnswer),
    "an error without a body": (answer(b"", status="503 Unavailable"), UnusableAnswer),
    "an error of DynamoDB": (
        checked({"__type": "a#InternalServerError", "message": "b"}, "500 Error"),
        ClientError,
    ),
    "another checksum": (
        answer(BODY, f"Content-Length: {len(BODY)}", "x-amz-crc32: 1"),
        UnusableAnswer,
    ),
    "nothing": (HANG_UP, ConnectionClosedError),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n" + HANG_UP, ConnectionClosedError),
}


@pytest.mark.parametrize("name", BROKEN)
def test_any_other_answer_is_an_error_and_the_next_call_is_made(connect: Any, name: str) -> None:
    data, kind = BROKEN[name]
    answers = [data]
    with scripted_server(lambda _: answers.pop() if answers else answer(BODY)) as server:
        connection = connect(server.url)
        with pytest.raises(kind):
            get(connection)
        assert get(connection)["Item"] == FOUND["Item"]


def test_a_late_answer_does_not_reach_the_next_call(connect: Any) -> None:
    release, answers = threading.Event(), [json.dumps({"Item": {"id": {"S": "late"}}}).encode()]

    def script(_: Request) -> bytes:
        if answers:
            late = answers.pop()
            release.wait(5)
            return answer(late)
        return answer(BODY)

    with scripted_server(script) as server:
        connection = connect(server.url, read_timeout=0.7)
        with pytest.raises(ReadTimeoutError):
            get(connection)
        release.set()
        assert get(connection)["Item"] == FOUND["Item"]


class TestAConnection:
    def test_that_nobody_accepts_is_an_error(self, connect: Any) -> None:
        with scripted_server(lambda _: b"") as server:
            url = server.url
        with pytest.raises(EndpointConnectionError):
            get(connect(url))

    def test_that_takes_too_long_is_an_error(self, connect: Any) -> None:
        # TEST-NET-1 (RFC 5737) answers nobody; some sandboxes refuse to send there.
        with pytest.raises((ConnectTimeoutError, EndpointConnectionError)):
            get(connect("http://192.0.2.1:9", connect_timeout=0.3))

    def test_is_kept_for_each_thread_up_to_the_pools_size(self, connect: Any) -> None:
        barrier = threading.Barrier(4)

        def script(_: Request) -> bytes:
            barrier.wait(5)
            return answer(BODY)

        with scripted_server(script) as server:
            connection = connect(server.url, max_pool_connections=2)
            for opened in (4, 6):
                in_threads(4, lambda: get(connection))
                assert server.opened == opened


def in_threads(number: int, action: Callable[[], object]) -> None:
    threads = [threading.Thread(target=action) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Authority:
    """A certificate authority of the test's own, in files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
        self._certificate = self._signed(name, name, self._key, x509.BasicConstraints(True, None))
        self.bundle = folder / "bundle.pem"
        self.bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, address: str) -> ssl.SSLContext:
        """What a server with a certificate for an address speaks."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server")])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        certificate = self._signed(subject, self._certificate.subject, key, names)
        file = self._folder / f"{address}.pem"
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        file.write_bytes(private + certificate.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(self, subject: x509.Name, issuer: x509.Name, key: Any, extension: Any) -> Any:
        now = dt.datetime.now(dt.timezone.utc)
        builder = x509.CertificateBuilder(issuer, subject, key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(days=1))
        builder = builder.not_valid_after(now + dt.timedelta(days=1))
        builder = builder.add_extension(extension, critical=True)
        return builder.sign(self._key, hashes.SHA256())


class TestTLS:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    @pytest.fixture(params=["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
    def trusted(
        self, request: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> Authority:
        monkeypatch.setenv(request.param, str(authority.bundle))
        return authority

    def test_with_an_authority_of_ones_own(self, connect: Any, trusted: Authority) -> None:
        with scripted_server(lambda _: answer(BODY), trusted.server("127.0.0.1")) as server:
            connection = connect(server.url)
            for _ in range(2):
                assert get(connection)["Item"] == FOUND["Item"]
            assert server.opened == 1

    def test_with_an_unknown_authority_is_refused(self, connect: Any, authority: Authority) -> None:
        requests: list[Request] = []
        tls = authority.server("127.0.0.1")
        with scripted_server(recording(requests), tls) as server, pytest.raises(SSLError):
            get(connect(server.url))
        assert requests == []

    def test_with_the_certificate_of_another_host_is_refused(
        self, connect: Any, trusted: Authority
    ) -> None:
        requests: list[Request] = []
        tls = trusted.server("127.0.0.2")
        with scripted_server(recording(requests), tls) as server, pytest.raises(SSLError):
            get(connect(server.url))
        assert requests == []

    def test_without_the_bundles_file_is_refused(
        self, connect: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle) + ".missing")
        tls = authority.server("127.0.0.1")
        with scripted_server(lambda _: b"", tls) as server, pytest.raises(SSLError):
            get(connect(server.url))

    def test_through_a_proxy(
        self, connect: Any, trusted: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Request] = []
        allowed = b"HTTP/1.1 200 Connection established\r\n\r\n"
        tls = trusted.server("127.0.0.1")
        with (
            scripted_server(lambda _: answer(BODY), tls) as server,
            scripted_server(recording(asked, allowed)) as proxy,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass%20word@127.0.0.1:{proxy.port}")
            connection = connect(server.url)
            for _ in range(2):
                assert get(connection)["Item"] == FOUND["Item"]
            assert server.opened == 1
        assert [request.line.split()[:2] for request in asked] == [
            ["CONNECT", f"127.0.0.1:{server.port}"]
        ]
        assert asked[0].headers["proxy-authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="

    def test_through_a_proxy_that_refuses_is_an_error(
        self, connect: Any, trusted: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        with scripted_server(lambda _: refused) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:hidden@127.0.0.1:{proxy.port}")
            with pytest.raises(ProxyConnectionError) as caught:
                get(connect("https://127.0.0.1:9"))
        assert "hidden" not in str(caught.value)


class TestAProxy:
    def test_forwards_plain_requests(self, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Request] = []
        with scripted_server(recording(asked, answer(BODY))) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
            connection = connect("http://dynamodb.example:8000")
            assert get(connection)["Item"] == FOUND["Item"]
        assert asked[0].line == "POST http://dynamodb.example:8000/ HTTP/1.1"
        assert asked[0].headers["host"] == "dynamodb.example:8000"
        assert asked[0].headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"

    def test_that_is_down_is_an_error_that_hides_its_password(
        self, connect: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with scripted_server(lambda _: b"") as proxy:
            port = proxy.port
        monkeypatch.setenv("HTTP_PROXY", f"http://user:hidden@127.0.0.1:{port}")
        with pytest.raises(ProxyConnectionError) as caught:
            get(connect("http://dynamodb.example:8000"))
        assert "hidden" not in str(caught.value)

    def test_is_not_used_for_hosts_that_are_excluded(
        self, connect: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with scripted_server(lambda _: answer(BODY)) as server:
            assert get(connect(server.url))["Item"] == FOUND["Item"]


def recording(requests: list[Request], data: bytes = b"") -> Script:
    def script(request: Request) -> bytes:
        requests.append(request)
        return data

    return script
