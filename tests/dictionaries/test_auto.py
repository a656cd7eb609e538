"""`dictionary = auto`: from an empty table to dictionaries in use, without an operator."""

import logging
import random
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.testing.site import Site
from tests.support.dictionaries import content, needs_zstd, payload, trained
from tests.support.internals import (
    Compression,
    Dictionaries,
    Dictionary,
    DictionaryStore,
    Encoding,
    SavedSession,
    forget_dictionaries,
    may_be_sample,
    trainer,
)
from tests.support.pages import KEYS
from tests.support.tables import stored_items
from tests.support.wire import Wire

pytestmark = [needs_zstd, pytest.mark.usefixtures("create_table")]

AUTO: dict[str, Any] = {"compression": "zstd", "dictionary": "auto", "ttl": 3600}
#: Samples for one training; and how many these tests wait for.
REAL, ENOUGH = 400, 80
DAY, MINUTES = 86_400, 300


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "ENOUGH", ENOUGH)


@pytest.fixture
def site(dynamodb: Any) -> Site:
    return Site(dynamodb.options, **AUTO)


def log_in(site: Site, count: int, of: Callable[[int], dict[str, Any]] = content) -> None:
    for number in range(count):
        site.visitor(**of(number))


def kinds(dynamodb: Any) -> list[int]:
    found = [item for item in stored_items(dynamodb) if item.item == "session"]
    return [item.data[0] & 0x0F for item in found if item.data]


def dictionaries(dynamodb: Any) -> list[Any]:
    found = [item for item in stored_items(dynamodb) if item.item.startswith("session dict")]
    return [item for item in found if item.item[len("session dictionary") :].startswith(":")]


def current(dynamodb: Any) -> bytes | None:
    found = [item.data for item in stored_items(dynamodb) if item.item == "session dictionary"]
    return found[0] if found else None


def test_takes_effect_for_json_too(dynamodb: Any) -> None:
    site = Site(dynamodb.options, data_serializer="json", **AUTO)
    log_in(site, ENOUGH + 1, twice)
    visitor = site.visitor(**twice(5000))
    assert Compression.ZSTD_WITH_DICTIONARY in kinds(dynamodb)
    forget_dictionaries()
    assert visitor.read() == twice(5000)
    visitor.put(n=1)
    assert visitor.read() == {**twice(5000), "n": 1}


def twice(number: int) -> dict[str, Any]:
    return {**content(number), "other": content(number + 10_000)}


def test_takes_effect_once_enough_sessions_were_written(
    dynamodb: Any, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "ENOUGH", REAL)
    log_in(site, REAL - 1)
    assert dictionaries(dynamodb) == []
    log_in(site, 2)
    assert len(dictionaries(dynamodb)) == 1
    visitor = site.visitor(**content(5000))
    assert kinds(dynamodb).count(Compression.ZSTD_WITH_DICTIONARY) >= 1
    forget_dictionaries()
    assert visitor.read() == content(5000)


def test_sessions_that_are_only_read_count_too(dynamodb: Any, site: Site) -> None:
    visitors = [site.visitor(**content(number)) for number in range(ENOUGH - 1)]
    forget_dictionaries()
    for visitor in visitors:
        visitor.read()
    site.visitor(**content(5000))
    assert len(dictionaries(dynamodb)) == 1


