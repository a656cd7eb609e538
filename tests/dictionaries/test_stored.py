"""A dictionary in the table: used for new rows, found by its name, kept as long as needed."""

import logging
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import (
    ConfigurationError,
    CorruptItem,
    DynamoDBSession,
    StoreUnavailable,
    TableError,
)
from beaker_dynamodb.admin.session import end_session, show_session
from beaker_dynamodb.options import zstd_library
from beaker_dynamodb.testing.site import Site
from tests.support.dictionaries import content, needs_zstd, trained
from tests.support.effort import with_a_table
from tests.support.internals import (
    Compression,
    Dictionaries,
    Dictionary,
    DictionaryStore,
    forget_dictionaries,
    parse_options,
)
from tests.support.pages import KEYS, read
from tests.support.tables import stored_items
from tests.support.wire import Wire

from .conftest import store_of

pytestmark = [needs_zstd, pytest.mark.usefixtures("create_table")]

ZSTD = {"compression": "zstd"}
READ, WRITE = "GetItem", "PutItem"
MINUTES, HOUR, DAY = 300, 3600, 86_400


def site_of(dynamodb: Any, **options: Any) -> Site:
    return Site(dynamodb.options, **{**ZSTD, **options})


def compressions(dynamodb: Any) -> list[int]:
    """How the stored sessions are compressed."""
    return [item.data[0] & 0x0F for item in stored_items(dynamodb) if item.item == "session"]


def test_is_used_by_all_processes_for_new_rows(
    dynamodb: Any, installed: Dictionary, wire: Wire
) -> None:
    site_of(dynamodb).visitor(**content(1))
    assert wire.operations == [READ, READ, WRITE]  # the current name, the dictionary, the session
    assert compressions(dynamodb) == [Compression.ZSTD_WITH_DICTIONARY]


def test_is_read_once_in_a_process(dynamodb: Any, installed: Dictionary, wire: Wire) -> None:
    site = site_of(dynamodb)
    visitors = [site.visitor(**content(number)) for number in range(5)]
    wire.clear()
    for visitor in visitors:
        assert visitor.read() == content(visitors.index(visitor))
    assert wire.operations == [READ] * 5


def test_a_new_process_reads_it_with_the_first_session_and_uses_it(
    dynamodb: Any, installed: Dictionary, wire: Wire
) -> None:
    visitor = site_of(dynamodb).visitor(**content(1))
    forget_dictionaries()
    with wire.expect(READ, READ, WRITE):
        visitor.put(n=1)
    assert compressions(dynamodb) == [Compression.ZSTD_WITH_DICTIONARY]


def test_is_read_by_a_process_that_compresses_otherwise(
    dynamodb: Any, installed: Dictionary
) -> None:
    visitor = site_of(dynamodb).visitor(**content(1))
    for options in ({"compression": "zlib"}, {"compression": "none"}, {"dictionary": "none"}):
        forget_dictionaries()
        site = site_of(dynamodb, **options)
        other = site.visitor_with(str(visitor.cookie))
        assert other.read() == content(1)
        assert site.visitor(n=1).read() == {"n": 1}


def test_a_process_that_uses_none_makes_no_further_call(dynamodb: Any, wire: Wire) -> None:
    for options in ({"compression": "zlib"}, {"dictionary": "none"}):
        with wire.expect(WRITE, READ):
            site_of(dynamodb, **options).visitor(n=1).read()


@with_a_table
@given(values=st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.binary()))
def test_any_session_comes_back(dynamodb: Any, store: Any, values: dict[str, Any]) -> None:
    store.install(trained())
    visitor = site_of(dynamodb).visitor(values={**values, **content(1)})
    forget_dictionaries()
    assert visitor.read()["values"] == {**values, **content(1)}


