"""An unreadable item costs one session or one miss, not the page; a save overwrites none."""

import json
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import ConflictError, DynamoDBSession
from beaker_dynamodb.testing.site import Site
from tests.security.conftest import Item, RawTable
from tests.support.internals import Content
from tests.support.pages import KINDS, count, log_out, read, save
from tests.support.wire import Wire

KEY = "k" * 32


def without(*names: str) -> Callable[[Item], Item]:
    return lambda item: {key: value for key, value in item.items() if key not in names}


def with_(**attributes: dict[str, Any]) -> Callable[[Item], Item]:
    return lambda item: {**item, **attributes}


#: Alterations of an item, each with another version than the loaded one.
ALTERED: dict[str, Callable[[Item], Item]] = {
    "no data": lambda item: without("data")({**item, "version": {"S": "other"}}),
    "no version": without("version"),
    "version of another type": with_(version={"N": "1"}),
    "unknown form": with_(version={"S": "other"}, data={"B": b"\xff\xff"}),
    "no session inside": with_(version={"S": "other"}, data={"B": b"\x20nothing"}),
    "touched in no time": with_(version={"S": "other"}, touched={"N": "9e99"}),
    "expires in no time": with_(version={"S": "other"}, expires={"N": "9e99"}),
    "expires past all clocks": with_(version={"S": "other"}, expires={"N": "9e17"}),
    "parts that are not there": with_(version={"S": "other"}, parts={"S": "other:3"}),
    "parts without a form": with_(version={"S": "other"}, parts={"S": "?"}),
    "not signed": lambda item: without("signature")({**item, "version": {"S": "other"}}),
}

each_alteration = pytest.mark.parametrize("altered", ALTERED.values(), ids=ALTERED.keys())


@each_alteration
@pytest.mark.parametrize("kind", ["pickle", "encrypted json"])
class TestARequest:
    @pytest.fixture
    def site(self, clock: Any, dynamodb: Any, raw: RawTable, kind: str) -> Site:
        site = Site(dynamodb.options, **KINDS[kind], signing_key=KEY)
        site.request(count)
        return site

    def then_alter(self, raw: RawTable, altered: Callable[[Item], Item], action: Any) -> Any:
        """A page during which the item is altered, after its load."""

        def page(session: Any) -> Any:
            session.get("n")
            raw.alter(altered)
            self.altered = raw.items()
            return action(session)

        return page

    def test_that_changes_the_session_overwrites_nothing(
        self, site: Site, raw: RawTable, altered: Callable[[Item], Item]
    ) -> None:
        with pytest.raises(ConflictError, match="the stored session cannot be read: see the log"):
            site.request(self.then_alter(raw, altered, count))
        assert raw.items() == self.altered

    def test_that_touches_the_session_succeeds_and_overwrites_nothing(
        self, site: Site, raw: RawTable, altered: Callable[[Item], Item], clock: Any
    ) -> None:
        clock.advance(60)
        site.request(self.then_alter(raw, altered, save))
        assert raw.items() == self.altered

    def test_that_ends_it_leaves_a_marker(
        self, site: Site, raw: RawTable, altered: Callable[[Item], Item]
    ) -> None:
        site.request(self.then_alter(raw, altered, log_out))
        assert raw.is_marker()

    def test_that_begins_with_a_corrupt_session_gets_a_new_one(
        self, site: Site, raw: RawTable, altered: Callable[[Item], Item]
    ) -> None:
        raw.alter(altered)
        with pytest.warns(match="Invalidating corrupt session"):
            assert site.request(count) == 1
        assert site.request(read) == 1

    def test_that_replaces_the_id_stores_nothing(
        self, site: Site, raw: RawTable, altered: Callable[[Item], Item], dynamodb: Any
    ) -> None:
        other = Site(dynamodb.options, session_class=DynamoDBSession, signing_key=KEY)
        other.request(count)

        def regenerate(session: Any) -> int:
            session.regenerate_id()
            return count(session)

        with pytest.raises(ConflictError, match="cannot be read"):
            other.request(self.then_alter(raw, altered, regenerate))
        assert raw.items() == self.altered


