"""The condition of each write, on single items."""

from typing import Any

import pytest

from tests.support.internals import (
    Backend,
    Marker,
    Row,
    RowKey,
    Rows,
    WriteResult,
    new_token,
    now,
    parse_options,
)

pytestmark = pytest.mark.usefixtures("create_table")

KEY = RowKey("a-partition", "session")


@pytest.fixture
def rows(dynamodb: Any) -> Rows:
    return Backend.of(parse_options(dynamodb.options)).rows


def row(
    data: bytes = b"data",
    life: int | None = 60,
    version: str | None = None,
    birth: str | None = "a-birth",
) -> Row:
    return Row(data, version or new_token(), now(), life, birth=birth)


def put(rows: Rows, stored: Row | Marker) -> None:
    assert rows.write(KEY, stored, None).done


def stored(rows: Rows) -> Row | Marker | None:
    return rows.get(KEY, consistent=True)


def test_an_item_comes_back_as_it_was_stored(rows: Rows, clock: Any) -> None:
    clock.advance(0.123)
    for each in (row(), row(life=None), row(birth=None), Marker.of("a-birth")):
        put(rows, each)
        assert stored(rows) == each


class TestIfAbsent:
    def test_writes_over_nothing_and_over_what_has_expired(self, rows: Rows, clock: Any) -> None:
        first, second, third = (row(data) for data in (b"1", b"2", b"3"))
        assert rows.write(KEY, first, rows.if_absent(now())).done
        assert rows.write(KEY, second, rows.if_absent(now())) == WriteResult(False, first)
        assert stored(rows) == first
        clock.advance(61)
        later = third._replace(touched=now())
        assert rows.write(KEY, later, rows.if_absent(now())).done
        assert stored(rows) == later

    def test_does_not_write_over_what_never_expires(self, rows: Rows, clock: Any) -> None:
        put(rows, row(life=None))
        clock.advance(10**9)
        later = row()._replace(touched=now())
        assert not rows.write(KEY, later, rows.if_absent(now())).done

    def test_does_not_write_over_a_marker_until_it_expires(self, rows: Rows, clock: Any) -> None:
        marker = Marker.of("a-birth")
        put(rows, marker)
        assert rows.write(KEY, row(), rows.if_absent(now())) == WriteResult(False, marker)
        clock.advance(901)
        assert rows.write(KEY, row(), rows.if_absent(now())).done


class TestIfSession:
    def test_writes_over_each_version_of_the_session(self, rows: Rows) -> None:
        put(rows, row())
        changed = row(b"changed")
        assert rows.write(KEY, changed, rows.if_session("a-birth")).done
        assert stored(rows) == changed

    def test_writes_over_no_other_session_and_not_into_nothing(self, rows: Rows) -> None:
        condition = rows.if_session("a-birth")
        assert rows.write(KEY, row(), condition) == WriteResult(done=False)
        assert stored(rows) is None
        other = row(birth="another")
        put(rows, other)
        assert rows.write(KEY, row(), condition) == WriteResult(False, other)

    def test_writes_over_no_marker_not_even_the_sessions_own(self, rows: Rows) -> None:
        marker = Marker.of("a-birth")
        put(rows, marker)
        assert rows.write(KEY, row(), rows.if_session("a-birth")) == WriteResult(False, marker)

    def test_knows_a_row_without_a_birth_by_its_version(self, rows: Rows) -> None:
        put(rows, row(version="one", birth=None))
        assert not rows.write(KEY, row(), rows.if_session("another")).done
        assert rows.write(KEY, row(birth="one"), rows.if_session("one")).done
        put(rows, row(version="two", birth="one"))
        assert not rows.write(KEY, row(), rows.if_session("two")).done


class TestIfUnchanged:
    def test_writes_over_the_version_that_was_read(self, rows: Rows) -> None:
        before, changed = row(version="one"), row(b"changed")
        assert rows.write(KEY, changed, rows.if_unchanged(before)) == WriteResult(done=False)
        put(rows, before)
        another = before._replace(version="another")
        assert rows.write(KEY, changed, rows.if_unchanged(another)) == WriteResult(False, before)
        assert rows.write(KEY, changed, rows.if_unchanged(before)).done
        assert stored(rows) == changed

    def test_does_not_write_over_a_later_touch(self, rows: Rows, clock: Any) -> None:
        before = row(version="one")
        touched = before._replace(touched=before.touched + 1)
        put(rows, touched)
        assert rows.write(KEY, row(), rows.if_unchanged(before)) == WriteResult(False, touched)

    def test_writes_over_the_marker_that_was_read(self, rows: Rows) -> None:
        before = Marker.of("a-birth")
        put(rows, Marker.of("a-birth"))
        assert not rows.write(KEY, row(), rows.if_unchanged(before)).done
        put(rows, before)
        assert rows.write(KEY, row(), rows.if_unchanged(before)).done


def test_if_version_writes_over_a_later_touch(rows: Rows) -> None:
    before = row(version="one")
    put(rows, before._replace(touched=before.touched + 1))
    assert not rows.write(KEY, row(), rows.if_version(before._replace(version="two"))).done
    assert rows.write(KEY, row(), rows.if_version(before)).done


def test_an_expired_item_is_deleted_only_as_it_was_read(rows: Rows) -> None:
    before = row()
    put(rows, before._replace(touched=before.touched + 1))
    assert rows.delete_expired(KEY, before) is False
    put(rows, before)
    assert rows.delete_expired(KEY, before) is True
    assert stored(rows) is None


def test_deleting_a_missing_item_is_no_error(rows: Rows) -> None:
    rows.delete(KEY)
    put(rows, row())
    rows.delete(KEY)
    assert stored(rows) is None
