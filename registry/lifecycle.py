"""What a submission does to what the registry holds: a pure function, `admit`.

The store reads what a submission touches (`Existing`), `admit` judges it, and the store writes the `Effects`. Every
fault is found and reported, not the first one only.

Replacing a document deprecates it with its transformations and addenda, and theirs in turn: the standard names the
direct ones, and one further away would outlive the text it renders.

Source: ITI TF-2 3.42.4.1.3; ITI TF-3 4.2.2 (relationships); CI-SIS, Structuration minimale (setId, versionNumber).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.existing import URN_UUID, DocumentVersion, Existing, canonical_id, is_uuid, time_ordered_uuid
from registry.hl7_types import MAX_VALUE, cx_key
from registry.kinds import SubmissionKind
from registry.metadata import (
    Association,
    AssociationType,
    AvailabilityStatus,
    DocumentEntry,
    Folder,
    ObjectType,
    RegistryObject,
    Submission,
    SubmissionSet,
)
from registry.relationships import REPLACING, is_membership, membership_faults, relationship_faults
from schemas.domain import SameUniqueId

__all__ = ["DocumentVersion", "Effects", "Existing", "admit", "canonical", "identified", "objects"]

MAX_VERSION = 2**31 - 1  # HL7 V3 data types, INT: no limit; this one is the store's


@dataclass(frozen=True, slots=True)
class Effects:
    """What to write: everything resolved, every id a UUID.

    `ids` gives the UUID of each id of the submission; `deprecated` the entries that become Deprecated;
    `new_unique_ids` the uniqueIds registered for the first time; `updated_folders` the folders already there whose
    lastUpdateTime becomes `last_update_time` (DTM). `versions` is keyed by entryUUID; `warnings` do not stop a
    submission.
    """

    submission: Submission
    ids: Mapping[str, str]
    deprecated: tuple[str, ...] = ()
    versions: Mapping[str, DocumentVersion] = field(default_factory=dict)
    new_unique_ids: tuple[str, ...] = ()
    updated_folders: tuple[str, ...] = ()
    last_update_time: str = ""
    warnings: tuple[Finding, ...] = ()


def canonical(submission: Submission) -> Submission:
    """The submission with each UUID in lower case, wherever one stands."""
    return renamed(submission, canonical_id)


def admit(
    submission: Submission,
    existing: Existing,
    *,
    versions: Mapping[str, DocumentVersion],
    same_unique_id: SameUniqueId,
    received: datetime,
    kind: SubmissionKind = SubmissionKind.REGISTER,
    references_across: bool = False,
) -> Effects:
    """What `submission`, received at `received` (UTC), does. `versions` is keyed by the submission's own entry ids.

    `references_across` lets a submission set hold documents of another patient by reference.

    Raises RegistryError with every fault found.
    Source: ITI TF-2 3.42.4.1.3.
    """
    submission = canonical(submission)
    versions = {canonical_id(entry_id): version for entry_id, version in versions.items()}
    findings = [
        *identity_faults(submission, existing, same_unique_id, kind),
        *_versions(submission, versions, existing),
        *_patients(submission),
        *membership_faults(submission, existing, references_across=references_across),
        *relationship_faults(submission, existing),
    ]
    if findings:
        raise RegistryError(findings)
    propagated, updated = _propagation(submission, existing)
    complete = replace(submission, associations=(*submission.associations, *propagated))
    ids = resolved_ids(complete, received)
    last_update_time = received.strftime("%Y%m%d%H%M%S")
    return Effects(
        submission=_approved(renamed(complete, lambda name: ids.get(name, name)), last_update_time),
        ids=ids,
        deprecated=_deprecated(submission, existing),
        versions={ids[entry_id]: version for entry_id, version in versions.items()},
        new_unique_ids=_new_unique_ids(submission, existing),
        updated_folders=updated,
        last_update_time=last_update_time,
    )


# --- Identity: ids, uniqueIds, versions, patients ---------------------------------------------------------------------


def identity_faults(
    submission: Submission,
    existing: Existing,
    policy: SameUniqueId,
    kind: SubmissionKind = SubmissionKind.REGISTER,
) -> Iterator[Finding]:
    """Source: ITI TF-2 3.42.4.1.3.3; ITI TF-3 4.2.3.1.5."""
    metadata_error = ErrorCode.XDSRegistryMetadataError
    for name, count in Counter(item.entry_uuid for item in objects(submission)).items():
        if name.startswith(URN_UUID) and not is_uuid(name):
            yield finding(metadata_error, "id", expected="urn:uuid: and a UUID", got=name[:64], location=name)
        if count > 1:
            yield finding(metadata_error, "id", expected="an id of its own", got=f"{count} times {name}", location=name)
        if name in existing.entry_uuids:
            expected = "a UUID that no registered object has"
            yield finding(metadata_error, "id", expected=expected, got=name, location=name)
    yield from _repeated(submission, kind)
    entry_unique_ids = {entry.unique_id for entry in existing.same_unique_id}
    packages: tuple[SubmissionSet | Folder, ...] = (submission.submission_set, *submission.folders)
    for package in packages:
        if package.unique_id in existing.package_unique_ids | entry_unique_ids:
            attribute = f"{type(package).__name__}.uniqueId"
            error = ErrorCode.XDSDuplicateUniqueIdInRegistry
            expected = "a uniqueId that no registered object has"
            yield finding(error, attribute, expected=expected, got=package.unique_id, location=package.entry_uuid)
    for entry in submission.entries:
        yield from _same_document(entry, existing, policy)


def _repeated(submission: Submission, kind: SubmissionKind) -> Iterator[Finding]:
    """A uniqueId stands once. In ITI-41 the repository sees first that two documents share one.

    Source: ITI TF-3 Table 4.2.4.1-2 (the code indicates where the error was detected).
    """
    seen: dict[str, bool] = {}  # uniqueId -> whether that of a document
    items: tuple[DocumentEntry | SubmissionSet | Folder, ...] = (
        *submission.entries,
        submission.submission_set,
        *submission.folders,
    )
    for item in items:
        document, unique_id = isinstance(item, DocumentEntry), item.unique_id
        if unique_id and unique_id in seen:
            error = ErrorCode.XDSRegistryDuplicateUniqueIdInMessage
            if document and seen[unique_id] and kind is SubmissionKind.PROVIDE:
                error = ErrorCode.XDSRepositoryDuplicateUniqueIdInMessage
            attribute, expected = f"{type(item).__name__}.uniqueId", "a uniqueId of its own"
            yield finding(error, attribute, expected=expected, got=f"{unique_id} again", location=item.entry_uuid)
        seen.setdefault(unique_id, document)


def _same_document(entry: DocumentEntry, existing: Existing, policy: SameUniqueId) -> Iterator[Finding]:
    """A uniqueId that is already there.

    Documents on demand share one among themselves, never with stable documents.
    Source: ITI TF-2 3.42.4.1.3.3.1 and 3.61.4.1.3; CI-SIS, Structuration minimale (same id).
    """
    if entry.unique_id in existing.package_unique_ids:
        yield _taken(entry, "that of a submission set or folder")
        return
    for registered in existing.same_unique_id:
        if registered.unique_id != entry.unique_id:
            continue
        if ObjectType.ON_DEMAND in (entry.object_type, registered.object_type):
            if entry.object_type is not registered.object_type:
                there = registered.object_type.name.replace("_", "-").title()
                yield _taken(entry, f"that of a registered {there} DocumentEntry")
                return
            continue
        if policy is SameUniqueId.REFUSE and registered.patient != existing.patient:
            # Whether the content is the same is no business of who knows another patient's identifier.
            yield _taken(entry, "one that is taken")
            return
        same_hash, same_size = registered.hash.lower() == entry.hash.lower(), registered.size == entry.size
        if not same_hash:
            yield _different(entry, ErrorCode.XDSNonIdenticalHash, "hash")
        if not same_size:
            yield _different(entry, ErrorCode.XDSNonIdenticalSize, "size")
        if same_hash and same_size and policy is SameUniqueId.REFUSE:
            yield _taken(entry, "that of a registered document")
        return


def _taken(entry: DocumentEntry, got: str) -> Finding:
    error, expected = ErrorCode.XDSRegistryMetadataError, "a uniqueId not registered yet"
    attribute = f"DocumentEntry.uniqueId {entry.unique_id}"
    return finding(error, attribute, expected=expected, got=got, location=entry.entry_uuid)


def _different(entry: DocumentEntry, error: ErrorCode, attribute: str) -> Finding:
    expected = f"the {attribute} under which {entry.unique_id} is registered"
    return finding(error, f"DocumentEntry.{attribute}", expected=expected, got="another", location=entry.entry_uuid)


def _versions(submission: Submission, versions: Mapping[str, DocumentVersion], existing: Existing) -> Iterator[Finding]:
    """One document for each setId and versionNumber. Source: CI-SIS, Structuration minimale."""
    here = {entry.entry_uuid for entry in submission.entries}
    counts = Counter(versions.values())
    for entry_id, version in versions.items():
        if entry_id not in here:
            raise ValueError("a DocumentVersion for no entry of the submission")
        error = ErrorCode.XDSRegistryMetadataError
        if len(version.set_id) > MAX_VALUE:
            expected, got = f"at most {MAX_VALUE} characters", f"{len(version.set_id)}"
            yield finding(error, "setId", expected=expected, got=got, location=entry_id)
        if not 0 < version.number <= MAX_VERSION:
            expected, got = f"a number from 1 to {MAX_VERSION}", f"{version.number}"[:20]
            yield finding(error, "versionNumber", expected=expected, got=got, location=entry_id)
        if version in existing.versions or counts[version] > 1:
            yield finding(
                error,
                "setId, versionNumber",
                expected="a version that no other document of the patient has",
                got=f"version {version.number} of {version.set_id} twice",
                location=entry_id,
            )


def _patients(submission: Submission) -> Iterator[Finding]:
    """One patient in one submission. Source: ITI TF-2 3.42.4.1.3.3.5."""
    patient = submission.submission_set.patient_id
    for item in identified(submission):
        # One that is wanting is no other patient's: whether it is required, `registry.validation` says.
        if patient and item.patient_id and cx_key(item.patient_id) != cx_key(patient):
            expected, got = f"that of the SubmissionSet, {patient[:MAX_VALUE]}", item.patient_id[:MAX_VALUE]
            attribute = f"{type(item).__name__}.patientId"
            error = ErrorCode.XDSPatientIdDoesNotMatch
            yield finding(error, attribute, expected=expected, got=got, location=item.entry_uuid)


# --- Effects ----------------------------------------------------------------------------------------------------------


def _propagation(submission: Submission, existing: Existing) -> tuple[tuple[Association, ...], tuple[str, ...]]:
    """A replacement enters the folders of what it replaces. Source: ITI TF-2 3.42.4.1.3.3.3 (folder propagation)."""
    own = submission.submission_set.entry_uuid
    present = {(item.source, item.target) for item in submission.associations if is_membership(item)}
    added: list[Association] = []
    for item in submission.associations:
        for folder in existing.holders.get(item.target, ()) if item.type in REPLACING else ():
            approved = existing.folders[folder].availability_status is AvailabilityStatus.APPROVED
            if not approved or (folder, item.source) in present:
                continue
            present.add((folder, item.source))
            name = f"{item.entry_uuid}\0{len(added)}"  # no id that came in XML has a NUL
            added.append(Association(name, AssociationType.HAS_MEMBER, folder, item.source))
            added.append(Association(f"{name}\0", AssociationType.HAS_MEMBER, own, name))
    updated = dict.fromkeys(folder for folder, _ in present if folder in existing.folders)
    return tuple(added), tuple(updated)


def _deprecated(submission: Submission, existing: Existing) -> tuple[str, ...]:
    replaced = [item.target for item in submission.associations if item.type in REPLACING]
    return tuple(dict.fromkeys(each for target in replaced for each in (target, *existing.derived.get(target, ()))))


def _new_unique_ids(submission: Submission, existing: Existing) -> tuple[str, ...]:
    known = {entry.unique_id for entry in existing.same_unique_id}
    return tuple(item.unique_id for item in identified(submission) if item.unique_id not in known)


def resolved_ids(submission: Submission, received: datetime) -> dict[str, str]:
    """The UUID of each object: the one it has, or a new one for a symbolic id."""
    names = [item.entry_uuid for item in objects(submission)]
    return {name: name if is_uuid(name) else time_ordered_uuid(received, ordinal) for ordinal, name in enumerate(names)}


def _approved(submission: Submission, last_update_time: str) -> Submission:
    """What the registry sets, whatever was sent. Source: ITI TF-2 3.42.4.1.3.6; ITI TF-3 4.2.3.4.7."""
    approved = AvailabilityStatus.APPROVED
    return Submission(
        submission_set=replace(submission.submission_set, availability_status=approved),
        entries=tuple(
            replace(entry, availability_status=approved, logical_id=entry.entry_uuid, version=1)
            for entry in submission.entries
        ),
        folders=tuple(
            replace(
                folder,
                availability_status=approved,
                logical_id=folder.entry_uuid,
                version=1,
                last_update_time=last_update_time,
            )
            for folder in submission.folders
        ),
        associations=tuple(replace(item, availability_status=approved) for item in submission.associations),
    )


def identified(submission: Submission) -> tuple[SubmissionSet | DocumentEntry | Folder, ...]:
    """What has a uniqueId and a patient."""
    return (submission.submission_set, *submission.entries, *submission.folders)


def objects(submission: Submission) -> tuple[RegistryObject, ...]:
    """All that a submission carries."""
    return (*identified(submission), *submission.associations)


def renamed(submission: Submission, rename: Callable[[str], str]) -> Submission:
    """The submission with each id, and each reference to one, as `rename` says."""
    own = submission.submission_set
    return Submission(
        submission_set=replace(own, entry_uuid=rename(own.entry_uuid)),
        entries=tuple(replace(entry, entry_uuid=rename(entry.entry_uuid)) for entry in submission.entries),
        folders=tuple(replace(folder, entry_uuid=rename(folder.entry_uuid)) for folder in submission.folders),
        associations=tuple(
            replace(item, entry_uuid=rename(item.entry_uuid), source=rename(item.source), target=rename(item.target))
            for item in submission.associations
        ),
    )
