"""The contract on `ext:dynamodb`, over DynamoDB Local and moto."""

from typing import Any
from uuid import uuid4

import pytest

from beaker_dynamodb import DynamoDBSession
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


class DynamoDBContract(Contract):
    """Plain Beaker sessions keep the item of an id that they replace."""

    deletes_replaced_sessions = False

    @pytest.fixture
    def backend(self, dynamodb: Any) -> BackendOptions:
        """One table for all tests, and a prefix for each: a client costs more than a test."""
        own = {"table_name": "contract", "key_prefix": f"{uuid4().hex}:"}
        return {**dynamodb.options, **own, "type": "ext:dynamodb"}

    def session_options(self, backend: BackendOptions, **options: Any) -> BackendOptions:
        if options.get("timeout") == 4:
            options.setdefault("touch_interval", 1)
        return {**backend, **options}


class TestSessions(DynamoDBContract, SessionContract):
    """Sessions in DynamoDB."""


class TestEndings(DynamoDBContract, EndingContract):
    """Ends of sessions in DynamoDB."""


class CorruptedByAnyone(CorruptSessionContract):
    """The backend refuses to store what it cannot read, unless it may."""

    def corrupt(self, backend: BackendOptions, session_id: str) -> None:
        super().corrupt({**backend, "opaque_sessions": True}, session_id)


class TestCorruptSessions(DynamoDBContract, CorruptedByAnyone):
    """Corrupt sessions in DynamoDB."""


class TestSessionExpiry(DynamoDBContract, SessionExpiryContract):
    """Timeouts of sessions in DynamoDB."""


class TestCookies(DynamoDBContract, CookieContract):
    """Cookies of sessions in DynamoDB."""


class TestSignedCookies(DynamoDBContract, SignedCookieContract):
    """Signed cookies of sessions in DynamoDB."""


class TestEncryptedSessions(DynamoDBContract, EncryptedSessionContract):
    """Encrypted sessions in DynamoDB, which Beaker's own class hides from the backend."""

    def session_options(self, backend: BackendOptions, **options: Any) -> BackendOptions:
        return {**super().session_options(backend, **options), "opaque_sessions": True}


class TestCaches(DynamoDBContract, CacheContract):
    """Caches in DynamoDB."""


class TestCacheManagers(DynamoDBContract, CacheManagerContract):
    """Managers of caches in DynamoDB."""


class TestCacheExpiry(DynamoDBContract, CacheExpiryContract):
    """Expiry of cache values in DynamoDB."""


class TestDecoratedFunctions(DynamoDBContract, DecoratedFunctionContract):
    """Functions cached in DynamoDB."""


class TestRegions(DynamoDBContract, RegionContract):
    """Cache regions in DynamoDB."""


class TestKeys(DynamoDBContract, KeyContract):
    """Keys of caches in DynamoDB."""


class TestNamespaces(DynamoDBContract, NamespaceContract):
    """Namespaces of caches in DynamoDB."""


class TestLocks(DynamoDBContract, LockContract):
    """Creation locks in DynamoDB."""


class WithSessionClass(DynamoDBContract):
    """DynamoDBSession deletes the item of an id that it replaces."""

    deletes_replaced_sessions = True

    def session_options(self, backend: BackendOptions, **options: Any) -> BackendOptions:
        return {**super().session_options(backend, **options), "session_class": DynamoDBSession}


class TestSessionsOfTheClass(WithSessionClass, SessionContract):
    """Sessions in DynamoDB, by DynamoDBSession."""


class TestEndingsOfTheClass(WithSessionClass, EndingContract):
    """Ends of sessions in DynamoDB, by DynamoDBSession."""


class TestCorruptSessionsOfTheClass(WithSessionClass, CorruptedByAnyone):
    """Corrupt sessions in DynamoDB, by DynamoDBSession."""


class TestSessionExpiryOfTheClass(WithSessionClass, SessionExpiryContract):
    """Timeouts of sessions in DynamoDB, by DynamoDBSession."""


class TestEncryptedSessionsOfTheClass(WithSessionClass, EncryptedSessionContract):
    """Encrypted sessions in DynamoDB, by DynamoDBSession."""
