"""What compression does to sessions: their size, and the CPU time of the codec."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from beaker_dynamodb.codec import Dictionary, SavedSession, train

from .sessions import content, pickled

#: How many sessions of the trace have the content of the larger sessions.
MULTIPLES = (1, 2, 4, 8, 16)
TRAINED_ON, MEASURED = 300, 100
LARGEST = 10**6
BLOCKS, CALLS = 5, 2000


def grown(number: int, times: int) -> SavedSession:
    """A session with the content of some sessions."""
    parts = [content(number * times + n) for n in range(times)]
    whole = parts[0] if times == 1 else {f"part_{n}": part for n, part in enumerate(parts)}
    return SavedSession.from_payload(pickled(whole, number))


@cache
def dictionary_of(times: int) -> Dictionary:
    """A dictionary of 300 such sessions."""
    trained = train([grown(n, times).payload for n in range(TRAINED_ON)], 0, None)
    assert trained is not None
    return trained


def sizes() -> list[dict[str, float]]:
    """Mean bytes of other sessions than those that the dictionary was trained on."""
    return [_sizes_of(times) for times in MULTIPLES]


def _sizes_of(times: int) -> dict[str, float]:
    sessions = [grown(n, times) for n in range(1000, 1000 + MEASURED)]
    stored: dict[str, Callable[[SavedSession], bytes]] = {
        "pickle": lambda session: session.payload,
        "zlib": lambda session: session.data("zlib", LARGEST),
        "zstd": lambda session: session.data("zstd", LARGEST),
        "zstd, dictionary": lambda session: session.data("zstd", LARGEST, dictionary_of(times)),
    }
    return {
        name: statistics.mean(len(encode(session)) for session in sessions)
        for name, encode in stored.items()
    }


def codec_times() -> dict[str, dict[str, float]]:
    """CPU time for one session of the trace, in microseconds."""
    return {
        "zlib": _times_of("zlib", None),
        "zstd": _times_of("zstd", None),
        "zstd, dictionary": _times_of("zstd", dictionary_of(1)),
    }


def _times_of(compression: str, dictionary: Dictionary | None) -> dict[str, float]:
    session = grown(1000, 1)
    data = session.data(compression, LARGEST, dictionary)
    find: Any = lambda _: dictionary  # noqa: E731
    return {
        "write": _microseconds(partial(session.data, compression, LARGEST, dictionary)),
        "read": _microseconds(partial(SavedSession.from_data, data, LARGEST, find=find)),
    }


def _microseconds(call: Callable[[], object]) -> float:
    blocks = []
    for _ in range(BLOCKS):
        begin = time.process_time()
        for _ in range(CALLS):
            call()
        blocks.append((time.process_time() - begin) / CALLS * 1e6)
    return statistics.median(blocks)
