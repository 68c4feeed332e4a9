"""Metadata to test with: a small submission in order, from which each test departs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from registry.lifecycle import DocumentVersion, Effects, Existing, admit
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Folder,
    Submission,
    SubmissionSet,
)
from registry.scope import EVERY_TYPE, Custody, Reach, Scope
from registry.store import METADATA, RegistryStore
from schemas import oids
from schemas.domain import SameUniqueId

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
DOSSIER = "dossier-1"
PATIENT_ID = "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH"
PS = "899900063480^MARTIN^Julie^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
HOSPITAL = "CHU X^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750000001"
SHA1 = "356a192b7913b04c54574d18c28d46e6395428ab"
NORMAL = Code("N", oids.HL7_CONFIDENTIALITY, "Normal")
LETTER = Code("34112-3", oids.LOINC, "CR hospitalisation")

APPROVED, DEPRECATED = AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED
HAS_MEMBER = AssociationType.HAS_MEMBER

EVERYTHING = Scope(
    patient=DOSSIER,
    types=EVERY_TYPE,
    reach=Reach.ALL,
    masked=Reach.ALL,
    invisible_patient=Reach.ALL,
    invisible_representatives=Reach.ALL,
    statuses=frozenset(AvailabilityStatus),
)


def uuid(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def document(name: str = "Document01", number: int = 1, **changes: Any) -> DocumentEntry:
    """A DocumentEntry in order; `number` makes its uniqueId."""
    entry = DocumentEntry(
        entry_uuid=name,
        unique_id=f"1.2.250.1.999.1.{number}",
        patient_id=PATIENT_ID,
        mime_type="text/xml",
        class_code=Code("10", oids.CLASSE_DOCUMENT, "Compte rendu"),
        type_code=LETTER,
        format_code=Code("urn:ihe:iti:xds-sd:pdf:2008", oids.IHE_FORMAT_CODE, "PDF"),
        healthcare_facility_type_code=Code("SA01", oids.SECTEUR_ACTIVITE, "Établissement public"),
        practice_setting_code=Code("ETABLISSEMENT", oids.PRACTICE_SETTING, "Établissement"),
        confidentiality_codes=(NORMAL,),
        creation_time="20260228093000",
        language_code="fr-FR",
        source_patient_id="123456^^^&1.2.250.1.999.2&ISO^PI",
        authors=(Author(person=PS, institutions=(HOSPITAL,)),),
        title="Lettre de sortie",
        legal_authenticator=PS,
        service_start_time="20260220",
        hash=SHA1,
        size=1,
        repository_unique_id="1.2.250.1.213.4.1.1.1.2",
    )
    return replace(entry, **changes)


def submission_set(number: int = 1, **changes: Any) -> SubmissionSet:
    return replace(
        SubmissionSet(
            entry_uuid="SubmissionSet01",
            unique_id=f"1.2.250.1.999.3.{number}",
            patient_id=PATIENT_ID,
            source_id="1.2.250.1.999.4",
            submission_time="20260301120000",
            content_type_code=Code("03", oids.CONTENT_TYPE, "Hospitalisation"),
            authors=(Author(person=PS, institutions=(HOSPITAL,)),),
        ),
        **changes,
    )


def folder(name: str = "Folder01", number: int = 1, **changes: Any) -> Folder:
    return replace(
        Folder(name, f"1.2.250.1.999.5.{number}", PATIENT_ID, (Code("A", "1.2.3", "A"),), title="Dossier"), **changes
    )


def association(kind: AssociationType, source: str, target: str, **changes: Any) -> Association:
    name = f"{kind.name}-{source}-{target}"
    return replace(Association(name, kind, source, target), **changes)


def submission(
    *entries: DocumentEntry,
    relations: tuple[Association, ...] = (),
    folders: tuple[Folder, ...] = (),
    number: int = 1,
    **changes: Any,
) -> Submission:
    """A submission in order: each document Original, each folder held, each folder membership held."""
    own = submission_set(number, **changes)
    held = [
        association(HAS_MEMBER, own.entry_uuid, entry.entry_uuid, submission_set_status="Original") for entry in entries
    ]
    held += [association(HAS_MEMBER, own.entry_uuid, each.entry_uuid) for each in folders]
    held += [
        association(HAS_MEMBER, own.entry_uuid, each.entry_uuid)
        for each in relations
        if each.type is HAS_MEMBER and each.source != own.entry_uuid
    ]
    return Submission(own, entries, folders, (*held, *relations))


def create(engine: sa.Engine) -> None:
    METADATA.create_all(engine)


def custody_of(effects: Effects) -> dict[str, Custody]:
    """Custody by authorship alone."""
    return {
        entry.entry_uuid: Custody(
            frozenset(author.person_id for author in entry.authors if author.person_id),
            frozenset(each for author in entry.authors for each in author.institution_ids),
        )
        for entry in effects.submission.entries
    }


def register(
    connection: sa.Connection,
    item: Submission,
    *,
    patient: str = DOSSIER,
    versions: Mapping[str, DocumentVersion] | None = None,
    policy: SameUniqueId = SameUniqueId.REFUSE,
    custody: Mapping[str, Custody] | None = None,
) -> Effects:
    """Registers `item` as the hall does; `custody` is keyed by the entry ids of `item`."""
    store, versions = RegistryStore(connection), versions or {}
    existing: Existing = store.existing(item, patient, versions)
    effects = admit(item, existing, versions=versions, same_unique_id=policy, received=NOW)
    resolved = {effects.ids[name]: each for name, each in (custody or {}).items()}
    store.save(effects, patient, {**custody_of(effects), **resolved}, NOW)
    return effects
