"""max_value_size bounds the memory of an item, however small its compressed data are."""

import json
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import CorruptItem, ItemTooLarge
from beaker_dynamodb.testing.site import Site
from tests.security.conftest import RawTable
from tests.support.internals import PART_SIZE, Content, SavedSession, codec
from tests.support.pages import count, read
from tests.support.wire import Wire

MEGABYTE = 1024 * 1024
#: The size of an item that decompresses to a thousand times as many bytes.
BOMB = zlib.compress(b"\0" * 100 * MEGABYTE, 9)
COMPRESSED = 1


def header(content: Content) -> bytes:
    return bytes([content << 4 | COMPRESSED])


def peak(call: Callable[[], object]) -> int:
    """The peak memory of a call in bytes, without the memory before it."""
    tracemalloc.start()
    try:
        with pytest.raises(CorruptItem, match="longer than max_value_size"):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestABomb:
    @pytest.mark.parametrize("content", [Content.BASE64, Content.TEXT])
    def test_in_a_session_expands_to_no_more_than_max_value_size(self, content: Content) -> None:
        data = header(content) + BOMB
        assert peak(lambda: SavedSession.from_data(data, MEGABYTE)) < 3 * MEGABYTE

    def test_inside_beakers_own_compression_is_bounded_too(self) -> None:
        data = bytes([Content.BASE64 << 4]) + BOMB
        assert peak(lambda: SavedSession.from_data(data, MEGABYTE)) < 3 * MEGABYTE

    @pytest.mark.parametrize("window", range(9, 16))
    @pytest.mark.parametrize("content", [Content.BASE64, Content.TEXT])
    def test_with_any_window_inside_any_text_is_bounded_too(
        self, content: Content, window: int
    ) -> None:
        deflate = zlib.compressobj(9, zlib.DEFLATED, window)
        bomb = deflate.compress(b"\0" * 2 * MEGABYTE) + deflate.flush()
        data = {
            Content.BASE64: bomb,
            # Beaker skips characters outside base64.
            Content.TEXT: b"!" + b64encode(bomb),
        }
        stored = bytes([content << 4]) + data[content]
        assert peak(lambda: SavedSession.from_data(stored, MEGABYTE)) < 3 * MEGABYTE
        with pytest.raises(ItemTooLarge):
            SavedSession.from_text(data[Content.TEXT].decode()).data("none", MEGABYTE)

    @pytest.mark.parametrize("content", [Content.PICKLE, Content.JSON])
    def test_in_a_value_is_bounded_too(self, content: Content) -> None:
        data = header(content) + BOMB
        assert peak(lambda: codec.decode_value(data, "pickle", MEGABYTE)) < 3 * MEGABYTE

    def test_of_too_many_parts_is_not_read(self, dynamodb: Any, raw: RawTable, wire: Wire) -> None:
        site = Site(dynamodb.options, max_value_size=MEGABYTE, invalidate_corrupt=False)
        site.request(count)
        raw.alter(lambda item: {**item, "parts": {"S": "AAAAAAAAAAAA:4"}})
        with wire.expect("GetItem"), pytest.raises(CorruptItem, match="more parts"):
            site.request(read)

    def test_costs_one_session_and_not_the_page(self, dynamodb: Any, raw: RawTable) -> None:
        site = Site(dynamodb.options, max_value_size=MEGABYTE)
        site.request(count)
        raw.alter(lambda item: {**item, "data": {"B": header(Content.BASE64) + BOMB}})
        with pytest.warns(match="Invalidating corrupt session"):
            assert site.request(read) is None


class TestALimit:
    @pytest.mark.parametrize("compression", ["zlib", "none"])
    @pytest.mark.parametrize("size", [0, 1, 999, 1000])
    def test_accepts_a_payload_of_its_size(self, size: int, compression: str) -> None:
        text = b64encode(b"a" * size).decode()
        stored = SavedSession.from_text(text).data(compression, 1000)
        assert SavedSession.from_data(stored, 1000).text == text

    @pytest.mark.parametrize("compression", ["zlib", "none"])
    def test_refuses_one_more_byte(self, compression: str) -> None:
        text = SavedSession.from_text(b64encode(b"a" * 1001).decode())
        with pytest.raises(ItemTooLarge, match="1,001 bytes, but max_value_size is 1,000"):
            text.data(compression, 1000)
        with pytest.raises(CorruptItem):
            SavedSession.from_data(text.data(compression, 1001), 1000)

    def test_accepts_all_parts_of_a_value_of_its_size(self, dynamodb: Any, raw: RawTable) -> None:
        options = {"compression": "none", "serializer": "json", "max_value_size": PART_SIZE}
        cache = Cache("c", type="ext:dynamodb", **dynamodb.options, **options)
        longest = "a" * (PART_SIZE - len('[0.0,null,""]'))
        cache.namespace.set_value("key", (0.0, None, longest))
        assert cache.namespace["key"] == [0.0, None, longest]
        with pytest.raises(ItemTooLarge):
            cache.namespace.set_value("key", (0.0, None, longest + "a"))

    def test_applies_to_beakers_json_before_its_compression(self) -> None:
        inside = [json.dumps({"a": "a" * size}).encode() for size in (900, 1100)]
        fits, too_large = (SavedSession.from_payload(zlib.compress(each)) for each in inside)
        assert SavedSession.from_data(fits.data("zlib", 1000), 1000) == fits
        with pytest.raises(ItemTooLarge, match="takes more, but max_value_size is 1,000"):
            too_large.data("zlib", 1000)

    def test_applies_to_the_whole_decompressed_payload(self) -> None:
        whole = zlib.compress(b"a" * 500)
        for broken in (whole[:-1], whole + b"?"):
            with pytest.raises(CorruptItem, match="unknown form"):
                SavedSession.from_data(header(Content.BASE64) + broken, 1000)

    def test_accepts_text_that_begins_like_compressed_data(self) -> None:
        text = SavedSession.from_payload(b"x is the first letter of an own serializer's")
        assert SavedSession.from_data(text.data("zlib", 1000), 1000) == text
