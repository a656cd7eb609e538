"""The sessions in Beaker's other backends, read as Beaker stores them.

    file                    data_dir/container_file/A/AB/ID.cache    pickle of {"session": text}
    ext:database, ext:sqla  a row: namespace = ID, data              pickle of {"session": text}
    ext:redis               beaker_cache:ID:session                  pickle of text
    ext:mongodb             backer_cache, _id = ID:session           pickle of text

(beaker/container.py, beaker/ext/.) Nothing of a pickle is executed. A session's file has its id as
its name, without dots; only the files of caches have a SHA-1 as theirs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol

from ..codec import UNREADABLE, read_pickle
from ..errors import ConfigurationError, StoreUnavailable
from ..options import Options
from ..rows import now

#: Rows and keys that one query returns at most.
PAGE_SIZE = 500
_KEY_PREFIX, _KEY_END = "beaker_cache:", ":session"


class OldSession(NamedTuple):
    """A session in another backend.

    Attributes:
        session_id: its id.
        text: as Beaker has saved it; None if it cannot be read.
        accessed: its last access in seconds since the epoch; None if the backend does not know.
    """

    session_id: str
    text: str | None
    accessed: float | None

    def __repr__(self) -> str:
        return f"<old session, {len(self.text or '')} characters>"


class Source(Protocol):
    """The sessions of a backend."""

    def count(self) -> int:
        """How many entries the backend has; those of caches may be among them."""

    def sessions(self) -> Iterator[OldSession]:
        """Each session, in any order."""


def open_source(options: Options) -> Source:
    """The sessions of the backend that `fallback_type` names.

    Args:
        options: of the table, with `fallback_...` for the backend, and Beaker's own `timeout` as
            Beaker passes it to a backend.

    Raises:
        ConfigurationError: the type cannot be migrated, or an option or a library is missing.
    """
    kind = options.fallback_type
    if kind not in _SOURCES:
        raise ConfigurationError(
            f"fallback_type names the backend to migrate from, one of {', '.join(_SOURCES)}: "
            f"it is {kind or 'missing'}"
        )
    open_kind, needed = _SOURCES[kind]
    if getattr(options, needed) is None:
        raise ConfigurationError(f"fallback_type = {kind} needs {needed}")
    return open_kind(options)


class _Files:
    """Sessions of the backend `file`."""

    def __init__(self, options: Options) -> None:
        self._folder = Path(f"{options.fallback_data_dir}") / "container_file"
        if not self._folder.is_dir():
            raise ConfigurationError(f"there is no folder {self._folder}: check fallback_data_dir")

    def count(self) -> int:
        return sum(1 for _ in self._paths())

    def sessions(self) -> Iterator[OldSession]:
        for path in self._paths():
            try:
                with _answering("file", OSError):
                    pickled, accessed = path.read_bytes(), path.stat().st_mtime
            except StoreUnavailable as error:
                if not isinstance(error.cause, FileNotFoundError):
                    raise
                continue  # the session has ended meanwhile
            yield from _in_mapping(path.stem, pickled, accessed)

    def _paths(self) -> Iterator[Path]:
        for folder, _, files in os.walk(self._folder, onerror=_raise):
            for name in files:
                if name.endswith(".cache"):
                    yield Path(folder, name)


class _Database:
    """Sessions of the backends `ext:database` and `ext:sqla`."""

    def __init__(self, options: Options) -> None:
        self._sql = _library("sqlalchemy")
        self._error = _library("sqlalchemy.exc").SQLAlchemyError
        with _usable("ext:database", self._error, ImportError):
            # Without a pool, each connection is closed after its query.
            pool = _library("sqlalchemy.pool").NullPool
            self._engine = self._sql.create_engine(f"{options.fallback_url}", poolclass=pool)
        columns = {"namespace": self._sql.String, "accessed": self._sql.DateTime}
        # Not PickleType, which would execute what it reads.
        columns["data"] = self._sql.LargeBinary
        self._table = self._sql.Table(
            options.fallback_table_name or "beaker_cache",
            self._sql.MetaData(),
            *[self._sql.Column(name, kind) for name, kind in columns.items()],
        )

    def count(self) -> int:
        query = self._sql.select(self._sql.func.count()).select_from(self._table)
        return int(self._rows(query)[0][0])

    def sessions(self) -> Iterator[OldSession]:
        last = ""
        while page := self._page(last):
            for name, accessed, pickled in page:
                yield from _in_mapping(name, bytes(pickled), _timestamp(accessed))
            last = page[-1][0]

    def _page(self, after: str) -> list[Any]:
        name = self._table.c.namespace
        query = self._sql.select(self._table).where(name > after).order_by(name).limit(PAGE_SIZE)
        return self._rows(query)

    def _rows(self, query: Any) -> list[Any]:
        """The rows of a query; no transaction stays open while they are stored in DynamoDB."""
        with _answering("ext:database", self._error), self._engine.connect() as connection:
            return list(connection.execute(query))


class _Redis:
    """Sessions of the backend `ext:redis`.

    With Beaker's `timeout`, a key expires 120 s later than that after the session's last save.
    """

    def __init__(self, options: Options) -> None:
        redis = _library("redis")
        self._error = redis.RedisError
        self._life = options.timeout
        with _usable("ext:redis", ValueError):
            self._client = redis.Redis.from_url(f"{options.fallback_url}")

    def count(self) -> int:
        with _answering("ext:redis", self._error):
            return int(self._client.dbsize())

    def sessions(self) -> Iterator[OldSession]:
        cursor, is_first = 0, True
        while cursor or is_first:
            with _answering("ext:redis", self._error):
                cursor, keys = self._client.scan(cursor, f"{_KEY_PREFIX}*{_KEY_END}", PAGE_SIZE)
                found = self._read(keys)
            is_first = False
            yield from found

    def _read(self, keys: list[bytes]) -> list[OldSession]:
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.get(key)
            pipeline.pttl(key)
        answers = pipeline.execute()
        return [
            OldSession(_id_in(key.decode("utf-8", "surrogateescape")), _text_in(pickled), accessed)
            for key, pickled, left in zip(keys, answers[::2], answers[1::2], strict=True)
            for accessed in [self._accessed(left)]
            if pickled is not None
        ]

    def _accessed(self, milliseconds_left: int) -> float | None:
        if milliseconds_left < 0 or self._life is None:
            return None
        return now() + milliseconds_left / 1000 - self._life


class _MongoDB:
    """Sessions of the backend `ext:mongodb`, which keeps no time of theirs."""

    def __init__(self, options: Options) -> None:
        pymongo, errors = _library("pymongo"), _library("pymongo.errors")
        self._error = errors.PyMongoError
        with _usable("ext:mongodb", self._error, ValueError):
            client = pymongo.MongoClient(f"{options.fallback_url}")
            # Beaker's own spelling.
            self._entries = client.get_default_database().backer_cache

    def count(self) -> int:
        with _answering("ext:mongodb", self._error):
            return int(self._entries.estimated_document_count())

    def sessions(self) -> Iterator[OldSession]:
        with _answering("ext:mongodb", self._error):
            found = self._entries.find({"_id": {"$regex": f"{_KEY_END}$"}}, batch_size=PAGE_SIZE)
            for entry in found:
                yield OldSession(_id_in(entry["_id"]), _text_in(entry["value"]), None)


_SOURCES: dict[str, tuple[Callable[[Options], Source], str]] = {
    "file": (_Files, "fallback_data_dir"),
    "ext:database": (_Database, "fallback_url"),
    "ext:sqla": (_Database, "fallback_url"),
    "ext:redis": (_Redis, "fallback_url"),
    "ext:mongodb": (_MongoDB, "fallback_url"),
}


def _in_mapping(session_id: str, pickled: bytes, accessed: float | None) -> Iterator[OldSession]:
    """The session in what a file or a row of a database holds; nothing if that is a cache."""
    try:
        content = read_pickle(pickled)
    except UNREADABLE:
        yield OldSession(session_id, None, accessed)
        return
    if isinstance(content, dict) and "session" in content:
        yield OldSession(session_id, _as_text(content["session"]), accessed)


def _text_in(pickled: bytes) -> str | None:
    try:
        return _as_text(read_pickle(pickled))
    except UNREADABLE:
        return None


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _id_in(key: str) -> str:
    return key.removeprefix(_KEY_PREFIX).removesuffix(_KEY_END)


def _timestamp(moment: datetime | None) -> float | None:
    # Beaker stores the local time without a zone (beaker/ext/sqla.py).
    return None if moment is None else moment.timestamp()


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = name.partition(".")[0]
        raise ConfigurationError(
            f"to migrate, the library of the old backend is missing: pip install {missing}",
            cause=error,
        ) from error


@contextmanager
def _usable(kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Raise ConfigurationError for a URL that the backend's library refuses."""
    try:
        yield
    except errors as error:
        # Only the error's name: its text may quote the URL, and with it a password.
        raise ConfigurationError(
            f"fallback_url is not one that {kind} can use ({type(error).__name__}): check it, and "
            "that the database's driver is installed",
            cause=error,
        ) from error


@contextmanager
def _answering(kind: str, error_kind: type[Exception]) -> Iterator[None]:
    """Raise StoreUnavailable for an old backend that does not answer."""
    try:
        yield
    except error_kind as error:
        raise StoreUnavailable(
            f"the old backend, {kind}, did not answer ({type(error).__name__}): check "
            "fallback_url or fallback_data_dir, then run the same command again",
            cause=error,
        ) from error


def _raise(error: OSError) -> NoReturn:
    raise StoreUnavailable(
        f"a folder of the old backend cannot be read ({type(error).__name__}): check its "
        "permissions, then run the same command again",
        cause=error,
    ) from error
