"""Answers that are given a part at a time: what was found once, and how much of it was given.

Source: ITI TF-2 3.47.4.3.3 (how long they are retained is an implementation decision).
"""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from identities.patient_query import Continuation
from identities.store.tables import CONTINUATIONS


class Continuations:
    """The continuations of every query, in the transaction of one connection."""

    _connection: sa.Connection

    def save_continuation(self, key: str, continuation: Continuation, now: datetime) -> None:
        """Keeps a continuation in the place of an older one of that key; those that expired go."""
        self._connection.execute(sa.delete(CONTINUATIONS).where(CONTINUATIONS.c.expires <= now))
        row = {
            "query": continuation.query,
            "found": json.dumps(continuation.found, separators=(",", ":")),
            "quantity": continuation.quantity,
            "position": continuation.position,
            "expires": continuation.expires,
        }
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        inserted = dialect.insert(CONTINUATIONS).values(key=key, **row)
        self._connection.execute(inserted.on_conflict_do_update(index_elements=["key"], set_=row))

    def continuation(self, key: str, now: datetime) -> Continuation | None:
        """The continuation of that key, None when there is none or it expired."""
        wanted = sa.select(CONTINUATIONS).where(CONTINUATIONS.c.key == key, CONTINUATIONS.c.expires > now)
        row = self._connection.execute(wanted).one_or_none()
        if row is None:
            return None
        found = tuple((dossier, degree) for dossier, degree in json.loads(row.found))
        return Continuation(bytes(row.query), found, row.quantity, row.position, row.expires)

    def drop_continuation(self, key: str) -> None:
        """Forgets a continuation, if there is one of that key."""
        self._connection.execute(sa.delete(CONTINUATIONS).where(CONTINUATIONS.c.key == key))
