"""Find the sessions of a user, and end them: "log out everywhere"."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from ..manager import Backend
from ..options import Options, parse_options
from ..sessions import FoundSession, SessionIndex
from ..table import session_key


@dataclass(frozen=True)
class SessionSummary:
    """What an operator sees of a session; never its id.

    Attributes:
        fingerprint: eight digits of a hash of its key, as in the log.
        touched: time of the last write, in seconds since the epoch.
        expires: the end of its life, in seconds since the epoch; None for never.
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
    parsed = parse_options(options)
    return [_summary(found) for found in _index(parsed).find(key, value)]


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
    parsed = parse_options(options)
    kept = {
        session_key(parsed.key_prefix, each, hash_id=parsed.hash_ids).partition for each in keep
    }
    return [_summary(found) for found in _index(parsed).end(key, value, kept)]


def _index(options: Options) -> SessionIndex:
    return SessionIndex(Backend.of(options).rows, options)


def _summary(found: FoundSession) -> SessionSummary:
    row = found.row
    expires = None if row.ends == math.inf else row.ends
    return SessionSummary(found.key.fingerprint, row.touched, expires, len(row.data))
