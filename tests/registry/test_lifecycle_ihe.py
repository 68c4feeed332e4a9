"""What a submission may do in an IHE domain, rule by rule; no database.

Source: ITI TF-2 3.41.4.1.3, 3.42.4.1.3 and 3.61.4.1.3; ITI TF-3 4.2.2.
"""

from __future__ import annotations

import pytest

from registry.errors import ErrorCode, Finding, RegistryError
from registry.existing import RegisteredFolder
from registry.kinds import SubmissionKind
from registry.lifecycle import Existing
from registry.metadata import AssociationType, AvailabilityStatus, ObjectType, Submission
from schemas.domain import SameUniqueId
from tests.registry.judging import FOLDER, TARGET, faults, holding, judge, registered
from tests.registry.samples import APPROVED, DOSSIER, HAS_MEMBER, association, document, folder, submission

XFRM = AssociationType.XFRM
KNOWN_FOLDER = {FOLDER: RegisteredFolder(FOLDER, DOSSIER, APPROVED)}


def findings(item: Submission, **more: object) -> tuple[Finding, ...]:
    with pytest.raises(RegistryError) as caught:
        judge(item, **more)  # type: ignore[arg-type]
    return caught.value.findings


@pytest.mark.parametrize("kind", list(SubmissionKind))
def test_the_code_tells_where_a_repeated_unique_id_was_seen(kind: SubmissionKind) -> None:
    repository = ErrorCode.XDSRepositoryDuplicateUniqueIdInMessage
    registry = ErrorCode.XDSRegistryDuplicateUniqueIdInMessage
    own = document().unique_id
    item = submission(document(), document("Document02"), folders=(folder(unique_id=own),), unique_id=own)
    assert [(found.code, found.location) for found in findings(item, kind=kind)] == [
        (repository if kind is SubmissionKind.PROVIDE else registry, "Document02"),
        (registry, "SubmissionSet01"),
        (registry, "Folder01"),
    ]


@pytest.mark.parametrize("policy", list(SameUniqueId))
def test_documents_on_demand_share_a_unique_id_among_themselves_only(policy: SameUniqueId) -> None:
    virtual = document(object_type=ObjectType.ON_DEMAND, hash="", size=None)
    there = Existing(DOSSIER, same_unique_id=(registered(1, object_type=ObjectType.ON_DEMAND, hash="", size=None),))
    assert judge(submission(virtual), there, policy=policy).new_unique_ids == (submission().submission_set.unique_id,)
    assert faults(submission(document()), there, policy=policy) == [ErrorCode.XDSRegistryMetadataError]
    stable = Existing(DOSSIER, same_unique_id=(registered(1),))
    assert faults(submission(virtual), stable, policy=policy) == [ErrorCode.XDSRegistryMetadataError]


def test_two_patients_are_both_told() -> None:
    other = "1^^^&1.2.3&ISO"
    (found,) = findings(submission(document(patient_id=other)))
    assert found.location == "Document01"
    assert other in found.context
    assert submission().submission_set.patient_id in found.context


def test_an_object_without_patient_is_no_other_patient_s() -> None:
    assert judge(submission(document(patient_id=""), folders=(folder(patient_id=""),)))


# --- Members ----------------------------------------------------------------------------------------------------------


def by_reference() -> Submission:
    return submission(
        relations=(association(HAS_MEMBER, "SubmissionSet01", TARGET, submission_set_status="Reference"),)
    )


@pytest.mark.parametrize("across", [True, False])
def test_a_document_of_another_patient_is_held_by_reference_where_the_domain_lets_it(across: bool) -> None:
    existing = holding(registered(patient="other"))
    if across:
        assert judge(by_reference(), existing, references_across=True)
    else:
        assert faults(by_reference(), existing) == [ErrorCode.XDSPatientIdDoesNotMatch]


@pytest.mark.parametrize("status", [each for each in AvailabilityStatus if each is not APPROVED])
def test_a_deprecated_document_is_referenced_no_more(status: AvailabilityStatus) -> None:
    existing = holding(registered(availability_status=status))
    assert faults(by_reference(), existing) == [ErrorCode.XDSRegistryDeprecatedDocumentError]


def test_a_set_holds_no_registered_folder_no_relationship_and_not_itself() -> None:
    relation = association(XFRM, "Document02", "Document01")
    for held in (relation.entry_uuid, "SubmissionSet01", FOLDER):
        member = association(HAS_MEMBER, "SubmissionSet01", held)
        item = submission(document(), document("Document02", 2), relations=(relation, member))
        (found,) = findings(item, existing=Existing(DOSSIER, folders=KNOWN_FOLDER))
        assert (found.code, found.location) == (ErrorCode.XDSRegistryMetadataError, member.entry_uuid)


def test_folders_are_not_nested() -> None:
    member = association(HAS_MEMBER, "Folder01", "Folder02")
    item = submission(folders=(folder(), folder("Folder02", 2)), relations=(member,))
    assert faults(item) == [ErrorCode.XDSRegistryMetadataError]
    outer = submission(folders=(folder(),), relations=(association(HAS_MEMBER, FOLDER, "Folder01"),))
    assert faults(outer, Existing(DOSSIER, folders=KNOWN_FOLDER)) == [ErrorCode.XDSRegistryMetadataError]