@pytest.mark.parametrize("kind", ["pickle", "json", "encrypted json"])
@pytest.mark.parametrize(
    "data", [b"\xff\xff", b"\x20nothing", b"\x21nothing", b"\x31x", b"\x10\xff"]
)
def test_an_unsigned_item_with_unreadable_data_is_not_overwritten(
    dynamodb: Any, raw: RawTable, kind: str, data: bytes
) -> None:
    site = Site(dynamodb.options, **KINDS[kind])
    site.request(count)

    def page(session: Any) -> int:
        session.get("n")
        raw.alter(with_(version={"S": "other"}, data={"B": data}))
        return count(session)

    with pytest.raises(ConflictError, match="a session that this release cannot read"):
        site.request(page)
    assert raw.item()["data"] == {"B": data}


@each_alteration
def test_a_conflict_is_raised_if_asked(
    dynamodb: Any, raw: RawTable, altered: Callable[[Item], Item]
) -> None:
    site = Site(dynamodb.options, on_conflict="raise", signing_key=KEY)
    site.request(count)

    def page(session: Any) -> None:
        session.get("n")
        raw.alter(altered)
        count(session)

    with pytest.raises(ConflictError):
        site.request(page)


class TestAValue:
    @pytest.fixture
    def cache(self, dynamodb: Any, raw: RawTable) -> Cache:
        return Cache(uuid.uuid4().hex, type="ext:dynamodb", **dynamodb.options, signing_key=KEY)

    @each_alteration
    def test_is_made_again(
        self, cache: Cache, raw: RawTable, altered: Callable[[Item], Item]
    ) -> None:
        cache.put("key", "old")
        raw.alter(altered)
        assert cache.get("key", createfunc=lambda: "new") == "new"
        assert cache.get("key") == "new"

    @each_alteration
    def test_is_put_removed_and_cleared(
        self, cache: Cache, raw: RawTable, altered: Callable[[Item], Item]
    ) -> None:
        for key in ("put", "removed", "cleared"):
            cache.put(key, "old")
        raw.alter(altered)
        cache.put("put", "new")
        assert cache.get("put") == "new"
        cache.remove_value("removed")
        cache.clear()
        assert raw.items() == []

    @each_alteration
    def test_altered_during_its_creation_is_made_once(
        self, cache: Cache, raw: RawTable, altered: Callable[[Item], Item]
    ) -> None:
        def make() -> str:
            cache.namespace.set_value("other", (0, None, "other"))
            raw.alter(altered)
            return "made"

        assert cache.get("key", createfunc=make) == "made"
        assert cache.get("key", createfunc=lambda: "made") == "made"

    @each_alteration
    def test_written_while_an_altered_one_is_removed_stays(
        self, cache: Cache, raw: RawTable, wire: Wire, altered: Callable[[Item], Item]
    ) -> None:
        cache.put("key", "old")
        raw.alter(altered)
        wire.before_next("DeleteItem", lambda: cache.put("key", "put"))
        served = cache.get("key", createfunc=lambda: "made")
        is_removed = "DeleteItem" in wire.operations
        assert served == cache.get("key") == ("put" if is_removed else "made")

    @each_alteration
    def test_altered_between_the_read_and_the_lease_is_made_again(
        self, cache: Cache, raw: RawTable, wire: Wire, altered: Callable[[Item], Item]
    ) -> None:
        def alter() -> None:
            cache.put("key", "old")
            raw.alter(altered)

        wire.before_next("UpdateItem", alter)
        assert cache.get("key", createfunc=lambda: "new") == "new"


def count_under_lock(session: Any) -> int:
    session.lock()
    number = count(session)
    session.unlock()
    return number


NUMBER, TEXT, NOTHING = {"N": "9e9"}, {"S": "somebody"}, {"NULL": True}
#: A lease of an unknown owner, which never releases it.
LEASES: dict[str, Item] = {
    "without an end": {"lock_owner": TEXT},
    "without an owner": {"lock_until": NUMBER},
    "of nobody": {"lock_owner": NOTHING, "lock_until": NUMBER},
    "until nothing": {"lock_owner": TEXT, "lock_until": NOTHING},
    "until a text": {"lock_owner": TEXT, "lock_until": TEXT},
    "of a number": {"lock_owner": NUMBER, "lock_until": NUMBER},
    "until no time": {"lock_owner": TEXT, "lock_until": {"N": "1e100"}},
    "for years": {"lock_owner": TEXT, "lock_until": NUMBER},
}

each_lease = pytest.mark.parametrize("lease", LEASES.values(), ids=LEASES.keys())


