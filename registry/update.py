"""What a metadata update does to what the registry holds: a pure function, `admit_update`.

As `registry.lifecycle` for submissions of documents: the store reads what an update touches (`Versions`), this judges
it, and the store writes the `UpdateEffects`, all or nothing. Every fault is found and reported, not the first one only.

New versions come first, then submitted associations, then changes of status, in whatever order they were sent.

Source: XDS Metadata Update, ITI TF-2 3.57.4.1.3; Restricted Metadata Update, ITI TF-2 3.92.4.1.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.existing import Existing, canonical_id
from registry.hl7_types import cx_key
from registry.lifecycle import canonical, identity_faults, renamed, resolved_ids
from registry.metadata import (
    Association,
    AssociationType,
    AvailabilityStatus,
    DocumentEntry,
    Folder,
    Submission,
    SubmissionSet,
)
from registry.update_additions import addition_faults, replaced_documents
from registry.update_operations import RESTRICTED, UPDATE, Operations, Rules, Update, read_operations, versions_of
from registry.update_propagation import Planned, propagated
from registry.update_restricted import restriction_faults, unmodifiable
from registry.update_status import folder_of, status_faults
from registry.versions import RegisteredVersion, Versions
from schemas.domain import SameUniqueId

_APPROVED, _DEPRECATED = AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version to be written, and the one that it supersedes, which becomes Deprecated."""

    item: DocumentEntry | Folder
    previous: RegisteredVersion


@dataclass(frozen=True, slots=True)
class NewStatus:
    """A status that a registered object gets, if it still has the one it had."""

    entry_uuid: str
    kind: type[DocumentEntry] | type[Folder] | type[Association]
    original: AvailabilityStatus
    new: AvailabilityStatus


@dataclass(frozen=True, slots=True)
class UpdateEffects:
    """What to write: everything resolved, every id a UUID.

    `replaced` are the registered documents that a submitted association replaces; `updated_folders` the folders already
    there whose lastUpdateTime becomes `last_update_time` (DTM).
    """

    submission_set: SubmissionSet
    versions: tuple[NewVersion, ...]
    associations: tuple[Association, ...]
    statuses: tuple[NewStatus, ...]
    replaced: tuple[str, ...]
    updated_folders: tuple[str, ...]
    last_update_time: str

    @property
    def entries(self) -> tuple[DocumentEntry, ...]:
        """The new versions that are documents'."""
        return tuple(each.item for each in self.versions if isinstance(each.item, DocumentEntry))


def canonical_update(submission: Submission) -> Submission:
    """The submission with each UUID in lower case, logicalIds included."""
    submission = canonical(submission)
    return replace(
        submission,
        entries=tuple(replace(item, logical_id=canonical_id(item.logical_id)) for item in submission.entries),
        folders=tuple(replace(item, logical_id=canonical_id(item.logical_id)) for item in submission.folders),
    )


def admit_update(
    submission: Submission, existing: Versions, *, received: datetime, rules: Rules = UPDATE
) -> UpdateEffects:
    """What the update `submission`, received at `received` (UTC), does, by the rules of its transaction.

    Raises RegistryError with every fault found.
    """
    submission = canonical_update(submission)
    operations, findings = read_operations(submission, rules)
    planned, more = _planned(operations, existing, rules)
    copies = tuple(propagated(planned, existing))
    replaced = replaced_documents(operations.additions, existing)
    findings = (
        *(restriction_faults(submission) if rules is RESTRICTED else ()),
        *_identity(submission, existing),
        *findings,
        *more,
        *_patients(submission),
        *_disconnected(planned, copies, existing),
        *addition_faults(operations.additions, planned, existing),
        *status_faults(operations, planned, replaced, existing),
    )
    if findings:
        raise RegistryError(findings)
    return _effects(submission, operations, planned, copies, replaced, existing, received)


# --- Faults -----------------------------------------------------------------------------------------------------------


