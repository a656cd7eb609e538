"""Look at a table and at what leads to it, without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..errors import BeakerDynamoDBError, ConfigurationError, StoreUnavailable
from ..options import Options, backend_options
from ..session import check_encryption
from ..table import (
    ACCESS_DENIED,
    TABLE_MISSING,
    CredentialSource,
    Description,
    RowKey,
    Table,
    create_command,
    credential_source,
    describe_table,
    policy_statement,
)
from .differences import index_differences

Level = Literal["ok", "warning", "error"]

#: In seconds. Leases and ends of sessions compare the clocks of the machines.
LARGEST_CLOCK_DIFFERENCE = 5.0
#: Prints a value for `validate_key`.
_NEW_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
#: A key that no session and no cache value has.
_NO_KEY = "beaker-dynamodb check"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: `identity`, `reachable`, `table`, `keys`, `ttl`, `index`, `clock` or
            `cipher`.
        level: `ok`; `warning`: sessions work, but something should be mended; `error`: they don't.
        message: what was found.
        remedy: the command, the line of the ini file or the IAM statement that mends it; None if
            nothing has to be done.
    """

    name: str
    level: Level
    message: str
    remedy: str | None = None


def check(**options: object) -> list[Finding]:
    """Look at credentials, network, table, TTL, clock and cipher; change nothing.

    Calls DynamoDB alone: DescribeTable, DescribeTimeToLive and, if the first is not allowed,
    GetItem. Without permission for one of them, there is a warning for what it would show.

    Args:
        options: as in the ini file under `session.*`, without the prefix.

    Returns:
        What was found, in the order of the attributes of `Finding.name`. After an error that
        hides the rest, the rest is missing.

    Raises:
        ConfigurationError: for an unknown option or a wrong value.
    """
    parsed = backend_options(options)
    return [*TableCheck(parsed).findings(), *_check_cipher(options)]


