"""The effects of a submission, written.

Against what `registry.store.looking` could not see: a document is deprecated only while it is Approved, and uniqueIds,
entryUUIDs and versions are unique constraints. Of two submissions that meet, exactly one wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from registry.body import to_json
from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.existing import DocumentVersion
from registry.lifecycle import Effects
from registry.metadata import Association, AvailabilityStatus, DocumentEntry, Folder, SubmissionSet, dtm_floor
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
    FOLDER_CODE,
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
_FOLDER_GONE = finding(
    ErrorCode.UnresolvedReferenceException,
    "sourceObject of HasMember",
    expected="a registered Folder",
    got="one that was removed meanwhile",
)


class Writer:
    """Writes the effects of one submission."""

    def __init__(self, connection: sa.Connection, patient: str) -> None:
        self._connection, self._patient = connection, patient

    def save(self, effects: Effects, custody: Mapping[str, Custody], received: datetime) -> None:
        self._claim_unique_ids(effects)
        for entry in effects.submission.entries:
            version = effects.versions.get(entry.entry_uuid)
            self.save_entry(entry, custody[entry.entry_uuid], received, version)
        self.save_set(effects.submission.submission_set, received)
        for folder in effects.submission.folders:
            self.save_folder(folder)
        self.save_associations(effects.submission.associations, received)
        self.deprecate(effects.deprecated)
        self.update_folders(effects.updated_folders, effects.last_update_time)

    def save_associations(self, associations: Sequence[Association], received: datetime) -> None:
        self.insert(ASSOCIATION, [self._association(item, received) for item in associations], _UUID_TAKEN)

    def update_folders(self, uuids: Sequence[str], time: str) -> None:
        """Gives these folders the lastUpdateTime `time`. Raises RegistryError when one of them is gone."""
        if uuids:
            values = {"of_patient": self._patient, "identifiers": uuids, "time": time}
            if self._connection.execute(_UPDATE_FOLDERS, values).rowcount != len(set(uuids)):
                raise RegistryError([_FOLDER_GONE])

    def _claim_unique_ids(self, effects: Effects) -> None:
        documents = {entry.unique_id for entry in effects.submission.entries}
        for package, taken in ((True, _PACKAGE_TAKEN), (False, _DOCUMENT_TAKEN)):
            rows = [
                {"unique_id": unique_id, "patient": self._patient, "package": package}
                for unique_id in effects.new_unique_ids
                if (unique_id not in documents) is package
            ]
            self.insert(UNIQUE_ID, rows, taken)

    def claim_set(self, submission_set: SubmissionSet) -> None:
        """Notes the uniqueId of a submission set that comes without documents of its own."""
        row = {"unique_id": submission_set.unique_id, "patient": self._patient, "package": True}
        self.insert(UNIQUE_ID, [row], _PACKAGE_TAKEN)

    def save_entry(
        self, entry: DocumentEntry, custody: Custody, received: datetime, version: DocumentVersion | None = None
    ) -> int:
        """Writes `entry` and its side rows; its key."""
        patient = self._patient
        try:
            key: int = self._connection.execute(_INSERT_ENTRY, self._entry(entry, received)).scalar_one()
        except sa.exc.IntegrityError:
            raise RegistryError([_UUID_TAKEN]) from None
        codes = [
            *((EVENT_CODES, code_key(code)) for code in entry.event_codes),
            *((CONFIDENTIALITY_CODES, code_key(code)) for code in entry.confidentiality_codes),
            *((REFERENCE_IDS, reference) for reference in entry.reference_ids),
        ]
        behind = [(PERSON, each) for each in custody.persons] + [(STRUCTURE, each) for each in custody.structures]
        self.insert(
            CODE,
            [{"patient": patient, "attribute": a, "code": code, "entry": key} for a, code in dict.fromkeys(codes)],
        )
        self.insert(
            AUTHOR,
            [
                {"patient": patient, "entry": key, "ordinal": ordinal, "person": author.person}
                for ordinal, author in enumerate(entry.authors)
                if author.person
            ],
        )
        self.insert(
            CUSTODY, [{"patient": patient, "kind": kind, "identifier": each, "entry": key} for kind, each in behind]
        )
        if version is not None:
            row = {"patient": patient, "set_id": version.set_id, "number": version.number, "entry": key}
            self.insert(VERSION, [row], _VERSION_TAKEN)
        return key

    def _entry(self, entry: DocumentEntry, received: datetime) -> dict[str, Any]:
        return {
            "patient": self._patient,
            "entry_uuid": entry.entry_uuid,
            "unique_id": entry.unique_id,
            "availability_status": entry.availability_status,
            "object_type": entry.object_type,
            "logical_id": entry.logical_id,
            "version": entry.version,
            "received": _second(received),
            "creation_time": _floor(entry.creation_time),
            "service_start_time": _floor(entry.service_start_time),
            "service_stop_time": _floor(entry.service_stop_time),
            "document_type": entry.type_code.code,
            "type_code": code_key(entry.type_code),
            "class_code": code_key(entry.class_code),
            "format_code": code_key(entry.format_code),
            "healthcare_facility_type_code": code_key(entry.healthcare_facility_type_code),
            "practice_setting_code": code_key(entry.practice_setting_code),
            "home": entry.home_community_id or None,
            **flags(entry),
            "body": to_json(entry),
        }

    def save_set(self, submission_set: SubmissionSet, received: datetime) -> None:
        row = {
            "patient": self._patient,
            "entry_uuid": submission_set.entry_uuid,
            "unique_id": submission_set.unique_id,
            "availability_status": submission_set.availability_status,
            "source_id": submission_set.source_id,
            "submission_time": dtm_floor(submission_set.submission_time),
            "content_type_code": code_key(submission_set.content_type_code),
            "author_persons": json.dumps([author.person for author in submission_set.authors if author.person]),
            "home": submission_set.home_community_id or None,
            "received": _second(received),
            "body": to_json(submission_set),
        }
        self.insert(SUBMISSION_SET, [row], _UUID_TAKEN)

    def save_folder(self, folder: Folder) -> None:
        try:
            key = self._connection.execute(_INSERT_FOLDER, self._folder(folder)).scalar_one()
        except sa.exc.IntegrityError:
            raise RegistryError([_UUID_TAKEN]) from None
        self.insert(FOLDER_CODE, [{"folder": key, "code": code} for code in dict.fromkeys(map(code_key, folder.codes))])

    def _folder(self, folder: Folder) -> dict[str, Any]:
        return {
            "patient": self._patient,
            "entry_uuid": folder.entry_uuid,
            "unique_id": folder.unique_id,
            "availability_status": folder.availability_status,
            "logical_id": folder.logical_id,
            "version": folder.version,
            "last_update_time": folder.last_update_time,
            "home": folder.home_community_id or None,
            "body": to_json(folder),
        }

    def _association(self, item: Association, received: datetime) -> dict[str, Any]:
        return {
            "patient": self._patient,
            "entry_uuid": item.entry_uuid,
            "type": item.type,
            "availability_status": item.availability_status,
            "source": item.source,
            "target": item.target,
            "received": _second(received),
            "body": to_json(item),
        }

    def deprecate(self, uuids: Sequence[str]) -> None:
        if not uuids:
            return
        done = self._connection.execute(_DEPRECATE, {"of_patient": self._patient, "identifiers": uuids})
        if done.rowcount != len(uuids):
            raise RegistryError([_REPLACED])

    def insert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]], taken: Finding | None = None) -> None:
        """Inserts `rows`; `taken` is the fault when one of them is there already."""
        if not rows:
            return
        try:
            self._connection.execute(_INSERT[table.name], rows)
        except sa.exc.IntegrityError:
            if taken is None:
                raise
            raise RegistryError([taken]) from None


def _second(instant: datetime) -> str:
    return instant.strftime("%Y%m%d%H%M%S")


def _floor(dtm: str) -> str | None:
    return dtm_floor(dtm) if dtm else None


_INSERT = {
    table.name: table.insert()
    for table in (CODE, AUTHOR, CUSTODY, VERSION, UNIQUE_ID, SUBMISSION_SET, FOLDER, FOLDER_CODE, ASSOCIATION)
}
_INSERT_ENTRY = ENTRY.insert().returning(ENTRY.c.id)
_INSERT_FOLDER = FOLDER.insert().returning(FOLDER.c.id)
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
