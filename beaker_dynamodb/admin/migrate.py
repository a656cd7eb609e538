"""Migrate the sessions of another Beaker backend, without logging anyone out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from enum import Enum
from itertools import islice
from typing import NamedTuple

from ..codec import SavedSession
from ..errors import ConfigurationError, ItemTooLarge
from ..manager import Backend
from ..options import Options, parse_options
from ..rows import Row
from ..sessions import BEAKER_TIMEOUT_MARGIN, first_row, indexed_values
from ..table import RowKey, session_key
from .sources import OldSession, open_source

logger = logging.getLogger("beaker_dynamodb.admin")

#: Sessions that are looked up in the table together: as many as BatchGetItem takes.
PAGE_SIZE = 100
THREADS = 8


class Outcome(Enum):
    """What becomes of a session of the old backend."""

    STORED = "stored"
    PRESENT = "present"
    EXPIRED = "expired"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"


class Migration(NamedTuple):
    """How far a migration is.

    Attributes:
        entries: of the old backend when the migration began; those of caches may be among them.
        read: sessions that were read from the old backend.
        stored: of these, those that are stored now; in a dry run, those that would be.
        present: those whose id the table already had: from an earlier run, or newer.
        expired: those that have expired.
        unreadable: those that the old backend holds in a form that Beaker does not write.
        too_large: those that take more than `max_value_size`.
    """

    entries: int
    read: int = 0
    stored: int = 0
    present: int = 0
    expired: int = 0
    unreadable: int = 0
    too_large: int = 0

    def plus(self, outcomes: Iterable[Outcome]) -> Migration:
        """The same migration, further on."""
        counts = self._asdict()
        for outcome in outcomes:
            counts["read"] += 1
            counts[outcome.value] += 1
        return Migration(**counts)


def migrate(
    progress: Callable[[Migration], None] = lambda _: None,
    *,
    dry_run: bool = False,
    threads: int = THREADS,
    **options: object,
) -> Migration:
    """Store the sessions of another Beaker backend in the table, under the same ids.

    Each session is stored as Beaker has saved it, encrypted or not, with the life that it has
    left. A session whose id the table already has, or had a moment ago, stays as it is: a site may
    run meanwhile, and a migration that was interrupted goes on if it is called again. The old
    backend stays as it is.

    Args:
        progress: receives how far the migration is, after each 100 sessions and at Ctrl-C.
        dry_run: read everything, and store nothing.
        threads: how many sessions are stored at the same time.
        options: as in the ini file, with `fallback_type`, `fallback_url`, `fallback_data_dir` and
            `fallback_table_name` for the old backend; see `Options`.

    Returns:
        What became of the sessions.

    Raises:
        ConfigurationError: for a wrong option, or if a library of the old backend is missing.
        TableError: the table is missing, or access was denied.
        StoreUnavailable: DynamoDB or the old backend did not answer.
    """
    parsed = _for_migrating(parse_options(options), dry_run=dry_run)
    source = open_source(parsed)
    state = Migration(source.count())
    sessions = source.sessions()
    storing = _Storing(parsed, dry_run=dry_run)
    progress(state)
    with ThreadPoolExecutor(threads) as pool:
        while page := list(islice(sessions, PAGE_SIZE)):
            present, begun = storing.begin(page, pool)
            state = _wait_for(begun, state.plus(present), pool, progress)
    return state


def _wait_for(
    begun: list[Future[Outcome]],
    state: Migration,
    pool: ThreadPoolExecutor,
    progress: Callable[[Migration], None],
) -> Migration:
    """Wait until the sessions of a page are stored, or for Ctrl-C, and report how far it is."""
    try:
        wait(begun, return_when=FIRST_EXCEPTION)
    except KeyboardInterrupt:
        pool.shutdown(cancel_futures=True)
        stored = (each for each in begun if not each.cancelled() and not each.exception())
        progress(state.plus(each.result() for each in stored))
        raise
    state = state.plus(each.result() for each in begun)
    progress(state)
    return state


class _Storing:
    """Stores sessions of the old backend, from any number of threads."""

    def __init__(self, options: Options, *, dry_run: bool) -> None:
        self._options = options
        self._backend = Backend.of(options)
        self._dry_run = dry_run

    def begin(
        self, page: list[OldSession], pool: ThreadPoolExecutor
    ) -> tuple[list[Outcome], list[Future[Outcome]]]:
        """What becomes of the sessions that the table has, and begin to store the others."""
        keyed = {self._key(session.session_id): session for session in page}
        present = self._present(list(keyed))
        missing = [(key, session) for key, session in keyed.items() if key not in present]
        known = [Outcome.PRESENT] * (len(page) - len(missing))
        return known, [pool.submit(self._outcome, key, session) for key, session in missing]

    def _outcome(self, key: RowKey, session: OldSession) -> Outcome:
        if session.text is None:
            logger.warning("%s: the old backend holds it in no form that Beaker writes", key)
            return Outcome.UNREADABLE
        saved = SavedSession.from_text(session.text)
        row = first_row(key, saved, self._backend.lifetime, session.accessed)
        if self._backend.lifetime.has_ended(row):
            return Outcome.EXPIRED
        try:
            data = self._backend.codec.encode(key, saved, row.life)
        except ItemTooLarge as error:
            logger.warning("%s: %s", key, error)
            return Outcome.TOO_LARGE
        row = row._replace(data=data, indexed=self._indexed(key, saved))
        return Outcome.STORED if self._dry_run else self._store(key, row)

    def _indexed(self, key: RowKey, saved: SavedSession) -> tuple[tuple[str, str], ...]:
        try:
            return indexed_values(saved.content or {}, self._options)
        except ConfigurationError as error:
            logger.warning("%s: stored, and in no index: %s", key, error)
            return ()

    def _store(self, key: RowKey, row: Row) -> Outcome:
        rows = self._backend.rows
        # Not over an expired row or marker either: it is newer than what the old backend has.
        result = rows.write(key, row, rows.if_absent(0.0))
        # An attempt whose answer was lost may have stored it.
        is_own = isinstance(result.found, Row) and result.found.version == row.version
        return Outcome.STORED if result.done or is_own else Outcome.PRESENT

    def _present(self, keys: list[RowKey]) -> set[RowKey]:
        """The keys under which the table has anything: a read costs less than a refused write."""
        table = self._backend.rows.table
        items = map(table.parse, table.get_batch(keys[0], keys))
        return {RowKey(item.id, item.item) for item in items}

    def _key(self, session_id: str) -> RowKey:
        options = self._options
        return session_key(options.key_prefix, session_id, hash_id=options.hash_ids)


def _for_migrating(options: Options, *, dry_run: bool) -> Options:
    """The options as a backend gets them: Beaker adds to `timeout`; a typo creates no table.

    A dry run trains no dictionary.
    """
    timeout = options.timeout and options.timeout + BEAKER_TIMEOUT_MARGIN
    dictionary = "none" if dry_run else options.dictionary
    return replace(options, timeout=timeout, create_table=False, dictionary=dictionary)
