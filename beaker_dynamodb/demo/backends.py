"""What stores the sessions: DynamoDB, and for comparison Beaker's own memory backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from .calls import CallCounter
from .sentences import IN_DYNAMODB, IN_MEMORY, Sentences
from .table import TABLE, DemoTable, Endpoint
from .visits import Outcome

#: Short enough to watch them pass, in seconds.
TTL = 900
TOUCH_INTERVAL = 10


class Backend(NamedTuple):
    """A backend for Beaker's sessions, as the demo shows it.

    Attributes:
        name: what the switch calls it.
        path: where its site begins.
        cookie: the name of the session's cookie.
        settings: those of its sessions, without a prefix.
        sentences: what the page says of its requests.
        view_outcome: the outcome of a view that finds a session.
        change_outcome: the outcome of a form that finds a session, for that of a success.
        endpoint: DynamoDB or its stand-in; None for a backend without calls.
        table: the table at the endpoint.
    """

    name: str
    path: str
    cookie: str
    settings: Mapping[str, str]
    sentences: Sentences
    view_outcome: Callable[[CallCounter], Outcome]
    change_outcome: Callable[[Outcome, CallCounter], Outcome]
    endpoint: Endpoint | None = None
    table: DemoTable | None = None

    @property
    def configuration(self) -> dict[str, str]:
        """The lines of an ini file."""
        return {f"session.{name}": value for name, value in self.settings.items()}


def dynamodb_backend(endpoint: Endpoint) -> Backend:
    """This package's backend, for a table that exists."""
    settings = {
        "type": "ext:dynamodb",
        "table_name": TABLE,
        **endpoint.options,
        "ttl": str(TTL),
        "touch_interval": str(TOUCH_INTERVAL),
        "key": TABLE,
        "httponly": "true",
    }
    return Backend(
        "DynamoDB",
        "",
        TABLE,
        settings,
        IN_DYNAMODB,
        _outcome_of_view,
        _outcome_of_change,
        endpoint,
        DemoTable(endpoint),
    )


def memory_backend() -> Backend:
    """Beaker's own memory backend, under Beaker's own session class."""
    cookie = f"{TABLE}-memory"
    settings = {"type": "memory", "timeout": str(TTL), "key": cookie, "httponly": "true"}
    return Backend(
        "Memory",
        "/memory",
        cookie,
        settings,
        IN_MEMORY,
        lambda _counter: Outcome.STORED_AGAIN,
        lambda success, _counter: Outcome.COPIED if success is Outcome.MOVED else success,
    )


def _outcome_of_view(counter: CallCounter) -> Outcome:
    if not counter.writes:
        return Outcome.NOTHING_TO_WRITE
    if counter.ends_stored:
        return Outcome.RENEWED
    return Outcome.NOT_RENEWED if counter.has_refusal else Outcome.RENEWAL_FAILED


def _outcome_of_change(success: Outcome, counter: CallCounter) -> Outcome:
    is_stored = counter.ends_stored or success is Outcome.ENDED
    return success if is_stored else Outcome.NOTHING_WRITTEN