@each_lease
class TestALease:
    @pytest.mark.parametrize("version", [{}, {"version": NOTHING}])
    def test_without_a_value_does_not_block_a_creation(
        self, dynamodb: Any, raw: RawTable, lease: Item, version: Item
    ) -> None:
        raw.put({"id": {"S": "c"}, "item": {"S": "key"}, **lease, **version})
        cache = Cache("c", type="ext:dynamodb", **dynamodb.options, lock_wait=0)
        assert cache.get("key", createfunc=lambda: "made") == "made"
        assert cache.get("key") == "made"

    def test_does_not_block_the_replacement_of_an_expired_value(
        self, dynamodb: Any, raw: RawTable, clock: Any, lease: Item
    ) -> None:
        cache = Cache("c", type="ext:dynamodb", **dynamodb.options, lock_wait=0)
        cache.put("key", "old", expiretime=10)
        raw.alter(with_(**lease))
        clock.advance(20)
        assert cache.get("key", createfunc=lambda: "made", expiretime=10) == "made"
        assert cache.get("key") == "made"

    @pytest.mark.parametrize("version", [{}, {"version": NOTHING}])
    def test_in_place_of_a_session_does_not_block_a_new_session(
        self, dynamodb: Any, raw: RawTable, lease: Item, version: Item
    ) -> None:
        site = Site(dynamodb.options)
        site.request(count)
        place = {"id": raw.item()["id"], "item": raw.item()["item"]}
        raw.put({**place, **lease, **version})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Beaker warns about each corrupt session
            assert site.request(count) == 1
        assert site.request(read) == 1

    @pytest.mark.parametrize("content", [without("version", "data"), with_()])
    def test_does_not_block_a_session_lock(
        self, dynamodb: Any, raw: RawTable, lease: Item, content: Callable[[Item], Item]
    ) -> None:
        site = Site(dynamodb.options, session_class=DynamoDBSession, lock_wait=0)
        site.request(count)
        raw.put({**content(raw.item()), "item": {"S": "session lock"}, **lease})

        assert site.request(count_under_lock) == 2


class TestAValueInJson:
    @pytest.fixture
    def cache(self, dynamodb: Any, raw: RawTable) -> Cache:
        return Cache("c", type="ext:dynamodb", **dynamodb.options, serializer="json")

    @pytest.mark.parametrize(
        "value",
        [
            *([], [1], [1, 2], [1, 2, 3, 4], "abc", 5, None, {}, {"a": 1, "b": 2, "c": 3}),
            *([None, None, 1], ["a", None, 1], [1, "b", 1], [[], None, 1], [1, {}, 1]),
            *([10**400, 0.5, 1], [1, 10**400, 1], [float("nan"), 1, 1]),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_not_in_beakers_form_is_made_again(
        self, cache: Cache, raw: RawTable, value: object
    ) -> None:
        cache.put("key", "old")
        data = bytes([Content.JSON << 4]) + json.dumps(value).encode()
        raw.alter(with_(data={"B": data}))
        assert cache.get("key", createfunc=lambda: "new") == "new"
        assert cache.get("key") == "new"

    def test_not_in_beakers_form_is_not_stored(self, cache: Cache) -> None:
        with pytest.raises(TypeError, match="only Beaker's Cache can store values"):
            cache.namespace["key"] = "value"


@pytest.mark.parametrize("created", ["1e20", "9e99", "-1e20"])
def test_an_impossible_creation_time_costs_one_session_and_not_the_page(
    dynamodb: Any, raw: RawTable, created: str
) -> None:
    options = {"ttl": 0, "max_lifetime": 100, "encrypt_key": "e" * 32, "validate_key": "v"}
    site = Site(dynamodb.options, opaque_sessions=True, **options)
    site.request(count)
    raw.alter(with_(created={"N": created}))
    site.request(count)
    site.request(count)


@each_alteration
def test_a_corrupt_lock_can_be_acquired(
    dynamodb: Any, raw: RawTable, altered: Callable[[Item], Item]
) -> None:
    site = Site(dynamodb.options, session_class=DynamoDBSession, signing_key=KEY, lock_wait=1)
    site.request(count)
    content: Item = {"data": {"B": b"?"}, "version": {"S": "v"}, "touched": {"N": "1"}}
    lock: Item = {**raw.item(), **content, "item": {"S": "session lock"}}
    raw.put(altered(lock))

    assert site.request(count_under_lock) == 2
