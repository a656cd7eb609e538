"""The options: default, parser, unit, meaning and flags of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import BeakerDynamoDBError
from .consistency import check_together
from .option import Flag, Option, option
from .parsers import (
    attribute_name,
    choice,
    credential,
    endpoint,
    flag,
    function,
    index_keys,
    keys,
    prefix,
    seconds,
    table,
    text,
    whole_number,
)

ONE_DAY = 86_400
#: In seconds. An item that lives longer has `ttl = 0`: it never expires.
LONGEST_LIFE = 100 * 365 * ONE_DAY
#: Before the first retry, and before any, in seconds.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0

_AWS_CHAIN = "the AWS chain"


@dataclass(frozen=True)
class Options:
    """Every option of the backend, parsed and checked; immutable and hashable.

    Raises:
        ConfigurationError: two options contradict each other; it names them.
    """

    table_name: str = option(
        "beaker", table, "name or ARN of the table; one table holds sessions and caches", table=True
    )
    region: str | None = option(None, text, "region of the table", shown=_AWS_CHAIN, client=True)
    endpoint_url: str | None = option(
        None,
        endpoint,
        "URL of DynamoDB or a stand-in, if not the region's own; `host` is an alias",
        shown=_AWS_CHAIN,
        client=True,
    )
    aws_access_key_id: str | None = option(
        None, credential, "access key ID", shown=_AWS_CHAIN, client=True, secret=True
    )
    aws_secret_access_key: str | None = option(
        None, credential, "secret access key", shown=_AWS_CHAIN, client=True, secret=True
    )
    aws_session_token: str | None = option(
        None,
        credential,
        "session token of temporary credentials",
        shown=_AWS_CHAIN,
        client=True,
        secret=True,
    )
    profile: str | None = option(
        None, text, "profile in the AWS configuration files", shown=_AWS_CHAIN, client=True
    )
    hash_key: str = option(
        "id", attribute_name, "name of the table's partition key attribute", table=True
    )
    range_key: str = option(
        "item", attribute_name, "name of the table's sort key attribute", table=True
    )
    ttl_attribute: str = option(
        "expires", attribute_name, "name of the attribute that DynamoDB's TTL reads", table=True
    )
    key_prefix: str = option(
        "",
        prefix,
        "prefix of each partition key, so that several applications can share a table; end it with "
        "a colon, or the names of caches are hashed",
        shown="empty",
    )
    create_table: bool = option(True, flag, "create the table if it is missing")
    billing_mode: str | None = option(
        None,
        choice("on_demand", "provisioned"),
        "billing of a table that the package creates: `on_demand` or `provisioned`",
        shown="`on_demand`, or `provisioned` if capacity units are given",
        table=True,
    )
    read_capacity_units: int | None = option(
        None,
        whole_number(1, 1_000_000),
        "read capacity of a provisioned table that the package creates",
        unit="units",
        shown="1",
        table=True,
    )
    write_capacity_units: int | None = option(
        None,
        whole_number(1, 1_000_000),
        "write capacity of a provisioned table that the package creates",
        unit="units",
        shown="1",
        table=True,
    )
    ttl: int | None = option(
        None,
        whole_number(0, LONGEST_LIFE),
        "life of a session after its last touch; 0 = it never expires",
        unit="seconds",
        shown="Beaker's `timeout`, or 86400 (one day) if there is none",
        session=True,
    )
    timeout: int | None = option(
        None,
        whole_number(0, LONGEST_LIFE),
        "Beaker's own option: idle time of a session, and life of a cache value without `expire`",
        unit="seconds",
        shown="none",
    )
    max_lifetime: int | None = option(
        None,
        whole_number(1, LONGEST_LIFE),
        "a session expires this long after its creation, even if it is in use",
        unit="seconds",
        shown="none",
        session=True,
    )
    touch_interval: float | None = option(
        None,
        seconds(0, LONGEST_LIFE),
        "shortest time between two writes that only renew a session; 0 = every request writes",
        unit="seconds",
        shown="30, or a tenth of the session's life if that is less",
        session=True,
    )
    keep_expired: bool = option(
        False,
        flag,
        "leave expired sessions to DynamoDB's TTL, instead of deleting them when they are read",
        session=True,
    )
    consistent_read: bool = option(
        True,
        flag,
        "`false` halves the cost of reads; if such a read finds no session, a strongly consistent "
        "read follows",
    )
    hash_ids: bool = option(
        True, flag, "store the SHA-256 of each session id instead of the id", session=True
    )
    index_keys: tuple[str, ...] = option(
        (),
        index_keys,
        "keys of a session, such as `user_id`, by which `sessions_of` and `end_sessions` find it, "
        "separated by commas; each has its own index",
        shown="none",
        session=True,
        table=True,
    )
    save_empty: bool = option(
        False,
        flag,
        "also store a new session that the application has put nothing into",
        session=True,
    )
    opaque_sessions: bool = option(
        False,
        flag,
        "store encrypted sessions, and sessions in the application's own serializer, even without "
        "`DynamoDBSession`: each request writes, and the later write wins",
        session=True,
    )
    startup_check: str = option(
        "off",
        choice("off", "warn", "fail"),
        "check the table when the application starts, once per process: `warn` logs what is wrong, "
        "`fail` also refuses to start; has an effect in SessionMiddleware, the Pyramid include, "
        "the Paste filter and the TurboGears component",
        session=True,
    )
    on_conflict: str = option(
        "merge",
        choice("merge", "overwrite", "raise"),
        "what to do if another request has changed the session: `merge` the changes of this "
        "request into it, `overwrite` it, or `raise` ConflictError",
        session=True,
    )
    compression: str = option(
        "zlib",
        choice("zlib", "zstd", "none"),
        "`zlib`, `zstd` (needs the extra `zstd`) or `none`; it can change at any time, but to "
        "`zstd` only once all workers can read it",
    )
    dictionary: str = option(
        "stored",
        choice("stored", "auto", "none"),
        "what `compression = zstd` uses as its dictionary: `stored` is the one that "
        "`beaker-dynamodb train` has stored, if any; `auto` also trains one each day, on the "
        "application's own sessions; or `none`",
        session=True,
    )
    signing_key: tuple[str, ...] = option(
        (),
        keys,
        "key that signs each item; an item without a valid signature is refused; of several keys, "
        "separated by commas, the first one signs and all are accepted",
        shown="none",
        secret=True,
    )
    serializer: str = option(
        "pickle",
        choice("pickle", "json"),
        "format of cache values: `pickle` or `json`",
        cache=True,
    )
    lock_timeout: int = option(
        30,
        whole_number(1, ONE_DAY),
        "how long a session's lock can be held, and how long the lease of a creator is, which is "
        "extended while it runs; a process that dies blocks others for this long at most",
        unit="seconds",
    )
    lock_wait: float = option(
        60.0,
        seconds(0, ONE_DAY),
        "how long to wait for a lock before LockTimeout",
        unit="seconds",
    )
    stale_ttl: int = option(
        0,
        whole_number(0, LONGEST_LIFE),
        "how long an expired cache value is still served while one worker creates the new one",
        unit="seconds",
        cache=True,
    )
    shards: int = option(
        1,
        whole_number(1, 1000),
        "number of partitions that a cache namespace is spread over; each takes 1,000 write units "
        "a second; a change of the number makes every value a miss",
        unit="partitions",
    )
    on_outage: str = option(
        "raise",
        choice("raise", "miss"),
        "what a cache does if DynamoDB does not answer: `raise` StoreUnavailable, or count it as a "
        "`miss`: the value is created and not stored",
        cache=True,
    )
    on_error: Callable[[BeakerDynamoDBError], object] | None = option(  # noqa: RUF009
        None,
        function,
        "function that receives each error of this package once, as `package.module:function`",
        shown="none",
    )
    max_value_size: int = option(
        8 * 1024 * 1024,
        whole_number(1, 39_999_999),
        "largest value, before compression; a larger one is neither stored nor read; a value of "
        "more than 400 KB, DynamoDB's limit for an item, is split",
        unit="bytes",
    )
    connect_timeout: float = option(
        1.0,
        seconds(0.01, 300),
        "how long one attempt waits for a connection",
        unit="seconds",
        client=True,
    )
    read_timeout: float = option(
        3.0,
        seconds(0.01, 300),
        "how long one attempt waits for the answer",
        unit="seconds",
        client=True,
    )
    max_retries: int = option(
        2,
        whole_number(0, 20),
        "attempts after the first one; a connection that died while it was idle is always replaced",
        unit="attempts",
        client=True,
    )
    max_pool_connections: int = option(
        25,
        whole_number(1, 10_000),
        "connections kept open, one for each thread that calls DynamoDB at the same time",
        unit="connections",
        client=True,
    )
    client: str = option(
        "lean",
        choice("lean", "botocore"),
        "client for calls about items: `lean` takes a third of botocore's CPU time, and leaves the "
        "calls to `botocore` while something observes or replaces them, such as a tracer",
        client=True,
    )
    fallback_type: str | None = option(
        None,
        text,
        "Beaker's `type` of the old backend that the sessions come from, such as `ext:redis`: a "
        "session that the table lacks is read from there",
        shown="none",
        session=True,
    )
    fallback_url: str | None = option(
        None, text, "`url` of the old backend", shown="none", session=True, secret=True
    )
    fallback_data_dir: str | None = option(
        None, text, "`data_dir` of the old backend", shown="none", session=True
    )
    fallback_table_name: str | None = option(
        None,
        text,
        "`table_name` of the old backend, if it is `ext:database`",
        shown="`beaker_cache`",
        session=True,
    )

    def __post_init__(self) -> None:
        check_together(self)

    @property
    def longest_attempt(self) -> float:
        """Seconds that one attempt takes at most: it connects, and waits for the answer."""
        return self.connect_timeout + self.read_timeout

    @property
    def longest_call(self) -> float:
        """Seconds that one call to DynamoDB takes at most, with all its attempts.

        The pauses between the attempts are that long only if DynamoDB throttles. A connection
        that died while it was idle is replaced if it fails within `connect_timeout`.
        """
        pauses = sum(longest_pause(retries) for retries in range(self.max_retries))
        attempts = (1 + self.max_retries) * self.longest_attempt
        return self.connect_timeout + attempts + pauses

    @property
    def is_provisioned(self) -> bool:
        """Whether a table that the package creates has provisioned capacity."""
        units_given = bool(self.read_capacity_units or self.write_capacity_units)
        return self.billing_mode == "provisioned" or units_given

    def table_key(self) -> tuple[Any, ...]:
        """The values that distinguish tables of the same client."""
        return tuple(getattr(self, name) for name in names_of("table"))

    def client_key(self) -> tuple[Any, ...]:
        """The values that distinguish clients; the credentials are among them."""
        return tuple(getattr(self, name) for name in names_of("client"))

    def place(self) -> tuple[str | None, ...]:
        """What distinguishes tables, whatever the client: locks in this process use it."""
        return (self.endpoint_url, self.region, self.table_name)


#: Each option by its name.
OPTIONS: Mapping[str, Option] = {
    field.name: field.metadata["option"] for field in dataclasses.fields(Options)
}

#: The options that name the backend which sessions come from.
FALLBACK_OPTIONS = tuple(name for name in OPTIONS if name.startswith("fallback_"))


def longest_pause(retries: int) -> float:
    """The longest pause before the next attempt, in seconds.

    Args:
        retries: how many there were before.
    """
    return min(FIRST_PAUSE * (1 << retries), LONGEST_PAUSE)


@cache
def names_of(flag: Flag) -> tuple[str, ...]:
    """The names of the options that have a flag, in the order of `Options`."""
    return tuple(name for name, described in OPTIONS.items() if flag in described.flags)


def option_rows() -> Iterator[tuple[str, str, str, str]]:
    """Name, default, unit and meaning of each option, for the documentation."""
    for name, described in OPTIONS.items():
        yield f"`{name}`", described.default, described.unit, described.meaning
