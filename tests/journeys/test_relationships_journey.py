"""What associations do to documents and folders, through HTTP, one rule after the other.

Source: ITI TF-3 4.2.2 (association types); ITI TF-2 3.42.4.1.3.4 to 3.42.4.1.3.6, and 3.61.4.1.3.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from registry.metadata import AssociationType, AvailabilityStatus, Code, DocumentEntry, Folder, ObjectType
from tests.connectathon import Answer, Node, association, document, folder, new_oid, new_patient, submission

HAS_MEMBER, RPLC, APND = AssociationType.HAS_MEMBER, AssociationType.RPLC, AssociationType.APND
XFRM, XFRM_RPLC, SIGNS = AssociationType.XFRM, AssociationType.XFRM_RPLC, AssociationType.SIGNS
SNAPSHOT = AssociationType.IS_SNAPSHOT_OF
APPROVED, DEPRECATED = AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED


def accepted(answer: Answer) -> None:
    assert (answer.status, answer.errors) == ("Success", [])


def found(node: Node, entry: DocumentEntry) -> DocumentEntry:
    """`entry` as the registry has it."""
    return next(each for each in node.everything(entry.patient_id).entries if each.unique_id == entry.unique_id)


def registered(node: Node, patient: str, **changes: Any) -> DocumentEntry:
    entry = document(patient, **changes)
    accepted(node.register(submission(entry)))
    return found(node, entry)


def related(node: Node, kind: AssociationType, target: DocumentEntry) -> DocumentEntry:
    """A new document, registered in that relation to `target`."""
    entry = document(target.patient_id)
    accepted(node.register(submission(entry, association(kind, entry.entry_uuid, target.entry_uuid))))
    return found(node, entry)


def status(node: Node, entry: DocumentEntry) -> AvailabilityStatus:
    return found(node, entry).availability_status


@pytest.mark.proves("association/RPLC", "association/XFRM_RPLC", "association/RPLC/derived")
@pytest.mark.parametrize("kind", [RPLC, XFRM_RPLC])
def test_a_replacement_deprecates_its_target_with_all_that_derives_of_it(node: Node, kind: AssociationType) -> None:
    target = registered(node, new_patient())
    transformed, appended = related(node, XFRM, target), related(node, APND, target)
    further, signed = related(node, XFRM, appended), related(node, SIGNS, target)
    replacement = related(node, kind, target)
    assert [status(node, each) for each in (target, transformed, appended, further)] == [DEPRECATED] * 4
    assert [status(node, each) for each in (signed, replacement)] == [APPROVED] * 2


@pytest.mark.proves("association/APND", "association/XFRM", "association/signs")
@pytest.mark.parametrize("kind", [APND, XFRM, SIGNS])
def test_other_relations_leave_their_target_approved(node: Node, kind: AssociationType) -> None:
    target = registered(node, new_patient())
    source = related(node, kind, target)
    assert [status(node, each) for each in (target, source)] == [APPROVED] * 2
    assert (source.entry_uuid, target.entry_uuid) in {
        (item.source, item.target) for item in node.everything(target.patient_id).associations if item.type is kind
    }


def test_a_transformation_is_replaced_but_not_appended_to(node: Node) -> None:
    transformed = related(node, XFRM, registered(node, new_patient()))
    entry = document(transformed.patient_id)
    appended = submission(entry, association(APND, entry.entry_uuid, transformed.entry_uuid))
    assert node.register(appended).codes == {"XDSRegistryMetadataError"}
    related(node, RPLC, transformed)
    assert status(node, transformed) is DEPRECATED


def test_what_transforms_and_replaces_a_document_is_appended_to(node: Node) -> None:
    """Only what an XFRM connects is another form of its original (ITI TF-3 4.2.2.2.1; NIST 30006, 30007)."""
    replacement = related(node, XFRM_RPLC, registered(node, new_patient()))
    related(node, APND, replacement)
    assert status(node, replacement) is APPROVED


@pytest.mark.proves("association/same-submission")
def test_relations_within_one_submission(node: Node) -> None:
    patient = new_patient()
    one, two = document(patient), document(patient, "Document02")
    for kind in (APND, XFRM, SIGNS):
        entries = (document(patient), document(patient, "Document02"))
        accepted(node.register(submission(*entries, association(kind, "Document02", "Document01"))))
    for kind in (RPLC, XFRM_RPLC, SNAPSHOT):
        relation = association(kind, "Document02", "Document01")
        ((code, _, location, _),) = node.register(submission(one, two, relation)).errors
        assert (code, location) == ("UnresolvedReferenceException", relation.entry_uuid)


@pytest.mark.proves("association/documentation")
def test_documentation_comes_back_and_has_no_place_on_a_membership(node: Node) -> None:
    target, entry = registered(node, new_patient()), document(new_patient())
    why = Code("LanguageExample", "Example translation types", "Translation into LanguageExample")
    entry = document(target.patient_id)
    relation = association(XFRM, entry.entry_uuid, target.entry_uuid, documentation=why)
    accepted(node.register(submission(entry, relation)))
    documented = [item.documentation for item in node.everything(target.patient_id).associations if item.documentation]
    assert [(code, code.display) for code in documented] == [(why, why.display)]
    box = folder(target.patient_id)
    member = association(HAS_MEMBER, box.entry_uuid, target.entry_uuid, documentation=why)
    assert [error[:3] for error in node.register(submission(box, member)).errors] == [
        ("XDSRegistryMetadataError", "Error", member.entry_uuid)
    ]


# --- Folders ----------------------------------------------------------------------------------------------------------


def content(node: Node, box: Folder) -> set[str]:
    """The uniqueIds of the documents in a folder; every membership is held by a submission set."""
    everything = node.everything(box.patient_id)
    here = next(each for each in everything.folders if each.unique_id == box.unique_id)
    members = [item for item in everything.associations if item.source == here.entry_uuid]
    held = {item.target for item in everything.associations if item.type is HAS_MEMBER}
    assert {item.entry_uuid for item in members} <= held
    assert len({item.target for item in members}) == len(members)
    names = {entry.entry_uuid: entry.unique_id for entry in everything.entries}
    return {names[item.target] for item in members}


def updated(node: Node, box: Folder) -> str:
    return next(
        each for each in node.everything(box.patient_id).folders if each.unique_id == box.unique_id
    ).last_update_time


@pytest.mark.proves("folder/new-new")
def test_a_new_document_in_a_new_folder(node: Node) -> None:
    patient = new_patient()
    entry, box = document(patient), folder(patient)
    accepted(node.register(submission(entry, box, association(HAS_MEMBER, box.entry_uuid, entry.entry_uuid))))
    assert content(node, box) == {entry.unique_id}


@pytest.mark.proves("folder/old-old", "folder/last-update-time")
def test_a_registered_document_in_a_registered_folder(node: Node) -> None:
    patient = new_patient()
    entry, box = document(patient), folder(patient)
    accepted(node.register(submission(entry, box)))
    everything = node.everything(patient)
    before = everything.folders[0].last_update_time
    member = association(HAS_MEMBER, everything.folders[0].entry_uuid, everything.entries[0].entry_uuid)
    time.sleep(1.1)  # of a DTM's precision
    accepted(node.register(submission(member, patient=patient)))
    assert content(node, box) == {entry.unique_id}
    assert updated(node, box) > before


@pytest.mark.proves("folder/old-new")
def test_a_registered_document_in_a_new_folder(node: Node) -> None:
    entry = registered(node, new_patient())
    box = folder(entry.patient_id)
    accepted(node.register(submission(box, association(HAS_MEMBER, box.entry_uuid, entry.entry_uuid))))
    assert content(node, box) == {entry.unique_id}


def opened(node: Node, patient: str) -> Folder:
    box = folder(patient)
    accepted(node.register(submission(box)))
    return next(each for each in node.everything(patient).folders if each.unique_id == box.unique_id)


@pytest.mark.proves("folder/new-old")
def test_a_new_document_in_a_registered_folder(node: Node) -> None:
    patient = new_patient()
    box, entry = opened(node, patient), document(patient)
    accepted(node.register(submission(entry, association(HAS_MEMBER, box.entry_uuid, entry.entry_uuid))))
    assert content(node, box) == {entry.unique_id}


@pytest.mark.proves("association/RPLC/folders")
@pytest.mark.parametrize("kind", [RPLC, XFRM_RPLC])
def test_a_replacement_enters_the_folders_of_what_it_replaces(node: Node, kind: AssociationType) -> None:
    patient = new_patient()
    boxes = [opened(node, patient) for _ in range(2)]
    other = opened(node, patient)
    old = document(patient)
    members = [association(HAS_MEMBER, box.entry_uuid, old.entry_uuid) for box in boxes]
    accepted(node.register(submission(old, *members)))
    before = updated(node, other)
    time.sleep(1.1)
    new = related(node, kind, found(node, old))
    assert [content(node, box) for box in boxes] == [{old.unique_id, new.unique_id}] * 2
    assert content(node, other) == set()
    assert all(updated(node, box) > before for box in boxes)
    assert updated(node, other) == before


def test_a_folder_holds_documents_only(node: Node) -> None:
    patient = new_patient()
    box, inner = opened(node, patient), folder(patient)
    member = association(HAS_MEMBER, box.entry_uuid, inner.entry_uuid)
    assert [error[:3] for error in node.register(submission(inner, member)).errors] == [
        ("XDSRegistryMetadataError", "Error", member.entry_uuid)
    ]
    again = association(HAS_MEMBER, "SubmissionSet01", box.entry_uuid)
    assert node.register(submission(document(patient), again)).codes == {"XDSRegistryMetadataError"}


# --- By reference -----------------------------------------------------------------------------------------------------


@pytest.mark.proves("submission/members")
def test_a_submission_set_refers_to_documents_even_of_another_patient(node: Node) -> None:
    own, mother = registered(node, new_patient()), registered(node, new_patient())
    child = document(own.patient_id)
    accepted(node.register(submission(child, references=(own.entry_uuid, mother.entry_uuid))))
    held = {item.target: item.submission_set_status for item in node.everything(own.patient_id).associations}
    assert held[own.entry_uuid] == "Reference"
    assert held[found(node, child).entry_uuid] == "Original"
    original = association(HAS_MEMBER, "SubmissionSet01", own.entry_uuid, submission_set_status="Original")
    assert node.register(submission(document(own.patient_id), original)).codes == {"XDSRegistryMetadataError"}


# --- On demand --------------------------------------------------------------------------------------------------------


def on_demand(patient: str, name: str = "Document01", **changes: Any) -> DocumentEntry:
    absent = {"object_type": ObjectType.ON_DEMAND, "creation_time": "", "hash": "", "size": None}
    return document(patient, name, **{**absent, **changes})


@pytest.mark.proves("transaction/ITI-61", "submission/on-demand")
def test_documents_on_demand_are_registered_by_iti_61_only(node: Node) -> None:
    entry = on_demand(new_patient())
    accepted(node.register_on_demand(submission(entry)))
    assert found(node, entry).object_type is ObjectType.ON_DEMAND
    refused = node.register(submission(on_demand(new_patient())))
    assert refused.codes == {"XDSRegistryMetadataError"}
    assert node.register_on_demand(submission(document(new_patient()))).codes == {"XDSRegistryMetadataError"}
    provided = node.provide(submission(on_demand(new_patient())), {"Document01": b"hello"})
    assert provided.codes == {"XDSRegistryMetadataError"}


@pytest.mark.parametrize(
    ("attribute", "given"),
    [("creationTime", {"creation_time": "2026"}), ("hash", {"hash": "0" * 40}), ("size", {"size": 0})],
)
def test_a_document_on_demand_has_no_bytes_to_speak_of(node: Node, attribute: str, given: dict[str, Any]) -> None:
    ((code, _, location, context),) = node.register_on_demand(submission(on_demand(new_patient(), **given))).errors
    assert (code, location) == ("XDSRegistryMetadataError", "Document01")
    assert context.startswith(f"DocumentEntry.{attribute}: ")


def test_documents_on_demand_share_a_unique_id_among_themselves_only(node: Node) -> None:
    patient, unique_id = new_patient(), new_oid()
    for _ in range(2):
        accepted(node.register_on_demand(submission(on_demand(patient, unique_id=unique_id))))
    assert [entry.unique_id for entry in node.everything(patient).entries] == [unique_id] * 2
    stable = node.register(submission(document(patient, unique_id=unique_id)))
    assert stable.codes == {"XDSRegistryMetadataError"}
    taken = registered(node, patient).unique_id
    assert node.register_on_demand(submission(on_demand(patient, unique_id=taken))).codes == {
        "XDSRegistryMetadataError"
    }


@pytest.mark.proves("association/IsSnapshotOf")
def test_a_snapshot_is_stable_and_of_a_registered_document_on_demand(node: Node) -> None:
    entry = on_demand(new_patient())
    accepted(node.register_on_demand(submission(entry)))
    target = found(node, entry)
    snapshot = related(node, SNAPSHOT, target)
    assert [status(node, each) for each in (target, snapshot)] == [APPROVED] * 2
    stable, late = registered(node, target.patient_id), document(target.patient_id)
    relation = association(SNAPSHOT, late.entry_uuid, stable.entry_uuid)
    ((code, _, location, _),) = node.register(submission(late, relation)).errors
    assert (code, location) == ("XDSRegistryMetadataError", relation.entry_uuid)
    virtual = on_demand(target.patient_id)
    relation = association(SNAPSHOT, virtual.entry_uuid, target.entry_uuid)
    ((code, _, location, _),) = node.register_on_demand(submission(virtual, relation)).errors
    assert (code, location) == ("XDSRegistryMetadataError", relation.entry_uuid)


def test_documents_on_demand_replace_and_enter_folders_as_others_do(node: Node) -> None:
    stable = registered(node, new_patient())
    box, entry = folder(stable.patient_id), on_demand(stable.patient_id)
    accepted(
        node.register_on_demand(
            submission(
                entry,
                box,
                association(HAS_MEMBER, box.entry_uuid, entry.entry_uuid),
                association(RPLC, entry.entry_uuid, stable.entry_uuid),
            )
        )
    )
    assert status(node, stable) is DEPRECATED
    newer = on_demand(stable.patient_id)
    relation = association(RPLC, newer.entry_uuid, found(node, entry).entry_uuid)
    accepted(node.register_on_demand(submission(newer, relation)))
    assert content(node, box) == {entry.unique_id, newer.unique_id}
