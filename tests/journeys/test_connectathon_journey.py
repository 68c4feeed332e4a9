"""An IHE domain, from outside: a node registers, finds, provides and opens, and each of it stands in the audit log."""

from __future__ import annotations

import base64

from audit.event import Outcome
from tests.connectathon import XDS, Node, document, new_patient, submission


def test_what_is_registered_is_found(node: Node) -> None:
    patient = new_patient()
    registered = document(patient)
    answer = node.register(submission(registered))
    assert answer.success, answer.errors
    (found,) = node.find_documents(patient).entries
    assert (found.unique_id, found.patient_id, found.hash) == (registered.unique_id, patient, registered.hash)
    assert node.find_documents(patient, references=True).references == [found.entry_uuid]


def test_what_is_provided_is_opened(node: Node) -> None:
    patient = new_patient()
    provided = document(patient)
    assert node.provide(submission(provided), {provided.entry_uuid: b"hello"}).success
    answer = node.retrieve(provided.unique_id)
    assert answer.success, answer.errors
    assert base64.b64decode(answer.root.findtext(f".//{{{XDS}}}Document") or "") == b"hello"


def test_of_a_patient_whom_nobody_knows_nothing_is_found(node: Node) -> None:
    answer = node.find_documents(new_patient())
    assert answer.success
    assert answer.objects == ()


def test_every_request_of_a_node_is_recorded(node: Node) -> None:
    patient = new_patient()
    node.register(submission(document(patient)))
    node.find_documents(patient)
    searched, registered = node.audit(2)
    assert (registered.transaction, registered.outcome) == ("ITI-42", Outcome.SUCCESS)
    assert (searched.transaction, searched.outcome) == ("ITI-18", Outcome.SUCCESS)