class TableCheck:
    """Looks at one table.

    Args:
        options: lead to the table. It is not created.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._table = Table(replace(options, create_table=False))

    def findings(self) -> Iterator[Finding]:
        """What is found, until an error hides the rest."""
        try:
            yield from self._look()
        except StoreUnavailable as error:
            yield Finding("reachable", "error", str(error), f"curl -sS {self._endpoint}")
        except ConfigurationError as error:
            yield Finding("identity", "error", str(error), "aws configure")

    def _look(self) -> Iterator[Finding]:
        source = credential_source(self._table)
        try:
            description = describe_table(self._table)
        except BeakerDynamoDBError as error:
            yield from self._explain(error, source)
            return
        yield Finding("identity", "ok", f"account {description.account}, {_in_words(source)}")
        milliseconds = f"{description.seconds * 1000:.0f} ms"
        message = f"{description.endpoint} answered in {milliseconds}"
        yield Finding("reachable", "ok", message)
        yield from self._look_at_keys(description)
        yield from _check_clock(description)

    def _explain(
        self, error: BeakerDynamoDBError, source: CredentialSource | None
    ) -> Iterator[Finding]:
        if isinstance(error, (ConfigurationError, StoreUnavailable)):
            raise error
        if error.code == TABLE_MISSING:
            level: Level = "warning" if self._options.create_table else "error"
            yield Finding("identity", "ok", _in_words(source))
            yield Finding("reachable", "ok", f"{self._endpoint} answered")
            yield Finding("table", level, self._missing(), self._create_command)
        elif error.code == ACCESS_DENIED:
            yield from self._look_without_description(error)
        else:
            yield Finding("identity", "error", str(error), "aws configure")

    def _look_without_description(self, error: BeakerDynamoDBError) -> Iterator[Finding]:
        """Find out by a read whether the table can be used."""
        statement = policy_statement("dynamodb:DescribeTable", self._arn)
        message = f"keys, TTL and clock are not known: {error}"
        try:
            self._table.get(RowKey(_NO_KEY, _NO_KEY), consistent=False)
        except BeakerDynamoDBError as refusal:
            yield Finding("table", "error", str(refusal), statement)
        else:
            yield Finding("table", "warning", message, statement)

    def _look_at_keys(self, description: Description) -> Iterator[Finding]:
        name, status = self._table.location["table"], description.table["TableStatus"]
        is_active = status in {"ACTIVE", "UPDATING"}
        remedy = None if is_active else f"aws dynamodb wait table-exists --table-name {name}"
        level: Level = "ok" if is_active else "error"
        yield Finding("table", level, f"table {name} is {status}", remedy)
        error = self._table.definition.find_error()
        if error is not None and is_active:
            yield Finding("keys", "error", error.message, self._other_keys(description))
        else:
            yield Finding("keys", "ok", "partition key and sort key are as they should be")
            yield self._ttl()
            yield from self._indexes(description)

    def _indexes(self, description: Description) -> Iterator[Finding]:
        found = self._table.found_options
        differing = list(index_differences(found, description.table, found.region))
        for each in differing:
            message = f"{each.setting}: {each.found}, wanted: {each.wanted}"
            yield Finding("index", "warning", message, each.command)
        if found.index_keys and not differing:
            yield Finding("index", "ok", f"sessions are found by {', '.join(found.index_keys)}")

    def _ttl(self) -> Finding:
        wanted = self._options.ttl_attribute
        try:
            found = self._table.definition.time_to_live()
        except BeakerDynamoDBError as error:
            statement = policy_statement("dynamodb:DescribeTimeToLive", self._arn)
            return Finding("ttl", "warning", f"the TTL is not known: {error}", statement)
        if not found.is_on:
            message = f"the TTL is {found.status}: expired items stay stored"
            return Finding("ttl", "warning", message, self._create_command)
        if found.attribute != wanted:
            message = (
                f"the TTL is on for {found.attribute}, not {wanted}: expired items stay stored"
            )
            return Finding("ttl", "warning", message, f"session.ttl_attribute = {found.attribute}")
        return Finding("ttl", "ok", f"the TTL is on for {wanted}")

    def _missing(self) -> str:
        name = self._table.location["table"]
        if self._options.create_table:
            return f"table {name} is missing: the first request creates it"
        return f"table {name} is missing"

    def _other_keys(self, description: Description) -> str:
        """The lines that name the keys of a table that has two, else a new table's command."""
        keys = {key["KeyType"]: key["AttributeName"] for key in description.table["KeySchema"]}
        types = {each["AttributeType"] for each in description.table["AttributeDefinitions"]}
        if len(keys) > 1 and types == {"S"}:
            return f"session.hash_key = {keys['HASH']}\nsession.range_key = {keys['RANGE']}"
        name = f"{self._options.table_name}-2"
        return create_command(replace(self._table.found_options, table_name=name))

    @property
    def _create_command(self) -> str:
        return create_command(self._table.found_options)

    @property
    def _endpoint(self) -> str:
        found = self._table.found_options
        return found.endpoint_url or f"https://dynamodb.{found.region}.amazonaws.com"

    @property
    def _arn(self) -> str:
        return self._table.arn


def _in_words(source: CredentialSource | None) -> str:
    return f"access key ...{source.key_end} from {source.method}" if source else "no access key"


def _check_clock(description: Description) -> Iterator[Finding]:
    ahead = description.clock_difference
    if ahead is None:
        return
    if abs(ahead) <= LARGEST_CLOCK_DIFFERENCE:
        yield Finding("clock", "ok", "this machine and DynamoDB agree on the time")
        return
    message = (
        f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} "
        "DynamoDB's: locks and sessions end at the wrong time"
    )
    yield Finding("clock", "warning", message, "sudo timedatectl set-ntp true")


def _check_cipher(settings: Mapping[str, Any]) -> Iterator[Finding]:
    if not settings.get("encrypt_key"):
        return
    try:
        check_encryption(settings)
    except ConfigurationError as error:
        remedy = "pip install cryptography" if settings.get("validate_key") else _NEW_KEY
        yield Finding("cipher", "error", error.message, remedy)
    else:
        yield Finding("cipher", "ok", "sessions are encrypted by a cipher that authenticates")
