"""The fuzzed functions: any bytes give a value or an error of this package; all else raises."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from datetime import datetime, timezone

from beaker_dynamodb import BeakerDynamoDBError, Options, SessionModel
from tests.support.internals import (
    PICKLED_DICT,
    Compression,
    Marker,
    PartsName,
    RowKey,
    SavedSession,
    codec,
    parse_options,
)

#: The size limit of a payload, in bytes.
MOST = 100_000
#: PUT and LONG_BINPUT: Python's unpickler reserves memory for any number in them. Beaker
#: unpickles before this package does, so an attacker who can write a pickle does not need them.
MEMO_OPCODES = set(b"pr")
ANY_TIME = datetime(2030, 1, 1, tzinfo=timezone.utc)
#: The payload of a session that a request of this process saves.
MINE = zlib.compress(b'{"n": 1, "_creation_time": 1.5}')
SAVED = SavedSession.from_payload(MINE)


def session_data(data: bytes) -> None:
    """A session's item data; whatever is read from them can be written again unchanged."""
    for stored in _as_data(data):
        with suppress(BeakerDynamoDBError):
            text = SavedSession.from_data(stored, MOST)
            assert len(text.payload) <= MOST
            assert SavedSession.from_data(text.data("zlib", MOST), MOST) == text


def value_data(data: bytes) -> None:
    """A cache value's item data. (Only JSON: a pickle is code, which would run.)"""
    for stored in _as_data(data):
        with suppress(BeakerDynamoDBError):
            codec.decode_value(stored, "json", MOST)


def session_payload(data: bytes) -> None:
    """A payload that is read for a comparison: nothing in it is executed, not even a pickle."""
    pickled = [] if MEMO_OPCODES & set(data) else [PICKLED_DICT + data]
    for payload in (zlib.compress(data), *pickled):
        saved = SavedSession.from_payload(payload)
        for base in (SavedSession.from_payload(payload), SAVED):
            saved.has_changed(base)
            SAVED.has_changed(base)
        assert saved.is_cleared <= saved.is_empty


def merged_payload(data: bytes) -> None:
    """A stored payload in a merge with a JSON session: it is read only as JSON."""
    for stored in (data, zlib.compress(data)):
        stored_session = SavedSession.from_payload(stored)
        merged = SAVED.merged_over(stored_session, SAVED)
        assert merged is None or isinstance(json.loads(zlib.decompress(merged.payload)), dict)
        assert SAVED.merged_over(SAVED, stored_session) is not None


def url(data: bytes) -> None:
    """The option that contains all others."""
    with suppress(BeakerDynamoDBError):
        parse_options({"url": "dynamodb://" + data.decode("utf-8", "replace")})


def each_option(data: bytes) -> None:
    """Each option, as text from an ini file."""
    for name in Options.__dataclass_fields__:
        with suppress(BeakerDynamoDBError):
            parse_options({name: data.decode("utf-8", "replace")})


def parts_name(data: bytes) -> None:
    """The name of a large value's parts."""
    text = data.decode("latin-1")
    with suppress(BeakerDynamoDBError):
        name = PartsName.parse(text)
        assert 1 <= name.total <= 100
        assert str(name) == text


def marker(data: bytes) -> None:
    """The text of a marker; whatever is read from it is written again unchanged."""
    text = data.decode("latin-1")
    item = SessionModel("partition", "session", ended=text, expires=ANY_TIME)
    with suppress(BeakerDynamoDBError):
        found = Marker.from_item(item)
        assert found is not None
        assert found.text == text
        assert found.to_item(SessionModel, RowKey("partition", "session"), None).ended == text


def _as_data(data: bytes) -> tuple[bytes, bytes]:
    """The bytes, and the bytes compressed: random bytes never decompress."""
    header = bytes([data[0] & 0xF0 | Compression.ZLIB]) if data else b""
    return data, header + zlib.compress(data[1:])


TARGETS = {
    target.__name__: target
    for target in (
        session_data,
        value_data,
        session_payload,
        merged_payload,
        url,
        each_option,
        parts_name,
        marker,
    )
}
