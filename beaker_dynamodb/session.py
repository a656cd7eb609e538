"""DynamoDBSession: keeps every promise for encrypted sessions and custom serializers, too."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from weakref import WeakMethod

from beaker import crypto, util
from beaker.session import Session

from .codec import PLAIN, Encoding, format_of
from .errors import BeakerDynamoDBError, ConfigurationError, CorruptItem
from .manager import DynamoDBNamespaceManager
from .options import Options, parse_session_options, shown_value
from .sessions import BEAKER_TIMEOUT_MARGIN, Lifetime, LockOwner

#: What `session.type` may be: this backend, or nothing.
OWN_TYPES = ("ext:dynamodb", None)
#: The end of a cookie that never expires (beaker/session.py, Session._set_cookie_expires).
_LATEST_COOKIE = 0x7FFFFFFF
#: Options that Beaker converts to no type, and what they may be.
_CHOICES = {"data_serializer": ("pickle", "json"), "samesite": ("lax", "strict", "none")}


class DynamoDBSession(Session):  # type: ignore[misc]  # Beaker has no types
    """Beaker's session, whose backend can read an encrypted one.

    Pass it as `session_class=` to Beaker's `SessionMiddleware` or `SessionObject`. Unlike Beaker's
    own class, `invalidate` and `regenerate_id` also end the session under the old id, and an
    outage never counts as a corrupt session.

    Args:
        request: as Beaker's.
        id: of the session, as Beaker's.
        options: as Beaker's, and the backend's.

    Raises:
        ConfigurationError: for an unknown option, a wrong value, or another `type`.
        StoreUnavailable: DynamoDB did not answer.
    """

    def __init__(self, request: Any, id: str | None = None, **options: Any) -> None:  # noqa: A002  # Beaker's name
        if options.get("type") not in OWN_TYPES:
            raise ConfigurationError(
                f"DynamoDBSession stores sessions in DynamoDB, but session.type is "
                f"{options['type']}: set ext:dynamodb, or remove session_class"
            )
        check_encryption(options)
        self._replaces_corrupt = options.pop("invalidate_corrupt", False)
        self._renamed_from: DynamoDBNamespaceManager | None = None
        self._lock_owner = LockOwner()
        self._unused_id: str | None = None
        self._is_loading = False
        self._is_access_only = False
        # Weak: a cycle of references would keep each request's session in memory until Python
        # looks for cycles.
        super().__init__(request, id, namespace_class=_weakly(self._new_namespace), **options)

    def load(self) -> None:
        """Load the session; begin a new one if it is corrupt and may be replaced."""
        self._is_loading = True
        try:
            self._load()
        finally:
            self._is_loading = False
        if self.namespace.session_row.is_renamed:
            # The old id alone does not open the session that went on under a new one.
            self._create_id()

    def _load(self) -> None:
        try:
            super().load()
        except Exception as error:
            # A session that Beaker or a serializer cannot read is corrupt; after a refusal by
            # DynamoDB nothing is known of the session.
            is_refusal = isinstance(error, BeakerDynamoDBError)
            is_corrupt = isinstance(error, CorruptItem) or not is_refusal
            if not is_corrupt or not self._replaces_corrupt:
                raise
            # Beaker's own text (Session.__init__) shows the session's id, which is a credential.
            util.warn(f"Invalidating corrupt session; error was: {type(error).__name__}")
            # The row stays: another worker, with other options or newer classes, may read it.
            super().invalidate()

    def save(self, accessed_only: bool = False) -> None:  # noqa: FBT002  # Beaker's
        """Store the session.

        Args:
            accessed_only: whether the save only renews the access time, as Beaker's middleware
                does at the end of a request without a save. Changes that the application has
                not saved are then stored, unless another request has changed the session.

        Raises:
            ConflictError: other requests have changed it again and again, or `on_conflict` is
                `raise`, or what is stored cannot be read.
            StoreUnavailable: DynamoDB did not answer.
        """
        self._is_access_only = accessed_only
        try:
            super().save(accessed_only)
        finally:
            self._is_access_only = False

    def invalidate(self) -> None:
        """End the session in the table, too, and begin a new one under a new id."""
        if hasattr(self, "namespace"):
            if self._is_loading:
                # Beaker found it timed out; a request that has touched it since keeps it.
                self.namespace.end_if_unchanged()
            else:
                del self.namespace["session"]
        super().invalidate()

    def regenerate_id(self) -> None:
        """Change the id; the next save moves the session there, and ends it under the old id."""
        if hasattr(self, "namespace"):
            # The save under an earlier new id may have failed.
            self._renamed_from = self.namespace.stored_as
        super().regenerate_id()

    def lock(self) -> None:
        """Lock the session across all machines, until `unlock` or for `lock_timeout`.

        The lock belongs to this session object, which may lock again. What was loaded before may
        be out of date: `load` it again.

        Raises:
            LockTimeout: another owner has held the lock for all of `lock_wait`, or this one has
                held it for more than `lock_timeout`.
        """
        # A session without a namespace is new: no other request knows its id.
        if hasattr(self, "namespace"):
            super().lock()

    def unlock(self) -> None:
        """Release the lock, under the id that it was acquired for."""
        if hasattr(self, "namespace"):
            super().unlock()

    @property
    def is_locked(self) -> bool:
        """Whether this object has locked the session, under this id or an earlier one."""
        return self._lock_owner.holds_any

    def release_locks(self) -> None:
        """Release what this object still has locked, at the end of its request."""
        self._lock_owner.release_all()

    def _create_id(self, set_new: bool = True) -> None:  # noqa: FBT002  # Beaker's
        super()._create_id(set_new)
        self._unused_id = self.id

    def _new_namespace(self, session_id: str, **arguments: Any) -> DynamoDBNamespaceManager:
        namespace = DynamoDBNamespaceManager(session_id, **arguments)
        namespace.configure_session(
            self._encoding(),
            _weakly(self._cookie_age),
            self._lock_owner,
            self._renamed_from,
            is_unused=session_id == self._unused_id,
        )
        namespace.is_access_only = _weakly(self._saves_access_only)
        self._renamed_from = self._unused_id = None
        return namespace

    def _saves_access_only(self) -> bool:
        return self._is_access_only

    def _encoding(self) -> Encoding:
        encoding = PLAIN
        if type(self.serializer) not in {util.JsonSerializer, util.PickleSerializer}:
            encoding = PLAIN._replace(formats=(format_of(self.serializer),))
        if not self.encrypt_key:
            return encoding
        return encoding._replace(decrypt=self._decrypt, encrypt=self._encrypt)

    def _decrypt(self, text: str) -> bytes:
        """Beaker's own decryption, without reading what is inside."""
        return bytes(self._verbatim(self._decrypt_data, text))

    def _encrypt(self, inside: bytes) -> str:
        return str(self._verbatim(self._encrypt_data, inside))

    def _verbatim(self, call: Any, argument: object) -> Any:
        serializer: Any = self.serializer
        self.serializer: Any = _Verbatim
        try:
            return call(argument)
        finally:
            self.serializer = serializer

    def _cookie_age(self) -> int | None:
        return _cookie_age(self.cookie_expires)