def test_trains_in_the_background(
    dynamodb: Any, site: Site, monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(Dictionaries, "start", staticmethod(begun.append))
    log_in(site, ENOUGH + 10)
    assert wire.operations == ["PutItem"] * (ENOUGH + 10)
    assert len(begun) == 2  # one refresh, one training
    for work in begun:
        work()
    assert len(dictionaries(dynamodb)) == 1


def test_that_saves_no_write_unit_is_not_stored(dynamodb: Any, site: Site) -> None:
    log_in(site, ENOUGH + 1, lambda number: {"user_id": number, "text": "that all have " * 9})
    assert dictionaries(dynamodb) == []
    assert current(dynamodb) is None


def test_of_sessions_that_have_nothing_in_common_is_not_stored(dynamodb: Any, site: Site) -> None:
    log_in(site, ENOUGH + 1, lambda number: {"n": random.Random(number).randbytes(2000)})
    assert dictionaries(dynamodb) == []


def test_only_one_process_trains_and_none_again_for_a_day(
    dynamodb: Any, site: Site, clock: Any, wire: Wire
) -> None:
    log_in(site, ENOUGH + 1)
    first = current(dynamodb)
    forget_dictionaries()  # another process
    wire.clear()
    log_in(site, ENOUGH + 1)
    assert wire.operations.count("UpdateItem") == 1  # the lease is refused
    assert current(dynamodb) == first
    clock.advance(DAY - 600)
    wire.clear()
    log_in(site, ENOUGH + 1)
    assert "UpdateItem" not in wire.operations
    assert current(dynamodb) == first
    assert len(dictionaries(dynamodb)) == 1


def test_follows_the_sessions_as_they_change(dynamodb: Any, site: Site, clock: Any) -> None:
    log_in(site, ENOUGH + 1)
    first = current(dynamodb)

    def changed(number: int) -> dict[str, Any]:
        before = content(number)
        return {f"renamed {key[::-1]}": str(value)[::-1] * 2 for key, value in before.items()}

    log_in(site, ENOUGH, changed)
    assert current(dynamodb) == first
    clock.advance(DAY + 1)
    log_in(site, 1, changed)
    assert current(dynamodb) not in {first, None}
    expiring = [item for item in dictionaries(dynamodb) if item.expires]
    assert [item.item for item in expiring] == [f"session dictionary:{(first or b'').hex()}"]


def test_follows_a_longer_life_of_sessions(dynamodb: Any, site: Site, clock: Any) -> None:
    log_in(site, ENOUGH + 1)
    first = current(dynamodb)
    longer = Site(dynamodb.options, **{**AUTO, "ttl": 3 * AUTO["ttl"]})
    log_in(longer, ENOUGH)
    clock.advance(DAY + 1)
    log_in(longer, 1)
    assert current(dynamodb) != first
    visitor = longer.visitor(**content(5000))
    forget_dictionaries()
    assert visitor.read() == content(5000)


def test_does_not_replace_one_that_is_as_good(dynamodb: Any, site: Site, clock: Any) -> None:
    log_in(site, ENOUGH + 1)
    first = current(dynamodb)
    clock.advance(DAY + 1)
    log_in(site, ENOUGH + 1, lambda number: content(number + 9000))
    assert current(dynamodb) == first


def test_goes_on_after_a_process_that_died_while_it_trained(
    dynamodb: Any, site: Site, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(DictionaryStore, "install", _die)
        with pytest.raises(SystemExit):
            log_in(site, ENOUGH + 1)
    log_in(site, ENOUGH + 1)
    assert dictionaries(dynamodb) == []
    clock.advance(MINUTES + 1)
    log_in(site, 1)
    assert len(dictionaries(dynamodb)) == 1


def _die(_self: object, _dictionary: Dictionary) -> None:
    raise SystemExit


def test_a_training_that_fails_fails_no_page(
    dynamodb: Any, site: Site, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    log_in(site, ENOUGH - 1)
    wire.fail_next("UpdateItem", (400, "AccessDeniedException"))
    log_in(site, 2)
    assert "without a new dictionary" in caplog.text
    assert dictionaries(dynamodb) == []


class TestWhatFeedsIt:
    def test_is_never_an_encrypted_session(self, dynamodb: Any) -> None:
        pytest.importorskip("cryptography")
        site = Site(dynamodb.options, session_class=DynamoDBSession, **KEYS, **AUTO)
        log_in(site, ENOUGH + 1)
        assert dictionaries(dynamodb) == []

    def test_is_never_an_encrypted_session_that_looks_like_a_plain_one(self) -> None:
        encrypted = Encoding(decrypt=lambda text: text.encode())
        session = SavedSession.from_payload(payload(1), encrypted)
        assert not may_be_sample(session, None)
        assert may_be_sample(SavedSession.from_payload(payload(1)), None)

    def test_is_never_an_opaque_session(self, dynamodb: Any) -> None:
        pytest.importorskip("cryptography")
        log_in(Site(dynamodb.options, opaque_sessions=True, **KEYS, **AUTO), ENOUGH + 1)
        assert dictionaries(dynamodb) == []

    def test_is_never_what_only_looks_like_a_session(self, dynamodb: Any, site: Site) -> None:
        secret = b"\x80\x02} is no pickle, " + random.Random(1).randbytes(2000)
        site.visitor(n=1)
        options = {**dynamodb.options, **AUTO, "opaque_sessions": True}
        for number in range(ENOUGH + 1):
            text = b64encode(secret + b"%d" % number).decode()
            DynamoDBNamespaceManager(f"{number:032x}", **options)["session"] = text
        assert dictionaries(dynamodb) == []


class TestLogs:
    def test_never_show_what_was_trained_on(
        self, dynamodb: Any, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "beaker_dynamodb")
        log_in(site, ENOUGH + 1)
        assert "a new dictionary is current" in caplog.text
        assert "is_enabled" not in caplog.text
        assert "example.org" not in caplog.text


def test_signs_and_recovers_from_a_name_that_was_altered(dynamodb: Any, clock: Any) -> None:
    site = Site(dynamodb.options, signing_key="k" * 32, **AUTO)
    log_in(site, ENOUGH + 1)
    [pointer] = [item for item in stored_items(dynamodb) if item.item == "session dictionary"]
    assert pointer.signature
    pointer.data = trained().name
    pointer.save()
    clock.advance(DAY + 1)
    log_in(site, ENOUGH + 1)
    assert current(dynamodb) != trained().name
    site.visitor(**content(1))
    assert Compression.ZSTD_WITH_DICTIONARY in kinds(dynamodb)
