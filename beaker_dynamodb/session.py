"""DynamoDBSession: all promises for encrypted sessions and serializers of one's own, too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from beaker import util
from beaker.session import Session

from .errors import BeakerDynamoDBError, ConfigurationError, CorruptItem
from .namespace import DynamoDBNamespaceManager, Envelope
from .snapshot import format_of

#: What `session.type` may be: ours, or nothing.
_OWN_TYPES = ("ext:dynamodb", None)


class DynamoDBSession(Session):  # type: ignore[misc]  # Beaker has no types
    """Beaker's session, whose backend sees what is inside of an encrypted one.

    Given as `session_class=` to Beaker's `SessionMiddleware` or `SessionObject`. Other than plain
    Beaker's, its `invalidate` and `regenerate_id` also end the session under the old id, and a
    failed load is taken for a corrupt session only where it is one.

    Args:
        request: as Beaker's.
        options: as Beaker's, and the backend's.

    Raises:
        ConfigurationError: for an unknown option, a wrong value, or another `type`.
        StoreUnavailable: the engine did not answer; never taken for a corrupt session.
    """

    def __init__(self, request: Any, **options: Any) -> None:
        if options.get("type") not in _OWN_TYPES:
            raise ConfigurationError(
                f"DynamoDBSession keeps sessions in DynamoDB, and session.type is "
                f"{options['type']}: set ext:dynamodb, or leave session_class out"
            )
        self._replaces_corrupt = options.pop("invalidate_corrupt", False)
        self._given_up: DynamoDBNamespaceManager | None = None
        super().__init__(request, namespace_class=self._new_namespace, **options)

    def load(self) -> None:
        """Load the session; where it is corrupt and may be replaced, begin a new one."""
        try:
            super().load()
        except Exception as error:
            # What Beaker or a serializer cannot read is corrupt; what the engine refuses is not.
            refused = isinstance(error, BeakerDynamoDBError) and not isinstance(error, CorruptItem)
            if refused or not self._replaces_corrupt:
                raise
            # As Beaker does it (Session.__init__), but for the session's id, which is a credential.
            util.warn(f"Invalidating corrupt session; error was: {type(error).__name__}")
            # The row stays: another worker, with other options or newer classes, may read it.
            super().invalidate()

    def invalidate(self) -> None:
        """End the session, in the store too, and begin a new one under a new id."""
        if hasattr(self, "namespace"):
            del self.namespace["session"]
        super().invalidate()

    def regenerate_id(self) -> None:
        """Go on under a new id; with the next save what is stored under the old one moves there."""
        self._given_up = getattr(self, "namespace", None)
        super().regenerate_id()

    def lock(self) -> None:
        """Hold the session on all machines, until `unlock` or for `lock_timeout`.

        What was loaded before may be outdated: `load` it again.

        Raises:
            LockTimeout: another has held it for all of `lock_wait`.
        """
        # A session without a namespace is new: nobody else knows its id.
        if hasattr(self, "namespace"):
            super().lock()

    def unlock(self) -> None:
        """Release what `lock` holds."""
        if hasattr(self, "namespace"):
            super().unlock()

    def _new_namespace(self, session_id: str, **arguments: Any) -> DynamoDBNamespaceManager:
        namespace = DynamoDBNamespaceManager(session_id, **arguments)
        namespace.tell_session(self._envelope(), self._cookie_age(), self._given_up)
        self._given_up = None
        return namespace

    def _envelope(self) -> Envelope:
        is_beakers = isinstance(self.serializer, (util.JsonSerializer, util.PickleSerializer))
        formats = () if is_beakers else (format_of(self.serializer),)
        return Envelope(self._unwrap, self._wrap, formats)

    def _unwrap(self, text: str) -> bytes:
        """What the serializer has made: Beaker's own decryption, without reading what is inside."""
        return bytes(self._verbatim(self._decrypt_data, text))

    def _wrap(self, inside: bytes) -> str:
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

    Options that name another backend, or a class, keep it.
    """
    if options.get("type") not in _OWN_TYPES:
        return dict(options)
    # Beaker takes a missing type for memory.
    return {"session_class": DynamoDBSession, **options, "type": "ext:dynamodb"}


class _Verbatim:
    """A serializer for what is serialized already."""

    @staticmethod
    def loads(data: bytes) -> bytes:
        return data

    @staticmethod
    def dumps(data: bytes) -> bytes:
        return data
