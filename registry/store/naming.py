"""What a UUID names, in whichever dossier: keys and identifiers, no content. Each dossier must then be decided.

And when objects that may be seen were registered.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from registry.existing import Named
from registry.metadata import DocumentEntry, Folder, SubmissionSet
from registry.store.getting import uuids as readable
from registry.store.identifiers import among, chunks
from registry.store.tables import ENTRY, FOLDER, SUBMISSION_SET

_KINDS = {ENTRY: DocumentEntry, SUBMISSION_SET: SubmissionSet, FOLDER: Folder}


def named(connection: sa.Connection, uuids: Iterable[str]) -> dict[str, Named]:
    """The object of each UUID: an entryUUID, of any version, or a logicalID. Of an entry or folder the newest."""
    found: dict[str, Named] = {}
    wanted = readable(uuids)
    for statement in (_SETS, *_LOGICAL):
        for chunk in chunks(wanted):
            for row in connection.execute(statement, {"identifiers": chunk}):
                found[row.uuid] = Named(row.kind, row.patient, row.entry_uuid, row.unique_id)
    return found


def received(connection: sa.Connection, uuids: Iterable[str]) -> dict[str, datetime]:
    """When the registry accepted each of these entries and submission sets, all of which were found before."""
    return {
        row.entry_uuid: datetime.strptime(row.received, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        for table in (ENTRY, SUBMISSION_SET)
        for chunk in chunks(uuids)
        for row in connection.execute(
            sa.select(table.c.entry_uuid, table.c.received).where(among(table.c.entry_uuid)), {"identifiers": chunk}
        )
    }


def _kind(table: sa.Table) -> sa.Label[str]:
    return sa.literal(_KINDS[table].__name__).label("kind")


def _chained(table: sa.Table) -> sa.Select[Any]:
    """The newest version of the object that a version, or the logicalID, names."""
    newest, any_version = table.alias("newest"), table
    same = sa.and_(newest.c.logical_id == any_version.c.logical_id, newest.c.latest)
    return (
        sa.select(
            _kind(table),
            any_version.c.entry_uuid.label("uuid"),
            newest.c.patient,
            newest.c.entry_uuid,
            newest.c.unique_id,
        )
        .select_from(any_version.join(newest, same))
        .where(among(any_version.c.entry_uuid))
    )


def _logical(table: sa.Table) -> sa.Select[Any]:
    """The newest version of the object of a logicalID."""
    return sa.select(
        _kind(table), table.c.logical_id.label("uuid"), table.c.patient, table.c.entry_uuid, table.c.unique_id
    ).where(table.c.latest, among(table.c.logical_id))


_LOGICAL = (_chained(ENTRY), _chained(FOLDER), _logical(ENTRY), _logical(FOLDER))
_SETS = sa.select(
    _kind(SUBMISSION_SET),
    SUBMISSION_SET.c.entry_uuid.label("uuid"),
    SUBMISSION_SET.c.patient,
    SUBMISSION_SET.c.entry_uuid,
    SUBMISSION_SET.c.unique_id,
).where(among(SUBMISSION_SET.c.entry_uuid))
