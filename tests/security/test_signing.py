"""signing_key: items that a writer of the table has altered, copied or put back."""

import hashlib
import hmac
import uuid
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import ConflictError, CorruptItem, DynamoDBSession
from beaker_dynamodb.testing.site import Site
from tests.security.conftest import Item, RawTable
from tests.support.internals import Signer
from tests.support.overlap import (
    begin_by_clear,
    browsers,
    put,
    renew,
    session_items,
    while_loaded,
)
from tests.support.pages import KINDS, count, log_out, read, save

KEY, OTHER_KEY = "first key of thirty-two characters", "another key of thirty-two characters"
SIGNED = {"signing_key": KEY, "invalidate_corrupt": False}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(clock: Any, dynamodb: Any, raw: RawTable, kind: str) -> Site:
    site = Site(dynamodb.options, **KINDS[kind], **SIGNED)
    site.request(count)
    return site


def later(item: Item, name: str, by: int) -> Item:
    return {**item, name: {"N": str(float(item[name]["N"]) + by)}}


def last_byte_changed(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


ALTERATIONS: dict[str, Any] = {
    "data": lambda item: {**item, "data": {"B": last_byte_changed(item["data"]["B"])}},
    "another version": lambda item: {**item, "version": {"S": "AAAAAAAAAAAA"}},
    "signature's end": lambda item: {
        **item,
        "signature": {"B": last_byte_changed(item["signature"]["B"])},
    },
    "signature's second half": lambda item: {
        **item,
        "signature": {"B": item["signature"]["B"][:16] + bytes(16)},
    },
    "lives longer": lambda item: later(later(item, "touched", 10), "expires", 10),
    "touched later": lambda item: later(item, "touched", 10),
    "expires later": lambda item: {**item, "expires": {"N": str(int(item["expires"]["N"]) + 99)}},
    "never expires": lambda item: {key: item[key] for key in item if key != "expires"},
    "created": lambda item: {**item, "created": {"N": "1"}},
    "named parts": lambda item: {**item, "parts": {"S": "AAAAAAAAAAAA:1"}},
    "signature": lambda item: {**item, "signature": {"B": b"\0" * 32}},
    "shorter signature": lambda item: {**item, "signature": {"B": item["signature"]["B"][:4]}},
    "no signature": lambda item: {key: item[key] for key in item if key != "signature"},
}


class TestASession:
    def test_is_read_changed_touched_and_ended(self, site: Site, raw: RawTable, clock: Any) -> None:
        assert site.request(count) == 2
        clock.advance(60)
        site.request(save)
        assert site.request(read) == 2
        site.request(log_out)
        assert raw.is_marker()
        assert len(raw.item()["signature"]["B"]) == 32

    @pytest.mark.parametrize("name", ALTERATIONS)
    def test_that_was_altered_is_corrupt(self, site: Site, raw: RawTable, name: str) -> None:
        raw.alter(ALTERATIONS[name])
        with pytest.raises(CorruptItem, match=r"signature is missing or wrong"):
            site.request(read)

    def test_that_was_copied_to_another_id_is_corrupt(
        self, site: Site, dynamodb: Any, raw: RawTable
    ) -> None:
        victim = raw.item()
        attacker = Site(dynamodb.options, **SIGNED)
        attacker.request(count)
        raw.alter(lambda item: {**victim, "id": item["id"]})
        with pytest.raises(CorruptItem):
            attacker.request(read)
        assert site.request(read) == 1

    def test_with_its_old_payload_put_back_is_corrupt(self, site: Site, raw: RawTable) -> None:
        before = raw.item()
        site.request(count)
        raw.alter(lambda item: {**item, "data": before["data"]})
        with pytest.raises(CorruptItem):
            site.request(read)

    def test_forged_during_a_request_is_neither_merged_nor_overwritten(
        self, site: Site, dynamodb: Any, raw: RawTable, kind: str
    ) -> None:
        forger = Site(dynamodb.options, **KINDS[kind])
        forger.use_cookie(str(site.cookie))
        forged = []

        def page(session: Any) -> None:
            session.get("n")
            forger.request(lambda stolen: stolen.update(user="admin") or stolen.save())
            forged.append(raw.item())
            count(session)

        with pytest.raises(ConflictError, match="the stored session cannot be read"):
            site.request(page)
        assert raw.items() == forged
        with pytest.raises(CorruptItem):
            site.request(read)

    def test_costs_one_session_and_not_the_page(self, dynamodb: Any, raw: RawTable) -> None:
        site = Site(dynamodb.options, signing_key=KEY)
        site.request(count)
        before = site.cookie
        raw.alter(ALTERATIONS["data"])
        with pytest.warns(match="Invalidating corrupt session"):
            assert site.request(count) == 1
        assert site.cookie != before


MARKER_ALTERATIONS: dict[str, Any] = {
    "another session": lambda item: {
        **item,
        "ended": {"S": item["ended"]["S"].replace(",[]", ',[["p","b"]]')},
    },
    **{name: ALTERATIONS[name] for name in ("signature's end", "expires later", "no signature")},
}


class TestAMarker:
    @pytest.fixture
    def ended(self, dynamodb: Any, raw: RawTable) -> Site:
        site = Site(dynamodb.options, **SIGNED)
        site.request(count)
        cookie = site.cookie
        site.request(log_out)
        site.use_cookie(str(cookie))
        return site

    def test_is_read_as_the_end_of_its_session(self, ended: Site) -> None:
        assert ended.request(read) is None

    @pytest.mark.parametrize("name", MARKER_ALTERATIONS)
    def test_that_was_altered_is_corrupt(self, ended: Site, raw: RawTable, name: str) -> None:
        before = raw.item()
        raw.alter(MARKER_ALTERATIONS[name])
        assert raw.item() != before
        with pytest.raises(CorruptItem, match=r"signature is missing or wrong"):
            ended.request(read)

    def test_that_was_copied_to_another_session_is_corrupt(
        self, ended: Site, dynamodb: Any, raw: RawTable
    ) -> None:
        victim = Site(dynamodb.options, **SIGNED)
        victim.request(count)
        [marker] = [item for item in raw.items() if "ended" in item]
        raw.alter(lambda item: {**marker, "id": item["id"]})
        with pytest.raises(CorruptItem):
            victim.request(read)


class TestRotation:
    @pytest.fixture
    def stored(self, dynamodb: Any, raw: RawTable) -> Site:
        site = Site(dynamodb.options, **SIGNED)
        site.request(count)
        return site

    @pytest.fixture
    def cookie(self, stored: Site) -> str:
        assert stored.cookie is not None
        return stored.cookie

    def use(self, dynamodb: Any, cookie: str, keys: str) -> Site:
        site = Site(dynamodb.options, **{**SIGNED, "signing_key": keys})
        site.use_cookie(cookie)
        return site

    def test_accepts_the_signature_of_an_older_key(self, dynamodb: Any, cookie: str) -> None:
        assert self.use(dynamodb, cookie, f"{OTHER_KEY},{KEY}").request(read) == 1

    def test_signs_with_the_first_key(self, dynamodb: Any, cookie: str) -> None:
        self.use(dynamodb, cookie, f"{OTHER_KEY},{KEY}").request(count)
        assert self.use(dynamodb, cookie, OTHER_KEY).request(read) == 2

    def test_has_a_step_in_which_workers_accept_each_others_signatures(
        self, dynamodb: Any, cookie: str
    ) -> None:
        steps = [KEY, f"{KEY},{OTHER_KEY}", f"{OTHER_KEY},{KEY}", OTHER_KEY]
        # During a step, some workers are before it and some after it.
        workers = [keys for step in pairwise(steps) for keys in (*step, *step)]
        for number, keys in enumerate(workers, 2):
            assert self.use(dynamodb, cookie, keys).request(count) == number

    def test_refuses_the_signature_of_an_unknown_key(
        self, dynamodb: Any, raw: RawTable, cookie: str
    ) -> None:
        raw.alter(ALTERATIONS["data"])
        with pytest.raises(CorruptItem, match=r"signature is missing or wrong"):
            self.use(dynamodb, cookie, f"{OTHER_KEY},{KEY}").request(read)

    def test_ends_with_the_old_key(self, dynamodb: Any, cookie: str) -> None:
        with pytest.raises(CorruptItem):
            self.use(dynamodb, cookie, OTHER_KEY).request(read)

    def test_back_to_no_key_reads_everything(self, dynamodb: Any, cookie: str) -> None:
        site = Site(dynamodb.options)
        site.use_cookie(cookie)
        assert site.request(count) == 2


class TestAValue:
    @pytest.fixture
    def cache(self, dynamodb: Any, raw: RawTable) -> Cache:
        options = {"signing_key": KEY, "compression": "none", "stale_ttl": 60}
        return Cache(uuid.uuid4().hex, type="ext:dynamodb", **dynamodb.options, **options)

    @pytest.mark.parametrize("size", [10, 500_000])
    @pytest.mark.parametrize("name", [*ALTERATIONS])
    def test_that_was_altered_is_made_again(
        self, cache: Cache, raw: RawTable, name: str, size: int
    ) -> None:
        cache.put("key", "o" * size, expiretime=600)
        raw.alter(lambda item: ALTERATIONS[name]({"signature": {"B": b"?"}, **item}))
        assert cache.get("key", createfunc=lambda: "new") == "new"
        assert cache.get("key") == "new"

    def test_is_served_under_a_lease_and_replaced(self, cache: Cache, clock: Any) -> None:
        cache.put("key", "old", expiretime=10)
        clock.advance(20)
        seen = []

        def make() -> str:
            seen.append(cache.namespace["key"][2])
            return "new"

        assert cache.get("key", createfunc=make, expiretime=10) == "new"
        assert (seen, cache.get("key")) == (["old"], "new")

    def test_of_several_parts_comes_back(self, cache: Cache) -> None:
        cache.put("key", "o" * 900_000)
        assert cache.get("key") == "o" * 900_000

    def test_with_an_altered_part_and_digest_is_made_again(
        self, cache: Cache, raw: RawTable
    ) -> None:
        cache.put("key", "o" * 500_000)
        items = sorted(raw.items(), key=lambda item: item["item"]["S"])
        parts = [item for item in items if "part:" in item["item"]["S"]]
        parts[-1]["data"] = {"B": parts[-1]["data"]["B"].replace(b"oo", b"ha")}
        raw.put(parts[-1])
        digest = hashlib.sha256(b"".join(part["data"]["B"] for part in parts)).digest()
        [head] = [item for item in items if "parts" in item]
        raw.put({**head, "data": {"B": digest}})
        assert cache.get("key", createfunc=lambda: "new") == "new"

    def test_that_was_copied_to_another_key_is_missing(self, cache: Cache, raw: RawTable) -> None:
        cache.put("mine", "mine")
        raw.put({**raw.item(), "item": {"S": "yours"}})
        assert cache.get("yours", createfunc=lambda: "made") == "made"


class TestASignature:
    def test_binds_each_byte_to_its_field(self) -> None:
        signer = Signer([KEY])
        signature = signer.sign(["ab", "c"])
        assert signer.verify(signature, ["ab", "c"])
        others: list[list[bytes | str | None]] = [
            ["a", "bc"],
            ["abc", ""],
            ["ab", "c", None],
            ["ab", b"c", b""],
            ["ab"],
        ]
        for moved in others:
            assert not signer.verify(signature, moved)

    def test_of_a_number_depends_on_its_value_alone(self) -> None:
        signer = Signer([KEY])
        assert signer.verify(signer.sign([1_700_000_000]), [1_700_000_000.0])
        assert not signer.verify(signer.sign([1_700_000_000]), [1_700_000_000.001])

    def test_is_hmac_sha256_over_the_framed_fields(self) -> None:
        framed = b"2:ab-1:c3:5.0"
        expected = hmac.new(KEY.encode(), framed, hashlib.sha256).digest()
        assert Signer([KEY, OTHER_KEY]).sign(["ab", None, b"c", 5]) == expected


@pytest.mark.parametrize("begins_another", [True, False], ids=["bob's", "changed"])
def test_a_rename_stores_nothing_if_a_newer_key_has_signed_the_session(
    dynamodb: Any, create_table: None, begins_another: bool
) -> None:
    old_key, new_key = "o" * 32, "n" * 32
    keys: dict[str, Any] = {"session_class": DynamoDBSession, "signing_key": old_key}
    slow, _ = browsers(dynamodb.options, **keys)
    newer = Site({**dynamodb.options, **keys, "signing_key": f"{new_key},{old_key}"})
    newer.use_cookie(str(slow.cookie))
    page = begin_by_clear(user="bob") if begins_another else put(cart=1)
    with pytest.raises(ConflictError, match="cannot be read"):
        slow.request(while_loaded(partial(newer.request, page), renew))
    assert len(session_items(dynamodb)) == 1
