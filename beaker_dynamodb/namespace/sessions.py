"""One session's row through one request: what was loaded decides what is written."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from .. import snapshot
from ..errors import BeakerDynamoDBError
from ..options import Options
from ..store import Row, RowKey, Store, Written, new_version, now
from .envelope import BASE64, Envelope
from .lifetime import Lifetime
from .live import LiveRow, Loaded, warn_of_opaque_sessions

logger = logging.getLogger("beaker_dynamodb.namespace")

#: A conflict is met again only if yet another request has come between.
TRIES = 10

Known = tuple[snapshot.Format, snapshot.Session]
Attempt = Callable[[RowKey, Row], Written]


class SessionRow:
    """Loads and saves one session, and writes no more than must be written.

    Built anew for each request; not shared between threads.
    """

    def __init__(
        self,
        store: Store,
        options: Options,
        key: RowKey,
        envelope: Envelope = BASE64,
        cookie_age: int | None = None,
    ) -> None:
        self._store = store
        self._options = options
        self._key = key
        self._envelope = envelope
        self._lifetime = Lifetime.of(options, cookie_age)
        self._live = LiveRow(store, options, key, self._lifetime)
        self._loaded: Loaded | None = None
        #: What was saved, by the version of each write that has had no answer.
        self._tried: dict[str, str] = {}

    def load(self) -> str | None:
        """The text that Beaker has saved; None where the session is missing or expired.

        Raises:
            CorruptItem: what is stored cannot be read.
            StoreUnavailable: the engine did not answer; never taken for a missing session.
        """
        row = self._live.read()
        if row is None:
            self._loaded = None
            return None
        text = self._live.text(row)
        self._loaded = Loaded(text, text, row.version, row.touched, row.created)
        return text

    def save(self, text: str) -> None:
        """Store what Beaker saves, as far as it must be stored.

        Args:
            text: the session as Beaker has serialized it, base64 as a rule.
        """
        known = self._recognise(text)
        if known is None:
            warn_of_opaque_sessions()
            self._store_changes(text, None)
        elif snapshot.is_cleared(known[1]):
            self.delete()
        elif self._loaded is None:
            self._create_unless_empty(text, known)
        elif self._tried or self._has_changed(self._loaded, known):
            self._store_changes(text, known)
        else:
            self._renew_if_due(text, known, self._loaded)

    def delete(self) -> None:
        """End the session: its row is removed, whoever has written to it meanwhile."""
        self._store.delete(self._key)
        self._loaded = None

    def _recognise(self, text: str) -> Known | None:
        return snapshot.recognise(self._envelope.inside(text), *self._envelope.formats)

    def _has_changed(self, loaded: Loaded, known: Known) -> bool:
        before = snapshot.read(self._envelope.inside(loaded.text), known[0].read)
        return before is None or snapshot.has_changed(before, known[1])

    def _create_unless_empty(self, saved: str, known: Known) -> None:
        if snapshot.is_empty(known[1]) and not self._options.save_empty:
            logger.debug("%s: new session is empty, not stored", self._key)
        else:
            self._store_changes(saved, known)

    def _store_changes(self, saved: str, known: Known | None) -> None:
        """Write what this request has changed, and settle conflicts with other requests.

        version as loaded? -- yes --> written, with a new version
          | no: what is there now?
          |-- nothing, or expired, or a session begun since under the same id
          |                         --> this one was ended: nothing is written
          |-- our own new version   --> written by a first try whose answer was lost
          '-- another's version     --> merged, overwritten or raised; and tried again
        """
        stored, attempt = self._on_top(saved, known), self._first_attempt()
        for _ in range(TRIES):
            row = self._row(stored, known, new_version(), now())
            self._tried[row.version] = saved
            written = attempt(self._key, row)
            if written.done or (written.found and written.found.version == row.version):
                self._loaded = Loaded(saved, stored, row.version, row.touched, row.created)
                self._tried.clear()
                return
            again = self._after_refusal(saved, known, written)
            if again is None:
                logger.warning("%s: ended while a request ran, not written", self._key)
                return
            stored, attempt = again
        raise self._store.conflict(f"a session was changed {TRIES} times while it was saved")

    def _after_refusal(
        self, saved: str, known: Known | None, written: Written
    ) -> tuple[str, Attempt] | None:
        """What to write next, and how; None where the session that was loaded was ended."""
        found = written.found
        if not written.is_readable:
            return self._settle(saved, known, None)
        is_live = found is not None and not self._lifetime.is_over(found)
        if found and is_live and not self._is_begun_anew(known, found):
            return self._settle(saved, known, found)
        if self._loaded:
            return None
        replace = partial(self._store.replace, version=found.version) if found else None
        return saved, replace or self._store.create

    def _first_attempt(self) -> Attempt:
        if self._loaded is None:
            return self._store.create
        return partial(self._store.replace, version=self._loaded.version)

    def _is_begun_anew(self, known: Known | None, found: Row) -> bool:
        """Whether the session that was loaded was ended, and another has its id now."""
        if self._loaded is None or known is None:
            return False
        unwrap = self._envelope.inside
        payloads = unwrap(self._loaded.stored), unwrap(self._live.readable_text(found))
        return not snapshot.is_same_session(known[0], *payloads)

    def _settle(self, saved: str, known: Known | None, found: Row | None) -> tuple[str, Attempt]:
        """What to write, and how, where another has written first; `found` is what can be read."""
        if self._options.on_conflict == "merge" and known and found:
            base = self._tried.get(found.version) or (self._loaded and self._loaded.text)
            merged = self._merged(saved, known, self._live.readable_text(found), base)
            if merged is not None:
                return merged, partial(self._store.replace, version=found.version)
        if found and found.version in self._tried:
            # This request's own, which had no answer, and was saved again.
            return saved, partial(self._store.replace, version=found.version)
        if self._options.on_conflict == "raise":
            raise self._store.conflict("another request has changed the session: load it again")
        return saved, self._store.overwrite

    def _on_top(self, saved: str, known: Known | None) -> str:
        """What is to be written: after a merge, the row holds more than the application knows."""
        loaded = self._loaded
        if loaded is None or known is None or loaded.stored == loaded.text:
            return saved
        return self._merged(saved, known, loaded.stored, loaded.text) or saved

    def _merged(self, saved: str, known: Known, theirs: str, base: str | None) -> str | None:
        unwrap = self._envelope.inside
        before = unwrap(base) if base else None
        merged = snapshot.merge(known[0], before, unwrap(saved), unwrap(theirs))
        if merged is None:
            logger.warning("%s: what another request has stored cannot be read", self._key)
            return None
        return self._envelope.wrap(merged)

    def _renew_if_due(self, saved: str, known: Known, loaded: Loaded) -> None:
        touched = now()
        age = touched - loaded.touched
        if age < self._lifetime.touch_after:
            logger.debug("%s: touched %.1f s ago, nothing to write", self._key, age)
            return
        stored = self._on_top(saved, known)
        row = self._row(stored, known, loaded.version, touched)
        if self._renew(row):
            self._loaded = Loaded(saved, stored, row.version, touched, row.created)

    def _renew(self, row: Row) -> bool:
        try:
            renewed = self._store.renew(self._key, row)
        except BeakerDynamoDBError as error:
            # A page is worth more than a touch: the next request touches again.
            logger.warning("a session was not renewed: %s", error)
            return False
        if not renewed:
            logger.info("%s: changed or ended meanwhile, not renewed", self._key)
        return renewed

    def _row(self, saved: str, known: Known | None, version: str, touched: float) -> Row:
        data = self._live.data(saved)
        before = self._loaded.created if self._loaded else None
        created = self._lifetime.created(known[1] if known else None, before)
        return Row(data, version, touched, self._lifetime.life(touched, created), created)
