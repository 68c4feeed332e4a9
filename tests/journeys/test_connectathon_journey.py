"""An IHE domain, from outside: a node registers, finds, provides and opens, and each of it stands in the audit log."""

from __future__ import annotations

import base64

import pytest

from audit.event import Outcome
from registry.metadata import ObjectType
from schemas.xml import parse
from tests.connectathon import APPROVED, REGISTRY_PATH, XDS, Node, document, new_oid, new_patient, submission
from tests.hl7v3 import Patients, by_name, cx, new_authority
from tests.journeys.queries import FIND_DOCUMENTS_OF_SEVERAL, listed
from tests.journeys.updates import revision, successor


@pytest.mark.proves("transaction/ITI-18")
def test_what_is_registered_is_found(node: Node) -> None:
    patient = new_patient()
    registered = document(patient)
    answer = node.register(submission(registered))
    assert answer.success, answer.errors
    (found,) = node.find_documents(patient).entries
    assert (found.unique_id, found.patient_id, found.hash) == (registered.unique_id, patient, registered.hash)
    assert node.find_documents(patient, references=True).references == [found.entry_uuid]


@pytest.mark.proves("transaction/ITI-43")
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


@pytest.mark.proves("transaction/ITI-20")
def test_each_request_is_one_event_of_its_transaction(node: Node) -> None:
    """Done, refused or not understood; the event says which transaction it was."""
    authority = new_authority()
    before = node.audit(1)[0].sequence
    patients = Patients(node)
    patients.add([("A", authority)])
    patient, entry = cx(("A", authority)), document(cx(("A", authority)), hash="", size=None)
    patients.identifiers_of(("A", authority))
    patients.find(by_name(new_oid()))
    node.provide(submission(entry), {entry.entry_uuid: b"hello"})
    (found,) = node.find_documents(patient).entries
    node.retrieve(found.unique_id)
    node.update(revision(successor(found, title="Second")))
    node.update(revision(successor(found, title="Third", version=2)), restricted=True)
    node.register(submission(document(patient)))
    made = document(patient, object_type=ObjectType.ON_DEMAND, hash="", size=None, creation_time="")
    node.register_on_demand(submission(made))
    slots = {"$XDSDocumentEntryPatientId": [listed(patient)], "$XDSDocumentEntryStatus": [listed(APPROVED)]}
    node.query(FIND_DOCUMENTS_OF_SEVERAL, slots, multi_patient=True)
    node.remove_documents(found.unique_id)
    node.remove_metadata(found.entry_uuid)
    node.retrieve(new_oid())
    assert node.soap(REGISTRY_PATH, "urn:ihe:iti:2007:RegistryStoredQuery", "<b/>").fault
    numbers = [44, 45, 47, 41, 18, 43, 57, 92, 42, 61, 51, 86, 62, 43, 18]
    events = [record for record in reversed(node.audit(len(numbers) + 5)) if record.sequence > before]
    assert [record.transaction for record in events] == [f"ITI-{number}" for number in numbers]
    for record in events:
        told = [each.get("csd-code", "") for each in parse(record.message).iter("EventTypeCode")]
        assert [each for each in told if each.startswith("ITI-")] == [record.transaction]
    assert {record.outcome for record in events[:12]} == {Outcome.SUCCESS}
    refused = [events[number].outcome for number in (12, 13, 14)]
    assert refused == [Outcome.MINOR_FAILURE] * 3, "a removal that cannot be, an unknown document, no query at all"
