"""DynamoDBNamespaceManager: Beaker's protocol for sessions and caches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from beaker.container import NamespaceManager

from .caches import MISSING, CacheValues, CreationLock, ThreadState
from .codec import PLAIN, Encoding, SavedSession, Signer
from .dictionaries import Dictionaries, SessionCodec
from .errors import BeakerDynamoDBError, CorruptItem
from .fallback import Fallback, FallbackCopy
from .options import Options, parse_options
from .rows import Leases, Listing, Parts, Rows
from .sessions import (
    Lifetime,
    LockOwner,
    SessionLock,
    SessionRow,
    has_shared_locks,
    marker_life,
    rename,
    save,
)
from .table import SESSION, RowKey, Table, reported, session_key

logger = logging.getLogger("beaker_dynamodb.manager")


class DynamoDBNamespaceManager(NamespaceManager):  # type: ignore[misc]  # Beaker has no types
    """The backend `ext:dynamodb`: a session, or the values of a cache, in a DynamoDB table.

    Beaker builds one for each session and request, and one for each cache and process. It uses
    the `str` key "session" for a session, and `bytes` keys for cache values.

    Args:
        namespace: the session's id, or the cache's name.
        arguments: options as in the ini file, Beaker's own keys among them.

    Raises:
        ConfigurationError: for an unknown option or a wrong value.
    """

    def __init__(self, namespace: str, **arguments: object) -> None:
        self.namespace = namespace
        self._backend = _backend(arguments)
        self._thread = ThreadState()
        self._encoding = PLAIN
        self._cookie_age: Callable[[], int | None] = lambda: None
        #: Whether a save only renews the access time; None if the session class does not say.
        self.is_access_only: Callable[[], bool | None] = lambda: None
        self._renamed_from: DynamoDBNamespaceManager | None = None
        self._is_session = False
        self._is_cache = False
        self._is_unused = False
        self._saves = 0
        self._lock_owner: LockOwner | None = None
        #: From the load on, if the session is locked then: a lease that is lost later is noticed.
        self._lock = self._new_lock() if has_shared_locks() else None

    @property
    def timeout(self) -> int | None:
        """Beaker's `timeout` as passed: for a session, 120 s more than in the ini file."""
        return self._backend.options.timeout

    @cached_property
    def session_row(self) -> SessionRow:
        """The row of the session whose id is the namespace."""
        self._is_session = True
        return self._new_session_row()

    @reported
    def __getitem__(self, key: str | bytes) -> Any:
        value = self._load_session() if key == SESSION else self._values.get(key)
        if value is MISSING:
            raise KeyError(key)
        return value

    @reported
    def __contains__(self, key: str | bytes) -> bool:
        if key == SESSION:
            return self._load_session() is not MISSING
        return self._values.get(key) is not MISSING or self._values.is_being_removed(key)

    @reported
    def __setitem__(self, key: str | bytes, value: Any) -> None:
        if key != SESSION:
            self._values.put(key, value, None)
            return
        saved = SavedSession.from_text(_text(value), self._encoding)
        self._is_unused = False
        self.session_row.lifetime = self._lifetime()
        lock = self.stored_as.lock_in_use
        if lock is not None:
            # Not a method of this manager: a row that refers to its manager keeps each request's
            # session in memory until Python looks for cycles.
            self.session_row.verify_lock = lock.verify
        for row in (self.session_row, self.stored_as.session_row):
            row.is_access_only = self.is_access_only()
        if self._renamed_from is None:
            save(self.session_row, saved)
        elif rename(self._renamed_from.session_row, self.session_row, saved):
            self._renamed_from = None
        else:
            logger.warning(
                "a session is not stored under its new id: it ended while the request ran"
            )

    @reported
    def set_value(self, key: str | bytes, value: Any, expiretime: float | None = None) -> None:
        """Store a session or a cache value.

        Args:
            key: "session", or a cache key.
            value: the text of a session, or Beaker's tuple for a cache value.
            expiretime: seconds until a cache value counts as missing.

        Raises:
            ItemTooLarge: the value takes more than `max_value_size`.
            StoreUnavailable: DynamoDB did not answer.
        """
        if key == SESSION:
            self[key] = value
        else:
            self._values.put(key, value, expiretime)

    @reported
    def __delitem__(self, key: str | bytes) -> None:
        if key != SESSION:
            self._values.delete(key)
            return
        if self._renamed_from is not None:
            # The session may be stored under both ids.
            del self._renamed_from[SESSION]
            self._renamed_from = None
        self.session_row.end()

    @reported
    def keys(self) -> list[str] | list[bytes]:
        """The keys of all live cache values, in bytes as Beaker's `Cache` passes them.

        For a session its only key, "session", if it is stored.
        """
        if self._is_session:
            return [SESSION] if SESSION in self else []
        return self._values.keys()

    @reported
    def do_remove(self) -> None:
        """End the session, or delete all cache values of the namespace.

        Beaker calls it for `Cache.clear`, and applications to log a user out by the session's id.
        A manager that has served neither a session nor a cache yet does both.
        """
        if self._is_session:
            del self[SESSION]
            return
        if not self._is_cache:
            self._new_session_row().end()
        self._values.clear()

    def acquire_read_lock(self) -> None:
        """Let this thread answer `[]` from what `in` has read, until the lock is released."""
        self._thread.reading += 1

    def release_read_lock(self) -> None:
        """Forget what this thread has read, once it releases its outermost read lock."""
        # Beaker releases once too often if a write inside has failed (container.py, _get_value).
        self._thread.reading = max(0, self._thread.reading - 1)
        if self._thread.reading == 0:
            self._thread.values.clear()

    @reported
    def acquire_write_lock(self, wait: bool = True, replace: bool = False) -> bool:  # noqa: ARG002, FBT002
        """Acquire a session's lock, for `Session.lock`; saves and caches need none.

        Args:
            wait: as Beaker's; `Session.lock` always waits.
            replace: set by `Session.save`, which needs no lock.

        Raises:
            LockTimeout: another owner has held the lock for all of `lock_wait`, or this one has
                held it past `lock_timeout`.
        """
        if replace:
            self._saves += 1
        elif self._is_session:
            self._session_lock.acquire()
        else:
            self._thread.writing += 1
        return True

    @reported
    def release_write_lock(self) -> None:
        """Release what `acquire_write_lock` has acquired."""
        if self._saves:
            self._saves -= 1
        elif self._is_session:
            self._session_lock.release()
        else:
            self._thread.writing = max(0, self._thread.writing - 1)

    def get_creation_lock(self, key: str | bytes) -> CreationLock:
        """The lock under which one thread on one machine creates a missing value."""
        return self._values.creation_lock(key)

    @property
    def stored_as(self) -> DynamoDBNamespaceManager:
        """The session under the id that it is stored under: the old one until it is renamed."""
        return self._renamed_from or self

    def configure_session(
        self,
        encoding: Encoding,
        cookie_age: Callable[[], int | None],
        lock_owner: LockOwner,
        renamed_from: DynamoDBNamespaceManager | None = None,
        *,
        is_unused: bool = False,
    ) -> None:
        """Set what only a session class knows, before the session is loaded or saved.

        Args:
            encoding: how the session becomes text.
            cookie_age: returns the seconds that the session's cookie lives, or None if unknown.
            lock_owner: holds the locks of the session object.
            renamed_from: the session under the id that this one replaces, if any.
            is_unused: whether the id is new, so that nothing can be stored under it.

        Raises:
            ConfigurationError: `touch_interval` is not shorter than the cookie's age.
        """
        self._encoding = encoding
        self._cookie_age = cookie_age
        self._renamed_from = renamed_from
        self._is_unused = is_unused
        self._lock_owner = lock_owner
        self._lock = self._new_lock() if lock_owner.is_in_use else None

    @reported
    def end_if_unchanged(self) -> None:
        """End the session, unless another request has written it since it was loaded."""
        self.session_row.end_if_unchanged()

    def report(self, error: BeakerDynamoDBError) -> None:
        """Hand an error to `on_error`."""
        self._backend.rows.table.report(error)

    @cached_property
    def _values(self) -> CacheValues:
        self._is_cache = True
        rows, leases, listing = self._backend.rows, self._backend.leases, self._backend.listing
        return CacheValues(
            rows, leases, listing, self._backend.options, self.namespace, self._thread
        )

    def _new_session_row(self) -> SessionRow:
        backend = self._backend
        old_copy = FallbackCopy(backend.fallback, self.namespace) if backend.fallback else None
        key, lifetime = self._session_key(), self._lifetime()
        return SessionRow(
            backend.rows, backend.options, key, lifetime, backend.codec, self._encoding, old_copy
        )

    def _lifetime(self) -> Lifetime:
        age = self._cookie_age()
        return self._backend.lifetime if age is None else Lifetime.of(self._backend.options, age)

    @property
    def lock_in_use(self) -> SessionLock | None:
        """The lock whose leases count for the session, from its load on; None if it has none."""
        return self._lock

    def _session_key(self) -> RowKey:
        options = self._backend.options
        return session_key(options.key_prefix, self.namespace, hash_id=options.hash_ids)

    @property
    def _session_lock(self) -> SessionLock:
        self._lock = self._lock or self._new_lock()
        return self._lock

    def _new_lock(self) -> SessionLock:
        """The lock of the session whose id is the namespace."""
        backend = self._backend
        return SessionLock(backend.leases, self._session_key(), backend.options, self._lock_owner)

    def _load_session(self) -> Any:
        self._refuse_replacement()
        if self._is_unused:
            self._is_unused = False
            return MISSING
        is_locked = self._lock is not None and self._lock.is_held
        is_consistent = self._backend.options.consistent_read or is_locked
        try:
            text = self.session_row.load(consistent=is_consistent)
        except CorruptItem:
            # No outage: Beaker may replace a corrupt session with a new one.
            raise
        except BeakerDynamoDBError as error:
            error.failed_session = _digest(self.namespace)
            raise
        except (KeyError, TypeError) as error:
            # Beaker would treat it as a missing session (beaker/session.py, Session.load).
            fault = BeakerDynamoDBError("a bug in beaker_dynamodb: report it", cause=error)
            fault.failed_session = _digest(self.namespace)
            raise fault from error
        return MISSING if text is None else text

    def _refuse_replacement(self) -> None:
        """Raise an outage again if Beaker would answer it with a new session.

        With `invalidate_corrupt`, which its middleware sets, Beaker treats any error of a load as a
        corrupt session: still inside its `except` block it makes a new id and loads that
        (beaker/session.py, Session.__init__), and the user is logged out. An application that loads
        another session while it handles such an error gets the error again.
        """
        fault = sys.exc_info()[1]
        if not isinstance(fault, BeakerDynamoDBError) or fault.failed_session is None:
            return
        if fault.failed_session != _digest(self.namespace):
            raise fault


