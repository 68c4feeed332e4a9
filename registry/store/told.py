"""Rows as what is told of them: whole objects, or references that no body is read for.

Source: ITI TF-2 3.18.4.1.2.3.1 (LeafClass, ObjectRef).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from registry.body import from_json
from registry.metadata import Association, DocumentEntry, Folder, RegistryObject, SubmissionSet
from registry.store.tables import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET
from registry.stored_query import ObjectReference

Rows = Sequence[Any]

_REFERENCE = {
    ENTRY: (ENTRY.c.id, ENTRY.c.entry_uuid, ENTRY.c.home),
    SUBMISSION_SET: (SUBMISSION_SET.c.id, SUBMISSION_SET.c.entry_uuid, SUBMISSION_SET.c.home),
    FOLDER: (FOLDER.c.id, FOLDER.c.entry_uuid, FOLDER.c.home),
    ASSOCIATION: (
        ASSOCIATION.c.id,
        ASSOCIATION.c.entry_uuid,
        ASSOCIATION.c.type,
        ASSOCIATION.c.source,
        ASSOCIATION.c.target,
    ),
}
_WHOLE = {
    ENTRY: (ENTRY.c.body, ENTRY.c.availability_status),
    SUBMISSION_SET: (SUBMISSION_SET.c.body, SUBMISSION_SET.c.availability_status),
    FOLDER: (FOLDER.c.body, FOLDER.c.availability_status),
    ASSOCIATION: (ASSOCIATION.c.body, ASSOCIATION.c.availability_status),
}


def columns(table: sa.Table, whole: bool) -> tuple[sa.ColumnElement[Any], ...]:
    """What is read of a row of `table` to tell it, but for when a folder changed: that depends on who asks."""
    return (*_REFERENCE[table], *_WHOLE[table]) if whole else _REFERENCE[table]


@dataclass(slots=True)
class Found:
    """The rows that a query found, by what they are."""

    sets: Rows = ()
    entries: Rows = ()
    folders: Rows = ()
    associations: Rows = ()

    def __len__(self) -> int:
        return len(self.sets) + len(self.entries) + len(self.folders) + len(self.associations)

    @property
    def uuids(self) -> set[str]:
        """The entryUUIDs of all but the associations."""
        return {row.entry_uuid for rows in (self.sets, self.entries, self.folders) for row in rows}

    def objects(self) -> Iterator[RegistryObject]:
        """The whole objects, of rows that have a body."""
        yield from map(submission_set, self.sets)
        yield from map(document_entry, self.entries)
        yield from map(folder, self.folders)
        yield from map(association, self.associations)

    def references(self) -> Iterator[ObjectReference]:
        for rows in (self.sets, self.entries, self.folders):
            for row in rows:
                yield ObjectReference(row.entry_uuid, row.home or "")
        for row in self.associations:
            yield ObjectReference(row.entry_uuid)


def document_entry(row: Any) -> DocumentEntry:
    return from_json(DocumentEntry, row.body, {"availability_status": row.availability_status})


def submission_set(row: Any) -> SubmissionSet:
    return from_json(SubmissionSet, row.body, {"availability_status": row.availability_status})


def folder(row: Any) -> Folder:
    current = {"availability_status": row.availability_status, "last_update_time": row.last_update_time}
    return from_json(Folder, row.body, current)


def association(row: Any) -> Association:
    return from_json(Association, row.body, {"availability_status": row.availability_status})
