"""Update AvailabilityStatus: of the newest version of a document or folder, or of an association.

Source: XDS Metadata Update, ITI TF-2 3.57.4.1.3.3.2 (DocumentEntry), 3.57.4.1.3.3.4 (Folder), 3.57.4.1.3.3.5
(Association).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from registry.errors import ErrorCode, Finding, finding
from registry.metadata import Association, AvailabilityStatus, Folder
from registry.relationships import is_membership
from registry.update_operations import Operations, StatusChange
from registry.update_propagation import Planned
from registry.versions import RegisteredAssociation, Versions


def status_faults(
    operations: Operations, planned: Sequence[Planned], replaced: Collection[str], existing: Versions
) -> Iterator[Finding]:
    """What forbids the changes of status; `replaced` are the documents that the submission deprecates otherwise."""
    new = {each.update.item.entry_uuid for each in planned} | {each.item.entry_uuid for each in operations.additions}
    superseded = {each.superseded for each in planned}
    for change in operations.changes:
        uuid = change.trigger.target
        if uuid in new:
            yield from _current(change, AvailabilityStatus.APPROVED)
        elif uuid in existing.named:
            there = existing.named[uuid]
            if not there.latest or uuid in superseded:
                yield _fault(change, "targetObject", "the newest version", "one that is superseded")
            deprecated = AvailabilityStatus.DEPRECATED if uuid in replaced else there.item.availability_status
            yield from _current(change, deprecated)
            yield from _patient(change, there.patient, existing)
        elif uuid in existing.named_associations:
            association = existing.named_associations[uuid]
            yield from _association(change, association.item, existing)
            yield from _current(change, association.item.availability_status)
            yield from _patient(change, association.patient, existing)
        elif uuid in existing.named_sets:
            yield _fault(change, "targetObject", "a DocumentEntry, Folder or Association", "a SubmissionSet")
        else:
            yield _fault(change, "targetObject", "a registered object, or a new one in the submission", uuid)


def folder_of(item: Association, existing: Versions) -> str:
    """The folder whose member `item` says something is; '' when it says no such thing."""
    source = existing.neighbours.get(item.source) or existing.named.get(item.source)
    return item.source if is_membership(item) and source and isinstance(source.item, Folder) else ""


def _association(change: StatusChange, item: Association, existing: Versions) -> Iterator[Finding]:
    """What a submission set holds, it holds for ever; nothing is linked twice."""
    if is_membership(item) and not folder_of(item, existing):
        yield _fault(change, "targetObject", "no HasMember of a SubmissionSet", "one")
    twins = (each for each in existing.attached if _same(each, item))
    if change.new is AvailabilityStatus.APPROVED and any(each.approved for each in twins):
        yield _fault(change, "targetObject", "an association without an Approved twin", "one with")


def _same(other: RegisteredAssociation, item: Association) -> bool:
    there = other.item
    return there.entry_uuid != item.entry_uuid and (there.type, there.source, there.target) == (
        item.type,
        item.source,
        item.target,
    )


def _current(change: StatusChange, current: AvailabilityStatus) -> Iterator[Finding]:
    if change.original is not current:
        yield _fault(change, "OriginalStatus", f"the status it has, {current.value}", change.original.value)


def _patient(change: StatusChange, patient: str, existing: Versions) -> Iterator[Finding]:
    if patient != existing.patient:
        expected, got = "an object of the patient of the SubmissionSet", "another patient's"
        yield _fault(change, "targetObject", expected, got, ErrorCode.XDSPatientIDReconciliationError)


def _fault(
    change: StatusChange,
    attribute: str,
    expected: str,
    got: str,
    code: ErrorCode = ErrorCode.XDSMetadataUpdateError,
) -> Finding:
    return finding(code, attribute, expected=expected, got=got, location=change.trigger.entry_uuid)
