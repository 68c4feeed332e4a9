"""What a submission may do, rule by rule; no database. Source: ITI TF-2 3.42.4.1.3; ITI TF-3 4.2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.errors import ErrorCode
from registry.existing import RegisteredFolder, is_uuid
from registry.lifecycle import DocumentVersion, Existing, objects
from registry.metadata import AssociationType, AvailabilityStatus, Code, ObjectType, Submission
from schemas.domain import SameUniqueId
from tests.registry.judging import FOLDER, TARGET, faults, holding, judge, registered, related
from tests.registry.samples import (
    APPROVED,
    DEPRECATED,
    DOSSIER,
    HAS_MEMBER,
    SHA1,
    association,
    document,
    folder,
    submission,
    uuid,
)

RPLC, APND, XFRM = AssociationType.RPLC, AssociationType.APND, AssociationType.XFRM
XFRM_RPLC, SIGNS = AssociationType.XFRM_RPLC, AssociationType.SIGNS


# --- Ids --------------------------------------------------------------------------------------------------------------


def test_each_symbol_becomes_one_uuid_everywhere() -> None:
    effects = judge(submission(document()))
    entry, own = effects.submission.entries[0], effects.submission.submission_set
    assert effects.ids["Document01"] == entry.entry_uuid == effects.submission.associations[0].target
    assert own.entry_uuid == effects.submission.associations[0].source
    assert all(is_uuid(item.entry_uuid) for item in objects(effects.submission))


def test_a_given_uuid_is_kept_in_lower_case() -> None:
    given_uuid = "urn:uuid:ABCDEF00-0000-4000-8000-00000000000A"
    effects = judge(submission(document(given_uuid)))
    assert effects.submission.entries[0].entry_uuid == given_uuid.lower()
    assert effects.submission.associations[0].target == given_uuid.lower()


def test_new_documents_are_approved_first_versions_whatever_was_sent() -> None:
    sent = document(availability_status=DEPRECATED, logical_id="urn:uuid:other", version=9)
    entry = judge(submission(sent)).submission.entries[0]
    assert (entry.availability_status, entry.logical_id, entry.version) == (APPROVED, entry.entry_uuid, 1)


@pytest.mark.parametrize("wrong", ["urn:uuid:", "urn:uuid:1234", "urn:uuid:0000000000004000800000000000000a"])
def test_what_begins_as_a_uuid_must_be_one(wrong: str) -> None:
    assert ErrorCode.XDSRegistryMetadataError in faults(submission(document(wrong)))


def test_an_id_twice_in_a_message_is_refused() -> None:
    found = faults(submission(document(), document(number=2)))
    assert set(found) == {ErrorCode.XDSRegistryMetadataError}


def test_an_entry_uuid_that_is_registered_is_refused() -> None:
    found = faults(submission(document(TARGET)), Existing(DOSSIER, entry_uuids=frozenset({TARGET})))
    assert found == [ErrorCode.XDSRegistryMetadataError]


# --- uniqueIds --------------------------------------------------------------------------------------------------------


def test_a_unique_id_twice_in_a_message_is_refused() -> None:
    item = submission(document(), document("Document02"))
    assert faults(item) == [ErrorCode.XDSRegistryDuplicateUniqueIdInMessage]


SAME = (registered(1),)


def test_a_registered_document_comes_again_refused_by_the_dmp() -> None:
    item = submission(document())
    assert faults(item, Existing(DOSSIER, same_unique_id=SAME)) == [ErrorCode.XDSRegistryMetadataError]


def test_a_registered_document_comes_again_accepted_by_ihe() -> None:
    item = submission(document(hash=SHA1.upper()))
    effects = judge(item, Existing(DOSSIER, same_unique_id=SAME), policy=SameUniqueId.ACCEPT_IDENTICAL)
    assert effects.new_unique_ids == (item.submission_set.unique_id,)


@pytest.mark.parametrize("policy", list(SameUniqueId))
def test_other_bytes_under_a_registered_unique_id_are_refused(policy: SameUniqueId) -> None:
    item = submission(document(hash="0" * 40, size=2))
    found = faults(item, Existing(DOSSIER, same_unique_id=SAME), policy=policy)
    assert found == [ErrorCode.XDSNonIdenticalHash, ErrorCode.XDSNonIdenticalSize]


def test_a_set_or_folder_takes_no_unique_id_that_anything_has() -> None:
    item = submission(document(), folders=(folder(),))
    taken = Existing(DOSSIER, package_unique_ids=frozenset({item.submission_set.unique_id}))
    assert faults(item, taken) == [ErrorCode.XDSDuplicateUniqueIdInRegistry]
    by_document = Existing(DOSSIER, same_unique_id=(registered(unique_id=folder().unique_id),))
    assert faults(item, by_document) == [ErrorCode.XDSDuplicateUniqueIdInRegistry]


def test_a_document_takes_no_unique_id_of_a_set() -> None:
    taken = Existing(DOSSIER, package_unique_ids=frozenset({document().unique_id}))
    assert faults(submission(document()), taken) == [ErrorCode.XDSRegistryMetadataError]


# --- Versions and patients --------------------------------------------------------------------------------------------

V1 = DocumentVersion("1.2.3.4", 1)


def test_versions_come_back_by_entry_uuid() -> None:
    effects = judge(submission(document()), versions={"Document01": V1})
    assert effects.versions == {effects.ids["Document01"]: V1}


def test_a_version_that_the_patient_has_is_refused() -> None:
    known = Existing(DOSSIER, versions=frozenset({V1}))
    assert faults(submission(document()), known, versions={"Document01": V1}) == [ErrorCode.XDSRegistryMetadataError]


def test_a_version_twice_in_a_message_is_refused() -> None:
    item = submission(document(), document("Document02", 2))
    found = faults(item, versions={"Document01": V1, "Document02": V1})
    assert found == [ErrorCode.XDSRegistryMetadataError] * 2


@pytest.mark.parametrize(
    "version", [DocumentVersion("1.2", 0), DocumentVersion("1" * 257, 1), DocumentVersion("1", 2**31)]
)
def test_a_version_out_of_bounds_is_refused(version: DocumentVersion) -> None:
    assert faults(submission(document()), versions={"Document01": version}) == [ErrorCode.XDSRegistryMetadataError]


def test_one_submission_is_about_one_patient() -> None:
    other = "1^^^&1.2.250.1.213.1.4.10&ISO^NH"
    item = submission(document(patient_id=other), folders=(folder(patient_id=other),))
    assert faults(item) == [ErrorCode.XDSPatientIdDoesNotMatch] * 2


def test_a_patient_is_an_identifier_and_an_authority_and_nothing_else() -> None:
    item = submission(document(patient_id="279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH^^20260101"))
    assert judge(item).submission.entries[0].patient_id.endswith("20260101")


# --- Structure --------------------------------------------------------------------------------------------------------


def without(item: Submission, index: int = 0) -> Submission:
    kept = item.associations[:index] + item.associations[index + 1 :]
    return replace(item, associations=kept)


def test_a_document_belongs_to_the_submission_set() -> None:
    assert faults(without(submission(document()))) == [ErrorCode.XDSRegistryMetadataError]


def test_a_folder_belongs_to_the_submission_set() -> None:
    assert faults(without(submission(folders=(folder(),)))) == [ErrorCode.XDSRegistryMetadataError]


@pytest.mark.parametrize("status", ["", "Reference"])
def test_a_new_document_is_original(status: str) -> None:
    item = submission(document())
    held = replace(item.associations[0], submission_set_status=status)
    assert faults(replace(item, associations=(held,))) == [ErrorCode.XDSRegistryMetadataError]


def by_reference(status: str = "Reference") -> Submission:
    return submission(relations=(association(HAS_MEMBER, "SubmissionSet01", TARGET, submission_set_status=status),))


def test_a_registered_document_is_held_by_reference() -> None:
    assert len(judge(by_reference(), holding(registered())).submission.associations) == 1
    assert faults(by_reference("Original"), holding(registered())) == [ErrorCode.XDSRegistryMetadataError]
    assert faults(by_reference()) == [ErrorCode.UnresolvedReferenceException]
    assert faults(by_reference(), holding(registered(patient="other"))) == [ErrorCode.XDSPatientIdDoesNotMatch]


def test_a_has_member_carries_no_documentation() -> None:
    item = submission(document())
    held = replace(item.associations[0], documentation=Code("a", "b"))
    assert faults(replace(item, associations=(held,))) == [ErrorCode.XDSRegistryMetadataError]


def test_a_has_member_comes_from_a_set_or_folder() -> None:
    item = submission(
        document(), document("Document02", 2), relations=(association(HAS_MEMBER, "Document01", "Document02"),)
    )
    assert faults(item) == [ErrorCode.XDSRegistryMetadataError]
    item = submission(document(), relations=(association(HAS_MEMBER, FOLDER, "Document01"),))
    assert faults(item) == [ErrorCode.UnresolvedReferenceException]


KNOWN_FOLDER = {FOLDER: RegisteredFolder(FOLDER, DOSSIER, APPROVED)}


@pytest.mark.parametrize(
    ("source", "target", "updated"),
    [
        ("Folder01", "Document01", ()),
        ("Folder01", TARGET, ()),
        (FOLDER, "Document01", (FOLDER,)),
        (FOLDER, TARGET, (FOLDER,)),
    ],
)
def test_four_ways_to_fill_a_folder(source: str, target: str, updated: tuple[str, ...]) -> None:
    item = submission(document(), folders=(folder(),), relations=(association(HAS_MEMBER, source, target),))
    effects = judge(item, holding(registered(), folders=KNOWN_FOLDER))
    assert effects.updated_folders == updated
    assert effects.last_update_time == effects.submission.folders[0].last_update_time == "20260301120030"


def test_a_folder_membership_belongs_to_the_submission_set() -> None:
    item = submission(document(), folders=(folder(),), relations=(association(HAS_MEMBER, "Folder01", "Document01"),))
    assert faults(without(item, 2)) == [ErrorCode.XDSRegistryMetadataError]


def test_folder_and_document_are_approved_and_of_the_patient() -> None:
    item = submission(relations=(association(HAS_MEMBER, FOLDER, TARGET),))
    old = {FOLDER: RegisteredFolder(FOLDER, DOSSIER, DEPRECATED)}
    foreign = {FOLDER: RegisteredFolder(FOLDER, "other", APPROVED)}
    deprecated = ErrorCode.XDSRegistryDeprecatedDocumentError
    assert faults(item, holding(registered(), folders=old)) == [deprecated]
    assert faults(item, holding(registered(availability_status=DEPRECATED), folders=KNOWN_FOLDER)) == [deprecated]
    assert faults(item, holding(registered(), folders=foreign)) == [ErrorCode.XDSPatientIdDoesNotMatch]
    assert faults(item, holding(registered(patient="other"), folders=KNOWN_FOLDER)) == [
        ErrorCode.XDSPatientIdDoesNotMatch
    ]
    assert faults(item, Existing(DOSSIER, folders=KNOWN_FOLDER)) == [ErrorCode.UnresolvedReferenceException]


# --- Relationships ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RPLC, XFRM_RPLC])
def test_a_replacement_deprecates_its_target_and_what_derives_of_it(kind: AssociationType) -> None:
    existing = holding(registered(), derived={TARGET: (uuid(9), uuid(10))})
    assert judge(related(kind), existing).deprecated == (TARGET, uuid(9), uuid(10))


@pytest.mark.parametrize("kind", [APND, XFRM, SIGNS])
def test_other_relationships_leave_their_target_approved(kind: AssociationType) -> None:
    assert judge(related(kind), holding(registered(), derived={TARGET: (uuid(9),)})).deprecated == ()


@pytest.mark.parametrize("kind", [RPLC, XFRM_RPLC, APND, XFRM, SIGNS])
@pytest.mark.parametrize("status", [each for each in AvailabilityStatus if each is not APPROVED])
def test_a_target_is_approved(kind: AssociationType, status: AvailabilityStatus) -> None:
    existing = holding(registered(availability_status=status))
    assert faults(related(kind), existing) == [ErrorCode.XDSRegistryDeprecatedDocumentError]


@pytest.mark.parametrize("kind", [RPLC, XFRM_RPLC, APND, XFRM, SIGNS])
def test_a_target_is_registered_and_of_the_same_patient(kind: AssociationType) -> None:
    assert faults(related(kind)) == [ErrorCode.UnresolvedReferenceException]
    assert faults(related(kind, target="nothing")) == [ErrorCode.UnresolvedReferenceException]
    assert faults(related(kind), holding(registered(patient="other"))) == [ErrorCode.XDSPatientIdDoesNotMatch]


@pytest.mark.parametrize("kind", [RPLC, APND, SIGNS])
def test_a_source_is_a_document_of_the_submission(kind: AssociationType) -> None:
    existing = holding(registered(), registered(9))
    assert faults(related(kind, source=uuid(9)), existing) == [ErrorCode.UnresolvedReferenceException]


def within(kind: AssociationType, *more: AssociationType) -> Submission:
    relations = tuple(association(each, "Document02", "Document01") for each in (kind, *more))
    return submission(document(), document("Document02", 2), relations=relations)


@pytest.mark.parametrize("kind", [APND, XFRM, SIGNS])
def test_some_targets_may_be_of_the_same_submission(kind: AssociationType) -> None:
    effects = judge(within(kind))
    assert effects.submission.associations[-1].target == effects.ids["Document01"]


@pytest.mark.parametrize("kind", [RPLC, XFRM_RPLC, AssociationType.IS_SNAPSHOT_OF])
def test_replaced_documents_are_not_of_the_same_submission(kind: AssociationType) -> None:
    assert faults(within(kind)) == [ErrorCode.UnresolvedReferenceException]


def test_a_signature_document_signs_its_submission_set() -> None:
    effects = judge(related(SIGNS, target="SubmissionSet01"))
    assert effects.submission.associations[-1].target == effects.submission.submission_set.entry_uuid
    assert faults(related(APND, target="SubmissionSet01")) == [ErrorCode.UnresolvedReferenceException]


def test_nothing_is_appended_to_a_transformation() -> None:
    existing = holding(registered(), transformations=frozenset({TARGET}))
    assert faults(related(APND), existing) == [ErrorCode.XDSRegistryMetadataError]
    chain = submission(
        document(),
        document("Document02", 2),
        document("Document03", 3),
        relations=(association(XFRM, "Document02", "Document01"), association(APND, "Document03", "Document02")),
    )
    assert faults(chain) == [ErrorCode.XDSRegistryMetadataError]


@pytest.mark.parametrize("other", [RPLC, APND, XFRM])
def test_a_document_is_replaced_once_and_then_no_more_touched(other: AssociationType) -> None:
    relations = (association(RPLC, "Document01", TARGET), association(other, "Document02", TARGET))
    item = submission(document(), document("Document02", 2), relations=relations)
    found = faults(item, holding(registered()))
    assert set(found) == {ErrorCode.XDSRegistryDeprecatedDocumentError}


def test_nothing_is_appended_to_what_the_same_submission_deprecates() -> None:
    relations = (association(RPLC, "Document01", TARGET), association(APND, "Document01", uuid(9)))
    existing = holding(registered(), registered(9), derived={TARGET: (uuid(9),)})
    item = submission(document(), relations=relations)
    assert faults(item, existing) == [ErrorCode.XDSRegistryDeprecatedDocumentError]


def test_a_document_and_its_addendum_are_replaced_together() -> None:
    relations = (association(RPLC, "Document01", TARGET), association(RPLC, "Document02", uuid(9)))
    existing = holding(registered(), registered(9), derived={TARGET: (uuid(9),)})
    item = submission(document(), document("Document02", 2), relations=relations)
    assert judge(item, existing).deprecated == (TARGET, uuid(9))


def test_a_snapshot_is_of_an_on_demand_document() -> None:
    kind = AssociationType.IS_SNAPSHOT_OF
    assert faults(related(kind), holding(registered())) == [ErrorCode.XDSRegistryMetadataError]
    assert judge(related(kind), holding(registered(object_type=ObjectType.ON_DEMAND))).deprecated == ()


def test_a_replacement_enters_the_folders_of_what_it_replaces() -> None:
    existing = holding(registered(), folders=KNOWN_FOLDER, holders={TARGET: (FOLDER,)})
    effects = judge(related(RPLC), existing)
    entry, own = effects.submission.entries[0].entry_uuid, effects.submission.submission_set.entry_uuid
    membership, held = effects.submission.associations[-2:]
    assert (membership.type, membership.source, membership.target) == (HAS_MEMBER, FOLDER, entry)
    assert (held.type, held.source, held.target) == (HAS_MEMBER, own, membership.entry_uuid)
    assert effects.updated_folders == (FOLDER,)


def test_no_propagation_into_a_folder_that_is_closed_or_was_named() -> None:
    closed = {FOLDER: RegisteredFolder(FOLDER, DOSSIER, DEPRECATED)}
    effects = judge(related(RPLC), holding(registered(), folders=closed, holders={TARGET: (FOLDER,)}))
    assert len(effects.submission.associations) == 2
    relations = (association(RPLC, "Document01", TARGET), association(HAS_MEMBER, FOLDER, "Document01"))
    named = submission(document(), relations=relations)
    effects = judge(named, holding(registered(), folders=KNOWN_FOLDER, holders={TARGET: (FOLDER,)}))
    assert len(effects.submission.associations) == 4


def test_every_fault_is_reported() -> None:
    item = submission(document(patient_id="1^^^&1.2.3&ISO"), relations=(association(RPLC, "Document01", TARGET),))
    existing = Existing(DOSSIER, same_unique_id=SAME, versions=frozenset({V1}))
    assert faults(item, existing, versions={"Document01": V1}) == [
        ErrorCode.XDSRegistryMetadataError,
        ErrorCode.XDSRegistryMetadataError,
        ErrorCode.XDSPatientIdDoesNotMatch,
        ErrorCode.UnresolvedReferenceException,
    ]
