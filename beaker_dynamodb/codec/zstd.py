"""Zstandard, with or without a dictionary. No I/O.

A dictionary is a text that sessions have in common: zstd refers to it instead of storing the text
again. It contains pieces of real sessions, so it is never logged.

    dictionary   longest life (8 bytes, 0 = for ever), time of creation (8 bytes), content
    its name     the first 16 bytes of the SHA-256 of all that

The name is in each value that was written with the dictionary. It proves the content: to
verify the value is to verify the dictionary.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, TypeAlias

from ..errors import CorruptItem
from ..options import zstd_library

NAME_SIZE = 16
#: In bytes. Larger ones save little more, and each process reads one.
DICTIONARY_SIZE = 8192
#: zstd's own default: with a dictionary it takes 15 microseconds for a session of 2 KB.
LEVEL = 3
#: The smallest window of zstd, as a power of two.
_SMALLEST_WINDOW = 10
_HEAD = struct.Struct(">QQ")


@dataclass(frozen=True)
class Dictionary:
    """A dictionary that sessions are compressed with.

    Attributes:
        content: as zstd trains it.
        created: when it was trained, in seconds since the epoch.
        longest_life: seconds that a row written with it may live; None for ever. Once another
            dictionary has replaced it, it stays stored for that time.
    """

    content: bytes = field(repr=False)
    created: int
    longest_life: int | None

    @classmethod
    def from_data(cls, data: bytes, name: bytes) -> Dictionary:
        """From stored bytes.

        Raises:
            CorruptItem: they do not belong to the dictionary with this name.
        """
        if name_of(data) != name or len(data) <= _HEAD.size:
            raise CorruptItem("a dictionary was altered: its content does not match its name")
        life, created = _HEAD.unpack_from(data)
        return cls(data[_HEAD.size :], created, life or None)

    @cached_property
    def data(self) -> bytes:
        """The bytes to store."""
        return _HEAD.pack(self.longest_life or 0, self.created) + self.content

    @cached_property
    def name(self) -> bytes:
        """What values that were written with it call it."""
        return name_of(self.data)

    def covers(self, life: int | None) -> bool:
        """Whether a row with this life in seconds, None for ever, may be written with it."""
        if self.longest_life is None:
            return True
        return life is not None and life <= self.longest_life

    def verified(self) -> Dictionary:
        """The same dictionary, once zstd has loaded it; see `loaded`."""
        _ = self.loaded
        return self

    @cached_property
    def loaded(self) -> Any:
        """The dictionary as zstd uses it; prepared once for all sessions.

        Raises:
            CorruptItem: zstd has not trained the content.
        """
        zstd = zstd_library()
        try:
            loaded = zstd.ZstdDict(self.content)
            zstd.ZstdCompressor(LEVEL, zstd_dict=loaded.as_digested_dict)
            zstd.ZstdDecompressor(loaded.as_digested_dict)
        except (ValueError, zstd.ZstdError) as error:
            raise CorruptItem("a dictionary cannot be loaded", cause=error) from error
        return loaded.as_digested_dict


#: Returns the dictionary that has a name.
FindDictionary: TypeAlias = Callable[[bytes], Dictionary]


def find_none(_name: bytes) -> Dictionary:
    """For a caller that reads no dictionaries."""
    raise CorruptItem("a row was written with a dictionary, but this reader uses none")


def name_of(data: bytes) -> bytes:
    """The name of a dictionary, from its stored bytes."""
    return sha256(data).digest()[:NAME_SIZE]


def compress(payload: bytes, dictionary: Dictionary | None = None) -> bytes:
    """One frame of zstd.

    Raises:
        ConfigurationError: zstd is not installed.
        CorruptItem: the dictionary cannot be loaded.
    """
    zstd = zstd_library()
    parameter = zstd.CompressionParameter
    options = {
        parameter.compression_level: LEVEL,
        parameter.checksum_flag: 1,
        # The name in front of the frame says more than zstd's own 32 bits.
        parameter.dict_id_flag: 0,
    }
    loaded = dictionary.loaded if dictionary else None
    compressor = zstd.ZstdCompressor(options=options, zstd_dict=loaded)
    compressed: bytes = compressor.compress(payload, compressor.FLUSH_FRAME)
    return compressed


def decompress(compressed: bytes, max_size: int, dictionary: Dictionary | None = None) -> bytes:
    """The decompressed bytes, or the first `max_size` + 1 of them.

    Raises:
        ConfigurationError: zstd is not installed.
        CorruptItem: the dictionary cannot be loaded.
        ValueError: the bytes are not one whole frame, or need a window beyond `max_size`.
    """
    zstd = zstd_library()
    # A frame of a few bytes can require a window of 2 GB.
    window = max(_SMALLEST_WINDOW, max_size.bit_length())
    options = {zstd.DecompressionParameter.window_log_max: window}
    loaded = dictionary.loaded if dictionary else None
    stream = zstd.ZstdDecompressor(zstd_dict=loaded, options=options)
    try:
        payload: bytes = stream.decompress(compressed, max_size + 1)
    except zstd.ZstdError as error:
        raise ValueError("not a frame of zstd") from error
    if len(payload) <= max_size and (not stream.eof or stream.unused_data):
        raise ValueError("not one whole frame")
    return payload


def train(samples: Sequence[bytes], created: int, longest_life: int | None) -> Dictionary | None:
    """A dictionary of what payloads have in common; None if they are too few or too small.

    Args:
        samples: the payloads.
        created: now, in seconds since the epoch.
        longest_life: of rows that are written with it, in seconds; None for ever.

    Raises:
        ConfigurationError: zstd is not installed.
    """
    zstd = zstd_library()
    try:
        trained = zstd.train_dict(samples, DICTIONARY_SIZE)
    except (ValueError, zstd.ZstdError):
        return None
    return Dictionary(trained.dict_content, created, longest_life)
