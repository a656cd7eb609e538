"""The botocore client that all tables of one location share, and PynamoDB's connection over it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, TypedDict
from zlib import crc32

import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from pynamodb.connection import Connection

from ..options import Options
from ..version import __version__
from .operations import OPERATIONS

#: The key that marks an answer whose bytes changed on the way.
_ALTERED = "AlteredInTransit"
#: What botocore parses in its place: an empty answer or, with an error status, an outage.
_NO_ANSWER = b'{"__type": "InternalServerError", "message": "altered in transit"}'
#: Characters of an access key ID that are printed, as many as `aws configure list` prints.
SHOWN_OF_A_KEY = 4
#: A fixed name: botocore otherwise composes one for each call, a tenth of the call's CPU time.
_USER_AGENT = f"beaker-dynamodb/{__version__} botocore/{botocore.__version__}"


class UnusableAnswer(Exception):
    """The answer does not come from DynamoDB, or its bytes changed on the way."""


class Location(TypedDict):
    """Table and region, as errors name them."""

    table: str
    region: str | None


class CredentialSource(NamedTuple):
    """Where credentials come from, as botocore names it, and the end of the access key."""

    method: str
    key_end: str


class SharedClient:
    """One botocore client for all threads and tables of one location and one set of credentials.

    Args:
        options: those with the flag `client` count.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client: Any = None
        self._lock = threading.Lock()

    @property
    def current(self) -> Any:
        """The client if one exists, else None."""
        return self._client

    @property
    def client(self) -> Any:
        """The client; the first thread that needs it creates it."""
        client = self._client
        if client is None:
            with self._lock:
                client = self._client or self._create()
        return client

    @property
    def region(self) -> str | None:
        """The region given, or the one that the AWS chain provided once there is a client."""
        return self._client.meta.region_name if self._client else self._options.region

    def missing_settings(self) -> set[str]:
        """The options without which no call can be made, as the AWS chain does not provide them."""
        session = _botocore_session(self._options)
        region = self._options.region or session.get_config_variable("region")
        missing = set() if region else {"region"}
        if session.get_credentials() is None:
            missing |= {"aws_access_key_id", "aws_secret_access_key"}
        return missing

    def credential_source(self) -> CredentialSource | None:
        """Where the credentials come from; None if there are none."""
        credentials = _botocore_session(self._options).get_credentials()
        if credentials is None:
            return None
        return CredentialSource(credentials.method, credentials.access_key[-SHOWN_OF_A_KEY:])

    def client_of(self, service: str) -> Any:
        """A client of another AWS service, with the same credentials and limits."""
        session = _botocore_session(self._options)
        return session.create_client(service, self.region, config=_config(self._options))

    def renew(self, refused: Any) -> bool:
        """Read the credentials of the AWS chain again; False if the options give an access key.

        Args:
            refused: the client whose credentials DynamoDB refused. Of many threads that meet
                the refusal at once, the first replaces it.
        """
        if self._options.aws_access_key_id is not None:
            return False
        if self._client is refused:
            self.forget()
        return True

    def forget(self) -> None:
        """Start with a new client; other threads or the parent process keep the old sockets."""
        self._client = None
        # In a forked worker, a thread that only the parent has may hold the old lock for ever.
        self._lock = threading.Lock()

    def _create(self) -> Any:
        session = _botocore_session(self._options)
        client = session.create_client(
            "dynamodb",
            self._options.region,
            endpoint_url=self._options.endpoint_url,
            config=_config(self._options),
        )
        # Without credentials the client is not kept: a metadata service may answer next time.
        if session.get_credentials() is not None:
            self._client = client
        return client


class DynamoDBConnection(Connection):
    """PynamoDB's connection for one table, over a shared client."""

    def __init__(self, options: Options, shared: SharedClient) -> None:
        super().__init__(region=options.region, host=options.endpoint_url)
        self.options = options
        self.shared = shared

    @property
    def client(self) -> Any:
        """The shared client."""
        return self.shared.client

    @property
    def location(self) -> Location:
        """Table and region, as errors name them."""
        return {"table": self.options.table_name, "region": self.shared.region}

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        """Make a call, and check that the answer comes from DynamoDB.

        Raises:
            UnusableAnswer: it does not, or its bytes changed on the way.
        """
        try:
            if OPERATIONS[operation_name].reports_capacity:
                answer = super().dispatch(operation_name, operation_kwargs)
            else:
                # PynamoDB requests the capacity that any operation unknown to it has consumed.
                answer = self._make_api_call(operation_name, operation_kwargs)
        except ClientError as error:
            if isinstance(error.__cause__, ClientError):
                _check_origin(error.__cause__.response)
            raise
        if _ALTERED in answer:
            raise UnusableAnswer("altered in transit")
        # botocore parses any page with status 200 as an empty answer: no item, and no error.
        _check_origin(answer)
        return answer


def _botocore_session(options: Options) -> botocore.session.Session:
    session = botocore.session.Session(profile=options.profile)
    loader = _shared_loader(session.get_config_variable("data_path"))
    session.register_component("data_loader", loader)
    if options.aws_access_key_id:
        session.set_credentials(
            options.aws_access_key_id, options.aws_secret_access_key, options.aws_session_token
        )
    events = session.get_component("event_emitter")
    events.register_first("needs-retry.dynamodb", _drop_retry_after, f"{__name__} backoff")
    events.register_first("before-parse.dynamodb", _mark_altered, f"{__name__} checksum")
    return session


@cache
def _shared_loader(data_path: str | None) -> Any:
    """One loader of botocore's service files: each takes 10 MB and a tenth of a second to fill."""
    return botocore.loaders.create_loader(data_path)


def _config(options: Options) -> Config:
    return Config(
        user_agent=_USER_AGENT,
        parameter_validation=False,
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        max_pool_connections=options.max_pool_connections,
        retries={"total_max_attempts": 1 + options.max_retries, "mode": "standard"},
    )


def _check_origin(answer: Mapping[str, Any]) -> None:
    """Refuse the page of a web server or proxy, whatever its status: it has no request id."""
    metadata = answer["ResponseMetadata"]
    if not metadata.get("RequestId"):
        raise UnusableAnswer(f"status {metadata['HTTPStatusCode']} without a request id")


def _drop_retry_after(response: tuple[Any, Any] | None, **_: Any) -> None:
    """Keep a header from lengthening a pause that `Options.longest_call` must bound.

    botocore waits as long as this header says (botocore/retries/standard.py, ExponentialBackoff).
    """
    if response is not None:
        response[0].headers.pop("x-amz-retry-after", None)


def _mark_altered(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Mark an answer whose bytes do not match DynamoDB's checksum.

    botocore retries (botocore/retries/special.py, RetryDDBChecksumError), but accepts the answer
    of the last attempt as it is.
    """
    checksum = response_dict["headers"].get("x-amz-crc32")
    if checksum is not None and str(crc32(response_dict["body"])) != checksum:
        customized_response_dict[_ALTERED] = True
        response_dict["body"] = _NO_ANSWER
