"""Train a dictionary on samples, and measure on others what it saves. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..codec import (
    BEAKERS_PREFIXES,
    PLAIN,
    Content,
    Dictionary,
    Encoding,
    SavedSession,
    before_packing,
    train,
)
from ..table import write_units

#: Samples that a dictionary is trained on, and for each three of them one that measures it.
TRAINED, EACH_HELD_BACK = 300, 4
#: Samples for one training.
ENOUGH = TRAINED + TRAINED // (EACH_HELD_BACK - 1)
#: With fewer samples, the measurement on the others means nothing.
FEWEST = 20
#: In bytes. Of larger sessions a dictionary saves little.
LARGEST = 16_384
#: A row that is written next may live longer than the longest-lived sample.
LIFE_FACTOR = 2
#: A dictionary must save more than one write unit in this many to be worth a replacement.
LEAST_SHARE = 50


class Sample(NamedTuple):
    """A session that a dictionary can be trained on.

    Attributes:
        payload: what is stored of it, before compression.
        life: of its row, in seconds; None for ever.
        overhead: bytes of its item besides the data.
    """

    payload: bytes
    life: int | None
    overhead: int = 0

    def __repr__(self) -> str:
        return f"<sample of {len(self.payload)} bytes>"


class Training(NamedTuple):
    """What was trained, and what it saves on sessions that were held back.

    Attributes:
        dictionary: the new one; None if the samples are too few or too small for one.
        trained: number of sessions that it was trained on.
        held_back: number of sessions that measured it.
        size: of those before compression, in bytes.
        size_before: of their data as stored now, in bytes.
        size_after: of their data with the dictionary, in bytes.
        units_before: write units for all of those as stored now.
        units_after: likewise with the dictionary.
    """

    dictionary: Dictionary | None
    trained: int
    held_back: int
    size: int = 0
    size_before: int = 0
    size_after: int = 0
    units_before: int = 0
    units_after: int = 0

    @property
    def is_worth_it(self) -> bool:
        """Whether the dictionary saves write units, and more than by chance."""
        saved = self.units_before - self.units_after
        return self.dictionary is not None and saved > self.units_before / LEAST_SHARE


def may_be_sample(session: SavedSession, life: int | None) -> bool:
    """Whether a session may feed a dictionary: never an encrypted one, expired or large."""
    is_plain = is_plain_encoding(session.encoding)
    is_small = len(session.payload) <= LARGEST and session.payload.startswith(BEAKERS_PREFIXES)
    return is_plain and is_small and (life is None or life > 0)


def is_plain_encoding(encoding: Encoding) -> bool:
    """Whether sessions become text in Beaker's own way, without encryption."""
    return encoding is PLAIN or encoding == PLAIN


def train_on(
    samples: Sequence[Sample], created: int, compression: str, current: Dictionary | None
) -> Training:
    """Train a dictionary on three of four samples, and measure it on the others.

    What only looks like a session of Beaker's is left out.

    Args:
        samples: of different sessions.
        created: now, in seconds since the epoch.
        compression: of what is stored now: `zlib`, `zstd` or `none`.
        current: the dictionary that is used now, if any.
    """
    plain = [sample for sample in samples if _is_readable(sample)]
    held_back = plain[::EACH_HELD_BACK]
    trained = [sample for number, sample in enumerate(plain) if number % EACH_HELD_BACK]
    if len(plain) < FEWEST:
        return Training(None, len(trained), len(held_back))
    lives = [sample.life for sample in plain]
    longest = None if None in lives else LIFE_FACTOR * max(life or 0 for life in lives)
    dictionary = train(list(map(_packed, trained)), created, longest)
    before = [_stored(sample, compression, current) for sample in held_back]
    after = [_stored(sample, "zstd", dictionary) for sample in held_back]
    return Training(
        dictionary,
        len(trained),
        len(held_back),
        sum(len(sample.payload) for sample in held_back),
        sum(before),
        sum(after),
        _units(held_back, before),
        _units(held_back, after),
    )


def _stored(sample: Sample, compression: str, dictionary: Dictionary | None) -> int:
    """The bytes of a sample's data as it would be stored."""
    session = SavedSession.from_payload(sample.payload)
    usable = dictionary if dictionary and dictionary.covers(sample.life) else None
    return len(session.data(compression, LARGEST, usable))


def _is_readable(sample: Sample) -> bool:
    session = SavedSession.from_payload(sample.payload)
    return not session.expands_beyond(LARGEST) and session.format is not None


def _packed(sample: Sample) -> bytes:
    """What zstd compresses of a sample."""
    return before_packing(Content.BASE64, sample.payload, "zstd", LARGEST)[1]


def _units(samples: Sequence[Sample], sizes: Sequence[int]) -> int:
    pairs = zip(samples, sizes, strict=True)
    return sum(write_units(sample.overhead + size) for sample, size in pairs)
