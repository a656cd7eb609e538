"""`compression = zstd`, with and without a dictionary."""

import json
import random
import subprocess
import sys
import threading
import zlib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import ConfigurationError, CorruptItem, ItemTooLarge
from beaker_dynamodb.options import zstd_library
from tests.support.dictionaries import content, needs_zstd, payload, saved, trained
from tests.support.internals import Compression, Content, Dictionary, SavedSession, codec

pytestmark = needs_zstd

#: Bytes that a payload may have.
MOST = 10_000
NAME_SIZE = 16


def find(name: bytes) -> Dictionary:
    assert name == trained().name
    return trained()


def restored(data: bytes, most: int = MOST) -> SavedSession:
    return SavedSession.from_data(data, most, find=find)


@given(st.binary(max_size=3000))
def test_any_payload_comes_back(content: bytes) -> None:
    session = SavedSession.from_payload(content)
    for dictionary in (None, trained()):
        assert restored(session.data("zstd", MOST, dictionary)) == session


@given(st.integers(0, 10**9))
def test_a_session_that_looks_alike_takes_a_third_with_a_dictionary(number: int) -> None:
    session = saved(number)
    data = session.data("zstd", MOST, trained())
    assert restored(data) == session
    assert len(data) < len(session.data("zstd", MOST)) / 3


@given(st.integers(0, 10**9))
def test_beakers_json_takes_half_as_much_and_comes_back_byte_for_byte(number: int) -> None:
    session = SavedSession.from_payload(zlib.compress(json.dumps(content(number)).encode()))
    for dictionary in (None, trained_on_json()):
        data = session.data("zstd", MOST, dictionary)
        assert data[0] >> 4 == Content.INFLATED
        assert SavedSession.from_data(data, MOST, find=lambda _: trained_on_json()) == session
    assert len(data) < len(session.payload) / 2


@given(st.binary(max_size=300), st.integers(0, 9), st.binary(max_size=3))
def test_any_other_stream_is_stored_as_it_is(text: bytes, level: int, tail: bytes) -> None:
    session = SavedSession.from_payload(zlib.compress(text, level) + tail)
    assert restored(session.data("zstd", MOST)) == session


@cache
def trained_on_json() -> Dictionary:
    texts = [json.dumps(content(number)).encode() for number in range(300)]
    dictionary = codec.train(texts, 0, None)
    assert dictionary is not None
    return dictionary


def test_the_data_names_its_dictionary() -> None:
    data = saved(1).data("zstd", MOST, trained())
    assert data[0] == Content.BASE64 << 4 | Compression.ZSTD_WITH_DICTIONARY
    assert data[1 : 1 + NAME_SIZE] == trained().name


def test_what_compression_would_enlarge_is_stored_as_it_is() -> None:
    session = SavedSession.from_payload(random.Random(1).randbytes(500))
    assert len(session.data("zstd", MOST, trained())) == 501


def test_a_cache_value_comes_back() -> None:
    value = {"a": ["text, text, text"] * 50}
    encoded = codec.encode_value(value, "pickle", "zstd", MOST)
    assert encoded.data[0] & 0x0F == Compression.ZSTD
    assert codec.decode_value(encoded.data, "pickle", MOST) == value


@given(st.sampled_from(list(Content)), st.sampled_from([2, 3]), st.binary(max_size=60))
def test_any_bytes_give_a_session_or_a_corrupt_item(
    kind: Content, compression: int, rest: bytes
) -> None:
    named = trained().name if compression == Compression.ZSTD_WITH_DICTIONARY else b""
    for frame in (rest, bytes.fromhex("28b52ffd") + rest):
        try:
            session = restored(bytes([kind << 4 | compression]) + named + frame)
        except CorruptItem:
            continue
        assert len(session.payload) <= MOST


