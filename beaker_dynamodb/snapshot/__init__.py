"""Read a session's payload, tell what changed, and merge two changes of it. Pure."""

from .sessions import (
    BEAKERS_OWN,
    Format,
    Session,
    changed_keys,
    format_of,
    has_changed,
    is_cleared,
    is_empty,
    is_same_session,
    merge,
    read,
    recognise,
)

__all__ = [
    "BEAKERS_OWN",
    "Format",
    "Session",
    "changed_keys",
    "format_of",
    "has_changed",
    "is_cleared",
    "is_empty",
    "is_same_session",
    "merge",
    "read",
    "recognise",
]
