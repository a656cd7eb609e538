"""DynamoDBNamespaceManager: Beaker's protocol on top of the store."""

from __future__ import annotations

import logging
import sys
from functools import lru_cache
from hashlib import sha256
from typing import Any

from beaker.container import NamespaceManager

from ..errors import BeakerDynamoDBError, CorruptItem
from ..lock import CreationLock, SessionLock, holds_any_lock
from ..options import Options, parse_options
from ..store import SESSION, Leases, RowKey, session_key
from .caches import CacheRows
from .envelope import BASE64, Envelope
from .lifetime import Lifetime
from .moves import MovableRow
from .reading import MISSING

logger = logging.getLogger("beaker_dynamodb.namespace")


class DynamoDBNamespaceManager(NamespaceManager):  # type: ignore[misc]  # Beaker has no types
    """What `ext:dynamodb` names: a session, or the values of a cache, in a DynamoDB table.

    Beaker builds one for each session and request, and one for each cache and process. It asks
    for a session with the `str` key "session", and for cache values with `bytes` keys.

    Args:
        namespace: the session's id, or the cache's name.
        arguments: options as in the ini file, Beaker's own keys among them.

    Raises:
        ConfigurationError: for an unknown option or a wrong value.
    """

    def __init__(self, namespace: str, **arguments: object) -> None:
        self.namespace = namespace
        self._options, self._store = _bound(arguments)
        self._values = CacheRows(self._store, self._options, namespace)
        self._session_row: MovableRow | None = None
        self._envelope = BASE64
        self._cookie_age: int | None = None
        self._predecessor: DynamoDBNamespaceManager | None = None

    @property
    def timeout(self) -> int | None:
        """Beaker's `timeout` as it came: for a session, 120 s more than the ini file says."""
        return self._options.timeout

    def __getitem__(self, key: str | bytes) -> Any:
        value = self._load_session() if key == SESSION else self._values.get(key)
        if value is MISSING:
            raise KeyError(key)
        return value

    def __contains__(self, key: str | bytes) -> bool:
        if key == SESSION:
            return self._load_session() is not MISSING
        return self._values.holds(key)

    def __setitem__(self, key: str | bytes, value: Any) -> None:
        self.set_value(key, value)

    def set_value(self, key: str | bytes, value: Any, expiretime: float | None = None) -> None:
        """Store a session or a cache value.

        Args:
            key: "session", or a cache key.
            value: the text of a session, or Beaker's tuple for a cache value.
            expiretime: seconds until a cache value counts as missing.

        Raises:
            ItemTooLarge: the value takes more than `max_value_size`.
            StoreUnavailable: the engine did not answer.
        """
        if key == SESSION:
            self._save_session(_text(value))
        else:
            self._values.put(key, value, expiretime)

    def __delitem__(self, key: str | bytes) -> None:
        if key != SESSION:
            self._values.delete(key)
            return
        if self._predecessor is not None:
            # It was to go on under this id, and may be stored under both.
            del self._predecessor[SESSION]
            self._predecessor = None
        self._session().delete()

    def keys(self) -> list[bytes]:
        """The keys of all live cache values, in bytes as Beaker's `Cache` gives them."""
        return self._values.keys()

    def do_remove(self) -> None:
        """Remove all cache values of the namespace; Beaker calls it for `Cache.clear`."""
        self._values.clear()

    def acquire_read_lock(self) -> None:
        """Begin to answer `[]` from what `in` has read, in this thread."""
        self._values.acquire_read_lock()

    def release_read_lock(self) -> None:
        """End what `acquire_read_lock` began."""
        self._values.release_read_lock()

    def acquire_write_lock(self, wait: bool = True, replace: bool = False) -> bool:  # noqa: ARG002, FBT002
        """Acquire a session's lock, for `Session.lock`; a save needs none, nor does a cache.

        Args:
            wait: as Beaker's; `Session.lock` always waits.
            replace: set by `Session.save`, whose writes are conditional.

        Raises:
            LockTimeout: another has held the lock for all of `lock_wait`.
        """
        if replace:
            if holds_any_lock():
                self._session_lock().acquire_again()
        elif self._session_row is not None:
            self._session_lock().acquire()
        else:
            self._values.acquire_write_lock()
        return True

    def release_write_lock(self) -> None:
        """Release what `acquire_write_lock` has acquired."""
        if self._session_row is None:
            self._values.release_write_lock()
        elif holds_any_lock():
            self._session_lock().release()

    def get_creation_lock(self, key: str | bytes) -> CreationLock:
        """The lock under which one thread on one machine creates a missing value."""
        return self._values.creation_lock(key)

    def tell_session(
        self,
        envelope: Envelope,
        cookie_age: int | None,
        predecessor: DynamoDBNamespaceManager | None = None,
    ) -> None:
        """Take what only a session class knows; before the session is asked for.

        Args:
            envelope: how the serialized session is put into text.
            cookie_age: seconds that the session's cookie lives; None where that is not known.
            predecessor: the session under the id that was given up for this one, if any.
        """
        self._envelope = envelope
        self._cookie_age = cookie_age
        self._predecessor = predecessor

    def _save_session(self, text: str) -> None:
        if self._predecessor is None:
            self._session().save(text)
            return
        old = self._predecessor._session()  # noqa: SLF001  # of this class
        if self._session().take_over(text, old):
            self._predecessor = None
        else:
            logger.warning("a session was ended while a request ran, not stored under its new id")

    def _session(self) -> MovableRow:
        if self._session_row is None:
            self._session_row = MovableRow(
                self._store, self._options, self._key(), self._envelope, self._cookie_age
            )
        return self._session_row

    def _session_lock(self) -> SessionLock:
        return SessionLock(self._store, self._key(), self._options)

    def _key(self) -> RowKey:
        options = self._options
        return session_key(options.key_prefix, self.namespace, options.hash_ids)

    def _load_session(self) -> Any:
        self._refuse_replacement()
        try:
            text = self._session().load()
        except CorruptItem:
            raise
        except BeakerDynamoDBError as error:
            error.failed_session = _digest(self.namespace)
            raise
        except (KeyError, TypeError) as error:
            # Beaker would take it for a missing session (beaker/session.py, Session.load).
            fault = BeakerDynamoDBError("a fault of this package: report it", cause=error)
            fault.failed_session = _digest(self.namespace)
            raise fault from error
        return MISSING if text is None else text

    def _refuse_replacement(self) -> None:
        """Raise an outage again where Beaker would answer it with a new session.

        With `invalidate_corrupt`, which its middleware sets, Beaker takes any error of a load for
        a corrupt session: still inside its `except` block it makes a new id and loads that
        (beaker/session.py, Session.__init__), and the user is logged out. An application that loads
        another session while it handles such an error gets the error once more.
        """
        fault = sys.exc_info()[1]
        if not isinstance(fault, BeakerDynamoDBError) or fault.failed_session is None:
            return
        if fault.failed_session != _digest(self.namespace):
            raise fault


def _bound(arguments: dict[str, Any]) -> tuple[Options, Leases]:
    try:
        return _bind(**arguments)
    except TypeError:
        # A value that cannot be hashed, such as a list, cannot be looked up.
        return _bind.__wrapped__(**arguments)


@lru_cache(maxsize=256, typed=True)
def _bind(**arguments: object) -> tuple[Options, Leases]:
    """Options and store for arguments: the same ones come with every request."""
    options = parse_options(arguments)
    Lifetime.of(options, None)  # raises ConfigurationError for a wrong touch_interval
    return options, Leases(options)


def _digest(session_id: str) -> str:
    return sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f'"session" holds the text of a session, not {type(value).__name__}')
    return value