class TestADictionary:
    def test_comes_back_from_its_data(self) -> None:
        for life in (None, 86_400):
            dictionary = trained(longest_life=life)
            assert Dictionary.from_data(dictionary.data, dictionary.name) == dictionary

    def test_that_was_altered_is_refused(self) -> None:
        data = trained().data
        for at in (0, 8, 100, len(data) - 1):
            altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            with pytest.raises(CorruptItem, match="was altered"):
                Dictionary.from_data(altered, trained().name)

    def test_that_zstd_has_not_trained_is_refused(self) -> None:
        for wrong in (b"", b"short", random.Random(2).randbytes(8192)):
            with pytest.raises(CorruptItem):
                Dictionary(wrong, 0, None).verified()

    def test_covers_lives_up_to_its_own(self) -> None:
        assert [trained(longest_life=60).covers(life) for life in (60, 61, None)] == [
            *(True, False, False)
        ]
        assert trained(longest_life=None).covers(None)

    def test_does_not_show_its_content(self) -> None:
        assert "_is_enabled" in repr(trained().content)
        assert "_is_enabled" not in repr(trained())

    def test_of_too_few_or_too_small_samples_is_none(self) -> None:
        assert codec.train([], 0, None) is None
        assert codec.train([b"a"] * 3, 0, None) is None

    def test_works_in_many_threads_at_once(self) -> None:
        dictionary = Dictionary(trained().content, 0, None)
        wrong: list[int] = []

        def compress(first: int) -> None:
            for number in range(first, first + 50):
                data = saved(number).data("zstd", MOST, dictionary)
                if SavedSession.from_data(data, MOST, find=lambda _: dictionary) != saved(number):
                    wrong.append(number)

        threads = [threading.Thread(target=compress, args=(1000 * n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestBounds:
    @pytest.mark.parametrize("dictionary", [None, trained], ids=["without", "with"])
    def test_a_session_of_the_limit_fits_and_a_byte_more_does_not(self, dictionary: object) -> None:
        used = trained() if dictionary else None
        session = SavedSession.from_payload(b"a" * 1000)
        assert restored(session.data("zstd", 1000, used), 1000) == session
        with pytest.raises(ItemTooLarge):
            session.data("zstd", 999, used)
        with pytest.raises(CorruptItem):
            restored(session.data("zstd", 1000, used), 999)

    def test_a_bomb_takes_no_more_memory_than_the_limit(self) -> None:
        # zstd allocates outside of Python: the peak of a process of its own.
        program = """
import resource, sys
from beaker_dynamodb import CorruptItem
from tests.support.internals import SavedSession
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    SavedSession.from_data(data, 1_000_000)
except CorruptItem:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
        zstd = zstd_library()
        small_window = {zstd.CompressionParameter.window_log: 17}
        bomb = zstd.compress(bytes(200_000_000), options=small_window)
        data = bytes([Content.BASE64 << 4 | Compression.ZSTD]) + bomb
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=data, capture_output=True, check=True)
        assert int(done.stdout) < 10_000

    def test_a_window_beyond_the_limit_is_refused(self) -> None:
        # RFC 8878: magic number, no single segment, a window of 2 GB, an empty last block.
        frame = bytes.fromhex("28b52ffd") + b"\x00" + b"\xa8" + b"\x01\x00\x00"
        with pytest.raises(CorruptItem, match="unknown form"):
            restored(bytes([Content.BASE64 << 4 | Compression.ZSTD]) + frame)

    @pytest.mark.parametrize("kind", [Compression.ZSTD, Compression.ZSTD_WITH_DICTIONARY])
    def test_anything_but_one_whole_frame_is_refused(self, kind: Compression) -> None:
        with_dictionary = kind is Compression.ZSTD_WITH_DICTIONARY
        data = saved(1).data("zstd", MOST, trained() if with_dictionary else None)
        start = 1 + NAME_SIZE * with_dictionary
        altered = data[:-1] + bytes([data[-1] ^ 1])
        for broken in (data[:start], data[:-1], data + b"x", data + data[start:], altered):
            with pytest.raises(CorruptItem):
                restored(broken)

    def test_the_wrong_dictionary_gives_no_other_session(self) -> None:
        other = trained(seed=5000)
        data = saved(1).data("zstd", MOST, trained())
        with pytest.raises(CorruptItem):
            SavedSession.from_data(data, MOST, find=lambda _: other)


def test_without_the_library_a_session_is_no_corrupt_one(monkeypatch: pytest.MonkeyPatch) -> None:
    data = SavedSession.from_payload(payload(1)).data("zstd", MOST)
    zstd_library.cache_clear()
    for name in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match="zstd"):
        restored(data)
    zstd_library.cache_clear()
