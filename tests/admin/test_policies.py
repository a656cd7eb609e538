"""IAM policies: they allow each call that the package makes, and no operation besides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from beaker_dynamodb import (
    BeakerDynamoDBError,
    DynamoDBNamespaceManager,
    DynamoDBSession,
    check,
    create_table,
    end_sessions,
)
from beaker_dynamodb.admin.doctor import examine
from beaker_dynamodb.admin.policies import ROLES, iam_policy, table_arn
from beaker_dynamodb.admin.purge import purge
from beaker_dynamodb.admin.session import end_session, show_session
from beaker_dynamodb.admin.stats import table_stats
from beaker_dynamodb.admin.table import prepare_table
from beaker_dynamodb.options import parse_options
from beaker_dynamodb.table import METRICS_ACTION, OPERATIONS, TableSettings
from beaker_dynamodb.testing.site import Site
from tests.support.large import noise
from tests.support.pages import log_out
from tests.support.wire import Call, Wire

PREFIX = "shop*?$:"


@pytest.fixture
def options(dynamodb: Any) -> dict[str, Any]:
    return {**dynamodb.options, "index_keys": "user_id", "key_prefix": PREFIX}


def actions(policy: dict[str, Any]) -> set[str]:
    statements = policy["Statement"]
    return {action.removeprefix("dynamodb:") for each in statements for action in each["Action"]}


class TestTheApplicationsPolicy:
    def test_allows_each_call_of_sessions_and_caches(
        self, options: dict[str, Any], wire: Wire
    ) -> None:
        create_table(**options)
        wire.clear()
        use_sessions(options)
        use_caches(options)
        refuse(options)
        check(**options)
        policy = iam_policy(parse_options(options))
        assert [call for call in wire.calls if not is_allowed(policy, options, call)] == []
        assert actions(policy) == set(wire.operations)

    def test_does_not_allow_another_prefix_or_table(
        self, options: dict[str, Any], wire: Wire
    ) -> None:
        create_table(**options)
        wire.clear()
        others = {**options, "key_prefix": "shopXYZ:"}
        use_sessions(others)
        use_caches(others)
        policy = iam_policy(parse_options(options))
        assert [call for call in wire.calls if is_allowed(policy, options, call)] == []
        elsewhere = iam_policy(parse_options({**options, "table_name": "another"}))
        assert [call for call in wire.calls if is_allowed(elsewhere, options, call)] == []

    def test_names_the_index_only_if_there_is_one(self, dynamodb: Any) -> None:
        statements = iam_policy(parse_options(dynamodb.options))["Statement"]
        assert [each["Sid"] for each in statements] == ["Items", "Table"]
        assert not any("Condition" in each for each in statements)


class TestWhoeverMayCreate:
    def test_may_do_what_creation_needs(self, options: dict[str, Any], wire: Wire) -> None:
        create_table(**options)
        policy = iam_policy(parse_options(options), "may-create")
        assert {"CreateTable", "UpdateTimeToLive"} <= set(wire.operations)
        assert [call for call in wire.calls if not is_allowed(policy, options, call)] == []

    def test_may_do_no_more_than_that_besides_the_application(self, dynamodb: Any) -> None:
        parsed = parse_options(dynamodb.options)
        more = actions(iam_policy(parsed, "may-create")) - actions(iam_policy(parsed))
        assert more == {"CreateTable", "UpdateTimeToLive"}


class TestTheOperator:
    @pytest.mark.parametrize("dynamodb", ["moto"], indirect=True)
    def test_may_do_what_the_command_does(self, options: dict[str, Any], wire: Wire) -> None:
        parsed = parse_options(options)
        settings = TableSettings(point_in_time_recovery=True, tags=(("a", "b"),))
        prepare_table(parsed, settings)
        prepare_table(parsed, settings)
        Site(options).visitor(user_id=42)
        purge(parsed)
        table_stats(parsed)
        examine(**options)
        show_session(parsed, "unknown")
        end_session(parsed, "unknown")
        end_sessions("user_id", 42, **options)
        policy = iam_policy(parsed, "operator")
        assert [call for call in wire.calls if not is_allowed(policy, options, call)] == []
        own = {name for name, each in OPERATIONS.items() if each.role == "operator"}
        # CreateTable with tags needs TagResource, too (API reference, CreateTable).
        assert own == {*wire.operations, "TagResource"} & own

    def test_may_call_whatever_the_package_can(self, dynamodb: Any) -> None:
        assert actions(iam_policy(parse_options(dynamodb.options), "operator")) == {
            *OPERATIONS,
            METRICS_ACTION,
        }


@pytest.mark.parametrize("role", ROLES)
def test_no_policy_has_a_wildcard_among_its_actions(dynamodb: Any, role: Any) -> None:
    policy = iam_policy(parse_options(dynamodb.options), role)
    assert not any("*" in action for action in actions(policy))


@pytest.mark.parametrize(
    ("options", "arn"),
    [
        ({"region": "eu-west-1"}, "arn:aws:dynamodb:eu-west-1:*:table/beaker"),
        ({"region": "cn-north-1"}, "arn:aws-cn:dynamodb:cn-north-1:*:table/beaker"),
        ({"region": "us-gov-west-1"}, "arn:aws-us-gov:dynamodb:us-gov-west-1:*:table/beaker"),
        ({}, "arn:aws:dynamodb:*:*:table/beaker"),
        (
            {"table_name": "arn:aws:dynamodb:eu-west-1:123456789012:table/beaker"},
            "arn:aws:dynamodb:eu-west-1:123456789012:table/beaker",
        ),
    ],
)
def test_the_resource_is_the_table(options: dict[str, str], arn: str) -> None:
    assert table_arn(parse_options(options)) == arn


def use_sessions(options: dict[str, Any]) -> None:
    """Begin, change, lock, rename and end sessions, small and large."""
    site = Site(options, session_class=DynamoDBSession)
    ada = site.visitor(user_id=42, large=noise(600_000))
    ada.put(large=None)

    def lock(session: Any) -> None:
        session.lock()
        session.unlock()
        session.regenerate_id()
        session.save()

    ada.visit(lock)
    ada.visit(log_out)
    site.visitor(user_id=42)
    end_sessions("user_id", 42, **options)


def use_caches(options: dict[str, Any]) -> None:
    """Create, list and remove cache values."""
    cache = DynamoDBNamespaceManager("prices", **options)
    lock = cache.get_creation_lock(b"a")
    assert b"a" not in cache
    lock.acquire()
    cache.set_value(b"a", (0, None, 1))
    lock.release()
    assert cache.keys() == [b"a"]
    del cache[b"a"]
    cache.set_value(b"b", (0, None, 1))
    cache.do_remove()


def refuse(options: dict[str, Any]) -> None:
    """Read a table that is missing, which is then looked at."""
    missing = {**options, "table_name": f"{options['table_name']}-x", "create_table": False}
    with pytest.raises(BeakerDynamoDBError):
        assert "session" in DynamoDBNamespaceManager("a", **missing)


def is_allowed(policy: dict[str, Any], options: dict[str, Any], call: Call) -> bool:
    """Whether IAM would allow a call, as far as these policies go."""
    name = options["table_name"]
    for statement in policy["Statement"]:
        resources = [each.rpartition(":table/")[2] for each in statement["Resource"]]
        index = call.body.get("IndexName")
        wanted = f"{name}/index/{index}" if index else name
        patterns = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
        if f"dynamodb:{call.operation}" not in statement["Action"]:
            continue
        if wanted not in resources and f"{name}-x" not in str(call.body):
            continue
        leading = patterns.get("dynamodb:LeadingKeys", ["*"])
        if all(any(_is_like(key, each) for each in leading) for key in _leading_keys(call)):
            return True
    return False


def _is_like(key: str, pattern: str) -> bool:
    """IAM's StringLike; `${*}` stands for the character itself, as `[*]` does for fnmatch."""
    return fnmatchcase(key, re.sub(r"\$\{(.)\}", r"[\1]", pattern))


def _leading_keys(call: Call) -> Iterator[str]:
    body = call.body
    if call.operation == "Query":
        values = body["ExpressionAttributeValues"].values()
        yield from (value["S"] for value in values)
    for part in (body.get("Key"), body.get("Item")):
        if part:
            yield part["id"]["S"]
    for requests in body.get("RequestItems", {}).values():
        keys = requests if isinstance(requests, list) else requests["Keys"]
        for each in keys:
            [inner] = each.values() if "id" not in each else [each]
            yield (inner.get("Item") or inner.get("Key") or inner)["id"]["S"]
