"""The promises of every Beaker backend, as classes of tests to inherit from.

A subclass gives a fixture ``backend`` with the options that select the backend. Class attributes
say what the backend cannot do, see ``Contract``. The plugin's fixture ``clock`` controls the time.
"""

import pytest

_SESSIONS = ("sessions", "endings", "timeouts", "cookies")
_CACHES = ("caches", "regions", "expiry", "keys", "locks", "creation")

for _module in (*_SESSIONS, *_CACHES):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")

from .base import Contract  # noqa: E402  # after pytest knows whose asserts to rewrite
from .caches import CacheContract, CacheManagerContract  # noqa: E402
from .cookies import (  # noqa: E402
    CookieContract,
    EncryptedSessionContract,
    SignedCookieContract,
)
from .endings import CorruptSessionContract, EndingContract  # noqa: E402
from .expiry import CacheExpiryContract  # noqa: E402
from .keys import KeyContract, NamespaceContract  # noqa: E402
from .locks import LockContract  # noqa: E402
from .regions import DecoratedFunctionContract, RegionContract  # noqa: E402
from .sessions import SessionContract  # noqa: E402
from .timeouts import SessionExpiryContract  # noqa: E402

__all__ = [
    "CacheContract",
    "CacheExpiryContract",
    "CacheManagerContract",
    "Contract",
    "CookieContract",
    "CorruptSessionContract",
    "DecoratedFunctionContract",
    "EncryptedSessionContract",
    "EndingContract",
    "KeyContract",
    "LockContract",
    "NamespaceContract",
    "RegionContract",
    "SessionContract",
    "SessionExpiryContract",
    "SignedCookieContract",
]
