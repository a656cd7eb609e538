"""The same promises on DynamoDB Local, in two builds, on dynalite and on moto's server."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import CorruptItem, LockTimeout, create_table, session_model
from beaker_dynamodb.testing.site import Site, Visitor
from tests.support.dynamodb_local import DynamoDBLocalUnavailable
from tests.support.engines import ENGINES
from tests.support.internals import TableDefinition
from tests.support.pages import count, log_out, read

pytestmark = pytest.mark.exhaustive

Options = dict[str, Any]
MEGABYTE = 1 << 20
#: Keys that DynamoDB limits, or that are stored under a hash.
KEYS = [b"", b"a", b"k" * 1024, b"k" * 1025, b"\xff\0", "é".encode(), b"session", b"part:x"]


@pytest.fixture(scope="module", params=ENGINES)
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """The endpoint of each stand-in; its tests are skipped if a program for it is missing."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(ENGINES[request.param]())
        except DynamoDBLocalUnavailable as error:
            pytest.skip(str(error))
        yield url


@pytest.fixture(scope="module")
def table(endpoint: str) -> Options:
    """The options of a table that the tests of a stand-in share."""
    options: Options = {
        "endpoint_url": endpoint,
        "region": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "table_name": f"engines-{uuid.uuid4().hex}",
        "max_retries": 0,
        "read_timeout": 10,
    }
    create_table(**options)
    return options


@pytest.fixture
def options(table: Options) -> Options:
    """The same, with a prefix of the test's own."""
    return {**table, "key_prefix": f"{uuid.uuid4().hex}:"}


def cache(options: Options, namespace: str = "values", **more: Any) -> Cache:
    return Cache(namespace, type="ext:dynamodb", **{**options, **more})


class TestATable:
    def test_that_is_missing_is_created_by_the_first_page(
        self, table: Options, caplog: pytest.LogCaptureFixture
    ) -> None:
        missing = {**table, "table_name": f"missing-{uuid.uuid4().hex}"}
        with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
            site = Site(missing)
            assert [site.request(count) for _ in range(2)] == [1, 2]
        # dynalite has no UpdateTimeToLive.
        assert caplog.text.count("has no TTL") == len(caplog.records) <= 1

    def test_that_was_deleted_is_created_again(self, table: Options) -> None:
        deleted = {**table, "table_name": f"deleted-{uuid.uuid4().hex}"}
        site = Site(deleted)
        site.request(count)
        session_model(**deleted).delete_table()
        assert site.request(count) == 1

    def test_is_described_with_its_keys(self, table: Options) -> None:
        state = TableDefinition(session_model(**table)).describe()
        assert state
        assert state.keys == (("id", "S"), ("item", "S"))


class TestASession:
    def test_begins_changes_and_ends(self, options: Options) -> None:
        site = Site(options)
        assert [site.request(count) for _ in range(3)] == [1, 2, 3]
        cookie = str(site.cookie)
        site.request(log_out)
        site.use_cookie(cookie)
        assert site.request(read) is None

    def test_keeps_the_changes_of_two_requests_that_overlap(self, options: Options) -> None:
        site = Site(options)
        site.request(count)

        def page(session: Any) -> None:
            session["own"] = 1
            other = Site(options)
            other.use_cookie(str(site.cookie))
            other.request(putting(others=2))
            session.save()

        site.request(page)
        assert site.request(lambda session: (session["own"], session["others"])) == (1, 2)

    def test_continues_under_a_new_id(self, options: Options) -> None:
        site = Site(options)
        site.request(count)
        old = str(site.cookie)
        site.request(lambda session: session.regenerate_id())
        assert (site.request(read), site.cookie != old) == (1, True)

    def test_of_a_megabyte_comes_back(self, options: Options) -> None:
        content = os.urandom(MEGABYTE)
        site = Site(options)
        site.request(putting(content=content))
        assert site.request(lambda session: session["content"]) == content

    def test_is_locked_for_others(self, options: Options) -> None:
        site = Site(options, lock_wait=0)
        site.request(count)

        def page(session: Any) -> None:
            session.lock()
            other = Site(options, lock_wait=0)
            other.use_cookie(str(site.cookie))
            with pytest.raises(LockTimeout):
                at_once(lambda: other.request(lambda theirs: theirs.lock()))
            session.unlock()

        site.request(page)
        assert site.request(read) == 1

    def test_that_was_altered_is_refused(self, options: Options) -> None:
        signed = {**options, "signing_key": "k" * 32, "hash_ids": False}
        site = Site(signed, invalidate_corrupt=False)
        site.request(count)
        [row] = [
            item
            for item in session_model(**options).scan()
            if item.id.startswith(options["key_prefix"]) and item.version
        ]
        row.update([type(row).touched.set(row.touched + 1)])
        with pytest.raises(CorruptItem):
            site.request(read)


def putting(**values: Any) -> Any:
    """A page that puts values into the session."""

    def page(session: Any) -> None:
        session.update(values)
        session.save()

    return page


def at_once(action: Any) -> None:
    """Run an action in a thread of its own, and raise what it raises."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


class TestACache:
    @pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
    def test_stores_lists_and_removes_a_value_under_any_key(
        self, options: Options, key: bytes
    ) -> None:
        values = cache(options)
        values.put(key, {"value": None})
        assert values.get(key) == {"value": None}
        assert list(values.namespace.keys()) == [key]
        values.remove_value(key)
        assert key not in values

    def test_makes_a_missing_value_under_any_key(self, options: Options) -> None:
        values = cache(options)
        for key in KEYS:
            assert values.get(key, createfunc=lambda key=key: key) == key
            assert values.get(key) == key

    def test_makes_an_expired_value_again(self, options: Options) -> None:
        values = cache(options)
        values.put("a", "old", expiretime=0)
        assert values.get("a", createfunc=lambda: "new", expiretime=60) == "new"
        stale = cache(options, stale_ttl=60)
        stale.put("b", "old", expiretime=0)
        assert stale.get("b", createfunc=lambda: "new", expiretime=60) == "new"

    def test_makes_a_value_once_for_many_threads(self, options: Options) -> None:
        made: list[int] = []

        def make() -> str:
            made.append(1)
            return "value"

        def look_up() -> None:
            found.append(cache(options).get("a", createfunc=make))

        found: list[Any] = []
        threads = [threading.Thread(target=look_up) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (found, made) == (["value"] * 4, [1])

    def test_replaces_and_removes_a_large_value(self, options: Options) -> None:
        values = cache(options, compression="none")
        for size in (2 * MEGABYTE, MEGABYTE, 10):
            content = os.urandom(size)
            values.put("large", content)
            assert values.get("large") == content
        values.put("large", os.urandom(MEGABYTE))
        values.remove_value("large")
        assert "large" not in values
        assert _rows(options) == []

    def test_clears_a_namespace_of_several_pages(self, options: Options) -> None:
        values, others = cache(options, compression="none"), cache(options, "others")
        others.put("a", 1)
        for number in range(8):
            values.put(f"key {number}", os.urandom(300_000))
        assert len(values.namespace.keys()) == 8
        values.clear()
        assert list(values.namespace.keys()) == []
        assert others.get("a") == 1


def _rows(options: Options) -> list[Any]:
    prefix = options["key_prefix"]
    return [item for item in session_model(**options).scan() if item.id.startswith(prefix)]


def test_a_visitor_has_one_session(options: Options) -> None:
    visitor = Visitor(Site(options))
    visitor.put(a=1)
    visitor.put(b=2)
    assert visitor.read() == {"a": 1, "b": 2}
