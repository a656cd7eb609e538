"""DynamoDBSession: keeps every promise for encrypted sessions and custom serializers, too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from beaker import util
from beaker.session import Session

from .codec import PLAIN, Encoding, format_of
from .errors import BeakerDynamoDBError, ConfigurationError, CorruptItem
from .manager import DynamoDBNamespaceManager

#: What `session.type` may be: this backend, or nothing.
_OWN_TYPES = ("ext:dynamodb", None)


class DynamoDBSession(Session):  # type: ignore[misc]  # Beaker has no types
    """Beaker's session, whose backend can read an encrypted one.

    Pass it as `session_class=` to Beaker's `SessionMiddleware` or `SessionObject`. Unlike Beaker's
    own class, `invalidate` and `regenerate_id` also end the session under the old id, and an
    outage never counts as a corrupt session.

    Args:
        request: as Beaker's.
        options: as Beaker's, and the backend's.

    Raises:
        ConfigurationError: for an unknown option, a wrong value, or another `type`.
        StoreUnavailable: DynamoDB did not answer.
    """

    def __init__(self, request: Any, **options: Any) -> None:
        if options.get("type") not in _OWN_TYPES:
            raise ConfigurationError(
                f"DynamoDBSession stores sessions in DynamoDB, but session.type is "
                f"{options['type']}: set ext:dynamodb, or leave session_class out"
            )
        self._replaces_corrupt = options.pop("invalidate_corrupt", False)
        self._renamed_from: DynamoDBNamespaceManager | None = None
        super().__init__(request, namespace_class=self._new_namespace, **options)

    def load(self) -> None:
        """Load the session; begin a new one if it is corrupt and may be replaced."""
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

    def invalidate(self) -> None:
        """End the session, delete its row, and begin a new session under a new id."""
        if hasattr(self, "namespace"):
            del self.namespace["session"]
        super().invalidate()

    def regenerate_id(self) -> None:
        """Change the id; the next save stores the session under it and deletes the old row."""
        self._renamed_from = getattr(self, "namespace", None)
        super().regenerate_id()

    def lock(self) -> None:
        """Lock the session across all machines, until `unlock` or for `lock_timeout`.

        What was loaded before may be out of date: `load` it again.

        Raises:
            LockTimeout: another owner has held the lock for all of `lock_wait`.
        """
        # A session without a namespace is new: no other request knows its id.
        if hasattr(self, "namespace"):
            super().lock()

    def unlock(self) -> None:
        """Release the lock."""
        if hasattr(self, "namespace"):
            super().unlock()

    def _new_namespace(self, session_id: str, **arguments: Any) -> DynamoDBNamespaceManager:
        namespace = DynamoDBNamespaceManager(session_id, **arguments)
        namespace.configure_session(self._encoding(), self._cookie_age(), self._renamed_from)
        self._renamed_from = None
        return namespace

    def _encoding(self) -> Encoding:
        encoding = PLAIN
        if not isinstance(self.serializer, (util.JsonSerializer, util.PickleSerializer)):
            own = format_of(self.serializer)
            encoding = PLAIN._replace(formats=(*PLAIN.formats, own))
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
        age = self.cookie_expires
        return int(age.total_seconds()) if isinstance(age, timedelta) else None


def with_session_class(options: Mapping[str, Any]) -> dict[str, Any]:
    """Session options without a prefix, with DynamoDBSession as their class.

    Options that name another backend, or a class, stay as they are.
    """
    if options.get("type") not in _OWN_TYPES:
        return dict(options)
    # For Beaker, a missing type means memory.
    return {"session_class": DynamoDBSession, **options, "type": "ext:dynamodb"}


class _Verbatim:
    """A serializer for bytes that are already serialized."""

    @staticmethod
    def loads(data: bytes) -> bytes:
        return data

    @staticmethod
    def dumps(data: bytes) -> bytes:
        return data
