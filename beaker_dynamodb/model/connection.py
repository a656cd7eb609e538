"""PynamoDB's connection, made safe for threads, forks, and what can happen to an answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from zlib import crc32

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from pynamodb.connection import Connection

from ..version import __version__

#: The key under which an answer that was altered on its way is marked as such.
_ALTERED = "AlteredOnItsWay"
#: What is read instead: nothing, or where the status is an error's, an outage.
_NO_ANSWER = b'{"__type": "InternalServerError", "message": "altered on its way"}'


class UnusableAnswer(Exception):
    """What came is not an answer of DynamoDB's, or was altered."""


class EngineConnection(Connection):
    """PynamoDB's connection with a profile, a name of ours, and one client for all threads."""

    def __init__(self, profile: str | None, **settings: Any) -> None:
        super().__init__(**settings)
        self._profile = profile
        self._client_lock = threading.Lock()

    @property
    def session(self) -> botocore.session.Session:
        """This thread's botocore session, which makes the client."""
        named = botocore.session.Session(profile=self._profile) if self._profile else None
        session = named or super().session
        # A fixed name: botocore else composes its own anew for each call, a tenth of a call's CPU.
        name = f"beaker-dynamodb/{__version__} botocore/{botocore.__version__}"
        session.set_default_client_config(Config(user_agent=name))
        events = session.get_component("event_emitter")
        events.register_first(
            "needs-retry.dynamodb", _take_no_longer_pause, unique_id=f"{__name__} pause"
        )
        events.register_first(
            "before-parse.dynamodb", _mark_altered, unique_id=f"{__name__} altered"
        )
        return session

    @property
    def client(self) -> Any:
        """The client, made by the first thread that asks for it."""
        if self._client is None:
            with self._client_lock:
                return super().client
        return super().client

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        """Make a call, and see to it that it was DynamoDB that answered.

        Raises:
            UnusableAnswer: it was not, or the answer was altered.
        """
        try:
            answer = super().dispatch(operation_name, operation_kwargs)
        except ClientError as error:
            if isinstance(error.__cause__, ClientError):
                _see_that_it_is_dynamodbs(error.__cause__.response)
            raise
        if _ALTERED in answer:
            raise UnusableAnswer("altered on its way")
        # botocore reads an empty answer out of any page with status 200: no item, and saved.
        _see_that_it_is_dynamodbs(answer)
        return answer

    @property
    def region_in_use(self) -> str | None:
        """The region that the AWS chain has given, once there is a client."""
        return self._client.meta.region_name if self._client else self.region

    @property
    def has_own_credentials(self) -> bool:
        """Whether the options give an access key."""
        return self._aws_access_key_id is not None

    @property
    def client_in_use(self) -> Any:
        """The client, if there is one by now."""
        return self._client

    def forget(self) -> None:
        """Begin with a new client; the sockets are left to the parent process or other threads."""
        self._client = None
        self._client_lock = threading.Lock()
        # With it go the credentials: a thread of the parent may hold their lock for ever.
        self._local = threading.local()


def missing_settings() -> frozenset[str]:
    """The options that must be given, as the AWS chain has no value for them.

    Reads the environment, the shared files and, if nothing else has credentials, the metadata
    service of the machine.

    Returns:
        Any of `region`, `aws_access_key_id` and `aws_secret_access_key`.

    Raises:
        BotoCoreError: the chain is misconfigured, for example by the name of a missing profile.
    """
    chain = botocore.session.Session()
    missing = set()
    if chain.get_config_variable("region") is None:
        missing.add("region")
    if chain.get_credentials() is None:
        missing.update({"aws_access_key_id", "aws_secret_access_key"})
    return frozenset(missing)


def _see_that_it_is_dynamodbs(answer: Mapping[str, Any]) -> None:
    """Refuse the page of a web server or proxy, whatever its status: DynamoDB gives request ids."""
    metadata = answer["ResponseMetadata"]
    if not metadata.get("RequestId"):
        raise UnusableAnswer(f"status {metadata['HTTPStatusCode']} without a request id")


def _take_no_longer_pause(response: tuple[Any, Any] | None, **_: Any) -> None:
    """Let the engine not lengthen a pause by seconds, which `Options.longest_call` must bound.

    botocore does as this header asks (botocore/retries/standard.py, ExponentialBackoff).
    """
    if response is not None:
        response[0].headers.pop("x-amz-retry-after", None)


def _mark_altered(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Mark an answer whose bytes are not those that DynamoDB has made the checksum of.

    botocore asks again (botocore/retries/special.py, RetryDDBChecksumError), but takes the answer
    of the last try as it is.
    """
    checksum = response_dict["headers"].get("x-amz-crc32")
    if checksum is not None and str(crc32(response_dict["body"])) != checksum:
        customized_response_dict[_ALTERED] = True
        response_dict["body"] = _NO_ANSWER
