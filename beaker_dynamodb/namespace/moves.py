"""A session that goes on under a new id: stored there, and ended under the old one."""

from __future__ import annotations

import logging

from .. import snapshot
from ..errors import ConflictError, CorruptItem
from .sessions import TRIES, SessionRow

logger = logging.getLogger("beaker_dynamodb.namespace")


class MovableRow(SessionRow):
    """A session's row that can take over from the one under an id that was given up."""

    #: The version of the row that was handed over; None where it is to be removed as it is.
    _handed_over: str | None = None
    #: Whether there was no row to hand over.
    _is_gone = False

    def take_over(self, text: str, old: MovableRow) -> bool:
        """Store a session under this id, and end it under the old one.

        What others have changed under the old id goes with it, and if they have ended it before it
        was read there, it stays ended.

        old row: read --> stored here, with this request's changes --> old row removed, if its
        version is the one that was read; else read again

        Args:
            text: the session as Beaker has serialized it.
            old: the session under the id that was given up.

        Returns:
            False where it was ended under the old id since it was loaded.

        Raises:
            ConflictError: others have changed it again and again, or that is to be raised.
        """
        try:
            return self._has_taken_over(text, old)
        except ConflictError:
            # Nobody is told of the new id.
            self._take_back()
            raise

    def _has_taken_over(self, text: str, old: MovableRow) -> bool:
        for turn in range(TRIES):
            stored = old._to_hand_over(text)
            if stored is None and self._loaded and not (turn and old._is_gone):
                # A save before this one has moved it, and had no answer to the removal.
                self.save(text)
                return True
            if stored is None:
                self._take_back()
                return False
            self._store_for_another(stored, text)
            if old._is_removed_as_handed_over():
                return True
        raise self._store.conflict(f"a session was changed {TRIES} times while its id was renewed")

    def _take_back(self) -> None:
        if self._loaded:
            self.delete()

    def _store_for_another(self, stored: str, text: str) -> None:
        """Store a text of which the application has only a part."""
        if self._loaded:
            self._loaded = self._loaded._replace(text=self._loaded.stored)
        self.save(stored)
        if self._loaded:
            self._loaded = self._loaded._replace(text=text)

    def _to_hand_over(self, text: str) -> str | None:
        """This request's changes on top of what is there now; None where the session has ended."""
        self._handed_over, self._is_gone = None, False
        known = self._recognise(text)
        if self._loaded is None or (known and snapshot.is_cleared(known[1])):
            return text
        try:
            row = self._live.read(consistently=True)
        except CorruptItem as error:
            logger.warning("%s: goes on with what was loaded: %s", self._key, error)
            return text
        self._is_gone = row is None
        if row is None or self._is_begun_anew(known, row):
            return None
        self._handed_over = row.version
        return text if row.version == self._loaded.version else self._settle(text, known, row)[0]

    def _is_removed_as_handed_over(self) -> bool:
        """Remove the row; False where another request has changed it since it was handed over."""
        if self._handed_over is None:
            self.delete()
            return True
        return self._store.delete_version(self._key, self._handed_over)
