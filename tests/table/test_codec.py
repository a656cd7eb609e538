"""The codec: bytes in, bytes out."""

import base64
import json
import pickle
import random

import pytest

from beaker_dynamodb import CorruptItem
from tests.support.internals import SavedSession, codec

#: Bytes that a payload may have.
MOST = 10_000

TEXTS = {
    "base64": base64.b64encode(b"a session of text, text, text, text" * 20).decode(),
    "base64 of random bytes": base64.b64encode(random.Random(1).randbytes(500)).decode(),
    "empty": "",
    "base64 with a line break": "YWJj\nZGVm",
    "base64 with spare bits": "YWJjZB==",
    "nonce and base64": "abcdefgh" + base64.b64encode(b"x" * 31).decode(),
    "plain": "no base64 at all, é, \ud800",
}


def encode(value: object, serializer: str, compression: str, max_size: int) -> bytes:
    return codec.encode_value(value, serializer, compression, max_size).data


@pytest.mark.parametrize("compression", ["zlib", "none"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_session_comes_back_byte_for_byte(text: str, compression: str) -> None:
    assert (
        SavedSession.from_data(SavedSession.from_text(text).data(compression, MOST), MOST).text
        == text
    )


def test_a_session_is_stored_without_its_base64() -> None:
    text = base64.b64encode(random.Random(1).randbytes(3000)).decode()
    assert len(SavedSession.from_text(text).data("none", MOST)) == 3001
    assert len(SavedSession.from_text(text).data("zlib", MOST)) == 3001


def test_text_is_compressed() -> None:
    assert len(SavedSession.from_text(TEXTS["base64"]).data("zlib", MOST)) < 80


def test_compression_never_enlarges_a_value() -> None:
    for size in (0, 1, 10, 100):
        text = base64.b64encode(random.Random(1).randbytes(size)).decode()
        assert len(SavedSession.from_text(text).data("zlib", MOST)) <= size + 1


@pytest.mark.parametrize("compression", ["zlib", "none"])
@pytest.mark.parametrize("value", [None, 1, "é" * 500, b"\0" * 500, {"a": [1, (2, 3)]}])
def test_a_pickled_value_comes_back(value: object, compression: str) -> None:
    assert codec.decode_value(encode(value, "pickle", compression, MOST), "pickle", MOST) == value


def test_a_json_value_comes_back_as_json_represents_it() -> None:
    value = (1.5, None, {"a": ["é"]})
    stored = encode(value, "json", "zlib", MOST)
    assert codec.decode_value(stored, "json", MOST) == json.loads(json.dumps(value))


def test_json_values_are_read_after_a_change_to_pickle() -> None:
    assert codec.decode_value(encode([1], "json", "none", MOST), "pickle", MOST) == [1]


def test_json_never_unpickles() -> None:
    stored = encode([1], "pickle", "none", MOST)
    with pytest.raises(CorruptItem, match="not written as json"):
        codec.decode_value(stored, "json", MOST)


def test_a_value_that_json_cannot_write_is_an_error() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode(object(), "json", "none", MOST)


HEADER_OF_TEXT = bytes([codec.Content.TEXT << 4])
CORRUPT_SESSIONS = {
    "empty": b"",
    "unknown content": b"\xf0abc",
    "unknown compression": b"\x1fabc",
    "no zlib": b"\x21abc",
    "no utf-8": HEADER_OF_TEXT + b"\xff",
    "a cache value": encode(1, "pickle", "none", MOST),
}


@pytest.mark.parametrize("data", CORRUPT_SESSIONS.values(), ids=CORRUPT_SESSIONS.keys())
def test_a_session_in_an_unknown_form_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptItem):
        SavedSession.from_data(data, MOST)


CORRUPT_VALUES = {
    "empty": b"",
    "truncated pickle": encode([1, 2], "pickle", "none", MOST)[:-3],
    "class that is gone": bytes([codec.Content.PICKLE << 4]) + b"cno_such_module\nname\n.",
    "truncated json": encode([1, 2], "json", "none", MOST)[:-1],
    "a session": SavedSession.from_text("YWJj").data("none", MOST),
}


@pytest.mark.parametrize("data", CORRUPT_VALUES.values(), ids=CORRUPT_VALUES.keys())
def test_a_value_in_an_unknown_form_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptItem):
        codec.decode_value(data, "pickle", MOST)


def test_the_error_keeps_its_cause() -> None:
    with pytest.raises(CorruptItem) as caught:
        codec.decode_value(CORRUPT_VALUES["class that is gone"], "pickle", MOST)
    assert isinstance(caught.value.cause, ModuleNotFoundError)
    assert caught.value.__cause__ is caught.value.cause


def test_values_are_pickled_with_the_newest_protocol() -> None:
    assert encode(1, "pickle", "none", MOST)[2] == pickle.HIGHEST_PROTOCOL