class TestTheCurrentOne:
    def test_takes_effect_within_minutes(
        self, dynamodb: Any, store: DictionaryStore, clock: Any, wire: Wire
    ) -> None:
        visitor = site_of(dynamodb).visitor(**content(1))
        store.install(trained())
        clock.advance(MINUTES - 1)
        visitor.put(n=1)
        assert compressions(dynamodb) == [Compression.ZSTD]
        clock.advance(1)
        with wire.expect(READ, READ, READ, WRITE):
            visitor.put(n=2)
        assert compressions(dynamodb) == [Compression.ZSTD_WITH_DICTIONARY]

    def test_costs_half_a_read_unit_every_five_minutes(
        self, dynamodb: Any, installed: Dictionary, clock: Any, wire: Wire
    ) -> None:
        visitor = site_of(dynamodb).visitor(**content(1))
        wire.clear()
        for number in range(60):
            clock.advance(MINUTES / 10)
            visitor.put(n=number)
        extra = wire.operations.count(READ) - 60
        assert extra == 6
        if dynamodb.name == "dynamodb-local":
            assert wire.units == 60 + 60 + extra / 2

    def test_is_not_awaited(
        self,
        dynamodb: Any,
        installed: Dictionary,
        wire: Wire,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        begun: list[Any] = []
        monkeypatch.setattr(Dictionaries, "start", staticmethod(begun.append))
        site = site_of(dynamodb)
        with wire.expect(WRITE, WRITE):
            site.visitor(**content(1))
            site.visitor(**content(2))
        assert len(begun) == 1
        begun[0]()
        site.visitor(**content(3))
        assert sorted(compressions(dynamodb)) == [2, 2, 3]

    def test_stays_in_use_for_an_hour_of_failing_refreshes(
        self, dynamodb: Any, installed: Dictionary, clock: Any, wire: Wire
    ) -> None:
        site = site_of(dynamodb, max_retries=0)
        site.visitor(**content(1))
        for _ in range(12):
            clock.advance(MINUTES)
            wire.fail_next(READ, (503, "ServiceUnavailable"))
            site.visitor(**content(2))
        kinds = compressions(dynamodb)
        assert kinds.count(Compression.ZSTD_WITH_DICTIONARY) == 12
        assert kinds.count(Compression.ZSTD) == 1

    def test_whose_refresh_fails_does_not_fail_a_page(
        self, dynamodb: Any, installed: Dictionary, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        errors: list[Exception] = []
        site = site_of(dynamodb, max_retries=0, on_error=errors.append)
        wire.fail_next(READ, (503, "ServiceUnavailable"))
        assert site.visitor(**content(1)).read() == content(1)
        assert [type(error) for error in errors] == [StoreUnavailable]
        assert "without a new dictionary" in caplog.text

    def test_is_not_used_for_a_row_that_may_outlive_it(
        self, dynamodb: Any, store: DictionaryStore
    ) -> None:
        store.install(trained(longest_life=HOUR))
        for ttl, kind in ((HOUR, 3), (HOUR + 1, 2), (0, 2)):
            site_of(dynamodb, ttl=ttl).visitor(**content(1))
            assert compressions(dynamodb).count(kind) >= 1
        assert sorted(compressions(dynamodb)) == [2, 2, 3]


class TestARetiredOne:
    def test_lives_longer_than_any_row_that_names_it(
        self, dynamodb: Any, store: DictionaryStore, clock: Any
    ) -> None:
        old, new = trained(longest_life=2 * HOUR), trained(seed=500, longest_life=HOUR)
        store.install(old)
        assert self.ends(dynamodb, old) is None
        visitor = site_of(dynamodb, ttl=2 * HOUR).visitor(**content(1))
        clock.advance(HOUR - 1)
        store.install(new)
        assert self.ends(dynamodb, new) is None
        # A process that has not learned of the new one uses the old one until then.
        assert self.ends(dynamodb, old) >= clock.now + HOUR + 2 * HOUR + DAY
        forget_dictionaries()
        assert visitor.read() == content(1)

    def test_never_expires_if_a_row_that_names_it_may_not(
        self, dynamodb: Any, store: DictionaryStore
    ) -> None:
        store.install(trained())
        store.install(trained(seed=500))
        assert self.ends(dynamodb, trained()) is None

    def test_is_not_used_for_new_rows(
        self, dynamodb: Any, store: DictionaryStore, clock: Any
    ) -> None:
        old, new = trained(longest_life=DAY), trained(seed=500, longest_life=DAY)
        store.install(old)
        visitor = site_of(dynamodb, ttl=DAY).visitor(**content(1))
        store.install(new)
        forget_dictionaries()
        assert visitor.read() == content(1)  # a process that has met only the old one
        visitor.put(n=1)
        [item] = [item for item in stored_items(dynamodb) if item.item == "session"]
        assert item.data[1:17] == new.name

    def ends(self, dynamodb: Any, dictionary: Dictionary) -> Any:
        sort = f"session dictionary:{dictionary.name.hex()}"
        [item] = [item for item in stored_items(dynamodb) if item.item == sort]
        return item.expires.timestamp() if item.expires else None


class TestAMissingOne:
    @pytest.fixture
    def visitor(self, dynamodb: Any, installed: Dictionary) -> Any:
        visitor = site_of(dynamodb).visitor(**content(1))
        forget_dictionaries()
        return visitor

    def drop(self, dynamodb: Any) -> None:
        for item in stored_items(dynamodb):
            if item.item.startswith("session dictionary:"):
                item.delete()

    @pytest.mark.parametrize("kind", [{}, {"session_class": DynamoDBSession}])
    def test_is_an_error_that_says_what_to_do_and_no_logout(
        self, dynamodb: Any, visitor: Any, kind: dict[str, Any]
    ) -> None:
        self.drop(dynamodb)
        other = site_of(dynamodb, **kind).visitor_with(str(visitor.cookie))
        with pytest.raises(TableError) as caught:
            other.read()
        assert dynamodb.options["table_name"] in str(caught.value)
        assert "restore-table-to-point-in-time" in str(caught.value)
        assert other.cookies_set == []
        store_of(dynamodb.options).install(trained())
        assert other.read() == content(1)

    def test_does_not_prevent_a_logout(self, dynamodb: Any, visitor: Any) -> None:
        self.drop(dynamodb)
        options = parse_options(dynamodb.options)
        with pytest.raises(TableError):
            show_session(options, str(visitor.cookie_value))
        assert end_session(options, str(visitor.cookie_value))

    @pytest.mark.parametrize("at", [0, 20, 2000])
    def test_or_one_that_was_altered_is_refused(self, dynamodb: Any, visitor: Any, at: int) -> None:
        for item in stored_items(dynamodb):
            if item.item.startswith("session dictionary:"):
                item.data = item.data[:at] + bytes([item.data[at] ^ 1]) + item.data[at + 1 :]
                item.save()
        with pytest.raises(TableError, match="was altered"):
            visitor.read()
        assert site_of(dynamodb).visitor(n=1).read() == {"n": 1}


class TestSigning:
    KEY, OTHER = "k" * 32, "o" * 32

    def pointer(self, dynamodb: Any) -> Any:
        return next(i for i in stored_items(dynamodb) if i.item == "session dictionary")

    def test_a_current_name_without_a_valid_signature_is_not_used(
        self, dynamodb: Any, store: DictionaryStore
    ) -> None:
        errors: list[Exception] = []
        signed = {"signing_key": self.KEY, "on_error": errors.append}
        store.install(trained())
        assert self.pointer(dynamodb).signature is None
        site_of(dynamodb, **signed).visitor(**content(1))
        assert compressions(dynamodb) == [Compression.ZSTD]
        assert [type(error) for error in errors] == [CorruptItem]

    def test_a_signed_one_is_used(self, dynamodb: Any, store: DictionaryStore) -> None:
        store_of({**dynamodb.options, "signing_key": self.KEY}).install(trained())
        site_of(dynamodb, signing_key=self.KEY).visitor(**content(1))
        assert compressions(dynamodb) == [Compression.ZSTD_WITH_DICTIONARY]

    def test_a_session_stays_readable_when_the_key_is_changed(
        self, dynamodb: Any, store: DictionaryStore
    ) -> None:
        store_of({**dynamodb.options, "signing_key": self.KEY}).install(trained())
        keys = {"signing_key": f"{self.OTHER},{self.KEY}"}
        visitor = site_of(dynamodb, **keys).visitor(**content(1))
        assert compressions(dynamodb) == [Compression.ZSTD_WITH_DICTIONARY]
        forget_dictionaries()
        other = site_of(dynamodb, signing_key=self.OTHER).visitor_with(str(visitor.cookie))
        assert other.read() == content(1)

    def test_a_session_is_not_moved_to_another_dictionary(
        self, dynamodb: Any, store: DictionaryStore
    ) -> None:
        signed = store_of({**dynamodb.options, "signing_key": self.KEY})
        signed.install(trained())
        visitor = site_of(dynamodb, signing_key=self.KEY).visitor(**content(1))
        signed.install(trained(seed=500))
        [item] = [item for item in stored_items(dynamodb) if item.item == "session"]
        item.data = item.data[:1] + trained(seed=500).name + item.data[17:]
        item.save()
        with pytest.raises(CorruptItem, match="signature"):
            site_of(dynamodb, signing_key=self.KEY, invalidate_corrupt=False).visitor_with(
                str(visitor.cookie)
            ).read()


class TestEncryptedSessions:
    def test_are_stored_without_a_dictionary(self, dynamodb: Any, installed: Dictionary) -> None:
        pytest.importorskip("cryptography")
        site = site_of(dynamodb, session_class=DynamoDBSession, **KEYS)
        assert site.visitor(**content(1)).read() == content(1)
        assert Compression.ZSTD_WITH_DICTIONARY not in compressions(dynamodb)


class TestThreads:
    def test_that_meet_it_at_once_read_it_once(
        self,
        dynamodb: Any,
        installed: Dictionary,
        wire: Wire,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        read_stored = DictionaryStore.read

        def read_slowly(store: DictionaryStore, name: bytes) -> Any:
            time.sleep(0.5)
            return read_stored(store, name)

        monkeypatch.setattr(DictionaryStore, "read", read_slowly)
        site = site_of(dynamodb)
        cookies = [str(site.visitor(**content(number)).cookie) for number in range(8)]
        forget_dictionaries()
        wire.clear()
        barrier, found = threading.Barrier(len(cookies)), list[Any]()

        def visit(cookie: str) -> None:
            barrier.wait()
            found.append(site.visitor_with(cookie).read())

        threads = [threading.Thread(target=visit, args=(cookie,)) for cookie in cookies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == len(cookies)
        assert wire.operations == [READ] * (len(cookies) + 1)


class TestWithoutTheLibrary:
    def test_a_session_of_zstd_is_an_error_and_no_logout(
        self, dynamodb: Any, installed: Dictionary, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        visitor = site_of(dynamodb).visitor(**content(1))
        other = Site(dynamodb.options).visitor_with(str(visitor.cookie))
        zstd_library.cache_clear()
        for name in ("backports.zstd", "compression.zstd"):
            monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ConfigurationError, match="zstd"):
            other.read()
        assert other.cookies_set == []
        zstd_library.cache_clear()


def test_is_never_logged(
    dynamodb: Any, store: DictionaryStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "beaker_dynamodb")
    store.install(trained())
    store.install(trained(seed=500))
    visitor = site_of(dynamodb).visitor(**content(1))
    forget_dictionaries()
    visitor.visit(read)
    assert caplog.text
    assert "is_enabled" not in caplog.text
    assert "preferred_variant" not in caplog.text


def test_another_application_in_the_table_has_its_own(dynamodb: Any, installed: Dictionary) -> None:
    site_of(dynamodb, key_prefix="shop:").visitor(**content(1))
    assert compressions(dynamodb) == [Compression.ZSTD]
