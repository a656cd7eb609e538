"""The contract on Beaker's own memory: Beaker itself keeps every promise of the contract."""

import pytest
from beaker.container import MemoryNamespaceManager
from beaker.util import SyncDict

from beaker_dynamodb.testing.contract import (
    CacheContract,
    CacheExpiryContract,
    CacheManagerContract,
    Contract,
    CookieContract,
    CorruptSessionContract,
    DecoratedFunctionContract,
    EncryptedSessionContract,
    EndingContract,
    KeyContract,
    LockContract,
    NamespaceContract,
    RegionContract,
    SessionContract,
    SessionExpiryContract,
    SignedCookieContract,
)
from beaker_dynamodb.testing.site import BackendOptions

pytestmark = pytest.mark.exhaustive


class Memory(Contract):
    """Memory never expires values, and Beaker's own session keeps old ids."""

    expires_automatically = False
    timeout_attribute = False
    deletes_ended_sessions = False
    deletes_replaced_sessions = False
    serves_expired_values = True

    @pytest.fixture
    def backend(self, monkeypatch: pytest.MonkeyPatch) -> BackendOptions:
        monkeypatch.setattr(MemoryNamespaceManager, "namespaces", SyncDict())
        return {"type": "memory"}


class TestSessions(Memory, SessionContract):
    """Sessions in memory."""


class TestEndings(Memory, EndingContract):
    """Ends of sessions in memory."""


class TestCorruptSessions(Memory, CorruptSessionContract):
    """Corrupt sessions in memory."""


class TestSessionExpiry(Memory, SessionExpiryContract):
    """Timeouts of sessions in memory."""


class TestCookies(Memory, CookieContract):
    """Cookies of sessions in memory."""


class TestSignedCookies(Memory, SignedCookieContract):
    """Signed cookies of sessions in memory."""


class TestEncryptedSessions(Memory, EncryptedSessionContract):
    """Encrypted sessions in memory."""


class TestCaches(Memory, CacheContract):
    """Caches in memory."""


class TestCacheManagers(Memory, CacheManagerContract):
    """Managers of caches in memory."""


class TestCacheExpiry(Memory, CacheExpiryContract):
    """Expiry of cache values in memory."""


class TestDecoratedFunctions(Memory, DecoratedFunctionContract):
    """Functions cached in memory."""


class TestRegions(Memory, RegionContract):
    """Cache regions in memory."""


class TestKeys(Memory, KeyContract):
    """Keys of caches in memory."""


class TestNamespaces(Memory, NamespaceContract):
    """Namespaces of caches in memory."""


class TestLocks(Memory, LockContract):
    """Creation locks in memory."""
