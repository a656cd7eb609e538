"""The workload of caches: creators, waiters and removals of a few values."""
