"""The effects of a submission, written.

Against what `registry.store.looking` could not see: a document is deprecated only while it is Approved, and uniqueIds,
entryUUIDs and versions are unique constraints. Of two submissions that meet, exactly one wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from registry.body import to_json
from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.existing import DocumentVersion
from registry.lifecycle import Effects
from registry.metadata import Association, AvailabilityStatus, DocumentEntry, Folder, dtm_floor
from registry.scope import Custody
from registry.store.find_documents import CONFIDENTIALITY_CODES, EVENT_CODES, REFERENCE_IDS, code_key
from registry.store.identifiers import among
from registry.store.tables import (
    ASSOCIATION,
    AUTHOR,
    CODE,
    CUSTODY,
    ENTRY,
    FOLDER,
    PERSON,
    STRUCTURE,
    SUBMISSION_SET,
    UNIQUE_ID,
    VERSION,
)
from registry.store.visibility import PATIENT, flags

_ANOTHER = "one that another submission registered meanwhile"


def _lost(code: ErrorCode, attribute: str, expected: str) -> Finding:
    return finding(code, attribute, expected=expected, got=_ANOTHER)


_UUID_TAKEN = _lost(ErrorCode.XDSRegistryMetadataError, "id", "a UUID that no registered object has")
_PACKAGE_TAKEN = _lost(ErrorCode.XDSDuplicateUniqueIdInRegistry, "uniqueId", "a uniqueId not registered yet")
_DOCUMENT_TAKEN = _lost(ErrorCode.XDSRegistryMetadataError, "uniqueId", "a uniqueId not registered yet")
_VERSION_TAKEN = _lost(ErrorCode.XDSRegistryMetadataError, "setId, versionNumber", "a version not registered yet")
_REPLACED = finding(
    ErrorCode.XDSRegistryDeprecatedDocumentError,
    "targetObject of RPLC",
    expected="an Approved document",
    got="one that another submission replaced meanwhile",
)


class Writer:
    """Writes the effects of one submission."""

    def __init__(self, connection: sa.Connection, patient: str) -> None:
        self._connection, self._patient = connection, patient

    def save(self, effects: Effects, custody: Mapping[str, Custody], received: datetime) -> None:
        self._claim_unique_ids(effects)
        for entry in effects.submission.entries:
            self._save_entry(entry, custody[entry.entry_uuid], effects.versions.get(entry.entry_uuid))
        self._save_set(effects, received)
        self._insert(FOLDER, [self._folder(folder) for folder in effects.submission.folders], _UUID_TAKEN)
        self._insert(ASSOCIATION, [self._association(item) for item in effects.submission.associations], _UUID_TAKEN)
        self._deprecate(effects.deprecated)
        if effects.updated_folders:
            values = {
                "of_patient": self._patient,
                "identifiers": effects.updated_folders,
                "time": effects.last_update_time,
            }
            self._connection.execute(_UPDATE_FOLDERS, values)

    def _claim_unique_ids(self, effects: Effects) -> None:
        documents = {entry.unique_id for entry in effects.submission.entries}
        for package, taken in ((True, _PACKAGE_TAKEN), (False, _DOCUMENT_TAKEN)):
            rows = [
                {"unique_id": unique_id, "patient": self._patient, "package": package}
                for unique_id in effects.new_unique_ids
                if (unique_id not in documents) is package
            ]
            self._insert(UNIQUE_ID, rows, taken)

    def _save_entry(self, entry: DocumentEntry, custody: Custody, version: DocumentVersion | None) -> None:
        patient = self._patient
        try:
            key = self._connection.execute(_INSERT_ENTRY, self._entry(entry)).scalar_one()
        except sa.exc.IntegrityError:
            raise RegistryError([_UUID_TAKEN]) from None
        codes = [
            *((EVENT_CODES, code_key(code)) for code in entry.event_codes),
            *((CONFIDENTIALITY_CODES, code_key(code)) for code in entry.confidentiality_codes),
            *((REFERENCE_IDS, reference) for reference in entry.reference_ids),
        ]
        behind = [(PERSON, each) for each in custody.persons] + [(STRUCTURE, each) for each in custody.structures]
        self._insert(
            CODE,
            [{"patient": patient, "attribute": a, "code": code, "entry": key} for a, code in dict.fromkeys(codes)],
        )
        self._insert(
            AUTHOR,
            [
                {"patient": patient, "entry": key, "ordinal": ordinal, "person": author.person}
                for ordinal, author in enumerate(entry.authors)
                if author.person
            ],
        )
        self._insert(
            CUSTODY, [{"patient": patient, "kind": kind, "identifier": each, "entry": key} for kind, each in behind]
        )
        if version is not None:
            row = {"patient": patient, "set_id": version.set_id, "number": version.number, "entry": key}
            self._insert(VERSION, [row], _VERSION_TAKEN)

    def _entry(self, entry: DocumentEntry) -> dict[str, Any]:
        return {
            "patient": self._patient,
            "entry_uuid": entry.entry_uuid,
            "unique_id": entry.unique_id,
            "availability_status": entry.availability_status,
            "object_type": entry.object_type,
            "creation_time": _floor(entry.creation_time),
            "service_start_time": _floor(entry.service_start_time),
            "service_stop_time": _floor(entry.service_stop_time),
            "document_type": entry.type_code.code,
            "type_code": code_key(entry.type_code),
            "class_code": code_key(entry.class_code),
            "format_code": code_key(entry.format_code),
            "healthcare_facility_type_code": code_key(entry.healthcare_facility_type_code),
            "practice_setting_code": code_key(entry.practice_setting_code),
            **flags(entry),
            "body": to_json(entry),
        }

    def _save_set(self, effects: Effects, received: datetime) -> None:
        submission_set = effects.submission.submission_set
        row = {
            "patient": self._patient,
            "entry_uuid": submission_set.entry_uuid,
            "unique_id": submission_set.unique_id,
            "received": received.strftime("%Y%m%d%H%M%S"),
            "body": to_json(submission_set),
        }
        self._insert(SUBMISSION_SET, [row], _UUID_TAKEN)

    def _folder(self, folder: Folder) -> dict[str, Any]:
        return {
            "patient": self._patient,
            "entry_uuid": folder.entry_uuid,
            "unique_id": folder.unique_id,
            "availability_status": folder.availability_status,
            "last_update_time": folder.last_update_time,
            "body": to_json(folder),
        }

    def _association(self, item: Association) -> dict[str, Any]:
        return {
            "patient": self._patient,
            "entry_uuid": item.entry_uuid,
            "type": item.type,
            "source": item.source,
            "target": item.target,
            "body": to_json(item),
        }

    def _deprecate(self, uuids: Sequence[str]) -> None:
        if not uuids:
            return
        done = self._connection.execute(_DEPRECATE, {"of_patient": self._patient, "identifiers": uuids})
        if done.rowcount != len(uuids):
            raise RegistryError([_REPLACED])

    def _insert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]], taken: Finding | None = None) -> None:
        """Inserts `rows`; `taken` is the fault when one of them is there already."""
        if not rows:
            return
        try:
            self._connection.execute(_INSERT[table.name], rows)
        except sa.exc.IntegrityError:
            if taken is None:
                raise
            raise RegistryError([taken]) from None


def _floor(dtm: str) -> str | None:
    return dtm_floor(dtm) if dtm else None


_INSERT = {
    table.name: table.insert()
    for table in (CODE, AUTHOR, CUSTODY, VERSION, UNIQUE_ID, SUBMISSION_SET, FOLDER, ASSOCIATION)
}
_INSERT_ENTRY = ENTRY.insert().returning(ENTRY.c.id)
_DEPRECATE = (
    ENTRY.update()
    .where(
        ENTRY.c.patient == PATIENT,
        among(ENTRY.c.entry_uuid),
        ENTRY.c.availability_status == AvailabilityStatus.APPROVED,
    )
    .values(availability_status=AvailabilityStatus.DEPRECATED)
)
_UPDATE_FOLDERS = (
    FOLDER.update()
    .where(FOLDER.c.patient == PATIENT, among(FOLDER.c.entry_uuid))
    .values(last_update_time=sa.bindparam("time"))
)
