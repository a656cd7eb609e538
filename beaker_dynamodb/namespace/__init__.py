"""Beaker's protocol for sessions and caches on top of the store."""

from .envelope import Envelope
from .manager import DynamoDBNamespaceManager

__all__ = ["DynamoDBNamespaceManager", "Envelope"]
