"""What a submission touches of the registry, read in the transaction that will write.

The documents that a submission names, and those derived of what it replaces, are locked while it is judged, so that of
two submissions that meet the second sees what the first did. (SQLite lets in one writing transaction at a time.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from registry.body import from_json
from registry.existing import DocumentVersion, Existing, RegisteredEntry, RegisteredFolder, is_uuid
from registry.lifecycle import canonical, identified, objects
from registry.metadata import Association, AssociationType, AvailabilityStatus, DocumentEntry, Submission
from registry.relationships import DERIVING, REPLACING
from registry.store.identifiers import among, chunks
from registry.store.tables import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, UNIQUE_ID, VERSION
from registry.store.visibility import PATIENT


class Looker:
    """Reads what one submission touches."""

    def __init__(self, connection: sa.Connection, patient: str) -> None:
        self._connection, self._patient = connection, patient

    def existing(self, submission: Submission, versions: Mapping[str, DocumentVersion]) -> Existing:
        submission = canonical(submission)
        associations = submission.associations
        own = {item.entry_uuid for item in objects(submission)}
        named = {end for item in associations for end in (item.source, item.target)} - own
        replaced = [item.target for item in associations if item.type in REPLACING and item.target in named]
        entries = self._entries(named)
        holders = self._holders(replaced)
        folders = self._folders(named | {folder for held in holders.values() for folder in held})
        same_unique_id, package_unique_ids = self._same_unique_ids(submission)
        return Existing(
            patient=self._patient,
            entries=entries,
            folders=folders,
            same_unique_id=same_unique_id,
            package_unique_ids=package_unique_ids,
            entry_uuids=self.taken(own),
            versions=self._versions(versions.values()),
            holders=holders,
            derived={target: self.derived(target) for target in replaced if target in entries},
            transformations=self.transformations(entries) if _appends(associations) else frozenset(),
        )

    def _rows(self, statement: sa.Select[Any], identifiers: Iterable[str]) -> Sequence[Any]:
        rows: list[Any] = []
        for chunk in chunks(sorted(identifiers)):
            rows += self._connection.execute(statement, {"of_patient": self._patient, "identifiers": chunk})
        return rows

    def _entries(self, named: Iterable[str]) -> dict[str, RegisteredEntry]:
        return {row.entry_uuid: _registered(row) for row in self._rows(_NAMED_ENTRIES, filter(is_uuid, named))}

    def _folders(self, named: Iterable[str]) -> dict[str, RegisteredFolder]:
        rows = self._rows(_NAMED_FOLDERS, filter(is_uuid, named))
        return {row.entry_uuid: RegisteredFolder(row.entry_uuid, row.patient, row.availability_status) for row in rows}

    def _same_unique_ids(self, submission: Submission) -> tuple[tuple[RegisteredEntry, ...], frozenset[str]]:
        rows = self._rows(_SAME_UNIQUE_IDS, {item.unique_id for item in identified(submission)})
        entries = tuple(_registered(row) for row in rows if not row.package)
        return entries, frozenset(row.known for row in rows if row.package)

    def taken(self, own: Iterable[str]) -> frozenset[str]:
        given = [uuid for uuid in own if is_uuid(uuid)]
        return frozenset(row.entry_uuid for statement in _TAKEN for row in self._rows(statement, given))

    def _versions(self, versions: Iterable[DocumentVersion]) -> frozenset[DocumentVersion]:
        wanted = frozenset(versions)
        rows = self._rows(_VERSIONS, {version.set_id for version in wanted})
        return wanted & {DocumentVersion(row.set_id, row.number) for row in rows}

    def _holders(self, targets: Sequence[str]) -> dict[str, tuple[str, ...]]:
        holders: dict[str, tuple[str, ...]] = {}
        for row in self._rows(_HOLDERS, filter(is_uuid, targets)):
            holders[row.target] = (*holders.get(row.target, ()), row.source)
        return holders

    def derived(self, target: str) -> tuple[str, ...]:
        """The Approved transformations and addenda of a document, and theirs in turn."""
        found: dict[str, None] = {}
        frontier = [target]
        while frontier:
            rows = self._rows(_DERIVED, frontier)
            frontier = [row.entry_uuid for row in rows if row.entry_uuid not in found]
            found.update(dict.fromkeys(frontier))
        return tuple(found)

    def transformations(self, named: Iterable[str]) -> frozenset[str]:
        return frozenset(row.source for row in self._rows(_TRANSFORMATIONS, named))


def _appends(associations: Sequence[Association]) -> bool:
    return any(item.type is AssociationType.APND for item in associations)


def _registered(row: Any) -> RegisteredEntry:
    entry = from_json(DocumentEntry, row.body)
    return RegisteredEntry(
        entry_uuid=entry.entry_uuid,
        unique_id=entry.unique_id,
        patient=row.patient,
        availability_status=row.availability_status,
        hash=entry.hash,
        size=entry.size,
        object_type=entry.object_type,
    )


# --- Statements -------------------------------------------------------------------------------------------------------


_ENTRY_COLUMNS = (ENTRY.c.entry_uuid, ENTRY.c.patient, ENTRY.c.availability_status, ENTRY.c.body)

_NAMED_ENTRIES = sa.select(*_ENTRY_COLUMNS).where(among(ENTRY.c.entry_uuid)).order_by(ENTRY.c.id).with_for_update()
_NAMED_FOLDERS = (
    sa.select(FOLDER.c.entry_uuid, FOLDER.c.patient, FOLDER.c.availability_status)
    .where(among(FOLDER.c.entry_uuid))
    .order_by(FOLDER.c.id)
    .with_for_update()
)
_SAME_UNIQUE_IDS = (
    sa.select(UNIQUE_ID.c.unique_id.label("known"), UNIQUE_ID.c.package, *_ENTRY_COLUMNS)
    .outerjoin(ENTRY, sa.and_(ENTRY.c.patient == UNIQUE_ID.c.patient, ENTRY.c.unique_id == UNIQUE_ID.c.unique_id))
    .where(among(UNIQUE_ID.c.unique_id))
    .order_by(ENTRY.c.id)
)
_TAKEN = tuple(
    sa.select(table.c.entry_uuid).where(among(table.c.entry_uuid))
    for table in (ENTRY, SUBMISSION_SET, FOLDER, ASSOCIATION)
)
_VERSIONS = sa.select(VERSION.c.set_id, VERSION.c.number).where(VERSION.c.patient == PATIENT, among(VERSION.c.set_id))
_HOLDERS = (
    sa.select(ASSOCIATION.c.source, ASSOCIATION.c.target)
    .join(FOLDER, sa.and_(FOLDER.c.patient == ASSOCIATION.c.patient, FOLDER.c.entry_uuid == ASSOCIATION.c.source))
    .where(
        ASSOCIATION.c.patient == PATIENT,
        ASSOCIATION.c.type == AssociationType.HAS_MEMBER,
        ASSOCIATION.c.availability_status == AvailabilityStatus.APPROVED,
        among(ASSOCIATION.c.target),
    )
    .order_by(ASSOCIATION.c.id)
)
_DERIVED = (
    sa.select(ENTRY.c.entry_uuid)
    .join(ASSOCIATION, sa.and_(ASSOCIATION.c.patient == ENTRY.c.patient, ASSOCIATION.c.source == ENTRY.c.entry_uuid))
    .where(
        ASSOCIATION.c.patient == PATIENT,
        among(ASSOCIATION.c.target),
        ASSOCIATION.c.type.in_(sorted(DERIVING, key=lambda item: item.name)),
        ASSOCIATION.c.availability_status == AvailabilityStatus.APPROVED,
        ENTRY.c.availability_status == AvailabilityStatus.APPROVED,
    )
    .order_by(ENTRY.c.id)
    .with_for_update(of=ENTRY)
)
_TRANSFORMATIONS = sa.select(ASSOCIATION.c.source).where(
    ASSOCIATION.c.patient == PATIENT,
    among(ASSOCIATION.c.source),
    ASSOCIATION.c.type == AssociationType.XFRM,
    ASSOCIATION.c.availability_status == AvailabilityStatus.APPROVED,
)
