"""Updates to test with: a submission in order that carries operations, from which each test departs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from registry.errors import ErrorCode, Finding, RegistryError
from registry.metadata import Association, AssociationType, AvailabilityStatus, DocumentEntry, Folder, Submission
from registry.scope import Custody
from registry.store import RegistryStore
from registry.update import UpdateEffects, admit_update
from registry.update_operations import ASSOCIATION_PROPAGATION, NEW_STATUS, ORIGINAL_STATUS, UPDATE, Rules
from registry.versions import RegisteredAssociation, RegisteredVersion, Versions
from tests.registry.samples import (
    APPROVED,
    DEPRECATED,
    DOSSIER,
    HAS_MEMBER,
    NOW,
    association,
    document,
    folder,
    submission_set,
    uuid,
)

UPDATE_STATUS, SUBMIT = AssociationType.UPDATE_AVAILABILITY_STATUS, AssociationType.SUBMIT_ASSOCIATION
SET = "SubmissionSet01"


def held(target: str, previous: int | str = 1, *, propagation: str = "", **changes: Any) -> Association:
    """The HasMember of a new version of a document."""
    slots = {"PreviousVersion": (str(previous),)}
    if propagation:
        slots[ASSOCIATION_PROPAGATION] = (propagation,)
    item = association(HAS_MEMBER, SET, target, submission_set_status="Original", extra_slots=tuple(slots.items()))
    return replace(item, **changes)


def status_change(
    target: str, original: AvailabilityStatus = APPROVED, new: AvailabilityStatus = DEPRECATED, **changes: Any
) -> Association:
    slots = ((ORIGINAL_STATUS, (original.value,)), (NEW_STATUS, (new.value,)))
    return replace(association(UPDATE_STATUS, SET, target, extra_slots=slots), **changes)


def submitted(*items: Association) -> tuple[Association, ...]:
    """Associations, each with the SubmitAssociation that carries it."""
    return tuple(each for item in items for each in (association(SUBMIT, SET, item.entry_uuid), item))


def update(
    *items: DocumentEntry | Folder | Association, number: int = 100, propagation: str = "", **changes: Any
) -> Submission:
    """An update in order: each document or folder is the version after `item.version`; associations as they stand."""
    versions = [item for item in items if not isinstance(item, Association)]
    relations = [item for item in items if isinstance(item, Association)]
    named = {item.target for item in relations if item.source == SET and item.type is HAS_MEMBER}
    own = [
        held(
            item.entry_uuid,
            item.version,
            propagation=propagation,
            submission_set_status="Original" if isinstance(item, DocumentEntry) else "",
        )
        for item in versions
        if item.entry_uuid not in named
    ]
    return Submission(
        submission_set(number, **changes),
        tuple(item for item in versions if isinstance(item, DocumentEntry)),
        tuple(item for item in versions if isinstance(item, Folder)),
        (*own, *relations),
    )


def carry_out(
    connection: sa.Connection,
    item: Submission,
    *,
    patient: str = DOSSIER,
    rules: Rules = UPDATE,
    custody: Custody | None = None,
) -> UpdateEffects:
    """Updates as the hall does for somebody for whom everything is there."""
    store = RegistryStore(connection)
    effects = admit_update(item, store.versions(item, patient), received=NOW, rules=rules)
    behind = {entry.entry_uuid: custody or Custody() for entry in effects.entries}
    store.save_update(effects, patient, behind, NOW)
    return effects


# --- Without a database -----------------------------------------------------------------------------------------------

APND, RPLC, SIGNS = AssociationType.APND, AssociationType.RPLC, AssociationType.SIGNS
DOCUMENT, OTHER, FOLDER, LINK, PACKAGE = uuid(1), uuid(2), uuid(3), uuid(4), uuid(5)
OTHER_PATIENT = "dossier-2"
ELSEWHERE = "another^^^&1.2.250.1.213.1.4.10&ISO"

UPDATE_ERROR = ErrorCode.XDSMetadataUpdateError
OPERATION_ERROR = ErrorCode.XDSMetadataUpdateOperationError
VERSION_ERROR = ErrorCode.XDSMetadataVersionError
PATIENT_ERROR = ErrorCode.XDSPatientIDReconciliationError


def version(
    item: DocumentEntry | Folder, patient: str = DOSSIER, *, latest: bool = True, **changes: Any
) -> RegisteredVersion:
    """A registered version: the first of its logical object unless `changes` say otherwise."""
    return RegisteredVersion(replace(item, **{"logical_id": item.entry_uuid, **changes}), patient, latest)


def link(kind: AssociationType, source: str, target: str, name: str = LINK, **changes: Any) -> RegisteredAssociation:
    return RegisteredAssociation(replace(association(kind, source, target), entry_uuid=name, **changes), DOSSIER)


def holding(*items: RegisteredVersion, links: tuple[RegisteredAssociation, ...] = (), **more: Any) -> Versions:
    """A registry with these versions and associations, each read for whatever it may be needed."""
    by_uuid = {each.item.entry_uuid: each for each in items}
    by_lid = {each.item.logical_id: each for each in sorted(items, key=lambda each: each.item.version)}
    known: dict[str, Any] = {
        "newest": by_lid,
        "named": by_uuid,
        "neighbours": by_uuid,
        "attached": links,
        "named_associations": {each.item.entry_uuid: each for each in links},
    }
    return Versions(DOSSIER, **{**known, **more})


def new_document(**changes: Any) -> DocumentEntry:
    """What a registered `document(DOCUMENT)` is to become."""
    return document(logical_id=DOCUMENT, **changes)


def new_folder(**changes: Any) -> Folder:
    return folder(logical_id=FOLDER, **changes)


REGISTERED = version(document(DOCUMENT))
REGISTERED_FOLDER = version(folder(FOLDER, last_update_time="20250101000000"))
ANOTHER = version(document(OTHER, 2))

BOTH = holding(REGISTERED, ANOTHER, REGISTERED_FOLDER, named_sets=frozenset({PACKAGE}))


def judge_update(item: Submission, existing: Versions, *, rules: Rules = UPDATE) -> UpdateEffects:
    return admit_update(item, existing, received=NOW, rules=rules)


def told(item: Submission, existing: Versions, *, rules: Rules = UPDATE) -> tuple[Finding, ...]:
    with pytest.raises(RegistryError) as caught:
        judge_update(item, existing, rules=rules)
    return caught.value.findings


def faults(item: Submission, existing: Versions, *, rules: Rules = UPDATE) -> set[ErrorCode]:
    return {found.code for found in told(item, existing, rules=rules)}


def copies(effects: UpdateEffects) -> list[Association]:
    return [item for item in effects.associations if item.source != effects.submission_set.entry_uuid]
