"""The repository's rows: which bytes a uniqueId stands for, in each dossier.

A row and its bytes become durable in the transaction that registers the document, the row last: where there is a row
there are bytes. They go the other way round: the row in one transaction, then, in another that holds off whoever
records documents, the bytes that no row names any more (`unrecorded`). What a crash leaves in between is swept.

Source: ITI TF-2 3.41.4.1.3.1 (what a Document Repository stores) and 3.43.4.2.2 (what it gives back).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from repository.content import Content
from repository.errors import ContentConflict
from schemas.store import FROM, INTO, uniting

METADATA = sa.MetaData()

DOCUMENT = sa.Table(
    "repository_document",
    METADATA,
    sa.Column("unique_id", sa.String(256), primary_key=True),  # DocumentEntry.uniqueId
    sa.Column("patient", sa.String(64), primary_key=True),  # key of the dossier
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("sha1", sa.String(40), nullable=False),  # DocumentEntry.hash
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes
    sa.Column("mime_type", sa.String(255), nullable=False),
)

_FIND = sa.select(DOCUMENT.c.sha256, DOCUMENT.c.sha1, DOCUMENT.c.size, DOCUMENT.c.mime_type).where(
    DOCUMENT.c.patient == sa.bindparam("patient"), DOCUMENT.c.unique_id == sa.bindparam("unique_id")
)
_INSERT = sa.insert(DOCUMENT)
_SAME = DOCUMENT.alias()
_DIFFERING = sa.select(DOCUMENT.c.unique_id).where(
    DOCUMENT.c.patient == FROM,
    sa.exists().where(
        _SAME.c.patient == INTO, _SAME.c.unique_id == DOCUMENT.c.unique_id, _SAME.c.sha256 != DOCUMENT.c.sha256
    ),
)
_UNITE = uniting(METADATA, "patient")
_THIS = sa.and_(DOCUMENT.c.patient == sa.bindparam("of_patient"), DOCUMENT.c.unique_id == sa.bindparam("of_unique_id"))
_REPLACE = sa.update(DOCUMENT).where(_THIS)
_DELETE = sa.delete(DOCUMENT).where(_THIS)
_OF_PATIENT = sa.select(DOCUMENT.c.sha256, DOCUMENT.c.sha1, DOCUMENT.c.size).where(DOCUMENT.c.patient == FROM)
_ERASE = sa.delete(DOCUMENT).where(DOCUMENT.c.patient == FROM)
_DOSSIERS = (
    sa.select(DOCUMENT.c.unique_id, DOCUMENT.c.patient)
    .where(DOCUMENT.c.unique_id.in_(sa.bindparam("unique_ids", expanding=True)))
    .order_by(DOCUMENT.c.unique_id, DOCUMENT.c.patient)
)
_NAMED = sa.select(DOCUMENT.c.sha256).distinct().where(DOCUMENT.c.sha256.in_(sa.bindparam("addresses", expanding=True)))
_PAGE = (
    sa.select(DOCUMENT.c.unique_id, DOCUMENT.c.patient, DOCUMENT.c.sha256)
    .where(
        sa.tuple_(DOCUMENT.c.unique_id, DOCUMENT.c.patient)
        > sa.tuple_(sa.bindparam("after_unique_id", type_=sa.String), sa.bindparam("after_patient", type_=sa.String))
    )
    .order_by(DOCUMENT.c.unique_id, DOCUMENT.c.patient)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_CHUNK = 1000  # values of one statement: SQLite and PostgreSQL both limit parameters


class RepositoryStore:
    """The rows, in the transaction of `connection`. Implements `dmp.ports.Documents`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def record(self, patient: str, unique_id: str, content: Content, mime_type: str, *, first: bool = False) -> None:
        """Notes that `unique_id`, in the dossier `patient`, stands for `content`. Recording the same again is nothing.

        `first` when the registry knew no document of that identifier: what a removed one left behind makes way. Raises
        ContentConflict when it stands for other bytes or another media type already.
        """
        values = {
            "unique_id": unique_id,
            "patient": patient,
            "sha256": content.sha256,
            "sha1": content.sha1,
            "size": content.size,
            "mime_type": mime_type,
        }
        row = self._row(patient, unique_id)
        if row is None:
            try:
                with self._connection.begin_nested():
                    self._connection.execute(_INSERT, values)
            except IntegrityError:
                row = self._row(patient, unique_id)  # another transaction was first
                if row is None:
                    raise
            else:
                return
        elif first:
            self._connection.execute(_REPLACE.values(values), {"of_patient": patient, "of_unique_id": unique_id})
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

    def dossiers_of(self, unique_ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Each of these uniqueIds with each dossier where it stands for a document."""
        return tuple(
            (row.unique_id, row.patient)
            for chunk in _chunks(unique_ids)
            for row in self._connection.execute(_DOSSIERS, {"unique_ids": chunk})
        )

    def remove(self, patient: str, unique_id: str) -> Content | None:
        """`unique_id` stands for nothing any more in the dossier `patient`; returns what it stood for."""
        content = self.content(patient, unique_id)
        self._connection.execute(_DELETE, {"of_patient": patient, "of_unique_id": unique_id})
        return content

    def erase(self, patient: str) -> tuple[Content, ...]:
        """No uniqueId stands for anything any more in the dossier `patient`; returns what they stood for."""
        rows = self._connection.execute(_OF_PATIENT, {FROM.key: patient}).all()
        self._connection.execute(_ERASE, {FROM.key: patient})
        return tuple({row.sha256: Content(row.sha256, row.sha1, row.size) for row in rows}.values())

    def unrecorded(self, contents: Iterable[Content]) -> tuple[Content, ...]:
        """Those of `contents` that no row names; until the transaction ends nobody else records any."""
        self.hold()
        wanted = {content.sha256: content for content in contents}
        named = {
            row.sha256
            for chunk in _chunks(tuple(wanted))
            for row in self._connection.execute(_NAMED, {"addresses": chunk})
        }
        return tuple(content for address, content in wanted.items() if address not in named)

    def page(self, after: tuple[str, str] = ("", ""), *, limit: int = 10_000) -> list[tuple[str, str, str]]:
        """The next rows after that uniqueId and dossier, in that order, each with its SHA-256; [] at the end.

        All of them in one transaction would hold off whoever records documents for as long as it takes.
        """
        values = {"after_unique_id": after[0], "after_patient": after[1], "limit": limit}
        return [(row.unique_id, row.patient, row.sha256) for row in self._connection.execute(_PAGE, values)]

    def hold(self) -> None:
        """Nobody else records a document until the transaction ends.

        SQLite lets in one writing transaction at a time. Source: PostgreSQL, LOCK (SHARE conflicts with inserts).
        """
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.text(f"LOCK TABLE {DOCUMENT.name} IN SHARE MODE"))

    def unite(self, merged: str, into: str) -> None:
        """Gives every document of the dossier `merged` to `into`; what both have stands once.

        Raises ContentConflict when a uniqueId stands for other bytes in the one than in the other.
        """
        differing = self._connection.execute(_DIFFERING, {FROM.key: merged, INTO.key: into}).first()
        if differing is not None:
            raise ContentConflict(f"{differing.unique_id}: the same bytes in both dossiers", "different bytes")
        for statement in _UNITE:
            self._connection.execute(statement, {FROM.key: merged, INTO.key: into})

    def _row(self, patient: str, unique_id: str) -> tuple[Content, str] | None:
        row = self._connection.execute(_FIND, {"patient": patient, "unique_id": unique_id}).one_or_none()
        return (Content(row.sha256, row.sha1, row.size), row.mime_type) if row else None


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