class Backend(NamedTuple):
    """What all namespace managers with the same arguments share."""

    options: Options
    rows: Rows
    leases: Leases
    listing: Listing
    lifetime: Lifetime
    codec: SessionCodec
    fallback: Fallback | None

    @classmethod
    def of(cls, options: Options) -> Backend:
        """The parts of a backend, put together."""
        lifetime = Lifetime.of(options, None)
        table = Table(options)
        parts, signer = Parts(table, options.max_value_size), Signer(options.signing_key)
        rows = Rows(table, parts, signer, marker_life(options))
        fallback = Fallback(options) if options.fallback_type else None
        leases = Leases(table, rows)
        codec = SessionCodec(table, options, Dictionaries(rows, leases, options))
        return cls(options, rows, leases, Listing(table), lifetime, codec, fallback)


def _backend(arguments: dict[str, Any]) -> Backend:
    try:
        return _cached_backend(**arguments)
    except TypeError:
        # Arguments with a value that cannot be hashed, such as a list, cannot be cached.
        return Backend.of(parse_options(arguments))


@lru_cache(maxsize=256, typed=True)
def _cached_backend(**arguments: object) -> Backend:
    """The backend for some arguments: Beaker passes the same ones in each request."""
    return Backend.of(parse_options(arguments))


def _digest(session_id: str) -> str:
    return sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f'"session" holds the text of a session, not {type(value).__name__}')
    return value
