"""What a Restricted Metadata Update may not do.

Source: Restricted Metadata Update, ITI TF-1 48.4.1 (attributes that describe the stored document), ITI TF-2
3.92.4.1.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from registry.errors import ErrorCode, Finding, finding
from registry.metadata import AssociationType, AvailabilityStatus, DocumentEntry, Submission
from registry.relationships import is_membership

ONLINE = "urn:ihe:iti:2010:DocumentAvailability:Online"  # ITI TF-3 4.2.3.2.30, when nothing is said


def restriction_faults(submission: Submission) -> Iterator[Finding]:
    """One DocumentEntry, and nothing else but the submission set that holds it."""
    if len(submission.entries) != 1:
        code, where = ErrorCode.XDSInvalidRequestException, submission.submission_set.entry_uuid
        got = str(len(submission.entries))
        yield finding(code, "DocumentEntry", expected="exactly one", got=got, location=where)
    for folder in submission.folders:
        code, where = ErrorCode.XDSObjectTypeError, folder.entry_uuid
        yield finding(code, "objectType", expected="that of a DocumentEntry", got="a Folder", location=where)
    for item in submission.associations:
        if item.type is AssociationType.UPDATE_AVAILABILITY_STATUS:
            code, where = ErrorCode.UnmodifiableMetadataError, item.entry_uuid
            yield finding(code, "availabilityStatus", expected="no change", got="one", location=where)
        elif not is_membership(item):
            code, where = ErrorCode.XDSInvalidRequestException, item.entry_uuid
            yield finding(code, "Association", expected="HasMember", got=item.type.value, location=where)


def unmodifiable(item: DocumentEntry, registered: DocumentEntry, *, another_patient: bool) -> Iterator[Finding]:
    """The attributes that differ and must not. An availabilityStatus that was not sent reads as Approved."""
    where = item.entry_uuid
    if another_patient:
        code, expected = ErrorCode.XDSPatientIDReconciliationError, "that of the previous version"
        yield finding(code, "DocumentEntry.patientId", expected=expected, got="another", location=where)
    sent = (
        ("repositoryUniqueId", item.repository_unique_id, registered.repository_unique_id),
        ("sourcePatientId", item.source_patient_id, registered.source_patient_id),
        ("documentAvailability", item.document_availability or ONLINE, registered.document_availability or ONLINE),
        ("homeCommunityId", item.home_community_id or registered.home_community_id, registered.home_community_id),
    )
    changed = [name for name, new, old in sent if new != old]
    if item.availability_status not in (AvailabilityStatus.APPROVED, registered.availability_status):
        changed.append("availabilityStatus")
    for name in changed:
        code, expected = ErrorCode.UnmodifiableMetadataError, "that of the previous version"
        yield finding(code, f"DocumentEntry.{name}", expected=expected, got="another", location=where)
