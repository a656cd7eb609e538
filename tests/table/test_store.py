"""The condition of each write, on single items."""

from typing import Any

import pytest

from tests.support.internals import Row, RowKey, Store, Written, new_version, now, parse_options

pytestmark = pytest.mark.usefixtures("create_table")

KEY = RowKey("a-partition", "session")


@pytest.fixture
def store(dynamodb: Any) -> Store:
    return Store(parse_options(dynamodb.options))


def row(data: bytes = b"data", life: int | None = 60, version: str | None = None) -> Row:
    return Row(data, version or new_version(), now(), life)


def test_an_item_comes_back_as_it_was_stored(store: Store, clock: Any) -> None:
    clock.advance(0.123)
    for stored in (row(), row(life=None)):
        store.put(KEY, stored)
        assert store.get(KEY, consistent=True) == stored


def test_an_item_is_created_only_if_there_is_no_live_one(store: Store, clock: Any) -> None:
    first, second, third = (row(data) for data in (b"1", b"2", b"3"))
    assert store.create(KEY, first).done
    assert store.create(KEY, second) == Written(False, first)
    assert store.get(KEY, consistent=True) == first
    clock.advance(61)
    later = third._replace(touched=now())
    assert store.create(KEY, later).done
    assert store.get(KEY, consistent=True) == later


def test_an_item_that_never_expires_is_not_replaced_by_a_creation(store: Store, clock: Any) -> None:
    assert store.create(KEY, row(life=None)).done
    clock.advance(10**9)
    assert not store.create(KEY, row()._replace(touched=now())).done


def test_an_item_is_overwritten_only_if_there_is_one(store: Store) -> None:
    assert store.overwrite(KEY, row()) == Written(done=False)
    assert store.get(KEY, consistent=True) is None
    store.put(KEY, row())
    changed = row(b"changed")
    assert store.overwrite(KEY, changed).done
    assert store.get(KEY, consistent=True) == changed


def test_an_item_is_replaced_only_at_its_version(store: Store) -> None:
    assert store.replace(KEY, row(), "one") == Written(done=False)
    stored, changed = row(version="one"), row(b"changed")
    store.put(KEY, stored)
    assert store.replace(KEY, changed, "another") == Written(False, stored)
    assert store.replace(KEY, changed, "one").done
    assert store.get(KEY, consistent=True) == changed


def test_an_item_is_touched_only_at_its_version(store: Store) -> None:
    stored = row(version="one")
    assert store.renew(KEY, stored) is False
    store.put(KEY, stored)
    assert store.renew(KEY, row(version="another")) is False
    renewed = row(b"renewed", version="one")
    assert store.renew(KEY, renewed) is True
    assert store.get(KEY, consistent=True) == renewed


def test_deleting_a_missing_item_is_no_error(store: Store) -> None:
    store.delete(KEY)
    store.put(KEY, row())
    store.delete(KEY)
    assert store.get(KEY, consistent=True) is None
