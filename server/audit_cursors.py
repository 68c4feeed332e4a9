"""How far each audit repository has got: the log itself is the outbox, and one row for each destination its cursor.

Everything up to `sequence` has arrived there, or was not for it. A destination without a row begins with the oldest
event that is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from audit.store import AuditRecord, AuditStore, instant_text
from server.database import Database

METADATA = sa.MetaData()
OUTLET = sa.Table(
    "audit_outlet",
    METADATA,
    sa.Column("destination", sa.Text, primary_key=True),  # as server.audit_settings.Repository is written
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text, nullable=False),  # of the last attempt; '' when it went well
    sa.Column("tried", sa.String(27), nullable=False),  # when that was; ISO 8601, UTC
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a destination stands; `tried` is '' while nothing was."""

    sequence: int = 0
    error: str = ""
    tried: str = ""


class Cursors:
    """The cursors of one database. Safe to share between threads; every method is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, destination: str) -> Cursor:
        """Where that destination stands."""
        with self._database.transaction() as connection:
            row = connection.execute(sa.select(OUTLET).where(OUTLET.c.destination == destination)).one_or_none()
        return Cursor(row.sequence, row.error, row.tried) if row else Cursor()

    def after(self, sequence: int, limit: int) -> tuple[tuple[AuditRecord, ...], int]:
        """The first `limit` events after that sequence number, whoever recorded them; and the last number there is."""
        with self._database.transaction() as connection:
            store = AuditStore(connection)
            return store.after(sequence, limit=limit), store.head().size

    def confirm(self, destination: str, sequence: int, instant: datetime) -> None:
        """Notes that everything up to `sequence` has arrived there. A cursor never goes back."""
        moved = sa.case((OUTLET.c.sequence < sequence, sequence), else_=OUTLET.c.sequence)
        self._note(destination, sequence, instant, "", moved)

    def failed(self, destination: str, error: str, instant: datetime) -> None:
        """Notes why the last attempt came to nothing."""
        self._note(destination, 0, instant, error, OUTLET.c.sequence)

    def _note(
        self, destination: str, sequence: int, instant: datetime, error: str, moved: sa.ColumnElement[int]
    ) -> None:
        told = {"error": error, "tried": instant_text(instant)}
        with self._database.transaction() as connection:
            changed = OUTLET.update().where(OUTLET.c.destination == destination).values(sequence=moved, **told)
            if connection.execute(changed).rowcount == 0:
                connection.execute(OUTLET.insert().values(destination=destination, sequence=sequence, **told))


def everywhere(connection: sa.Connection, destinations: Sequence[str]) -> int | None:
    """The sequence number up to which every one of `destinations` has everything; None when there are none.

    Whoever removes old events removes none beyond it.
    """
    if not destinations:
        return None
    rows = connection.execute(sa.select(OUTLET.c.destination, OUTLET.c.sequence)).all()
    reached: dict[str, int] = {row.destination: row.sequence for row in rows}
    return min(reached.get(each, 0) for each in destinations)
