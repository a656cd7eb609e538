"""Sessions that look alike, as those of one application do, and dictionaries trained on them."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

from .internals import Dictionaries, Dictionary, SavedSession, train

_MODULE = "compression" if find_spec("compression") else "backports"
#: For tests that compress with zstd.
needs_zstd = pytest.mark.skipif(
    find_spec(_MODULE) is None or find_spec(f"{_MODULE}.zstd") is None,
    reason="zstd is missing: pip install 'beaker-dynamodb[zstd]'",
)
_WORDS = ["table", "chair", "lamp", "shelf", "sofa", "desk", "mirror", "carpet", "drawer", "bench"]


def content(number: int) -> dict[str, Any]:
    """The content of a user's session: 2.4 KB in a pickle, and 1.4 KB of that in zlib."""
    chance = random.Random(number)
    user = chance.randrange(10**9)
    return {
        "user_id": user,
        "email": f"user.{user}@example.org",
        "csrf_token": f"{chance.getrandbits(64):016x}",
        **{name: chance.random() < 0.5 for name in _FLAGS},
        **{name: chance.choice(_CHOICES) for name in _PREFERENCES},
        "cart": [
            {"article": f"{chance.choice(_WORDS)}-{chance.randrange(999)}", "pieces": n}
            for n in range(4)
        ],
    }


def _names(seed: int, count: int, suffix: str) -> list[str]:
    chance = random.Random(seed)
    pairs = [(chance.choice(_WORDS), f"{chance.getrandbits(40):010x}") for _ in range(count)]
    return [f"{word}_{digits}_{suffix}" for word, digits in pairs]


_FLAGS = _names(1, 30, "is_enabled")
_PREFERENCES = _names(2, 18, "preferred_variant")
_CHOICES = _names(3, 12, "variant")


def work_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what runs in the background run at once, in the thread that begins it."""

    def start(run: Callable[[], None]) -> None:
        run()

    monkeypatch.setattr(Dictionaries, "start", staticmethod(start))


def payload(number: int) -> bytes:
    """The session as Beaker serializes it."""
    times = {"_creation_time": 1.7e9 + number, "_accessed_time": 1.7e9 + number}
    return pickle.dumps({**content(number), **times}, 2)


@cache
def trained(seed: int = 0, longest_life: int | None = None) -> Dictionary:
    """A dictionary of 300 such sessions."""
    samples = [payload(number) for number in range(seed, seed + 300)]
    dictionary = train(samples, 1_700_000_000, longest_life)
    assert dictionary is not None
    return dictionary


def saved(number: int) -> SavedSession:
    """The session as the package gets it."""
    return SavedSession.from_payload(payload(number))
