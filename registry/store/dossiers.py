"""Which dossiers a query comes upon that names no patient. Dossier keys only: what is in them, a Scope must say.

Source: ITI TF-2 3.18.4.1.2.3.7 (queries by identifier).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from registry.existing import canonical_id, is_uuid
from registry.store.identifiers import among, chunks
from registry.store.tables import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET
from registry.stored_query import GetAssociations, GetDocuments, GetRelatedDocuments, GetSubmissionSets, StoredQuery


def dossiers_of(connection: sa.Connection, query: StoredQuery) -> tuple[str, ...]:
    """The keys of the dossiers that hold an object which `query` names, in order."""
    uuids: Sequence[str] = ()
    unique_ids: Sequence[str] = ()
    match query:
        case GetDocuments():
            uuids, unique_ids = query.entry_uuids, query.unique_ids
        case GetAssociations() | GetSubmissionSets():
            uuids = query.uuids
        case GetRelatedDocuments():
            uuids, unique_ids = (query.entry_uuid,), (query.unique_id,)
    wanted = [uuid for uuid in map(canonical_id, uuids) if is_uuid(uuid)]
    found = {key for table in _BY_UUID for key in _keys(connection, _BY_UUID[table], wanted)}
    return tuple(sorted(found.union(_keys(connection, _BY_UNIQUE_ID, [each for each in unique_ids if each]))))


def _keys(connection: sa.Connection, statement: sa.Select[Any], identifiers: Sequence[str]) -> set[str]:
    return {
        row.patient for chunk in chunks(identifiers) for row in connection.execute(statement, {"identifiers": chunk})
    }


_BY_UUID = {
    table.name: sa.select(table.c.patient).distinct().where(among(table.c.entry_uuid))
    for table in (ENTRY, SUBMISSION_SET, FOLDER, ASSOCIATION)
}
_BY_UNIQUE_ID = sa.select(ENTRY.c.patient).distinct().where(among(ENTRY.c.unique_id))
