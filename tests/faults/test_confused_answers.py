"""Answers about another item than that of the call, as a proxy that confuses answers sends them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.testing.site import Site
from tests.support.internals import UnusableAnswer, check_keys
from tests.support.overlap import EVERY_KIND, contents, put, renew
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = pytest.mark.usefixtures("create_table")

KEYS = ("id", "item")
OWN = {"id": {"S": "a"}, "item": {"S": "session"}}
OTHERS = {"id": {"S": "b"}, "item": {"S": "session"}}


@pytest.fixture(params=[{}, {"signing_key": "s" * 32}], ids=["unsigned", "signed"])
def options(request: pytest.FixtureRequest, dynamodb: Any) -> dict[str, Any]:
    return {**dynamodb.options, **request.param}


def site_of(user: str, options: dict[str, Any], **session_options: Any) -> Site:
    site = Site({**options, "compression": "none", **session_options})
    site.request(put(user=user))
    return site


def partition(site: Site) -> str:
    return sha256(str(site.cookie).encode()).hexdigest()


class TestALoad:
    def test_gives_the_users_own_session_after_a_retry(
        self, options: dict[str, Any], wire: Wire
    ) -> None:
        alice, bob = site_of("alice", options), site_of("bob", options)
        wire.confuse_next("GetItem", {partition(alice): partition(bob)})
        assert contents(alice) == {"user": "alice"}

    def test_without_retries_is_an_outage_and_gives_no_session(
        self, options: dict[str, Any], wire: Wire
    ) -> None:
        alice, bob = (site_of(user, options, max_retries=0) for user in ("alice", "bob"))
        wire.confuse_next("GetItem", {partition(alice): partition(bob)})
        with pytest.raises(StoreUnavailable, match="another item"):
            contents(alice)
        assert contents(alice) == {"user": "alice"}

    def test_of_a_large_session_refuses_parts_of_another(
        self, options: dict[str, Any], dynamodb: Any, wire: Wire
    ) -> None:
        alice, bob = (site_of(user, options, max_retries=0) for user in ("alice", "bob"))
        for site in (alice, bob):
            site.request(put(text="x" * 500_000))
        tokens = {
            each.id: each.parts.split(":")[0] for each in stored_items(dynamodb) if each.parts
        }
        own, other = partition(alice), partition(bob)
        wire.confuse_next("BatchGetItem", {own: other, tokens[own]: tokens[other]})
        with pytest.raises(StoreUnavailable, match="another item"):
            contents(alice)


class TestASave:
    def test_that_is_refused_with_another_users_row_stores_nothing_of_it(
        self, options: dict[str, Any], dynamodb: Any, wire: Wire
    ) -> None:
        alice, bob = (site_of(user, options, max_retries=0) for user in ("alice", "bob"))

        def page(session: Any) -> None:
            session["name"] = "ada"
            wire.confuse_next("PutItem", {partition(alice): partition(bob)})
            with pytest.raises(StoreUnavailable, match="another item"):
                session._session().save()
            session.save()

        alice.request(page)
        assert contents(alice) == {"user": "alice", "name": "ada"}
        assert contents(bob) == {"user": "bob"}
        assert len([item for item in stored_items(dynamodb) if item.item == "session"]) == 2

    def test_is_done_by_the_retry(self, options: dict[str, Any], wire: Wire) -> None:
        alice, bob = site_of("alice", options), site_of("bob", options)

        def page(session: Any) -> None:
            session["name"] = "ada"
            wire.confuse_next("PutItem", {partition(alice): partition(bob)})
            session.save()

        alice.request(page)
        assert contents(alice) == {"user": "alice", "name": "ada"}
        assert contents(bob) == {"user": "bob"}

    def test_under_a_new_id_is_done_by_the_retry(self, options: dict[str, Any], wire: Wire) -> None:
        alice, bob = (site_of(user, options, **EVERY_KIND["class"]) for user in ("alice", "bob"))

        def page(session: Any) -> None:
            session.get("user")
            wire.confuse_next("GetItem", {partition(alice): partition(bob)})
            renew(session)

        alice.request(page)
        assert contents(alice) == {"user": "alice"}


class TestACache:
    def test_lists_and_clears_no_other_partition(self, dynamodb: Any, wire: Wire) -> None:
        options = {"type": "ext:dynamodb", **dynamodb.options, "max_retries": 0}
        one, other = Cache("one", **options), Cache("other", **options)
        for cache in (one, other):
            cache.put("k", 1)
        for act in (one.namespace.keys, one.clear):
            wire.confuse_next("Query", {'"one"': '"other"'})
            with pytest.raises(StoreUnavailable, match="another partition"):
                act()
        assert other.get("k") == 1

    def test_never_returns_a_value_of_another_key(self, dynamodb: Any, wire: Wire) -> None:
        options = {"type": "ext:dynamodb", **dynamodb.options, "max_retries": 0}
        cache = Cache("one", **options)
        cache.put("mine", 1)
        cache.put("yours", 2)
        wire.confuse_next("GetItem", {'"mine"': '"yours"'})
        with pytest.raises(StoreUnavailable, match="another item"):
            cache.get("mine")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ({"Key": OWN}, {"Item": OTHERS}),
        ({"Key": OWN}, {"Item": {"id": OWN["id"], "item": {"S": "x"}}}),
        ({"Key": OWN}, {"Item": {"data": {"B": b""}}}),
        ({"Key": OWN, "ReturnValues": "ALL_OLD"}, {"Attributes": OTHERS}),
        ({"Item": {**OWN, "data": {"B": b""}}}, {"Attributes": OTHERS}),
        ({"RequestItems": {"t": {"Keys": [OWN]}}}, {"Responses": {"t": [OWN, OTHERS]}}),
        ({"RequestItems": {"t": {"Keys": [OWN]}}}, {"UnprocessedKeys": {"t": {"Keys": [OTHERS]}}}),
        (
            {"RequestItems": {"t": [{"DeleteRequest": {"Key": OWN}}]}},
            {"UnprocessedItems": {"t": [{"DeleteRequest": {"Key": OTHERS}}]}},
        ),
        (
            {"RequestItems": {"t": [{"PutRequest": {"Item": OWN}}]}},
            {"UnprocessedItems": {"t": [{"PutRequest": {"Item": OTHERS}}]}},
        ),
    ],
)
def test_any_answer_about_another_item_is_refused(
    arguments: dict[str, Any], answer: dict[str, Any]
) -> None:
    with pytest.raises(UnusableAnswer, match="another item"):
        check_keys(KEYS, arguments, answer)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ({"Key": OWN}, {"Item": {**OWN, "data": {"B": b""}}}),
        ({"Key": OWN}, {}),
        ({"Item": OWN}, {"Attributes": {}}),
        ({"Key": OWN, "ProjectionExpression": "#0"}, {"Item": {"data": {"B": b""}}}),
        ({"Key": OWN, "ReturnValues": "UPDATED_NEW"}, {"Attributes": {"data": {"B": b""}}}),
        (
            {"RequestItems": {"t": {"Keys": [OWN], "ProjectionExpression": "#0"}}},
            {"Responses": {"t": [{"data": {"B": b""}}]}},
        ),
        ({"TableName": "t"}, {"Items": [OTHERS]}),
    ],
)
def test_an_answer_about_the_same_item_is_accepted(
    arguments: dict[str, Any], answer: dict[str, Any]
) -> None:
    check_keys(KEYS, arguments, answer)
