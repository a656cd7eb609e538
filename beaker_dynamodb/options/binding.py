"""Which options tell one table, and one way of asking it, from another."""

from __future__ import annotations

SECRETS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
#: Which table, where, as whom, how it is asked and how it is created.
TABLE_OPTIONS = (
    "table_name",
    "region",
    "endpoint_url",
    *SECRETS,
    "profile",
    "hash_key",
    "range_key",
    "ttl_attribute",
    "billing_mode",
    "read_capacity_units",
    "write_capacity_units",
    "connect_timeout",
    "read_timeout",
    "max_retries",
    "max_pool_connections",
)
