"""Find the sessions of a user, and end them: "log out everywhere"."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..options import Options, parse_options
from ..rows import now
from ..sessions import FoundSession, SessionIndex
from ..table import session_key
from .table import backend_of


@dataclass(frozen=True)
class SessionSummary:
    """What an operator sees of a session; never its id.

    Attributes:
        fingerprint: eight digits of a hash of its key, as in the log.
        touched: time of the last write, in seconds since the epoch.
        expires: when it ends unless it is used again, in seconds since the epoch; None for never.
        size: of its data, in bytes; of a large session, of its head.
    """

    fingerprint: str
    touched: float
    expires: float | None
    size: int


def sessions_of(key: str, value: str | int, **options: object) -> list[SessionSummary]:
    """The live sessions that have a value under a key; the one used last comes first.

    Costs one query of the index, and reads each session that it finds. A login can take a second
    to reach the index.

    Args:
        key: one of `index_keys`, such as `user_id`.
        value: of that key in the sessions, such as 42.
        options: as in the ini file; see `Options`.

    Raises:
        ConfigurationError: the key is not one of `index_keys`, or another option is wrong.
        StoreUnavailable: DynamoDB did not answer.
    """
    return find_sessions(parse_options(options), key, value)


def end_sessions(
    key: str, value: str | int, keep: Collection[str] = (), **options: object
) -> list[SessionSummary]:
    """End the live sessions that have a value under a key, on all devices.

    A request that runs meanwhile cannot bring its session back. Searches again until it finds no
    more sessions; one that begins afterwards is not ended.

    Args:
        key: one of `index_keys`, such as `user_id`.
        value: of that key in the sessions, such as 42.
        keep: ids of sessions that go on, such as the one in which the user clicks.
        options: as in the ini file; see `Options`.

    Returns:
        The sessions that it ended.

    Raises:
        ConfigurationError: the key is not one of `index_keys`, or another option is wrong.
        StoreUnavailable: DynamoDB did not answer; some sessions may have ended.
    """
    return end_found(parse_options(options), key, value, keep)


def find_sessions(options: Options, key: str, value: str | int) -> list[SessionSummary]:
    """As `sessions_of`, for options already parsed."""
    found = _summaries(options, _index(options).find(key, value))
    # Beaker's `timeout` may have ended one whose row is still stored.
    return [each for each in found if each.expires is None or each.expires > now()]


def end_found(
    options: Options, key: str, value: str | int, keep: Collection[str] = ()
) -> list[SessionSummary]:
    """As `end_sessions`, for options already parsed."""
    keys = (session_key(options.key_prefix, each, hash_id=options.hash_ids) for each in keep)
    kept = {each.partition for each in keys}
    return _summaries(options, _index(options).end(key, value, kept))


def _index(options: Options) -> SessionIndex:
    # A search creates no table.
    backend = backend_of(options)
    return SessionIndex(backend.rows, backend.options)


def _summaries(options: Options, found: Iterable[FoundSession]) -> list[SessionSummary]:
    lifetime = backend_of(options).lifetime
    return [
        SessionSummary(
            each.key.fingerprint,
            each.row.touched,
            None if (end := lifetime.end(each.row)) == math.inf else end,
            len(each.row.data),
        )
        for each in found
    ]
