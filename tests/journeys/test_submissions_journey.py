"""What a registry and a repository answer to submissions, through HTTP: every code alone, and nothing half done.

Source: ITI TF-3 Table 4.2.4.1-2 (codes); ITI TF-2 3.41.4.1.3, 3.42.4.1.3 and 3.61.4.1.3 (expected actions).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from audit.event import Outcome
from registry.metadata import AssociationType, Author, Code, DocumentEntry, ObjectType, Submission
from tests.connectathon import (
    APPROVED,
    CODE,
    DEPRECATED,
    REPOSITORY,
    Answer,
    Node,
    association,
    document,
    folder,
    new_oid,
    new_patient,
    submission,
)

HAS_MEMBER, RPLC, APND, XFRM = (
    AssociationType.HAS_MEMBER,
    AssociationType.RPLC,
    AssociationType.APND,
    AssociationType.XFRM,
)
UNKNOWN = "urn:uuid:00000000-0000-4000-8000-00000000dead"
HELLO = b"hello"
EMPTY_SHA1 = hashlib.sha1(b"").hexdigest()


def registered(node: Node, patient: str, **changes: object) -> DocumentEntry:
    """A new document of `patient`, as the registry has it."""
    entry = document(patient, **changes)
    answer = node.register(submission(entry))
    assert answer.success, answer.errors
    return next(found for found in node.find_documents(patient).entries if found.unique_id == entry.unique_id)


def alone(answer: Answer, code: str, location: str) -> str:
    """The context of the one error there is, which has that code and location."""
    ((found, severity, where, context),) = answer.errors
    assert (answer.status, found, severity, where) == ("Failure", code, "Error", location)
    assert answer.http_status == 200
    assert "expected" in context
    assert "got" in context
    return context


# --- Every code alone -------------------------------------------------------------------------------------------------


@pytest.mark.proves("error/UnresolvedReferenceException", "association/target-registered")
@pytest.mark.parametrize("kind", [RPLC, APND, XFRM, AssociationType.SIGNS, AssociationType.IS_SNAPSHOT_OF])
def test_unresolved_target(node: Node, kind: AssociationType) -> None:
    entry = document(new_patient())
    relation = association(kind, entry.entry_uuid, UNKNOWN)
    context = alone(node.register(submission(entry, relation)), "UnresolvedReferenceException", relation.entry_uuid)
    assert UNKNOWN in context


@pytest.mark.proves("association/source-in-submission")
def test_unresolved_source(node: Node) -> None:
    patient = new_patient()
    old, older = registered(node, patient), registered(node, patient)
    relation = association(APND, old.entry_uuid, older.entry_uuid)
    context = alone(
        node.register(submission(document(patient), relation)), "UnresolvedReferenceException", relation.entry_uuid
    )
    assert old.entry_uuid in context


@pytest.mark.proves("error/XDSDuplicateUniqueIdInRegistry", "identity/set-unique-id")
@pytest.mark.parametrize("of", ["document", "set", "folder"])
@pytest.mark.parametrize("to", ["set", "folder"])
def test_duplicate_unique_id_in_registry(node: Node, of: str, to: str) -> None:
    patient = new_patient()
    entry, box = document(patient), folder(patient)
    first = submission(entry, box)
    assert node.register(first).success
    taken = {
        "document": entry.unique_id,
        "set": first.submission_set.unique_id,
        "folder": box.unique_id,
    }[of]
    if to == "set":
        again, location = submission(document(patient), unique_id=taken), "SubmissionSet01"
    else:
        again, location = submission(document(patient), folder(patient, unique_id=taken)), "Folder01"
    assert taken in alone(node.register(again), "XDSDuplicateUniqueIdInRegistry", location)


@pytest.mark.proves("error/XDSNonIdenticalHash")
def test_non_identical_hash(node: Node) -> None:
    patient = new_patient()
    entry = registered(node, patient)
    other = document(patient, unique_id=entry.unique_id, hash="0" * 40)
    assert entry.unique_id in alone(node.register(submission(other)), "XDSNonIdenticalHash", "Document01")
    provided = document(patient, unique_id=entry.unique_id, hash="", size=None)
    answer = node.provide(submission(provided), {"Document01": b"HELLO"})
    assert entry.unique_id in alone(answer, "XDSNonIdenticalHash", "Document01")


@pytest.mark.proves("error/XDSNonIdenticalSize")
def test_non_identical_size(node: Node) -> None:
    entry = registered(node, new_patient())
    other = document(entry.patient_id, unique_id=entry.unique_id, size=6)
    assert entry.unique_id in alone(node.register(submission(other)), "XDSNonIdenticalSize", "Document01")


def twice(patient: str) -> Submission:
    unique_id = new_oid()
    return submission(document(patient, unique_id=unique_id), document(patient, "Document02", unique_id=unique_id))


@pytest.mark.proves("error/XDSRegistryDuplicateUniqueIdInMessage")
def test_the_registry_sees_a_unique_id_twice_in_a_message(node: Node) -> None:
    item = twice(new_patient())
    context = alone(node.register(item), "XDSRegistryDuplicateUniqueIdInMessage", "Document02")
    assert item.entries[0].unique_id in context
    entry = document(new_patient())
    item = submission(entry, unique_id=entry.unique_id)
    alone(node.register(item), "XDSRegistryDuplicateUniqueIdInMessage", "SubmissionSet01")
    alone(node.provide(item, {"Document01": HELLO}), "XDSRegistryDuplicateUniqueIdInMessage", "SubmissionSet01")


@pytest.mark.proves("error/XDSRepositoryDuplicateUniqueIdInMessage")
def test_the_repository_sees_documents_that_share_a_unique_id(node: Node) -> None:
    item = twice(new_patient())
    answer = node.provide(item, {"Document01": HELLO, "Document02": HELLO})
    context = alone(answer, "XDSRepositoryDuplicateUniqueIdInMessage", "Document02")
    assert item.entries[0].unique_id in context


@pytest.mark.proves("error/XDSMissingDocument")
def test_missing_document(node: Node) -> None:
    alone(node.provide(submission(document(new_patient())), {}), "XDSMissingDocument", "Document01")
    bare = document(new_patient(), hash="", size=None, repository_unique_id="")
    alone(node.provide(submission(bare), {}), "XDSMissingDocument", "Document01")


@pytest.mark.proves("error/XDSMissingDocumentMetadata")
def test_missing_document_metadata(node: Node) -> None:
    item = submission(document(new_patient()))
    alone(node.provide(item, {"Document01": HELLO, "Document02": HELLO}), "XDSMissingDocumentMetadata", "Document02")


@pytest.mark.proves("error/XDSRepositoryMetadataError")
@pytest.mark.parametrize(
    ("changes", "expected"), [({"hash": "0" * 40}, hashlib.sha1(HELLO).hexdigest()), ({"size": 6}, "5")]
)
def test_repository_metadata_error(node: Node, changes: dict[str, object], expected: str) -> None:
    item = submission(document(new_patient(), **changes))
    context = alone(node.provide(item, {"Document01": HELLO}), "XDSRepositoryMetadataError", "Document01")
    assert f"expected {expected}, got {next(iter(changes.values()))}" in context


@pytest.mark.proves("error/XDSPatientIdDoesNotMatch", "association/same-patient")
def test_patient_id_does_not_match(node: Node) -> None:
    one, other = new_patient(), new_patient()
    code = "XDSPatientIdDoesNotMatch"
    context = alone(node.register(submission(document(other), patient=one)), code, "Document01")
    assert one in context  # the standard: the context tells the value and the conflict
    assert other in context
    alone(node.register(submission(document(one), folder(other), patient=one)), code, "Folder01")
    target, entry = registered(node, other), document(one)
    for kind in (RPLC, APND, XFRM):
        relation = association(kind, entry.entry_uuid, target.entry_uuid)
        alone(node.register(submission(entry, relation)), code, relation.entry_uuid)
    box = folder(one)
    membership = association(HAS_MEMBER, box.entry_uuid, target.entry_uuid)
    alone(node.register(submission(box, membership)), code, membership.entry_uuid)
    assert node.find_documents(one).entries == ()


@pytest.mark.proves("error/XDSRegistryDeprecatedDocumentError", "association/target-approved", "folder/approved")
def test_registry_deprecated_document_error(node: Node) -> None:
    patient = new_patient()
    target = registered(node, patient)
    entry = document(patient)
    assert node.register(submission(entry, association(RPLC, entry.entry_uuid, target.entry_uuid))).success
    code = "XDSRegistryDeprecatedDocumentError"
    for kind in (RPLC, AssociationType.XFRM_RPLC, APND, XFRM, AssociationType.SIGNS):
        late = document(patient)
        relation = association(kind, late.entry_uuid, target.entry_uuid)
        alone(node.register(submission(late, relation)), code, relation.entry_uuid)
    held = submission(document(patient), references=(target.entry_uuid,))
    reference = next(item for item in held.associations if item.target == target.entry_uuid)
    alone(node.register(held), code, reference.entry_uuid)
    box = folder(patient)
    membership = association(HAS_MEMBER, box.entry_uuid, target.entry_uuid)
    alone(node.register(submission(box, membership)), code, membership.entry_uuid)


METADATA_ERRORS: dict[str, Callable[[str], Submission]] = {
    "code": lambda patient: submission(document(patient, class_code=Code("", "1.2.3"))),
    "required": lambda patient: submission(document(patient, language_code="")),
    "times": lambda patient: submission(document(patient, service_start_time="2027", service_stop_time="2026")),
    "DTM": lambda patient: submission(document(patient, creation_time="2026-01-01")),
    "author": lambda patient: submission(document(patient, authors=(Author(roles=("x",)),))),
    "slot": lambda patient: submission(document(patient, extra_slots=(("urn:ihe:x:y", ("z",)),))),
    "long value": lambda patient: submission(document(patient, extra_slots=(("urn:a:b", ("z" * 257,)),))),
    "on demand": lambda patient: submission(
        document(patient, object_type=ObjectType.ON_DEMAND, creation_time="", hash="", size=None)
    ),
    "member": lambda patient: replace(submission(document(patient)), associations=()),
    "own id": lambda patient: submission(document(patient, entry_uuid="urn:uuid:1234")),
}


@pytest.mark.proves("error/XDSRegistryMetadataError", "submission/required", "submission/codes", "submission/times")
@pytest.mark.parametrize("fault", METADATA_ERRORS)
def test_registry_metadata_error(node: Node, fault: str) -> None:
    item = METADATA_ERRORS[fault](new_patient())
    alone(node.register(item), "XDSRegistryMetadataError", item.entries[0].entry_uuid)


@pytest.mark.proves("identity/entry-uuid-taken")
def test_an_entry_uuid_is_used_once(node: Node) -> None:
    entry = registered(node, new_patient())
    again = document(entry.patient_id, entry_uuid=entry.entry_uuid)
    assert entry.entry_uuid in alone(node.register(submission(again)), "XDSRegistryMetadataError", entry.entry_uuid)


@pytest.mark.parametrize("kind", [AssociationType.UPDATE_AVAILABILITY_STATUS, AssociationType.SUBMIT_ASSOCIATION])
def test_what_only_an_update_may_ask(node: Node, kind: AssociationType) -> None:
    entry = registered(node, new_patient())
    relation = association(kind, "SubmissionSet01", entry.entry_uuid)
    answer = node.register(submission(document(entry.patient_id), relation))
    alone(answer, "XDSRegistryMetadataError", relation.entry_uuid)


# --- All of it, or nothing --------------------------------------------------------------------------------------------


@pytest.mark.proves("submission/all-errors", "submission/atomic", "folder/last-update-time")
def test_every_error_is_told_and_nothing_is_done(node: Node) -> None:
    patient = new_patient()
    target, box = document(patient), folder(patient)
    assert node.register(submission(target, box)).success
    before = node.everything(patient)
    (target,), (box,) = before.entries, before.folders
    entry, wrong = document(patient), document(new_patient(), "Document02", hash="no", language_code="")
    item = submission(
        entry,
        wrong,
        association(RPLC, entry.entry_uuid, target.entry_uuid),
        association(HAS_MEMBER, box.entry_uuid, entry.entry_uuid),
        association(APND, wrong.entry_uuid, UNKNOWN),
        patient=patient,
    )
    answer = node.register(item)
    assert sorted(code for code, _, _, _ in answer.errors) == [
        "UnresolvedReferenceException",
        "XDSPatientIdDoesNotMatch",
        "XDSRegistryMetadataError",
        "XDSRegistryMetadataError",
    ]
    assert node.everything(patient).objects == before.objects
    provided = node.provide(item, {entry.entry_uuid: HELLO, wrong.entry_uuid: HELLO})
    assert not provided.success
    (recorded,) = node.audit(1)
    assert (recorded.transaction, recorded.outcome) == ("ITI-41", Outcome.MINOR_FAILURE)
    assert node.everything(patient).objects == before.objects
    assert not node.retrieve(entry.unique_id).success


# --- What is accepted -------------------------------------------------------------------------------------------------


@pytest.mark.proves("identity/same-unique-id", "identity/hash-case")
def test_the_same_document_again_is_a_second_entry(node: Node) -> None:
    patient = new_patient()
    first = document(patient)
    assert node.provide(submission(first), {"Document01": HELLO}).success
    second = document(patient, unique_id=first.unique_id, hash=first.hash.upper(), mime_type="text/markdown")
    answer = node.provide(submission(second), {"Document01": HELLO})
    assert (answer.success, answer.errors) == (True, [])
    found = node.find_documents(patient).entries
    assert [entry.unique_id for entry in found] == [first.unique_id] * 2
    assert len({entry.entry_uuid for entry in found}) == 2
    elsewhere = document(new_patient(), unique_id=first.unique_id)
    assert node.register(submission(elsewhere)).success


@pytest.mark.proves("identity/repository-unique-id", "transaction/ITI-41")
def test_the_repository_says_where_a_document_is_and_what_it_weighs(node: Node) -> None:
    entry = document(new_patient(), repository_unique_id="1.2.3", hash="", size=None)
    assert node.provide(submission(entry), {"Document01": HELLO}).success
    (found,) = node.find_documents(entry.patient_id).entries
    assert (found.repository_unique_id, found.size) == (REPOSITORY, 5)
    assert found.hash == hashlib.sha1(HELLO).hexdigest()


@pytest.mark.proves("submission/empty-document")
def test_a_document_of_no_bytes(node: Node) -> None:
    registered_ = document(new_patient(), hash=EMPTY_SHA1, size=0)
    assert node.register(submission(registered_)).success
    provided = document(new_patient(), hash=EMPTY_SHA1, size=0)
    assert node.provide(submission(provided), {"Document01": b""}).success
    assert node.retrieve(provided.unique_id).success


@pytest.mark.proves("submission/approved", "identity/symbolic-ids")
def test_the_registry_sets_status_version_and_ids(node: Node) -> None:
    patient = new_patient()
    kept = "urn:uuid:6c0a9c1e-7f5e-4a3b-9d57-0e1b54f1a001"
    entries = (
        document(patient, "symbol", version=7, logical_id="urn:uuid:6c0a9c1e-7f5e-4a3b-9d57-0e1b54f1a002"),
        document(patient, kept),
    )
    box = folder(patient, last_update_time="19990101000000")
    assert node.register(submission(*entries, box, association(HAS_MEMBER, box.entry_uuid, "symbol"))).success
    found = node.everything(patient)
    assert {entry.version for entry in found.entries} == {1}
    assert {entry.availability_status.value for entry in found.entries} == {APPROVED}
    assert kept in {entry.entry_uuid for entry in found.entries}
    assert all(entry.logical_id == entry.entry_uuid for entry in found.entries)
    assert found.folders[0].last_update_time > "2026"
    ids = {item.entry_uuid for item in found.objects}
    assert all(each.startswith("urn:uuid:") for each in ids)
    assert {end for item in found.associations for end in (item.source, item.target)} <= ids


@pytest.mark.proves("submission/extra-metadata")
def test_slots_that_nobody_knows_come_back(node: Node) -> None:
    patient, slots = new_patient(), (("urn:example:extra", ("one", "two & three")),)
    box, entry = folder(patient, extra_slots=slots), document(patient, extra_slots=slots)
    member = association(HAS_MEMBER, box.entry_uuid, entry.entry_uuid, extra_slots=slots)
    answer = node.register(submission(entry, box, member, extra_slots=slots))
    assert (answer.success, answer.errors) == (True, [])
    found = node.everything(patient)
    assert sum(item.extra_slots == slots for item in found.objects) == 4


@pytest.mark.proves("submission/authors", "submission/hl7-types", "identity/extension", "transaction/ITI-42")
@pytest.mark.proves("submission/source-patient-info")
def test_what_the_standard_leaves_open_comes_back_as_sent(node: Node) -> None:
    patient = new_patient()
    entry = document(
        patient,
        unique_id=f"{new_oid()}^{'x' * 80}",
        title="",
        authors=(
            Author(institutions=("Some Hospital^^^^^^^^^1.2.3.9.1789.45",)),
            Author(person="11375^Welby^Marcus^J^Jr. MD^Dr^^^&1.2.3.6.197&ISO", roles=("a", "b")),
            Author(telecommunications=("^^Internet^a@b.example",), specialties=("c",)),
        ),
        event_codes=(CODE, Code("other", "2.999.1", "Other")),
        reference_ids=("2013001^^^&1.2.3.4.5.6&ISO^urn:ihe:iti:xds:2013:accession",),
        source_patient_info=("PID-5|Doe^John", "PID-7|no birth date", "PID-7|19990231", "something else"),
        comments="x" * 1000,
        hash=document(patient).hash.upper(),
        language_code="zh-Hant-TW",
    )
    answer = node.register(submission(entry))
    assert (answer.success, answer.errors) == (True, [])
    (found,) = node.find_documents(patient).entries
    kept = replace(found, entry_uuid=entry.entry_uuid, logical_id="")
    assert kept == entry


@pytest.mark.proves("retrieve/deprecated")
def test_a_replaced_document_is_deprecated_and_stays_to_be_opened(node: Node) -> None:
    patient = new_patient()
    old = document(patient)
    assert node.provide(submission(old), {"Document01": HELLO}).success
    (found,) = node.find_documents(patient).entries
    new = document(patient, hash="", size=None)
    relation = association(RPLC, new.entry_uuid, found.entry_uuid)
    assert node.provide(submission(new, relation), {"Document01": b"corrected"}).success
    assert [entry.unique_id for entry in node.find_documents(patient, DEPRECATED).entries] == [old.unique_id]
    assert node.retrieve(old.unique_id, new.unique_id).success
