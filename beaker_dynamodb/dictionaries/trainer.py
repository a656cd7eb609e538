"""Trainer: `dictionary = auto`. One process at a time trains a dictionary, and again each day."""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict

from ..codec import Dictionary, SavedSession
from ..errors import CorruptItem, TableError
from ..options import ONE_DAY, Options
from ..rows import Lease, Leases, OwnTokens, Row, new_token, now
from ..table import RowKey, item_size
from .known import REFRESH_INTERVAL, KnownDictionaries
from .samples import ENOUGH, Sample, may_be_sample, train_on
from .store import DictionaryStore

logger = logging.getLogger("beaker_dynamodb.dictionaries")

#: In seconds. How long a training takes at most; the process may have died after that.
LONGEST_TRAINING = 120
#: In seconds. From one training to the next, whichever process does it.
TRAINING_INTERVAL = ONE_DAY


class Samples:
    """The sessions that this process has read or written last, each once; at most `ENOUGH`."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Have no samples, as a new process."""
        self._by_partition: OrderedDict[str, tuple[bytes, int | None]] = OrderedDict()
        self._next_training = -math.inf
        self.forget_threads()

    def forget_threads(self) -> None:
        """Forget what other threads do: a forked worker has none of its parent's."""
        self._lock = threading.Lock()

    def add(self, partition: str, payload: bytes, life: int | None) -> None:
        """Add a session, or what it has become."""
        with self._lock:
            self._by_partition[partition] = payload, life
            self._by_partition.move_to_end(partition)
            if len(self._by_partition) > ENOUGH:
                self._by_partition.popitem(last=False)

    def claim_training(self, moment: float) -> bool:
        """Whether the caller has to train: there are enough samples, and it is time."""
        if len(self._by_partition) < ENOUGH or moment < self._next_training:
            return False
        with self._lock:
            if moment < self._next_training:
                return False
            # If this training fails, another one follows after the same time as a refresh.
            self._next_training = moment + REFRESH_INTERVAL
            return True

    def wait_until(self, moment: float) -> None:
        """Train no more until a time, in seconds since the epoch."""
        with self._lock:
            self._next_training = moment

    def taken(self, overhead: int) -> list[Sample]:
        """All samples, of items with this many bytes besides the data."""
        with self._lock:
            found = list(self._by_partition.values())
        return [Sample(payload, life, overhead) for payload, life in found]


class Trainer:
    """Trains dictionaries on the sessions that this process reads and writes.

    Args:
        store: of the dictionaries.
        known: what this process knows of them.
        samples: of this process.
        leases: of the table.
        options: of the backend.
    """

    def __init__(
        self,
        store: DictionaryStore,
        known: KnownDictionaries,
        samples: Samples,
        leases: Leases,
        options: Options,
    ) -> None:
        self._store = store
        self._known = known
        self._samples = samples
        self._leases = leases
        self._options = options

    def note(self, key: RowKey, session: SavedSession, life: int | None, moment: float) -> bool:
        """Note a session; whether the caller has to `run` now, in the background."""
        if may_be_sample(session, life):
            self._samples.add(key.partition, session.payload, life)
        return self._samples.claim_training(moment)

    def run(self) -> None:
        """Train and install a dictionary if it saves write units, unless another process does.

        The process that holds the lease keeps it until the next training is due.
        """
        key, tokens, moment = self._store.lease_key, OwnTokens(), now()
        lease = self._leases.acquire(key, tokens, LONGEST_TRAINING)
        if not isinstance(lease, Lease):
            self._samples.wait_until(max(lease.until, moment + REFRESH_INTERVAL))
            return
        self._train(moment)
        self._samples.wait_until(now() + TRAINING_INTERVAL)
        # Not `extend`: the item expires with its lease.
        self._leases.acquire(key, tokens, TRAINING_INTERVAL)

    def _train(self, moment: float) -> None:
        current = self._read_current()
        samples = self._samples.taken(self._overhead())
        training = train_on(samples, math.floor(moment), self._options.compression, current)
        if training.dictionary is None or not training.is_worth_it:
            logger.info("no new dictionary is stored: it would save too few write units")
            return
        self._store.install(training.dictionary)
        self._known.confirm(training.dictionary, moment)
        logger.info(
            "a new dictionary is current: %d sessions take %d write units instead of %d",
            training.held_back,
            training.units_after,
            training.units_before,
        )

    def _read_current(self) -> Dictionary | None:
        try:
            name = self._store.current_name(consistent=True)
            return self._known.get(name, self._store.read, now()) if name else None
        except (CorruptItem, TableError) as error:
            logger.warning("the current dictionary cannot be used: %s", error)
            return None

    def _overhead(self) -> int:
        """The bytes of a session's item besides its data, but for indexed values."""
        options = self._options
        key = RowKey(options.key_prefix + "0" * 64, "session")
        created = now() if options.max_lifetime else None
        row = Row(b"", new_token(), now(), ONE_DAY, created, birth=new_token())
        signature = bytes(32) if options.signing_key else None
        return item_size(row.to_item(self._leases.table.model, key, signature).serialize())
