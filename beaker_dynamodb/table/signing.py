"""Requests to DynamoDB as bytes, signed by botocore's signer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

SIGNATURE_VERSION = "v4"


class Service(NamedTuple):
    """For which service and region a request is signed, and how."""

    name: str
    region: str
    version: str = SIGNATURE_VERSION


class RequestForm(NamedTuple):
    """What is the same in all requests to one endpoint.

    botocore's signer collects, sorts and joins the headers of each request; here they are known.

    Attributes:
        signer: botocore's; it has the credentials, and renews them.
        service: that the requests are signed for.
        target: of each operation, up to its name.
        head: of each request, up to the target.
        canonical: what of each request is signed, up to its time.
    """

    signer: Any
    service: Service
    target: str
    head: str
    canonical: str

    def message(self, operation: str, body: bytes, more: str = "") -> bytes:
        """A signed request.

        Args:
            operation: of DynamoDB.
            body: its arguments.
            more: lines of headers that are not signed.

        Raises:
            NoCredentialsError: there is nothing to sign it with.
        """
        auth = self.signer.get_auth_instance(*self.service)
        if auth.credentials is None:
            raise NoCredentialsError
        moment, token = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), auth.credentials.token
        target, signed_token, name = f"{self.target}.{operation}", "", ""
        if token:
            signed_token, name = f"x-amz-security-token:{token}\n", "x-amz-security-token;"
            more = f"{more}X-Amz-Security-Token: {token}\r\n"
        names = f"content-type;host;x-amz-date;{name}x-amz-target"
        canonical = (
            f"{self.canonical}{moment}\n{signed_token}x-amz-target:{target}\n\n"
            f"{names}\n{sha256(body).hexdigest()}"
        )
        request = SimpleNamespace(context={"timestamp": moment})
        signature = auth.signature(auth.string_to_sign(request, canonical), request)
        head = (
            f"{self.head}{target}\r\nX-Amz-Date: {moment}\r\n{more}Content-Length: {len(body)}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={auth.scope(request)}, "
            f"SignedHeaders={names}, Signature={signature}\r\n\r\n"
        )
        return head.encode() + body


def request_form(
    url: str,
    requested: str,
    headers: Mapping[str, str],
    proxy_headers: Mapping[str, str],
    signer: Any,
    service: Service,
) -> RequestForm:
    """The form of requests to an endpoint.

    Args:
        url: of the endpoint.
        requested: what the request line names.
        headers: those that botocore would send.
        proxy_headers: those for a proxy.
        signer: botocore's.
        service: that the requests are signed for.
    """
    auth, request = SigV4Auth(None, service.name, service.region), AWSRequest("POST", url)
    path, host = (
        auth.canonical_request(request).split("\n")[1],
        auth.headers_to_sign(request)["host"],
    )
    fields = {
        "Host": host,
        **proxy_headers,
        "Accept-Encoding": "identity",
        "User-Agent": headers["User-Agent"],
        "Content-Type": headers["Content-Type"],
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return RequestForm(
        signer,
        service,
        headers["X-Amz-Target"].rpartition(".")[0],
        f"POST {requested} HTTP/1.1\r\n{lines}X-Amz-Target: ",
        f"POST\n{path}\n\ncontent-type:{fields['Content-Type']}\nhost:{host}\nx-amz-date:",
    )