def _identity(submission: Submission, existing: Versions) -> Iterator[Finding]:
    """Ids are new; so is the submission set's uniqueId, whereas a version has that of its logical object."""
    known = Existing(existing.patient, package_unique_ids=existing.taken_unique_ids, entry_uuids=existing.entry_uuids)
    yield from identity_faults(submission, known, SameUniqueId.ACCEPT_IDENTICAL)


def _planned(operations: Operations, existing: Versions, rules: Rules) -> tuple[list[Planned], list[Finding]]:
    planned, findings = [], []
    for update in operations.updates:
        previous = existing.newest.get(update.item.logical_id)
        if previous is None or type(previous.item) is not type(update.item):
            findings.append(_version_fault(update, "the logicalID of a registered object", "an unknown one"))
            continue
        faults = list(_version_faults(update, previous, rules))
        if rules is RESTRICTED and isinstance(update.item, DocumentEntry) and isinstance(previous.item, DocumentEntry):
            faults += unmodifiable(update.item, previous.item, another_patient=previous.patient != existing.patient)
        findings += faults
        planned.append(Planned(update, previous))
    return planned, findings


def _version_faults(update: Update, previous: RegisteredVersion, rules: Rules) -> Iterator[Finding]:
    """Source: 3.57.4.1.3.3.1.3 and 3.57.4.1.3.3.3.3; CP-ITI-1190-2 (ITI-92 takes a Deprecated version)."""
    item, registered = update.item, previous.item
    kind, where = type(item).__name__, item.entry_uuid
    if not previous.latest or update.previous_version != registered.version:
        yield _version_fault(update, "the newest version", f"PreviousVersion {update.previous_version}")
    if previous.latest and registered.availability_status not in rules.updated:
        expected = f"an {' or '.join(status.name.capitalize() for status in rules.updated)} one"
        code, got = ErrorCode.XDSMetadataUpdateError, registered.availability_status.name.capitalize()
        yield finding(code, f"{kind}.previous version", expected=expected, got=got, location=where)
    if item.unique_id != registered.unique_id:
        expected, got = "that of the previous version", item.unique_id[:80] or "none"
        yield finding(rules.identifier, f"{kind}.uniqueId", expected=expected, got=got, location=where)
    kinds = [each.object_type for each in (registered, item) if isinstance(each, DocumentEntry)]
    if len(set(kinds)) > 1:
        expected, got = kinds[0].value, kinds[1].value
        yield finding(rules.object_type, f"{kind}.objectType", expected=expected, got=got, location=where)


def _version_fault(update: Update, expected: str, got: str) -> Finding:
    kind, where = type(update.item).__name__, update.item.entry_uuid
    code = ErrorCode.XDSMetadataVersionError
    return finding(code, f"{kind}.version", expected=expected, got=got, location=where)


def _patients(submission: Submission) -> Iterator[Finding]:
    """New versions are the submission set's patient's. Source: 3.57.4.1.3.3.1.7 and 3.57.4.1.3.3.3.7."""
    patient = cx_key(submission.submission_set.patient_id)
    for item in versions_of(submission):
        if cx_key(item.patient_id) != patient:
            code, expected = ErrorCode.XDSPatientIDReconciliationError, "that of the SubmissionSet"
            kind = type(item).__name__
            yield finding(code, f"{kind}.patientId", expected=expected, got="another", location=item.entry_uuid)


def _disconnected(planned: Sequence[Planned], copies: Sequence[Association], existing: Versions) -> Iterator[Finding]:
    """What goes to another patient takes no link along. Source: 3.57.4.1.3.4.1 (unconnected DocumentEntry)."""
    ends = {end for copy in copies for end in (copy.source, copy.target)}
    for each in planned:
        item = each.update.item
        if each.previous.patient != existing.patient and item.entry_uuid in ends:
            code, expected = ErrorCode.XDSPatientIDReconciliationError, "an object without associations to propagate"
            kind = type(item).__name__
            yield finding(code, f"{kind}.patientId", expected=expected, got="a linked one", location=item.entry_uuid)


