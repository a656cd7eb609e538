"""The options: name, type, default, unit and meaning of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import ConfigurationError
from .checks import check_together
from .values import (
    choice,
    credential,
    endpoint,
    flag,
    keys,
    option,
    prefix,
    seconds,
    table,
    text,
    whole,
)

#: Beaker adds this to ``timeout`` before it passes it on (beaker/session.py, Session.__init__).
BEAKER_TIMEOUT_MARGIN = 120
ONE_DAY = 86_400
#: A row that lives longer than this lives for ever: that is ``ttl = 0``.
LONGEST_LIFE = 100 * 365 * ONE_DAY
DEFAULT_TOUCH_INTERVAL = 30.0
#: botocore's between two attempts, in seconds.
LONGEST_PAUSE = 20


@dataclass(frozen=True)
class Options:
    """Every option of the backend, parsed and checked; immutable, so that it can be a cache key."""

    table_name: str = option("beaker", table, "one table serves sessions and caches")
    region: str | None = option(None, text, "where the table is", shown="the AWS chain")
    endpoint_url: str | None = option(
        None, endpoint, "another engine than AWS's, also given as `host`", shown="the AWS chain"
    )
    aws_access_key_id: str | None = option(
        None, credential, "who asks", shown="the AWS chain", secret=True
    )
    aws_secret_access_key: str | None = option(
        None, credential, "the secret to it", shown="the AWS chain", secret=True
    )
    aws_session_token: str | None = option(
        None, credential, "for temporary credentials", shown="the AWS chain", secret=True
    )
    profile: str | None = option(
        None, text, "a profile of the AWS configuration files", shown="the AWS chain"
    )
    hash_key: str = option("id", text, "name of the table's partition key attribute")
    range_key: str = option("item", text, "name of the table's sort key attribute")
    ttl_attribute: str = option("expires", text, "name of the attribute that DynamoDB's TTL reads")
    key_prefix: str = option(
        "",
        prefix,
        "put before each namespace, so that applications can share a table",
        shown="empty",
    )
    create_table: bool = option(True, flag, "create the table when the engine says it is missing")
    billing_mode: str | None = option(
        None,
        choice("on_demand", "provisioned"),
        "for a table that we create: `on_demand` or `provisioned`",
        shown="`on_demand`, or `provisioned` where units are given",
    )
    read_capacity_units: int | None = option(
        None,
        whole(1, 1_000_000),
        "read capacity of a provisioned table that we create",
        unit="units",
        shown="1",
    )
    write_capacity_units: int | None = option(
        None,
        whole(1, 1_000_000),
        "write capacity of a provisioned table that we create",
        unit="units",
        shown="1",
    )
    ttl: int | None = option(
        None,
        whole(0, LONGEST_LIFE),
        "life of a session since its last touch; 0 = never expires",
        unit="seconds",
        shown="Beaker's `timeout`, or 86400 (one day) where there is none",
    )
    timeout: int | None = option(
        None,
        whole(0, LONGEST_LIFE),
        "Beaker's own: idle time of a session, and life of a cache value without `expire`",
        unit="seconds",
        shown="none",
    )
    max_lifetime: int | None = option(
        None,
        whole(1, LONGEST_LIFE),
        "a session ends this long after its creation, however busy it is",
        unit="seconds",
        shown="none",
    )
    touch_interval: float | None = option(
        None,
        seconds(0, LONGEST_LIFE),
        "least time between two writes that only renew a session; 0 = every request",
        unit="seconds",
        shown="30, or a tenth of the session's life where that is less",
    )
    keep_expired: bool = option(
        False, flag, "leave expired sessions to DynamoDB's TTL, instead of deleting them when met"
    )
    consistent_read: bool = option(
        True,
        flag,
        "false halves the cost of reads; a session that such a read does not find is asked for "
        "once more, strongly",
    )
    hash_ids: bool = option(True, flag, "store session ids as their SHA-256")
    save_empty: bool = option(
        False, flag, "also store new sessions into which the application has put nothing"
    )
    on_conflict: str = option(
        "merge",
        choice("merge", "overwrite", "raise"),
        "where another request has changed the session: `merge` this one's changes into it, "
        "`overwrite` it, or `raise` a ConflictError",
    )
    compression: str = option(
        "zlib", choice("zlib", "none"), "`zlib` or `none`; can change at any time"
    )
    signing_key: tuple[str, ...] = option(
        (),
        keys,
        "each row is signed with it, and what is not is refused; several, comma separated: the "
        "first signs, all are taken",
        shown="none",
        secret=True,
    )
    serializer: str = option(
        "pickle", choice("pickle", "json"), "for cache values: `pickle` or `json`"
    )
    lock_timeout: int = option(
        60,
        whole(1, ONE_DAY),
        "how long a lock can be held: who dies holds the others up for no longer",
        unit="seconds",
    )
    lock_wait: float = option(
        60.0,
        seconds(0, ONE_DAY),
        "how long a lock is waited for before LockTimeout",
        unit="seconds",
    )
    stale_ttl: int = option(
        0,
        whole(0, LONGEST_LIFE),
        "how long an expired cache value is still served while one worker makes the new one",
        unit="seconds",
    )
    on_outage: str = option(
        "raise",
        choice("raise", "miss"),
        "for caches, where the engine does not answer: `raise` StoreUnavailable, or take a value "
        "for a `miss`; it is made then, and not stored",
    )
    max_value_size: int = option(
        8 * 1024 * 1024,
        whole(1, 39_999_999),
        "before compression: past it a value is refused, to be stored and to be read; past 400 KB, "
        "DynamoDB's limit for an item, it is split",
        unit="bytes",
    )
    connect_timeout: float = option(
        1.0, seconds(0.01, 300), "how long one attempt waits for a connection", unit="seconds"
    )
    read_timeout: float = option(
        3.0, seconds(0.01, 300), "how long one attempt waits for the answer", unit="seconds"
    )
    max_retries: int = option(2, whole(0, 20), "attempts after the first one", unit="attempts")
    max_pool_connections: int = option(
        25,
        whole(1, 10_000),
        "connections kept open, one for each thread that asks at once",
        unit="connections",
    )

    def __post_init__(self) -> None:
        check_together(self)
        self.touch_after()

    @property
    def session_timeout(self) -> int | None:
        """Beaker's idle time in seconds, as the application gave it; None where there is none."""
        if self.timeout is None or self.timeout <= BEAKER_TIMEOUT_MARGIN:
            return None
        return self.timeout - BEAKER_TIMEOUT_MARGIN

    def session_life(self, cookie_age: int | None = None) -> int | None:
        """Seconds that a session's row lives after its last touch; None = for ever.

        Args:
            cookie_age: seconds that the session's cookie lives, where that is known.
        """
        if self.ttl is not None:
            return self.ttl or None
        return self.timeout if self.session_timeout else cookie_age or ONE_DAY

    def touch_after(self, cookie_age: int | None = None) -> float:
        """Seconds since the last touch from which a mere renewal is written.

        Raises:
            ConfigurationError: `touch_interval` is not shorter than one of the session's lives.
        """
        lives = [self.session_timeout, self.session_life(cookie_age)]
        given = [life for life in lives if life]
        if self.touch_interval is None:
            return min([DEFAULT_TOUCH_INTERVAL] + [life / 10 for life in given])
        if self.touch_interval and self.touch_interval >= min(given, default=math.inf):
            raise ConfigurationError(
                f"touch_interval ({self.touch_interval:g} s) must be shorter than a session's life "
                f"({min(given)} s), or sessions end under active users"
            )
        return self.touch_interval

    @property
    def longest_call(self) -> float:
        """Seconds that one call to the engine takes at most, with all its attempts.

        Each waits for the connection and for the answer. Before each but the first there is a
        pause of less than 1, 2, 4, ... 20 s, so long only where the engine throttles
        (botocore/retries/standard.py, ExponentialBackoff).
        """
        pauses = sum(min(1 << attempt, LONGEST_PAUSE) for attempt in range(self.max_retries))
        return (1 + self.max_retries) * (self.connect_timeout + self.read_timeout) + pauses

    @property
    def is_provisioned(self) -> bool:
        """Whether a table that we create has provisioned capacity."""
        units_given = bool(self.read_capacity_units or self.write_capacity_units)
        return self.billing_mode == "provisioned" or units_given
