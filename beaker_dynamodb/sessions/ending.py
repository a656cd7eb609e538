"""End a session: put a marker in place of its row, here and wherever it continues."""

from __future__ import annotations

from ..rows import Marker, Rows
from ..table import SESSION, Condition, RowKey


def end(
    rows: Rows, key: RowKey, identity: str, condition: Condition | None = None
) -> Marker | None:
    """End a session under a key, and under the ids that it was renamed to.

    the row is still the session's? -- yes --> a marker replaces it
      | no: what is stored now?
      |-- nothing, or another session's row or marker --> it has ended: nothing is written
      |-- our own marker      --> an attempt whose answer was lost has written it
      '-- its renamed marker  --> the rows in which it continues end first, then the marker is
                                  replaced: a request that reads it meanwhile finds them

    Args:
        rows: of the table.
        key: of the session's row.
        identity: of the session, as its row gives it.
        condition: that the row is the session's, if it is another one than `if_session`.

    Returns:
        The marker that is stored now; None if there is none, or a row.
    """
    marker = rows.marker(identity)
    if condition is None:
        condition = rows.if_session(identity)
    result = rows.write(key, marker, condition)
    while not result.done:
        found = result.found
        if not isinstance(found, Marker):
            return None
        if found.text == marker.text or not found.is_renamed or found.birth != identity:
            return found
        end_successors(rows, found)
        result = rows.write(key, marker, rows.if_version(found))
    return marker


def end_successors(rows: Rows, marker: Marker) -> None:
    """End the rows in which a renamed session continues."""
    for successor in marker.successors:
        end(rows, RowKey(successor.partition, SESSION), successor.birth)
