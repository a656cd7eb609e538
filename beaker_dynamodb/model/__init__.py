"""SessionModel: the item as PynamoDB maps it, bound to a table by `session_model`."""

from .binding import (
    bound_model,
    client_in_use,
    forget_connections,
    location,
    renew_credentials,
    session_model,
)
from .connection import UnusableAnswer
from .item import SessionModel

__all__ = [
    "SessionModel",
    "UnusableAnswer",
    "bound_model",
    "client_in_use",
    "forget_connections",
    "location",
    "renew_credentials",
    "session_model",
]
