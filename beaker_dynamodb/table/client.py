"""The botocore client that all tables of one location share."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zlib import crc32

import botocore.loaders
import botocore.session
from botocore.config import Config

from ..options import Options
from ..version import __version__
from .breaker import Breaker
from .hooks import ObservedEvents
from .lean import LeanClient

#: The key that marks an answer whose bytes changed on the way.
ALTERED = "AlteredInTransit"
#: What botocore parses in its place: an empty answer or, with an error status, an outage.
_NO_ANSWER = b'{"__type": "InternalServerError", "message": "altered in transit"}'
#: How long connections are kept without a call, in seconds: NATs forget them after one minute or
#: more, a NAT gateway of AWS after 350 s.
LONGEST_IDLE = 50.0
#: Characters of an access key ID that are printed, as many as `aws configure list` prints.
SHOWN_OF_A_KEY = 4
#: A fixed name: botocore otherwise composes one for each call, a tenth of the call's CPU time.
_USER_AGENT = f"beaker-dynamodb/{__version__} botocore/{botocore.__version__}"


class CredentialSource(NamedTuple):
    """Where credentials come from, as botocore names it, and the end of the access key."""

    method: str
    key_end: str


class OpenClients(NamedTuple):
    """The client of botocore, and the lean one beside it."""

    botocore: Any
    lean: LeanClient | None

    def close(self) -> None:
        """Close the connections of both."""
        self.botocore.close()
        if self.lean is not None:
            self.lean.close()


class SharedClient:
    """One botocore client for all threads and tables of one location and one set of credentials.

    Args:
        options: those with the flag `client` count.
        when_opened: is called after a client was created.

    Attributes:
        breaker: remembers an outage.
        last_used: when it was created, or when an answer came last, as `time.monotonic` returns it.
    """

    def __init__(self, options: Options, when_opened: Callable[[], object] = lambda: None) -> None:
        self._options = options
        self._when_opened = when_opened
        self._opened: OpenClients | None = None
        self._lock = threading.Lock()
        self.breaker = Breaker(options.longest_call)
        self.last_used = time.monotonic()
        #: Whether a connection may be open, and when all were closed last.
        self._was_answered = False
        self._closed = -math.inf

    @property
    def current(self) -> Any:
        """The client if one exists, else None."""
        opened = self._opened
        return opened and opened.botocore

    @property
    def client(self) -> Any:
        """The client; the first thread that needs it creates it."""
        return self._open().botocore

    @property
    def lean(self) -> LeanClient | None:
        """The lean client beside it; None if botocore makes all calls."""
        return self._open().lean

    @property
    def region(self) -> str | None:
        """The region given, or the one that the AWS chain provided once there is a client."""
        client = self.current
        return client.meta.region_name if client else self._options.region

    @property
    def endpoint_url(self) -> str | None:
        """The URL given, or the one of a stand-in that the AWS chain provided."""
        client = self.current
        if client is None or self._options.endpoint_url:
            return self._options.endpoint_url
        found = str(client.meta.endpoint_url)
        return None if is_in_aws(found) else found

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
        key = credentials.access_key
        # A key of a stand-in can be shorter than what is shown of one of AWS.
        shown = key[-SHOWN_OF_A_KEY:] if len(key) > 2 * SHOWN_OF_A_KEY else ""
        return CredentialSource(credentials.method, shown)

    def client_of(self, service: str) -> Any:
        """A client of another AWS service, with the same credentials and limits."""
        session = _botocore_session(self._options)
        return session.create_client(service, self.region, config=_config(self._options))

    def renew(self, refused: Any) -> bool:
        """Read the credentials of the AWS chain again; False if the options give an access key.

        Args:
            refused: the client whose credentials DynamoDB refused. Of many threads that get
                the refusal at once, the first replaces it.
        """
        if self._options.aws_access_key_id is not None:
            return False
        if self.current is refused:
            self.close()
        return True

    def note_answer(self) -> None:
        """Record that a connection works, and is kept open."""
        self.last_used = time.monotonic()
        self._was_answered = True

    def close_after_quiet(self) -> None:
        """Close the connections that are kept open if all of them were idle for a while.

        Some NATs drop the packets of a connection that they have forgotten, without a reset.
        """
        now = time.monotonic()
        if now - self.last_used > LONGEST_IDLE:
            self.replace_connections(now)

    def replace_connections(self, began: float) -> bool:
        """Close the connections that are kept open, unless another thread has just done so.

        Calls in progress keep theirs until they end.

        Args:
            began: when the call began that found them dead, as `time.monotonic` returns it.

        Returns:
            False if none of them can have been open when the call began.
        """
        with self._lock:
            if self._closed < began and self._opened is not None and self._was_answered:
                self._closed = self.last_used = time.monotonic()
                self._opened.close()
            return self._was_answered

    def close(self) -> None:
        """Drop the client, and close its connections; the next call creates another client.

        Calls in progress keep their connections until they end.
        """
        with self._lock:
            opened, self._opened = self._opened, None
            self._was_answered = False
        if opened is not None:
            opened.close()

    def forget(self) -> None:
        """Start with a new client; other threads or the parent process keep the old sockets."""
        self._opened = None
        self._was_answered = False
        self.breaker = Breaker(self._options.longest_call)
        # In a forked worker, a thread that only the parent has may hold the old lock for ever.
        self._lock = threading.Lock()

    def _open(self) -> OpenClients:
        opened = self._opened
        if opened is not None:
            return opened
        with self._lock:
            opened = self._opened or self._create()
        self._when_opened()
        return opened

    def _create(self) -> OpenClients:
        options, events = self._options, ObservedEvents()
        session = _botocore_session(options, events)
        client = session.create_client(
            "dynamodb",
            options.region,
            endpoint_url=options.endpoint_url,
            config=_config(options),
        )
        lean = LeanClient(client, session, events) if options.client == "lean" else None
        created = OpenClients(client, lean)
        # Without credentials the client is not kept: a metadata service may answer next time.
        if session.get_credentials() is not None:
            self._opened = created
        return created


def is_in_aws(url: str) -> bool:
    """Whether a URL is one of AWS, and of no stand-in."""
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def _botocore_session(
    options: Options, events: ObservedEvents | None = None
) -> botocore.session.Session:
    session = botocore.session.Session(profile=options.profile, event_hooks=events)
    loader = _shared_loader(session.get_config_variable("data_path"))
    session.register_component("data_loader", loader)
    if options.aws_access_key_id:
        session.set_credentials(
            options.aws_access_key_id, options.aws_secret_access_key, options.aws_session_token
        )
    emitter = session.get_component("event_emitter")
    emitter.register_first("before-parse.dynamodb", _mark_altered, f"{__name__} checksum")
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
        # Retries are this package's own: see `retry`.
        retries={"total_max_attempts": 1, "mode": "standard"},
    )


def _mark_altered(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Mark an answer whose bytes do not match DynamoDB's checksum.

    botocore only retries after one (botocore/retries/special.py, RetryDDBChecksumError), and
    accepts the answer of the last attempt as it is.
    """
    checksum = response_dict["headers"].get("x-amz-crc32")
    if checksum is not None and str(crc32(response_dict["body"])) != checksum:
        customized_response_dict[ALTERED] = True
        response_dict["body"] = _NO_ANSWER
