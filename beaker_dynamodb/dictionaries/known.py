"""What this process knows of the dictionaries of a table; shared by its threads, and bounded."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

from ..codec import Dictionary
from .store import LONGEST_USE, StoredDictionary

#: In seconds. How often a process learns which dictionary is current.
REFRESH_INTERVAL = 300
#: Dictionaries that a process keeps, each with some 100 KB.
MOST_KNOWN = 16
#: In seconds. How long a thread waits for another one that reads the same dictionary.
LONGEST_WAIT = 30.0


class KnownDictionaries:
    """The dictionaries that this process has read, and the current one.

    All times are in seconds since the epoch.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing, as a new process."""
        self._by_name: OrderedDict[bytes, Dictionary] = OrderedDict()
        self._current: Dictionary | None = None
        self._confirmed = self._refreshed = -math.inf
        self.forget_threads()

    def forget_threads(self) -> None:
        """Forget what other threads do: a forked worker has none of its parent's."""
        self._lock = threading.Lock()
        self._reading: dict[bytes, threading.Event] = {}

    def get(
        self, name: bytes, read: Callable[[bytes], StoredDictionary], moment: float
    ) -> Dictionary:
        """The dictionary that has a name; only the first of several threads reads it.

        Args:
            name: of the dictionary.
            read: reads it from the table.
            moment: now.
        """
        found = self._by_name.get(name)
        if found is not None:
            return found
        with self._lock:
            other = self._reading.get(name)
            if other is None:
                self._reading[name] = threading.Event()
        if other is not None:
            other.wait(LONGEST_WAIT)
            return self._by_name.get(name) or self._keep(read(name), moment)
        try:
            return self._by_name.get(name) or self._keep(read(name), moment)
        finally:
            with self._lock:
                self._reading.pop(name).set()

    def current(self, moment: float) -> Dictionary | None:
        """The dictionary for new rows, if this process has learned of it within the last hour."""
        is_known = abs(moment - self._confirmed) < LONGEST_USE
        return self._current if is_known else None

    def confirm(self, dictionary: Dictionary | None, moment: float) -> None:
        """Note which dictionary is current, as read at a moment."""
        with self._lock:
            self._current, self._confirmed = dictionary, moment
            self._add(dictionary)

    def claim_refresh(self, moment: float) -> bool:
        """Whether the caller has to learn again which dictionary is current; true once for all."""
        # Without the lock: each request comes here.
        if 0 <= moment - self._refreshed < REFRESH_INTERVAL:
            return False
        with self._lock:
            if 0 <= moment - self._refreshed < REFRESH_INTERVAL:
                return False
            self._refreshed = moment
            return True

    def _keep(self, stored: StoredDictionary, moment: float) -> Dictionary:
        dictionary = stored.dictionary
        with self._lock:
            self._add(dictionary)
            if self._confirmed == -math.inf and not stored.is_retired:
                # A new process has read a session: it need not look which dictionary is current.
                self._current, self._confirmed, self._refreshed = dictionary, moment, moment
        return dictionary

    def _add(self, dictionary: Dictionary | None) -> None:
        if dictionary is not None:
            self._by_name[dictionary.name] = dictionary
        while len(self._by_name) > MOST_KNOWN:
            self._by_name.popitem(last=False)
