"""SessionModel: the item as PynamoDB maps it."""

from __future__ import annotations

from typing import Any, ClassVar

from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)
from pynamodb.connection import TableConnection
from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE
from pynamodb.models import Model


class SessionModel(Model):
    """One item of the table: a session, its marker, a cache value, a part, or a lease.

    `rows.row` describes the attributes of content, `rows.leases` writes `lock_owner`,
    `lock_until`, `lock_wanted`, `chain` and `content_expires`. Only `id` and `item` are in each
    item.
    """

    class Meta:
        """Replaced in each class that `session_model` binds to a table."""

        table_name = "beaker"
        billing_mode = PAY_PER_REQUEST_BILLING_MODE
        read_capacity_units: int | None = None
        write_capacity_units: int | None = None
        #: What CreateTable gets, but for the table's name.
        schema: ClassVar[dict[str, Any]] = {}
        #: The sessions' keys that have an index each; the attributes have the same names.
        index_keys: tuple[str, ...] = ()

    id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    data = BinaryAttribute(legacy_encoding=False, null=True)
    version = UnicodeAttribute(null=True)
    birth = UnicodeAttribute(null=True)
    ended = UnicodeAttribute(null=True)
    touched = NumberAttribute(null=True)
    created = NumberAttribute(null=True)
    expires = TTLAttribute(null=True)
    content_expires = NumberAttribute(null=True)
    key = BinaryAttribute(legacy_encoding=False, null=True)
    parts = UnicodeAttribute(null=True)
    signature = BinaryAttribute(legacy_encoding=False, null=True)
    lock_owner = UnicodeAttribute(null=True)
    lock_until = NumberAttribute(null=True)
    lock_wanted = NumberAttribute(null=True)
    chain = UnicodeAttribute(null=True)

    def __repr__(self) -> str:
        # PynamoDB's shows all values: ids, payloads, signatures.
        return f"<item of table {self.Meta.table_name}>"

    @classmethod
    def table_connection(cls) -> TableConnection:
        """PynamoDB's connection to the table; connects on first use."""
        return cls._get_connection()


def index_attribute(key: str) -> str:
    """The model's name for the attribute of an indexed key: `key` may be `save` or `query`."""
    return f"index:{key}"