# --- Effects ----------------------------------------------------------------------------------------------------------


def _effects(
    submission: Submission,
    operations: Operations,
    planned: Sequence[Planned],
    copies: Sequence[Association],
    replaced: tuple[str, ...],
    existing: Versions,
    received: datetime,
) -> UpdateEffects:
    last_update_time = received.strftime("%Y%m%d%H%M%S")
    own = submission.submission_set
    statuses = {each.trigger.target: each.new for each in operations.changes}
    added = tuple(each.item for each in operations.additions)
    held = tuple(
        Association(each.trigger.entry_uuid, AssociationType.HAS_MEMBER, own.entry_uuid, each.item.entry_uuid)
        for each in operations.additions
    )
    new = tuple(
        replace(item, availability_status=statuses.get(item.entry_uuid, _APPROVED))
        for item in (*(each.update.membership for each in planned), *copies, *added, *held)
    )
    touched = _touched_folders((*copies, *added), operations, existing)
    items = [
        _version(each, statuses, last_update_time if each.update.item.entry_uuid in touched else "") for each in planned
    ]
    complete = Submission(
        submission_set=replace(own, availability_status=_APPROVED),
        entries=tuple(item for item in items if isinstance(item, DocumentEntry)),
        folders=tuple(item for item in items if isinstance(item, Folder)),
        associations=new,
    )
    ids = resolved_ids(complete, received)
    resolved = renamed(complete, lambda name: ids.get(name, name))
    by_uuid = {item.entry_uuid: item for item in versions_of(resolved)}
    return UpdateEffects(
        submission_set=resolved.submission_set,
        versions=tuple(NewVersion(by_uuid[ids[each.update.item.entry_uuid]], each.previous) for each in planned),
        associations=resolved.associations,
        statuses=tuple(_statuses(operations, existing)),
        replaced=replaced,
        updated_folders=tuple(
            folder for folder in touched if folder in existing.neighbours or folder in existing.named
        ),
        last_update_time=last_update_time,
    )


def _version(
    each: Planned, statuses: Mapping[str, AvailabilityStatus], last_update_time: str
) -> DocumentEntry | Folder:
    """The new version. It has the status of the one before: what is Deprecated (ITI-92) or Archived (DMP) stays so."""
    item, previous = each.update.item, each.previous.item
    status = statuses.get(item.entry_uuid, previous.availability_status)
    version, home = previous.version + 1, item.home_community_id or previous.home_community_id
    new = replace(item, availability_status=status, version=version, home_community_id=home)
    if isinstance(new, Folder):
        time = last_update_time or (previous.last_update_time if isinstance(previous, Folder) else "")
        return replace(new, last_update_time=time)
    return new


def _touched_folders(new: Sequence[Association], operations: Operations, existing: Versions) -> dict[str, None]:
    """The folders whose content changes, by the ids of the submission. Source: ITI TF-3 4.2.3.4.7."""
    folders = {each.item.entry_uuid for each in operations.updates if isinstance(each.item, Folder)}
    documents = {each.item.entry_uuid for each in operations.updates} - folders
    added = {each.item.entry_uuid for each in operations.additions}
    touched: dict[str, None] = {}
    for item in new:
        folder = item.source if item.source in folders else folder_of(item, existing)
        if folder and (folder not in folders or item.target in documents or item.entry_uuid in added):
            touched[folder] = None
    for change in operations.changes:
        there = existing.named_associations.get(change.trigger.target)
        if there is not None and (folder := folder_of(there.item, existing)):
            touched[folder] = None
    return touched


def _statuses(operations: Operations, existing: Versions) -> Iterator[NewStatus]:
    for change in operations.changes:
        uuid = change.trigger.target
        if uuid in existing.named:
            yield NewStatus(uuid, type(existing.named[uuid].item), change.original, change.new)
        elif uuid in existing.named_associations:
            yield NewStatus(uuid, Association, change.original, change.new)
