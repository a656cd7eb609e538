"""The lean client: sends, returns and raises what botocore's client does, and gives way to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.credentials import Credentials
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.httpsession import URLLib3Session
from botocore.stub import Stubber
from moto.core.models import botocore_stubber
from pynamodb.connection import Connection
from urllib3.connectionpool import HTTPConnectionPool

from beaker_dynamodb import create_table, session_model
from tests.support.internals import (
    LEAN_OPERATIONS,
    Answer,
    LeanClient,
    Transport,
    UnusableAnswer,
    connection_of,
    forget_connections,
)

KEYS = {"aws_access_key_id": "an-id", "aws_secret_access_key": "a-secret"}
PLACE = {**KEYS, "region": "us-east-1", "endpoint_url": "http://127.0.0.1:9"}
DONE = Answer(200, {"x-amzn-requestid": "an-id"}, b"{}")
GET = {"TableName": "a-table", "Key": {"id": {"S": "a"}, "item": {"S": "b"}}}


class Messages(list[bytes]):
    """The messages that lean clients send; each is answered without a network."""

    def exchange(self, message: bytes) -> Answer:
        """Note a message."""
        self.append(message)
        return DONE


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Messages:
    noted = Messages()
    monkeypatch.setattr(Transport, "exchange", lambda _, message: noted.exchange(message))
    return noted


def lean_client(**options: Any) -> LeanClient:
    lean = connection_of(session_model(**{**PLACE, "table_name": "a-table", **options})).shared.lean
    assert lean is not None
    return lean


def parts_of(message: bytes) -> tuple[str, dict[str, str], bytes]:
    """Target, headers and body of a request."""
    head, _, body = message.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    fields = [each.split(": ", 1) for each in lines]
    return line.split()[1], {name.lower(): value for name, value in fields}, body


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b'{"Item": {"a": {"B": "A"}}}'])
def test_an_answer_of_another_form_is_no_missing_item(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    answer = Answer(200, {"x-amzn-requestid": "an-id"}, body)
    monkeypatch.setattr(Transport, "exchange", lambda *_: answer)
    with pytest.raises(UnusableAnswer):
        lean_client().call("GetItem", GET)


class TestARequest:
    @pytest.mark.parametrize(
        ("place", "url", "path"),
        [
            ({"endpoint_url": None}, "https://dynamodb.us-east-1.amazonaws.com/", "/"),
            ({"endpoint_url": None, "region": "cn-north-1"}, None, "/"),
            ({"endpoint_url": "http://127.0.0.1:8000"}, "http://127.0.0.1:8000/", "/"),
            (
                {"endpoint_url": "http://a.example:80/below/"},
                "http://a.example:80/below/",
                "/below/",
            ),
        ],
    )
    @pytest.mark.parametrize("token", [None, "a-token/+="])
    def test_is_signed_as_botocore_signs_it(
        self, messages: Messages, place: dict[str, Any], url: str, path: str, token: str | None
    ) -> None:
        client = lean_client(**place, **({"aws_session_token": token} if token else {}))
        client.call("GetItem", GET)
        target, headers, body = parts_of(messages[0])
        region = place.get("region", "us-east-1")
        url = url or f"https://dynamodb.{region}.amazonaws.com.cn/"
        signed = {"Content-Type", "X-Amz-Target", "X-Amz-Date", "X-Amz-Security-Token"}
        kept = {name: headers[name.lower()] for name in signed if name.lower() in headers}
        request = AWSRequest("POST", url, headers=kept, data=body)
        request.context["timestamp"] = headers["x-amz-date"]
        auth = SigV4Auth(Credentials("an-id", "a-secret", token), "dynamodb", region)
        expected = auth.signature(
            auth.string_to_sign(request, auth.canonical_request(request)), request
        )
        assert headers["authorization"].endswith(f"Signature={expected}")
        assert auth.headers_to_sign(request)["host"] == headers["host"]
        assert target == path
        assert headers.get("x-amz-security-token") == token

    def test_of_a_table_of_another_account_goes_where_botocore_sends_it(
        self, messages: Messages
    ) -> None:
        client = lean_client(endpoint_url=None)
        for account in ("111111111111", "222222222222"):
            arn = f"arn:aws:dynamodb:us-east-1:{account}:table/a-table"
            client.call("GetItem", {**GET, "TableName": arn})
            client.call("BatchGetItem", {"RequestItems": {arn: {"Keys": []}}})
        hosts = [parts_of(message)[1]["host"].split(".")[0] for message in messages]
        assert hosts == ["111111111111"] * 2 + ["222222222222"] * 2

    def test_names_the_invocation_in_lambda(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        forget_connections()
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "a-function")
        client = lean_client()
        for name in ("one", "other"):
            monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={name}")
            client.call("GetItem", GET)
        traces = [parts_of(message)[1]["x-amzn-trace-id"] for message in messages]
        assert traces == ["Root=one", "Root=other"]


#: Each kind of attribute, and names that are also kinds.
ITEM = {
    "id": {"S": "a"},
    "item": {"S": "é\u2028\U0001f600"},
    "data": {"B": b"\x00\xff" * 100},
    "B": {"S": "not binary"},
    "BS": {"BS": [b"one", b"other"]},
    "empty": {"B": b""},
    "touched": {"N": "-1.5"},
    "deep": {"M": {"B": {"B": b"\x01"}, "L": {"L": [{"BS": [b"\x02"]}, {"NULL": True}]}}},
    "flag": {"BOOL": False},
    "list": {"L": []},
    "strings": {"SS": ["a", "b"]},
}
KEY = {"id": ITEM["id"], "item": ITEM["item"]}
NAMES = {"#id": "id"}
REFUSED = {"ConditionExpression": "attribute_not_exists(#id)", "ExpressionAttributeNames": NAMES}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "item": ("GetItem", {"Key": KEY, "ReturnConsumedCapacity": "TOTAL"}),
    "no item": ("GetItem", {"Key": {**KEY, "id": {"S": "none"}}}),
    "old item": ("PutItem", {"Item": ITEM, "ReturnValues": "ALL_OLD"}),
    "refusal": ("PutItem", {"Item": ITEM, **REFUSED}),
    "refusal with the item": (
        "PutItem",
        {"Item": ITEM, **REFUSED, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
    ),
    "invalid": ("GetItem", {"Key": {"id": {"S": "a"}}}),
    "too large": ("PutItem", {"Item": {**ITEM, "data": {"B": b"\x00" * 410_000}}}),
    "update": (
        "UpdateItem",
        {
            "Key": KEY,
            "UpdateExpression": "SET #id2 = :a",
            "ExpressionAttributeNames": {"#id2": "data"},
            "ExpressionAttributeValues": {":a": ITEM["data"]},
            "ReturnValues": "ALL_NEW",
        },
    ),
    "query": (
        "Query",
        {
            "KeyConditionExpression": "#id = :a",
            "ExpressionAttributeNames": NAMES,
            "ExpressionAttributeValues": {":a": ITEM["id"]},
            "Limit": 1,
        },
    ),
    "scan": ("Scan", {"Limit": 1, "ReturnConsumedCapacity": "TOTAL"}),
    "time to live": ("DescribeTimeToLive", {}),
    "delete": ("DeleteItem", {"Key": {**KEY, "id": {"S": "none"}}, "ReturnValues": "ALL_OLD"}),
}
BATCHES: dict[str, tuple[str, Any]] = {
    "batch read": ("BatchGetItem", {"Keys": [KEY]}),
    "batch write": ("BatchWriteItem", [{"PutRequest": {"Item": ITEM}}]),
}
#: What differs from one call to the next.
OF_ONE_CALL = {"x-amzn-requestid", "date", "x-amz-crc32", "content-length"}


def outcome_of(call: Callable[[], Any]) -> Any:
    """The answer to a call, or its error, without what differs from one call to the next."""
    try:
        kind, answer = "answer", call()
    except ClientError as error:
        kind, answer = f"{type(error).__name__}: {error}", dict(error.response)
    kind = kind.replace(" (reached max retries: 0)", "")
    metadata = dict(answer.pop("ResponseMetadata"))
    metadata.pop("MaxAttemptsReached", None)
    headers = metadata.pop("HTTPHeaders")
    assert metadata.pop("RequestId") == headers["x-amzn-requestid"]
    kept = {name: headers[name] for name in headers.keys() - OF_ONE_CALL}
    return kind, answer, metadata, kept


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
class TestACall:
    @pytest.fixture
    def shared(self, dynamodb: Any) -> Any:
        create_table(**dynamodb.options)
        shared = connection_of(session_model(**dynamodb.options)).shared
        shared.client.put_item(TableName=dynamodb.options["table_name"], Item=ITEM)
        return shared

    def compare(self, shared: Any, operation: str, arguments: dict[str, Any]) -> None:
        assert operation in LEAN_OPERATIONS
        expected = outcome_of(lambda: shared.client._make_api_call(operation, arguments))
        assert outcome_of(lambda: shared.lean.call(operation, arguments)) == expected

    @pytest.mark.parametrize("name", CALLS)
    def test_has_the_outcome_that_it_has_with_botocore(
        self, dynamodb: Any, shared: Any, name: str
    ) -> None:
        operation, arguments = CALLS[name]
        table = dynamodb.options["table_name"]
        self.compare(shared, operation, {"TableName": table, **arguments})

    def test_about_a_missing_table_is_the_same_error(self, shared: Any) -> None:
        self.compare(shared, "GetItem", {"TableName": "missing", "Key": KEY})

    @pytest.mark.parametrize("name", BATCHES)
    def test_about_many_items_has_the_same_outcome(
        self, dynamodb: Any, shared: Any, name: str
    ) -> None:
        operation, requested = BATCHES[name]
        items = {dynamodb.options["table_name"]: requested}
        self.compare(shared, operation, {"RequestItems": items})

    def test_is_made_by_the_lean_client_unless_an_option_says_otherwise(
        self, dynamodb: Any, shared: Any
    ) -> None:
        arguments = {"TableName": dynamodb.options["table_name"], "Key": KEY}
        with mock.patch.object(Endpoint, "create_request", side_effect=ZeroDivisionError):
            connection = connection_of(session_model(**dynamodb.options))
            assert connection.dispatch("GetItem", arguments)["Item"] == ITEM
            other = connection_of(session_model(**dynamodb.options, client="botocore"))
            with pytest.raises(ZeroDivisionError):
                other.dispatch("GetItem", arguments)


def handler(**_: Any) -> None:
    """A handler such as an application registers."""


@contextmanager
def registered(client: Any, event: str, **options: Any) -> Iterator[None]:
    client.meta.events.register(event, handler, **options)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler, **options)


def patched(owner: type, name: str) -> Callable[[Any], AbstractContextManager[Any]]:
    """As tracers do: a wrapper in place of a method."""
    original = vars(owner)[name]

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    return lambda _: mock.patch.object(owner, name, wrapper)


@contextmanager
def moto(_: Any) -> Iterator[None]:
    with mock.patch.object(botocore_stubber, "enabled", True):
        yield


HOOKS: dict[str, Callable[[Any], AbstractContextManager[Any]]] = {
    "moto": moto,
    "a stubber": Stubber,
    "a handler": lambda client: registered(client, "before-send.dynamodb.GetItem"),
    "a handler of all services": lambda client: registered(client, "before-call"),
    "a handler of any service": lambda client: registered(client, "request-created.*.GetItem"),
    "a handler with an ID": lambda client: registered(client, "before-sign", unique_id="an-id"),
    "a method of the client": lambda client: mock.patch.object(client, "_make_api_call"),
    "a method of its class": lambda client: mock.patch.object(type(client), "_make_api_call"),
    "BaseClient._make_api_call": patched(BaseClient, "_make_api_call"),
    "Endpoint.make_request": patched(Endpoint, "make_request"),
    "Endpoint.prepare_request": patched(Endpoint, "prepare_request"),
    "URLLib3Session.send": patched(URLLib3Session, "send"),
    "HTTPConnectionPool.urlopen": patched(HTTPConnectionPool, "urlopen"),
    "PynamoDB's _make_api_call": patched(Connection, "_make_api_call"),
}


def test_another_thread_calls_botocore_while_the_way_is_found(messages: Messages) -> None:
    client = lean_client(aws_session_token="of-two-threads")
    model = session_model(**PLACE, table_name="a-table", aws_session_token="of-two-threads")
    botocore_client = connection_of(model).shared.client
    get_item, errors = botocore_client.get_item, list[Exception]()

    def call() -> None:
        try:
            get_item(**GET)
        except EndpointConnectionError as error:
            errors.append(error)

    def get_item_beside_another(**arguments: Any) -> Any:
        other = threading.Thread(target=call)
        other.start()
        other.join()
        return get_item(**arguments)

    with mock.patch.object(botocore_client, "get_item", get_item_beside_another):
        assert client.call("GetItem", GET) is not None
    assert len(errors) == 1


class TestGivesWay:
    @pytest.mark.parametrize("name", HOOKS)
    def test_while_somebody_watches_or_replaces_a_call(self, messages: Messages, name: str) -> None:
        client = lean_client()
        shared = connection_of(session_model(**PLACE, table_name="a-table")).shared
        for is_hooked in (False, True, False, True):
            with HOOKS[name](shared.client) if is_hooked else nullcontext():
                answer = client.call("GetItem", GET)
            assert (answer is None) is is_hooked
        assert len(messages) == 2

    def test_until_a_handler_is_removed_that_was_registered_again_and_again(
        self, messages: Messages
    ) -> None:
        client = lean_client()
        shared = connection_of(session_model(**PLACE, table_name="a-table")).shared
        with registered(shared.client, "before-call", unique_id="an-id"):
            for _ in range(3):
                shared.client.meta.events.register("before-call", handler, unique_id="an-id")
            assert client.call("GetItem", GET) is None
        assert client.call("GetItem", GET) is not None

    @pytest.mark.parametrize("event", ["before-send.s3", "creating-client-class.s3"])
    def test_not_to_a_handler_of_another_service(self, messages: Messages, event: str) -> None:
        client = lean_client()
        shared = connection_of(session_model(**PLACE, table_name="a-table")).shared
        with registered(shared.client, event):
            assert client.call("GetItem", GET) is not None

    def test_to_a_handler_that_every_session_gets(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        built_in = "botocore.handlers.BUILTIN_HANDLERS"
        monkeypatch.setattr(built_in, [*BUILTIN_HANDLERS, ("before-send", handler)])
        assert lean_client(aws_session_token="of-this-test").call("GetItem", GET) is None

    def test_to_botocore_for_ever_if_the_option_says_so(self) -> None:
        model = session_model(**PLACE, table_name="a-table", client="botocore")
        assert connection_of(model).shared.lean is None

    def test_to_botocore_behind_a_proxy_over_tls(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "https://127.0.0.1:9")
        assert lean_client(endpoint_url="https://127.0.0.1:8").call("GetItem", GET) is None
