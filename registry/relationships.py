"""How the objects of a submission hold together, and what they may do to registered ones.

Source: ITI TF-3 4.2.1.4 (submissions), 4.2.2 (associations); ITI TF-2 3.42.4.1.3.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from registry.errors import ErrorCode, Finding, finding
from registry.existing import Existing, RegisteredEntry, is_uuid
from registry.metadata import (
    Association,
    AssociationType,
    AvailabilityStatus,
    DocumentEntry,
    ObjectType,
    Submission,
)

ORIGINAL = "Original"  # ITI TF-3 4.2.1.4, slot SubmissionSetStatus
REFERENCE = "Reference"
PREVIOUS_VERSION = "PreviousVersion"  # XDS Metadata Update, ITI TF-2 3.57.4.1.3.1.3.3

REPLACING = frozenset({AssociationType.RPLC, AssociationType.XFRM_RPLC})
DERIVING = frozenset({AssociationType.APND, AssociationType.XFRM})
OPERATIONS = frozenset({AssociationType.UPDATE_AVAILABILITY_STATUS, AssociationType.SUBMIT_ASSOCIATION})
_REGISTERED_TARGET = REPLACING | {AssociationType.IS_SNAPSHOT_OF}


def is_membership(item: Association) -> bool:
    return item.type is AssociationType.HAS_MEMBER


def membership_faults(
    submission: Submission, existing: Existing, *, references_across: bool = False
) -> Iterator[Finding]:
    """HasMember: what a submission set holds, and what goes into folders. Source: ITI TF-3 4.2.1.4, 4.2.2.1."""
    own = submission.submission_set.entry_uuid
    entries = {entry.entry_uuid for entry in submission.entries}
    folders = {folder.entry_uuid for folder in submission.folders}
    memberships = [item for item in submission.associations if is_membership(item)]
    held = Counter(item.target for item in memberships if item.source == own)
    new = entries | folders | {item.entry_uuid for item in memberships if item.source != own}
    others = ({own} | {item.entry_uuid for item in submission.associations}) - new
    for item_id in (*entries, *folders):
        if held[item_id] != 1:
            expected, got = "one HasMember from the SubmissionSet", f"{held[item_id]}"
            yield _misbuilt(item_id, "DocumentEntry" if item_id in entries else "Folder", expected, got)
    for item in memberships:
        if item.documentation is not None:
            yield _misbuilt(item.entry_uuid, "HasMember", "no association documentation", "one")
        if item.source == own:
            yield from _set_member(item, entries, new, others, existing, references_across=references_across)
        elif item.source in folders or item.source in existing.folders:
            yield from _folder_member(item, held[item.entry_uuid], entries, folders | others, existing)
        elif is_uuid(item.source) and item.source not in entries:
            yield _unresolved(item, "sourceObject", item.source)
        else:
            yield _misbuilt(item.entry_uuid, "sourceObject of HasMember", "the SubmissionSet or a Folder", item.source)


def _set_member(
    item: Association,
    entries: set[str],
    new: set[str],
    others: set[str],
    existing: Existing,
    *,
    references_across: bool,
) -> Iterator[Finding]:
    """A new object of the submission, or by reference an Approved document that is already there.

    No set holds the `others` of the submission, nor a folder that is already there.
    Source: ITI TF-3 4.2.2.1.1, 4.2.2.1.2, 4.2.2.1.4; 4.2.2 (a deprecated DocumentEntry is referenced no more).
    """
    if item.target in new:
        if item.target in entries and item.submission_set_status != ORIGINAL:
            got = item.submission_set_status or "none"
            yield _misbuilt(item.entry_uuid, "SubmissionSetStatus of a new document", ORIGINAL, got)
        return
    if item.target in others or item.target in existing.folders:
        expected = "a DocumentEntry, or a Folder or HasMember of the submission"
        yield _misbuilt(item.entry_uuid, "targetObject of HasMember", expected, item.target)
        return
    registered = existing.entries.get(item.target)
    if registered is None:
        yield _unresolved(item, "targetObject", item.target)
        return
    if registered.availability_status is not AvailabilityStatus.APPROVED:
        yield _not_approved(item, "DocumentEntry", registered.availability_status)
    if item.submission_set_status != REFERENCE:
        got = item.submission_set_status or "none"
        yield _misbuilt(item.entry_uuid, "SubmissionSetStatus of a registered document", REFERENCE, got)
    if not references_across:
        yield from _same_patient(item, registered.patient, existing)


def _folder_member(
    item: Association, held: int, entries: set[str], others: set[str], existing: Existing
) -> Iterator[Finding]:
    """A document that enters a folder: both Approved, of one patient, and the membership held by the submission set."""
    if held != 1:
        yield _misbuilt(item.entry_uuid, "HasMember of a Folder", "one HasMember from the SubmissionSet", f"{held}")
    folder = existing.folders.get(item.source)
    if folder is not None:
        yield from _same_patient(item, folder.patient, existing)
        if folder.availability_status is not AvailabilityStatus.APPROVED:
            yield _not_approved(item, "Folder", folder.availability_status)
    if item.target in entries:
        return
    if item.target in others or item.target in existing.folders:
        yield _misbuilt(item.entry_uuid, "targetObject of HasMember", "a DocumentEntry", item.target)
        return
    registered = existing.entries.get(item.target)
    if registered is None:
        yield _unresolved(item, "targetObject", item.target)
        return
    yield from _same_patient(item, registered.patient, existing)
    if registered.availability_status is not AvailabilityStatus.APPROVED:
        yield _not_approved(item, "DocumentEntry", registered.availability_status)


def relationship_faults(submission: Submission, existing: Existing) -> Iterator[Finding]:
    """RPLC, XFRM, APND, XFRM_RPLC, signs, IsSnapshotOf. Source: ITI TF-3 4.2.2.2; ITI TF-2 3.42.4.1.3.3.3."""
    entries = {entry.entry_uuid: entry for entry in submission.entries}
    yield from _operations(submission)
    relationships = [
        item for item in submission.associations if not is_membership(item) and item.type not in OPERATIONS
    ]
    replaced = Counter(item.target for item in relationships if item.type in REPLACING)
    deprecated = {*replaced, *(each for target in replaced for each in existing.derived.get(target, ()))}
    transformed = {item.source for item in relationships if item.type is AssociationType.XFRM}
    yield from _circles(relationships)
    for item in relationships:
        if item.source not in entries:
            yield _unresolved(item, "sourceObject", item.source)
        if item.target in entries:
            if item.type in _REGISTERED_TARGET:
                yield _unresolved(item, "targetObject", "a document of the same submission")
            if item.type is AssociationType.APND and item.target in transformed:
                yield _misbuilt(item.entry_uuid, "targetObject of APND", "no transformation", "one")
            continue
        if item.type is AssociationType.SIGNS and item.target == submission.submission_set.entry_uuid:
            continue  # the signature document of a DMP submission
        registered = existing.entries.get(item.target)
        if registered is None:
            yield _unresolved(item, "targetObject", item.target)
            continue
        yield from _same_patient(item, registered.patient, existing)
        yield from _acceptable_target(item, registered, entries.get(item.source), existing)
        twice = item.type in REPLACING and replaced[item.target] > 1
        if twice or (item.type in DERIVING and item.target in deprecated):
            yield _deprecated_target(item, "one that the same submission replaces")


def _operations(submission: Submission) -> Iterator[Finding]:
    """What has a meaning in an update only. Source: XDS Metadata Update, ITI TF-2 3.57.4.1.3.1."""
    for item in submission.associations:
        if item.type in OPERATIONS:
            yield _misbuilt(item.entry_uuid, "associationType", "one that is no update", item.type.value)
        if any(name == PREVIOUS_VERSION for name, _ in item.extra_slots):
            yield _misbuilt(item.entry_uuid, PREVIOUS_VERSION, "no such Slot outside of an update", "one")


def _circles(relationships: list[Association]) -> Iterator[Finding]:
    """No document comes of itself, on whatever way round. What is registered cannot name what is new."""
    for item in relationships:
        if item.source == item.target:
            yield _misbuilt(item.entry_uuid, f"targetObject of {item.type.name}", "another document", "its own source")
    between = TopologicalSorter[str]()
    for item in relationships:
        if item.source != item.target:
            between.add(item.source, item.target)
    try:
        between.prepare()
    except CycleError as circle:
        yield _misbuilt(circle.args[1][0], "associations", "none that lead back to where they start", "a circle")


def _acceptable_target(
    item: Association, target: RegisteredEntry, source: DocumentEntry | None, existing: Existing
) -> Iterator[Finding]:
    if target.availability_status is not AvailabilityStatus.APPROVED:
        yield _not_approved(item, "DocumentEntry", target.availability_status)
    if item.type is AssociationType.APND and item.target in existing.transformations:
        yield _misbuilt(item.entry_uuid, "targetObject of APND", "no transformation", "one")
    if item.type is AssociationType.IS_SNAPSHOT_OF and (
        target.object_type is not ObjectType.ON_DEMAND
        or (source is not None and source.object_type is not ObjectType.STABLE)
    ):
        expected, got = "a Stable source and an On-Demand target", "others"
        yield _misbuilt(item.entry_uuid, "IsSnapshotOf", expected, got)


def _misbuilt(location: str, attribute: str, expected: str, got: str) -> Finding:
    return finding(ErrorCode.XDSRegistryMetadataError, attribute, expected=expected, got=got[:64], location=location)


def _unresolved(item: Association, attribute: str, got: str) -> Finding:
    expected = "an object of the submission" if attribute == "sourceObject" else "a registered object"
    return finding(
        ErrorCode.UnresolvedReferenceException,
        f"{attribute} of {item.type.name}",
        expected=expected,
        got=got[:64] or "none",
        location=item.entry_uuid,
    )


def _deprecated_target(item: Association, got: str) -> Finding:
    return finding(
        ErrorCode.XDSRegistryDeprecatedDocumentError,
        f"targetObject of {item.type.name}",
        expected="an Approved document",
        got=got,
        location=item.entry_uuid,
    )


def _not_approved(item: Association, kind: str, status: AvailabilityStatus) -> Finding:
    return _deprecated_target(item, f"a {kind} that is {status.name.capitalize()}")


def _same_patient(item: Association, patient: str, existing: Existing) -> Iterator[Finding]:
    if patient != existing.patient:
        yield finding(
            ErrorCode.XDSPatientIdDoesNotMatch,
            f"{item.type.name}",
            expected="objects of one patient",
            got="two patients",
            location=item.entry_uuid,
        )
