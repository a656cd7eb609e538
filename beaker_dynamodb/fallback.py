"""The backend that a running site comes from: read for a session that the table lacks."""

from __future__ import annotations

import os
from typing import Any

from beaker.container import OpenResourceNamespaceManager

from .codec import UNREADABLE
from .errors import ConfigurationError, CorruptItem, StoreUnavailable
from .options import FALLBACK_OPTIONS, Options
from .table import SESSION

_REMEDY = "check it and the options fallback_..., or remove them once it is migrated"


class Fallback:
    """Another of Beaker's backends, as the options `fallback_...` name it.

    Args:
        options: with `fallback_type`.

    Raises:
        ConfigurationError: the type is unknown, or the folder cannot be read.
    """

    def __init__(self, options: Options) -> None:
        given = {
            name.removeprefix("fallback_"): getattr(options, name) for name in FALLBACK_OPTIONS
        }
        self.name = given.pop("type")
        self._arguments = {name: value for name, value in given.items() if value is not None}
        self._manager = _manager_of(self.name)
        folder = options.fallback_data_dir
        # Beaker would create a missing one, and find no session in it.
        if folder is not None and not os.access(folder, os.R_OK | os.X_OK):
            raise ConfigurationError(f"fallback_data_dir = {folder} is not a readable folder")

    def open(self, session_id: str) -> Any:
        """Beaker's namespace manager of a session, as its class Session builds it."""
        return self._manager(session_id, digest_filenames=False, **self._arguments)


class FallbackCopy:
    """One session in the fallback.

    Args:
        fallback: that has it.
        session_id: its id.
    """

    def __init__(self, fallback: Fallback, session_id: str) -> None:
        self._fallback = fallback
        self._session_id = session_id

    def read(self) -> str | None:
        """The text that Beaker has saved there; None if there is none.

        Raises:
            CorruptItem: it cannot be read.
            StoreUnavailable: the fallback did not answer.
        """
        namespace = self._open()
        try:
            text = _read(namespace)
        except UNREADABLE as error:
            raise CorruptItem("a session in the fallback cannot be read", cause=error) from error
        except Exception as error:
            raise self._unavailable(error) from error
        if text is not None and not isinstance(text, str):
            raise CorruptItem(
                "the fallback holds something other than a session under a session's id"
            )
        return text

    def delete(self) -> None:
        """Delete the session there; nothing happens if there is none.

        Raises:
            StoreUnavailable: the fallback did not answer.
        """
        namespace = self._open()
        try:
            _delete(namespace)
        except Exception as error:
            raise self._unavailable(error) from error

    def _open(self) -> Any:
        try:
            return self._fallback.open(self._session_id)
        except Exception as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        # Only the error's name: its text may quote an id, or a URL with a password.
        reason = f"the fallback, {self._fallback.name}, did not answer ({type(error).__name__})"
        return StoreUnavailable(f"{reason}: {_REMEDY}", cause=error)


def _manager_of(name: str) -> Any:
    # Imports redis, pymongo and whatever else Beaker has a backend for and is installed.
    from beaker.cache import clsmap  # noqa: PLC0415

    try:
        manager = clsmap[name]
    except KeyError as error:
        raise ConfigurationError(
            f"fallback_type = {name} is not a Beaker backend: set one such as file, ext:database, "
            "ext:redis or ext:mongodb"
        ) from error
    if name == "ext:dynamodb":
        raise ConfigurationError(
            "fallback_type = ext:dynamodb: name the backend that the sessions come from"
        )
    return manager


def _read(namespace: Any) -> Any:
    """What is stored, read as Beaker's class Session reads it."""
    namespace.acquire_read_lock()
    try:
        return namespace[SESSION]
    except KeyError:
        return None
    finally:
        namespace.release_read_lock()


def _delete(namespace: Any) -> None:
    # `remove` takes an id for a pattern in Redis and MongoDB, and empties all of memcached.
    if isinstance(namespace, OpenResourceNamespaceManager):
        namespace.remove()
    else:
        del namespace[SESSION]
