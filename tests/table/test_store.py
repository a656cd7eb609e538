"""The condition of each write, on single items."""

from typing import Any

import pytest

from tests.support.internals import (
    Backend,
    Row,
    RowKey,
    Rows,
    WriteResult,
    new_version,
    now,
    parse_options,
)

pytestmark = pytest.mark.usefixtures("create_table")

KEY = RowKey("a-partition", "session")


@pytest.fixture
def rows(dynamodb: Any) -> Rows:
    return Backend.of(parse_options(dynamodb.options)).rows


def row(data: bytes = b"data", life: int | None = 60, version: str | None = None) -> Row:
    return Row(data, version or new_version(), now(), life)


def test_an_item_comes_back_as_it_was_stored(rows: Rows, clock: Any) -> None:
    clock.advance(0.123)
    for stored in (row(), row(life=None)):
        rows.put(KEY, stored)
        assert rows.get(KEY, consistent=True) == stored


def test_an_item_is_created_only_if_there_is_no_live_one(rows: Rows, clock: Any) -> None:
    first, second, third = (row(data) for data in (b"1", b"2", b"3"))
    assert rows.create(KEY, first).done
    assert rows.create(KEY, second) == WriteResult(False, first)
    assert rows.get(KEY, consistent=True) == first
    clock.advance(61)
    later = third._replace(touched=now())
    assert rows.create(KEY, later).done
    assert rows.get(KEY, consistent=True) == later


def test_an_item_that_never_expires_is_not_replaced_by_a_creation(rows: Rows, clock: Any) -> None:
    assert rows.create(KEY, row(life=None)).done
    clock.advance(10**9)
    assert not rows.create(KEY, row()._replace(touched=now())).done


def test_an_item_is_overwritten_only_if_there_is_one(rows: Rows) -> None:
    assert rows.overwrite(KEY, row()) == WriteResult(done=False)
    assert rows.get(KEY, consistent=True) is None
    rows.put(KEY, row())
    changed = row(b"changed")
    assert rows.overwrite(KEY, changed).done
    assert rows.get(KEY, consistent=True) == changed


def test_an_item_is_replaced_only_at_its_version(rows: Rows) -> None:
    assert rows.replace(KEY, row(), "one") == WriteResult(done=False)
    stored, changed = row(version="one"), row(b"changed")
    rows.put(KEY, stored)
    assert rows.replace(KEY, changed, "another") == WriteResult(False, stored)
    assert rows.replace(KEY, changed, "one").done
    assert rows.get(KEY, consistent=True) == changed


def test_an_item_is_touched_only_at_its_version(rows: Rows) -> None:
    stored = row(version="one")
    assert rows.touch(KEY, stored) is False
    rows.put(KEY, stored)
    assert rows.touch(KEY, row(version="another")) is False
    renewed = row(b"renewed", version="one")
    assert rows.touch(KEY, renewed) is True
    assert rows.get(KEY, consistent=True) == renewed


def test_deleting_a_missing_item_is_no_error(rows: Rows) -> None:
    rows.delete(KEY)
    rows.put(KEY, row())
    rows.delete(KEY)
    assert rows.get(KEY, consistent=True) is None
