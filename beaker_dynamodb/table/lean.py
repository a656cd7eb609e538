"""A short way to DynamoDB for calls about items, with botocore's settings and credentials.

botocore serializes, signs, sends and parses each call by its model of DynamoDB, and calls handlers
of events between the steps. This client sends the same request in a third of the CPU time. It
gives way to botocore if somebody watches or replaces botocore's calls; see `hooks`.
"""

from __future__ import annotations

import json
import os
import threading
from base64 import b64decode, b64encode
from http import HTTPStatus
from typing import Any, NamedTuple
from zlib import crc32

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.handlers import add_recursion_detection_header
from botocore.httpsession import ProxyConfiguration, get_cert_path
from botocore.parsers import create_parser
from botocore.utils import ensure_boolean, get_environ_proxies

from .hooks import ObservedEvents, is_replaced
from .operations import OPERATIONS
from .retry import UnusableAnswer
from .signing import SIGNATURE_VERSION, RequestForm, Service, request_form
from .transport import Answer, Route, Transport

#: What this client can call: the operations on items, and the other one that a process makes before
#: its first answer, so that it opens one connection. All their answers are text, numbers and bytes.
LEAN_OPERATIONS = frozenset(
    {name for name, operation in OPERATIONS.items() if operation.reports_capacity}
    | {"DescribeTimeToLive"}
)
_encode = json.JSONEncoder(default=lambda data: b64encode(data).decode()).encode


class _Way(NamedTuple):
    """Where the calls about some tables go, and in which form."""

    transport: Transport
    form: RequestForm


class LeanClient:
    """Makes calls to DynamoDB for any number of threads.

    Args:
        client: botocore's, which provides credentials, endpoints, limits and errors.
        session: botocore's, which has created the client.
        events: the emitter of both.
    """

    def __init__(self, client: Any, session: Any, events: ObservedEvents) -> None:
        self._client = client
        self._events = events
        # As botocore chooses them, in Session.create_client and EndpointCreator.
        ca_bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        self._ca_bundle = ca_bundle or get_cert_path(verify=True)
        keeps_alive = session.get_scoped_config().get("tcp_keepalive", False)
        self._keeps_alive = ensure_boolean(keeps_alive)
        self._is_in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        #: By partition, region and account of tables that are named by an ARN; of all others by an
        #: empty string. None if only botocore knows the way.
        self._ways: dict[str, _Way | None] = {}

    def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """Make a call; None if botocore has to make it.

        Args:
            operation: one of `LEAN_OPERATIONS`.
            arguments: as botocore takes them.

        Raises:
            BotoCoreError, ClientError: as botocore's client raises them.
            UnusableAnswer: the answer's bytes changed on the way.
        """
        if self._events.has_foreign_handlers or is_replaced(self._client):
            return None
        table = arguments.get("TableName") or next(iter(arguments["RequestItems"]), "")
        account = table.rpartition(":")[0]
        if account not in self._ways:
            self._ways[account] = self._find_way(table)
        way = self._ways[account]
        if way is None:
            return None
        more = _trace_header() if self._is_in_lambda else ""
        message = way.form.message(operation, _encode(arguments).encode(), more)
        answer = way.transport.exchange(message)
        if answer.headers.get("x-amz-crc32", "") not in {"", str(crc32(answer.body))}:
            raise UnusableAnswer("altered in transit")
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._error(operation, answer)
        return _parsed(answer)

    def close(self) -> None:
        """Close the connections that are kept open."""
        for way in list(self._ways.values()):
            if way is not None:
                way.transport.close()

    def _find_way(self, table: str) -> _Way | None:
        request, signer, context = _prepared_request(self._client, table)
        url, version = request["url"], context.get("auth_type") or signer.signature_version
        route = self._route(url)
        if version != SIGNATURE_VERSION or not (route.proxy_url or "http:").startswith("http:"):
            return None
        signing = context.get("signing", {})
        name = signing.get("signing_name", signer.signing_name)
        service = Service(name, signing.get("region", signer.region_name))
        transport = Transport(route)
        target, proxy_headers = transport.target, transport.proxy_headers
        form = request_form(url, target, request["headers"], proxy_headers, signer, service)
        return _Way(transport, form)

    def _route(self, url: str) -> Route:
        config, proxies = self._client.meta.config, ProxyConfiguration(get_environ_proxies(url))
        proxy_url = proxies.proxy_url_for(url)
        return Route(
            url,
            self._ca_bundle,
            proxy_url,
            proxies.proxy_headers_for(proxy_url) if proxy_url else {},
            config.connect_timeout,
            config.read_timeout,
            self._keeps_alive,
            config.max_pool_connections,
        )

    def _error(self, operation: str, answer: Answer) -> ClientError:
        """The error that botocore raises for an answer, as its own parser makes it."""
        parser = create_parser("json")
        response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
        parsed = parser.parse(response, None)
        code = parsed["Error"]["Code"]
        shape = self._client.meta.service_model.shape_for_error_code(code)
        if shape is not None:
            parsed.update(parser.parse(response, shape))
        parsed["ResponseMetadata"]["RetryAttempts"] = 0
        error: ClientError = self._client.exceptions.from_code(code)(parsed, operation)
        return error


def _trace_header() -> str:
    """The header by which Lambda detects recursion, as botocore makes it."""
    headers: dict[str, str] = {}
    add_recursion_detection_header({"headers": headers})
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _prepared_request(client: Any, table: str) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """What botocore would send about a table, its signer and its context; nothing is sent."""
    caller, found = threading.get_ident(), []

    def take(params: Any, request_signer: Any, context: Any, **_: Any) -> Any:
        if threading.get_ident() != caller:
            return None
        found.append((params, request_signer, context))
        return AWSResponse(params["url"], HTTPStatus.OK, {}, None), {}

    event = "before-call.dynamodb.GetItem"
    client.meta.events.register_first(event, take)
    try:
        client.get_item(TableName=table, Key={})
    finally:
        client.meta.events.unregister(event, take)
    return found[0]


def _parsed(answer: Answer) -> dict[str, Any]:
    """An answer as botocore returns it."""
    request_id = answer.headers.get("x-amzn-requestid")
    metadata = {
        "RequestId": request_id,
        "HTTPStatusCode": answer.status,
        "HTTPHeaders": answer.headers,
        "RetryAttempts": 0,
    }
    if request_id is None:
        # The page of a proxy or another server; the caller refuses it.
        return {"ResponseMetadata": metadata}
    try:
        parsed: dict[str, Any] = json.loads(answer.body, object_hook=_decode)
        parsed["ResponseMetadata"] = metadata
    except (TypeError, ValueError) as error:
        raise UnusableAnswer("not of the form of DynamoDB's answers") from error
    return parsed


def _decode(parsed: dict[str, Any]) -> dict[str, Any]:
    """Decode an attribute's value if it is binary; an attribute's name is not followed by text."""
    if len(parsed) == 1:
        data, several = parsed.get("B"), parsed.get("BS")
        if isinstance(data, str):
            return {"B": b64decode(data)}
        if isinstance(several, list):
            return {"BS": [b64decode(one) for one in several]}
    return parsed
