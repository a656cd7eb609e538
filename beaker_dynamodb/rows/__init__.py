"""The rows of a table: their attributes, their leases, and the condition of each write."""

from .leases import ACQUIRE_TRIES, Leases, Slot, StoredVersion
from .listing import Listing
from .parts import READ_TRIES, Parts, new_version
from .row import Row, now
from .rows import Rows, WriteResult

__all__ = [
    "ACQUIRE_TRIES",
    "READ_TRIES",
    "Leases",
    "Listing",
    "Parts",
    "Row",
    "Rows",
    "Slot",
    "StoredVersion",
    "WriteResult",
    "new_version",
    "now",
]
