"""Encrypted sessions: what is stored cannot be read, and what was altered is refused."""

import os
from base64 import b64decode
from types import ModuleType
from typing import Any, cast

import pytest
from beaker import crypto
from beaker.crypto import noencryption

from beaker_dynamodb import ConfigurationError, DynamoDBSession, SessionMiddleware
from beaker_dynamodb.testing.site import Site, Visitor
from tests.support.overlap import EVERY_KIND, begin_by_clear, browsers, contents, put
from tests.support.pages import KEYS
from tests.support.tables import stored_items

pytestmark = pytest.mark.usefixtures("create_table")


def _without_a_tag(data: bytes, key: bytes) -> bytes:
    stream = (key * (len(data) // len(key) + 1))[: len(data)]
    return bytes(a ^ b for a, b in zip(data, stream, strict=True))


def _counter_mode() -> ModuleType:
    """As Beaker's module for pycryptodome: what was altered decrypts to something else."""
    module: Any = ModuleType("counter mode")
    module.aesEncrypt = module.aesDecrypt = _without_a_tag
    module.getKeyLength = lambda: 32
    module.has_aes = True
    return cast("ModuleType", module)


CIPHERS: dict[str, Any] = {"none": noencryption, "counter mode": _counter_mode()}


@pytest.fixture(params=["session class", "middleware"])
def make_visitor(request: pytest.FixtureRequest, dynamodb: Any) -> Any:
    def make(**options: Any) -> Visitor:
        if request.param == "session class":
            return Site(dynamodb.options, session_class=DynamoDBSession, **options).visitor()
        site = Site(dynamodb.options)
        settings = {f"session.{name}": value for name, value in dynamodb.options.items()}
        site.application = SessionMiddleware(site._respond, settings, **options)
        return site.visitor()

    return make


class TestACipherThatDoesNotAuthenticate:
    @pytest.fixture(params=[*CIPHERS.values()], ids=[*CIPHERS])
    def cipher(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setitem(crypto.CRYPTO_MODULES, "default", request.param)
        monkeypatch.setitem(crypto.CRYPTO_MODULES, "other", request.param)
        return request.param

    @pytest.mark.parametrize("crypto_type", [None, "default", "other"])
    @pytest.mark.usefixtures("cipher")
    def test_is_refused(self, make_visitor: Any, dynamodb: Any, crypto_type: str | None) -> None:
        named = {"crypto_type": crypto_type} if crypto_type else {}
        with pytest.raises(ConfigurationError, match="pip install cryptography"):
            make_visitor(**KEYS, **named).put(user="alice")
        assert stored_items(dynamodb) == []

    @pytest.mark.usefixtures("cipher")
    def test_is_refused_under_beakers_class(self, dynamodb: Any) -> None:
        with pytest.raises(ConfigurationError, match="DynamoDBSession"):
            Site(dynamodb.options, **KEYS).request(put(user="alice"))
        assert stored_items(dynamodb) == []


def test_encryption_without_a_validate_key_is_refused(make_visitor: Any, dynamodb: Any) -> None:
    with pytest.raises(ConfigurationError, match="validate_key"):
        make_visitor(encrypt_key="e" * 32).put(user="alice")
    assert stored_items(dynamodb) == []


@pytest.mark.parametrize("kind", ["encrypted", "encrypted json"])
class TestAnEncryptedSession:
    @pytest.mark.parametrize("write", [put(user="secret"), begin_by_clear(user="secret")])
    def test_stores_nothing_readable(self, dynamodb: Any, kind: str, write: Any) -> None:
        one, other = browsers(dynamodb.options, **EVERY_KIND[kind], compression="none")
        one.request(write)

        def merged(session: Any) -> None:
            session.get("user")
            other.request(put(theirs="secret"))
            put(mine="secret")(session)

        one.request(merged)
        [item] = stored_items(dynamodb)
        text = item.data[1:]
        assert b"secret" not in text
        assert b"secret" not in b64decode(text, validate=False)
        assert b"secret" not in repr(item.attribute_values).encode()

    def test_that_was_altered_is_refused(self, dynamodb: Any, kind: str) -> None:
        one, _ = browsers(dynamodb.options, **EVERY_KIND[kind], invalidate_corrupt=False)
        [item] = stored_items(dynamodb)
        place = len(item.data) // 2
        item.data = item.data[:place] + os.urandom(4) + item.data[place + 4 :]
        item.save()
        with pytest.raises(Exception, match=r".*"):
            one.request(lambda session: session.get("user"))

    def test_of_another_key_is_not_overwritten(self, dynamodb: Any, kind: str) -> None:
        one, _ = browsers(dynamodb.options, **EVERY_KIND[kind])
        [before] = stored_items(dynamodb)
        other = Site({**dynamodb.options, **EVERY_KIND[kind], "encrypt_key": "f" * 32})
        other.use_cookie(str(one.cookie))
        with pytest.warns(match="corrupt"):
            assert contents(other) == {}
        other.request(put(user="mallory"))
        assert contents(one) == {"user": "alice"}
        assert before.id in {item.id for item in stored_items(dynamodb)}

    def test_with_a_signing_key_is_signed_too(self, dynamodb: Any, kind: str) -> None:
        signed = {**dynamodb.options, "signing_key": "s" * 32}
        one, other = browsers(signed, **EVERY_KIND[kind])
        one.request(put(a=1))
        assert contents(other) == {"user": "alice", "a": 1}
        [item] = stored_items(dynamodb)
        item.birth = "another"
        item.save()
        with pytest.warns(match="corrupt"):
            assert contents(other) == {}
