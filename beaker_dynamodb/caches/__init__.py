"""Caches: their values, and the creation of a missing value under a lease."""

from .creation import CreationLock
from .creation_lease import ThreadState
from .entry import MISSING
from .values import CacheValues, namespace_and_shards

__all__ = ["MISSING", "CacheValues", "CreationLock", "ThreadState", "namespace_and_shards"]