def _weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that does not keep its object alive; without the object, it returns None."""
    reference = WeakMethod(method)

    def call(*arguments: Any, **options: Any) -> Any:
        alive = reference()
        return alive(*arguments, **options) if alive else None

    return call


def session_by_id(options: Mapping[str, Any], session_id: str) -> DynamoDBSession | None:
    """The session with an id; None if there is none.

    Beaker's own `get_by_id` ignores `session_class` (beaker/session.py, SessionObject).

    Args:
        options: as Beaker's, and the backend's.
        session_id: of the session.
    """
    session = DynamoDBSession({}, id=session_id, **{**options, "use_cookies": False})
    return None if session.is_new else session


def session_in_use(session: Any) -> DynamoDBSession | None:
    """The session behind Beaker's `SessionObject`; None if it is not used, or of another class."""
    used = session.__dict__.get("_sess")
    return used if isinstance(used, DynamoDBSession) else None


def release_locks(session: Any) -> None:
    """Release at the end of a request what it still has locked, as a view that fails does.

    Args:
        session: Beaker's `SessionObject` of the request.
    """
    used = session_in_use(session)
    if used is not None:
        used.release_locks()


def with_session_class(options: Mapping[str, Any]) -> dict[str, Any]:
    """Session options without a prefix, with DynamoDBSession as their class.

    Options that name another backend, or a class, stay as they are.
    """
    if options.get("type") not in OWN_TYPES:
        return dict(options)
    # For Beaker, a missing type means memory.
    return {"session_class": DynamoDBSession, **options, "type": "ext:dynamodb"}


