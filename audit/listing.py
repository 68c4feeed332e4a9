"""The audit log as its operator looks through it: whole rows in the order in which they were written.

Source: ITI TF-1 9.1 (Audit Record Repository); DICOM PS3.15 A.5.
"""

from __future__ import annotations

import sqlalchemy as sa

from audit.conditions import conditions
from audit.selection import Selection
from audit.store import AuditRecord, record_of, unavailable_on_failure
from audit.tables import EVENT


class AuditListings:
    """Reads in the transaction of `connection`. Every method raises AuditUnavailable when the database fails."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def newest(self, selection: Selection, *, limit: int) -> tuple[AuditRecord, ...]:
        """The last `limit` events, newest first."""
        query = sa.select(EVENT).where(*conditions(selection))
        return self._records(query.order_by(EVENT.c.sequence.desc()).limit(limit))

    def following(self, selection: Selection, *, after: int, last: int, limit: int) -> tuple[AuditRecord, ...]:
        """The first `limit` events behind the one of sequence number `after`, up to that of `last`, oldest first."""
        query = sa.select(EVENT).where(*conditions(selection), EVENT.c.sequence > after, EVENT.c.sequence <= last)
        return self._records(query.order_by(EVENT.c.sequence).limit(limit))

    def _records(self, query: sa.Select[tuple[object, ...]]) -> tuple[AuditRecord, ...]:
        with unavailable_on_failure():
            return tuple(record_of(row) for row in self._connection.execute(query))
