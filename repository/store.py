"""The repository's rows: which bytes a uniqueId stands for, led by patient.

A row is written in the transaction that registers the document, after its bytes became durable: where there is a row
there are bytes.

Source: ITI TF-2 3.41.4.1.3.1 (what a Document Repository stores) and 3.43.4.2.2 (what it gives back).
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from repository.content import Content
from repository.errors import ContentConflict

METADATA = sa.MetaData()

DOCUMENT = sa.Table(
    "repository_document",
    METADATA,
    sa.Column("patient", sa.String(64), primary_key=True),  # key of the dossier
    sa.Column("unique_id", sa.String(256), primary_key=True),  # DocumentEntry.uniqueId
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("sha1", sa.String(40), nullable=False),  # DocumentEntry.hash
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes
    sa.Column("mime_type", sa.String(255), nullable=False),
)

_FIND = sa.select(DOCUMENT.c.sha256, DOCUMENT.c.sha1, DOCUMENT.c.size, DOCUMENT.c.mime_type).where(
    DOCUMENT.c.patient == sa.bindparam("patient"), DOCUMENT.c.unique_id == sa.bindparam("unique_id")
)
_INSERT = sa.insert(DOCUMENT)


class RepositoryStore:
    """The rows, in the transaction of `connection`. Implements `dmp.ports.Documents`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def record(self, patient: str, unique_id: str, content: Content, mime_type: str) -> None:
        """Notes that `unique_id`, in the dossier `patient`, stands for `content`. Recording the same again is nothing.

        Raises ContentConflict when it stands for other bytes or another media type already.
        """
        row = self._row(patient, unique_id)
        if row is None:
            try:
                with self._connection.begin_nested():
                    self._connection.execute(
                        _INSERT,
                        {
                            "patient": patient,
                            "unique_id": unique_id,
                            "sha256": content.sha256,
                            "sha1": content.sha1,
                            "size": content.size,
                            "mime_type": mime_type,
                        },
                    )
            except IntegrityError:
                row = self._row(patient, unique_id)  # another transaction was first
                if row is None:
                    raise
            else:
                return
        known, known_type = row
        if known != content:
            raise ContentConflict(f"{unique_id}: the bytes it stands for (SHA-1 {known.sha1})", content.sha1)
        if known_type != mime_type:
            raise ContentConflict(f"{unique_id}: media type {known_type}", mime_type)

    def content(self, patient: str, unique_id: str) -> Content | None:
        """What `unique_id` stands for in the dossier `patient`; None when the repository does not know it there."""
        row = self._row(patient, unique_id)
        return row[0] if row else None

    def _row(self, patient: str, unique_id: str) -> tuple[Content, str] | None:
        row = self._connection.execute(_FIND, {"patient": patient, "unique_id": unique_id}).one_or_none()
        return (Content(row.sha256, row.sha1, row.size), row.mime_type) if row else None
