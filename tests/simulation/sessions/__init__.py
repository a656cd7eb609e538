"""The workload of sessions: pages of an application behind Beaker's middleware."""
