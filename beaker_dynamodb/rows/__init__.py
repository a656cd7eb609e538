"""The rows of a table: their attributes, their leases, and the condition of each write."""

from .leases import (
    ACQUIRE_TRIES,
    LONGEST_CREATION,
    Lease,
    Leases,
    OwnTokens,
    Slot,
    StoredVersion,
)
from .listing import Listing
from .parts import READ_TRIES, Parts
from .row import MARKER_LIFE, Marker, Row, Successor, new_token, now
from .rows import Rows, WriteResult

__all__ = [
    "ACQUIRE_TRIES",
    "LONGEST_CREATION",
    "MARKER_LIFE",
    "READ_TRIES",
    "Lease",
    "Leases",
    "Listing",
    "Marker",
    "OwnTokens",
    "Parts",
    "Row",
    "Rows",
    "Slot",
    "StoredVersion",
    "Successor",
    "WriteResult",
    "new_token",
    "now",
]
