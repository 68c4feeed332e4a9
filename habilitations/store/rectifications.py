"""Requests of rectification, as rows: what a patient asked the authors of a document to put right.

Source: CSP R.1111-26 to R.1111-46; public guide of the DMP (droit de rectification: of the author of the document).
"""

from __future__ import annotations

from itertools import groupby

import sqlalchemy as sa

from habilitations.store.tables import RECTIFICATIONS
from habilitations.wishes import Rectification

_IN_ORDER = sa.select(RECTIFICATIONS).order_by(
    RECTIFICATIONS.c.instant, RECTIFICATIONS.c.id, RECTIFICATIONS.c.addressee
)


class Rectifications:
    """Requests of rectification, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def request_rectification(self, dossier: str, asked: Rectification) -> None:
        """Adds a request, which has at least one addressee."""
        said = {"id": asked.id, "dossier": dossier, "document": asked.document, "reason": asked.reason}
        by = {"instant": asked.instant, "requester": asked.requester}
        rows = [{**said, **by, "addressee": addressee} for addressee in asked.addressees]
        self._connection.execute(sa.insert(RECTIFICATIONS), rows)

    def rectifications(self, dossier: str) -> tuple[Rectification, ...]:
        """Those of one dossier, the oldest first."""
        rows = self._connection.execute(_IN_ORDER.where(RECTIFICATIONS.c.dossier == dossier))
        groups = (list(group) for _, group in groupby(rows, key=lambda row: row.id))
        return tuple(
            Rectification(
                id=rows[0].id,
                document=rows[0].document,
                reason=rows[0].reason,
                addressees=tuple(row.addressee for row in rows),
                instant=rows[0].instant,
                requester=rows[0].requester,
            )
            for rows in groups
        )
