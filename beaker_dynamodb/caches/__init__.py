"""Caches: their values, and the creation of a missing one."""

from .creation import CreationLock, ThreadState
from .entry import MISSING
from .values import CacheValues

__all__ = ["MISSING", "CacheValues", "CreationLock", "ThreadState"]
