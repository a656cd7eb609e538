"""Sessions of one application: they look alike, and each has data of its user's own."""

from __future__ import annotations

import pickle
import random
from typing import Any

WORDS = ["table", "chair", "lamp", "shelf", "sofa", "desk", "mirror", "carpet", "drawer", "bench"]
KINDS = ["view", "order", "unit"]


def content(number: int) -> dict[str, Any]:
    """What a user's login puts into the session: 1.9 KB as JSON, 2.4 KB as Beaker's pickle."""
    chance = random.Random(number)
    user = chance.randrange(10**9)
    # Texts that are made here: a pickle stores one that occurs twice, such as a literal, once.
    names = [f"{WORDS[n % len(WORDS)]}_{KINDS[n % len(KINDS)]}_{n}" for n in range(58)]
    return {
        "user_id": user,
        "email": f"user.{user}@example.org",
        "csrf_token": f"{chance.getrandbits(64):016x}",
        "settings": {name: f"{chance.choice(WORDS)}-{chance.randrange(100)}" for name in names},
        "cart": [
            {"article": f"{chance.choice(WORDS)}-{chance.randrange(999)}", "pieces": pieces}
            for pieces in range(1, 6)
        ],
    }


def pickled(values: dict[str, Any], number: int) -> bytes:
    """The session with these values, as Beaker serializes it."""
    now = 1.7e9 + number
    return pickle.dumps({**values, "_creation_time": now, "_accessed_time": now}, 2)