def parse_settings(settings: Mapping[str, Any], prefix: str = "session.") -> Options:
    """The backend's options among all settings of sessions, checked without a call.

    A `ttl` shorter than `timeout` is logged.

    Args:
        settings: as the application gave them, without the prefix.
        prefix: of the application's keys, for the errors.

    Raises:
        ConfigurationError: for an unknown name, a name without an effect, a wrong value, options
            that contradict each other, or an encryption that does not protect. It names the full
            key, and quotes the value unless it is a secret.
    """
    options = parse_session_options(settings, prefix)
    coerced = {name: _coerced(name, value, prefix) for name, value in settings.items()}
    timeout = options.timeout and options.timeout + BEAKER_TIMEOUT_MARGIN
    try:
        age = _cookie_age(coerced.get("cookie_expires", True))
        Lifetime.of(replace(options, timeout=timeout), age)
        check_encryption(settings)
    except ConfigurationError as error:
        if prefix in error.message:
            raise
        raise ConfigurationError(f"{prefix}*: {error.message}") from error
    return options


def _coerced(name: str, value: Any, prefix: str) -> Any:
    """The value of one of Beaker's own options, as its middleware converts it."""
    choices = _CHOICES.get(name)
    if choices and isinstance(value, str) and value.lower() not in choices:
        reason = f"{' or '.join(choices)}{shown_value(name, value)}"
        raise ConfigurationError(f"option {prefix}{name} must be {reason}")
    try:
        return util.coerce_session_params({name: value})[name]
    except Exception as error:  # noqa: BLE001  # Beaker raises no class of its own
        reason = f"{str(error).strip('.')}{shown_value(name, value)}"
        raise ConfigurationError(f"option {prefix}{name}: {reason}") from None


def _cookie_age(expires: object) -> int | None:
    """Seconds until a cookie expires; None if the browser decides."""
    if isinstance(expires, timedelta):
        return int(expires.total_seconds())
    if isinstance(expires, datetime):
        # Beaker writes a datetime without a zone into the cookie as one in GMT.
        moment = expires if expires.tzinfo else expires.replace(tzinfo=timezone.utc)
        return int(moment.timestamp() - time.time())
    return int(_LATEST_COOKIE - time.time()) if expires is False else None


def check_encryption(options: Mapping[str, Any]) -> None:
    """Refuse an encryption that does not encrypt, or does not notice an altered row."""
    if not options.get("encrypt_key"):
        return
    if not options.get("validate_key"):
        raise ConfigurationError(
            "session.encrypt_key is set without session.validate_key: set both"
        )
    cipher = crypto.get_crypto_module(options.get("crypto_type") or "default")
    if not _authenticates(cipher):
        raise ConfigurationError(
            f"session.encrypt_key has no cipher that detects altered sessions ({cipher.__name__}): "
            "run `pip install cryptography`, and set crypto_type = cryptography or remove it"
        )


@cache
def _authenticates(cipher: Any) -> bool:
    """Whether a cipher refuses what was altered: Beaker falls back to AES-CTR, or to nothing."""
    key = b"k" * cipher.getKeyLength()
    encrypted = bytes(cipher.aesEncrypt(b"session", key))
    altered = encrypted[:-1] + bytes([encrypted[-1] ^ 1])
    try:
        cipher.aesDecrypt(altered, key)
    except Exception:  # noqa: BLE001  # each cipher library has an error of its own
        return True
    return False


class _Verbatim:
    """A serializer for bytes that are already serialized."""

    @staticmethod
    def loads(data: bytes) -> bytes:
        return data

    @staticmethod
    def dumps(data: bytes) -> bytes:
        return data
