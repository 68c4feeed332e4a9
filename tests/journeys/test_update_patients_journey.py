"""Metadata updates that give an object to another patient. Source: XDS Metadata Update 3.57.4.1.3.4; NIST 21002."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from tests.connectathon import XDS, Node, association, document, new_patient, submission
from tests.journeys.updates import (
    APND,
    GET_DOCUMENTS,
    GET_FOLDERS,
    SET,
    SUBMIT,
    in_a_folder,
    registered,
    registered_folder,
    revision,
    successor,
    updated,
)


@pytest.mark.proves("update/patient-id")
def test_a_document_goes_to_another_patient_with_its_bytes(node: Node) -> None:
    """NIST 21002."""
    wrong, right = new_patient(), new_patient()
    sent = document(wrong)
    assert node.provide(submission(sent), {sent.entry_uuid: b"hello"}).success
    (first,) = node.find_documents(wrong).entries
    updated(node, revision(successor(first, patient_id=right)))
    assert node.find_documents(wrong).objects == ()
    (found,) = node.find_documents(right).entries
    assert (found.logical_id, found.version) == (first.entry_uuid, 2)
    answer = node.retrieve(first.unique_id)
    assert base64.b64decode(answer.root.findtext(f".//{{{XDS}}}Document") or "") == b"hello"
    by_lid = {"$XDSDocumentEntryLogicalID": [f"('{first.entry_uuid}')"], "$MetadataLevel": ["2"]}
    assert node.query(GET_DOCUMENTS, by_lid).codes == {"XDSResultNotSinglePatient"}
    assert len(node.query(GET_DOCUMENTS, by_lid, references=True).references) == 2


@pytest.mark.proves("update/patient-id")
def test_a_folder_goes_to_another_patient(node: Node) -> None:
    """NIST 21003."""
    first, right = registered_folder(node, new_patient()), new_patient()
    updated(node, revision(replace(first, entry_uuid="Folder01", patient_id=right)))
    by_lid = {"$XDSFolderLogicalID": [f"('{first.entry_uuid}')"], "$MetadataLevel": ["2"]}
    assert len(node.query(GET_FOLDERS, by_lid, references=True).references) == 2
    assert node.query(GET_FOLDERS, by_lid).codes == {"XDSResultNotSinglePatient"}


@pytest.mark.proves("update/patient-id")
def test_a_linked_document_does_not_go_alone(node: Node) -> None:
    _, (first, _) = in_a_folder(node, new_patient())
    answer = node.update(revision(successor(first, patient_id=new_patient())))
    assert answer.codes == {"XDSPatientIDReconciliationError"}
    updated(node, revision(successor(first, patient_id=new_patient()), propagation="no"))


def test_documents_of_two_patients_are_not_linked(node: Node) -> None:
    """NIST 20100a."""
    first, second = registered(node, new_patient()), registered(node, new_patient())
    item = association(APND, second.entry_uuid, first.entry_uuid)
    sent = submission(association(SUBMIT, SET, item.entry_uuid), item, patient=first.patient_id)
    assert node.update(sent).codes == {"XDSPatientIDReconciliationError"}
