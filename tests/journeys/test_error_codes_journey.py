"""Each error code of the standard, provoked through HTTP: it comes back alone and exact.

Source: ITI TF-3 Table 4.2.4.1-2; XDS Metadata Update, RMU and RMD supplements.
"""

from __future__ import annotations

import re
import resource
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from registry.metadata import AssociationType, ObjectType
from schemas.xml import parse
from server.demo.people import PATIENTS
from tests.connectathon import (
    CODE,
    DEPRECATED,
    FOREIGN_REPOSITORY,
    REGISTRY_PATH,
    Answer,
    Node,
    association,
    connectathon,
    document,
    new_oid,
    new_patient,
    submission,
    submit_objects,
)
from tests.hl7v3 import Patients, cx, new_authority
from tests.journeys import attacks
from tests.journeys.queries import FIND_DOCUMENTS, FIND_DOCUMENTS_OF_SEVERAL, ONLY_APPROVED, listed
from tests.journeys.updates import GET_DOCUMENTS, registered, registered_folder, revision, status_change, successor
from tests.village import Village

RPLC = AssociationType.RPLC
UNKNOWN = "urn:uuid:00000000-0000-4000-8000-00000000dead"
OTHER_HASH = "0" * 40
ROOM = 16 * 1024 * 1024  # bytes: more than database and log of a test need
BUSY_SECONDS = 30  # server.database, busy_timeout
MOST_OBJECTS, MOST_REFERENCES = 3, 5  # of one answer, in a domain of its own
DOMAINS = Path(__file__).parent.parent.parent / "schemas" / "domains"

Provoke = Callable[[Node, str], Answer]


def unresolved_reference(node: Node, patient: str) -> Answer:
    return node.register(submission(document(patient), association(RPLC, "Document01", UNKNOWN)))


def unavailable_document(node: Node, _patient: str) -> Answer:
    return node.retrieve(new_oid())


def set_unique_id_taken(node: Node, patient: str) -> Answer:
    sent = submission(document(patient))
    assert node.register(sent).success
    return node.register(submission(document(patient), unique_id=sent.submission_set.unique_id))


def same_unique_id_other_hash(node: Node, patient: str) -> Answer:
    known = registered(node, patient)
    return node.register(submission(document(patient, unique_id=known.unique_id, hash=OTHER_HASH)))


def same_unique_id_other_size(node: Node, patient: str) -> Answer:
    known = registered(node, patient)
    return node.register(submission(document(patient, unique_id=known.unique_id, size=6)))


def unique_id_twice_in_a_registration(node: Node, patient: str) -> Answer:
    one = document(patient)
    return node.register(submission(one, replace(one, entry_uuid="Document02")))


def unique_id_twice_in_a_provision(node: Node, patient: str) -> Answer:
    one = document(patient)
    sent = submission(one, replace(one, entry_uuid="Document02"))
    return node.provide(sent, {"Document01": b"hello", "Document02": b"hello"})


def entry_without_document(node: Node, patient: str) -> Answer:
    return node.provide(submission(document(patient)), {})


def document_without_entry(node: Node, patient: str) -> Answer:
    return node.provide(submission(document(patient)), {"Document01": b"hello", "Document02": b"hello"})


def two_patients(node: Node, patient: str) -> Answer:
    return node.register(submission(document(new_patient()), patient=patient))


def unknown_patient(node: Node, _patient: str) -> Answer:
    authority = new_authority()
    assert Patients(node).add([("known", authority)]).acknowledged == "CA"
    return node.register(submission(document(cx(("unknown", authority)))))


def replaced_twice(node: Node, patient: str) -> Answer:
    known = registered(node, patient)
    replacement = submission(document(patient), association(RPLC, "Document01", known.entry_uuid))
    assert node.register(replacement).success
    return node.register(submission(document(patient), association(RPLC, "Document01", known.entry_uuid)))


def service_times_inverted(node: Node, patient: str) -> Answer:
    return node.register(submission(document(patient, service_start_time="2026", service_stop_time="2025")))


def wrong_hash(node: Node, patient: str) -> Answer:
    return node.provide(submission(document(patient, hash=OTHER_HASH)), {"Document01": b"hello"})


def miscoded_value(node: Node, patient: str) -> Answer:
    return find(node, patient, ("$XDSDocumentEntryClassCode", ["('a^^b"]))


def two_patients_in_one_answer(node: Node, patient: str) -> Answer:
    ids = [registered(node, each).unique_id for each in (patient, new_patient())]
    return node.query(GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [f"('{ids[0]}','{ids[1]}')"]})


def no_status(node: Node, patient: str) -> Answer:
    return node.query(FIND_DOCUMENTS, {"$XDSDocumentEntryPatientId": [f"'{patient}'"]})


def slot_repeated(node: Node, patient: str) -> Answer:
    code = ("$XDSDocumentEntryClassCode", [f"('{CODE.code}^^{CODE.scheme}')"])
    return find(node, patient, code, code)


def query_unknown(node: Node, patient: str) -> Answer:
    return node.query(UNKNOWN, {"$XDSDocumentEntryPatientId": [f"'{patient}'"]})


def foreign_repository(node: Node, patient: str) -> Answer:
    return node.retrieve(registered(node, patient).unique_id, repository=FOREIGN_REPOSITORY)


def update_of_a_deprecated_version(node: Node, patient: str) -> Answer:
    known = registered(node, patient)
    assert node.update(revision(status_change(known.entry_uuid), patient=patient)).success
    return node.update(revision(successor(known)))


def same_status(node: Node, patient: str) -> Answer:
    known = registered(node, patient)
    return node.update(revision(status_change(known.entry_uuid, DEPRECATED, DEPRECATED), patient=patient))


def wrong_previous_version(node: Node, patient: str) -> Answer:
    return node.update(revision(successor(registered(node, patient), version=7)))


def restricted_patient(node: Node, patient: str) -> Answer:
    return node.update(revision(successor(registered(node, patient), patient_id=new_patient())), restricted=True)


def restricted_folder(node: Node, patient: str) -> Answer:
    changed = replace(registered_folder(node, patient), entry_uuid="Folder01", title="Another title")
    return node.update(revision(successor(registered(node, patient)), changed), restricted=True)


def restricted_unique_id(node: Node, patient: str) -> Answer:
    return node.update(revision(successor(registered(node, patient), unique_id=new_oid())), restricted=True)


def restricted_two_documents(node: Node, patient: str) -> Answer:
    one, two = registered(node, patient), registered(node, patient)
    second = replace(successor(two), entry_uuid="Document02")
    return node.update(revision(successor(one), second), restricted=True)


def restricted_without_previous_version(node: Node, patient: str) -> Answer:
    return node.update(submission(successor(registered(node, patient))), restricted=True)


def restricted_object_type(node: Node, patient: str) -> Answer:
    changed = successor(
        registered(node, patient), object_type=ObjectType.ON_DEMAND, creation_time="", hash="", size=None
    )
    return node.update(revision(changed), restricted=True)


def removal_of_a_document_that_is_held(node: Node, patient: str) -> Answer:
    return node.remove_metadata(registered(node, patient).entry_uuid)


def removal_of_a_membership(node: Node, patient: str) -> Answer:
    sent = submission(document(patient, UNKNOWN[:-4] + f"{time.time_ns() % 65536:04x}"))
    assert node.register(sent).success
    query = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
    (held,) = node.query(query, {"$uuid": [f"('{sent.entries[0].entry_uuid}')"]}, references=True).references
    return node.remove_metadata(held)


def removal_of_bytes_that_are_not_there(node: Node, _patient: str) -> Answer:
    return node.remove_documents(new_oid())


def find(node: Node, patient: str, *more: tuple[str, list[str]]) -> Answer:
    slots = [
        ("$XDSDocumentEntryPatientId", [f"'{patient}'"]),
        ("$XDSDocumentEntryStatus", ["('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"]),
    ]
    return node.query(FIND_DOCUMENTS, [*slots, *more])


PROVOKED: dict[str, Provoke] = {
    "UnresolvedReferenceException": unresolved_reference,
    "XDSDocumentUniqueIdError": unavailable_document,
    "XDSDuplicateUniqueIdInRegistry": set_unique_id_taken,
    "XDSNonIdenticalHash": same_unique_id_other_hash,
    "XDSNonIdenticalSize": same_unique_id_other_size,
    "XDSRegistryDuplicateUniqueIdInMessage": unique_id_twice_in_a_registration,
    "XDSRepositoryDuplicateUniqueIdInMessage": unique_id_twice_in_a_provision,
    "XDSMissingDocument": entry_without_document,
    "XDSMissingDocumentMetadata": document_without_entry,
    "XDSPatientIdDoesNotMatch": two_patients,
    "XDSUnknownPatientId": unknown_patient,
    "XDSRegistryDeprecatedDocumentError": replaced_twice,
    "XDSRegistryMetadataError": service_times_inverted,
    "XDSRepositoryMetadataError": wrong_hash,
    "XDSRegistryError": miscoded_value,
    "XDSResultNotSinglePatient": two_patients_in_one_answer,
    "XDSStoredQueryMissingParam": no_status,
    "XDSStoredQueryParamNumber": slot_repeated,
    "XDSUnknownStoredQuery": query_unknown,
    "XDSUnknownRepositoryId": foreign_repository,
    "XDSMetadataUpdateError": update_of_a_deprecated_version,
    "XDSMetadataUpdateOperationError": same_status,
    "XDSMetadataVersionError": wrong_previous_version,
    "XDSPatientIDReconciliationError": restricted_patient,
    "XDSObjectTypeError": restricted_folder,
    "XDSMetadataIdentifierError": restricted_unique_id,
    "XDSInvalidRequestException": restricted_two_documents,
    "XDSMetadataAnnotationError": restricted_without_previous_version,
    "UnmodifiableMetadataError": restricted_object_type,
    "ReferencesExistException": removal_of_a_document_that_is_held,
    "XDSUnreferencedObjectException": removal_of_a_membership,
    "XDSRemoveDocumentsError": removal_of_bytes_that_are_not_there,
}


def alone(answer: Answer, code: str) -> None:
    """The answer is a Failure for that reason and no other, told as the standard has it."""
    assert (answer.http_status, answer.status, answer.fault) == (200, "Failure", "")
    assert answer.codes == {code}, answer.errors
    for _, severity, _, context in answer.errors:
        assert severity == "Error"
        assert ": expected " in context, "what was expected"
        assert ", got " in context, "and what came"


@pytest.mark.parametrize(
    ("code", "provoke"),
    [
        pytest.param(code, provoke, id=code, marks=pytest.mark.proves(f"error/{code}"))
        for code, provoke in PROVOKED.items()
    ],
)
def test_it_comes_alone_and_exact(node: Node, code: str, provoke: Provoke) -> None:
    alone(provoke(node, new_patient()), code)


@pytest.mark.proves("error/XDSExtraMetadataNotSaved")
def test_metadata_that_are_not_saved_are_told_in_a_success(node: Node) -> None:
    """A Classification of a scheme that nobody knows. Source: ITI TF-3 4.2.3.1.6; 4.2.4.2 (a Success with warnings)."""
    patient = new_patient()
    sent = submission(document(patient))
    own = sent.submission_set.entry_uuid
    unknown = f'<rim:Classification id="c" classifiedObject="{own}" classificationScheme="{UNKNOWN}" \
nodeRepresentation="x"/><rim:ExternalIdentifier'
    body = submit_objects(sent)
    at = body.index("<rim:ExternalIdentifier", body.index("<rim:RegistryPackage"))
    spoiled = body[:at] + unknown + body[at:].removeprefix("<rim:ExternalIdentifier")
    answer = node.soap(REGISTRY_PATH, "urn:ihe:iti:2007:RegisterDocumentSet-b", spoiled)
    assert (answer.http_status, answer.status) == (200, "Success")
    assert [error[:3] for error in answer.errors] == [("XDSExtraMetadataNotSaved", "Warning", own)]
    assert len(node.find_documents(patient).entries) == 1


@pytest.mark.proves("error/XDSTooManyResults")
def test_more_results_than_an_answer_holds(tmp_path: Path) -> None:
    """In one dossier and over several; as many as the domain says are told."""
    text = (DOMAINS / "ihe-connectathon.toml").read_text("utf-8")
    for name, most in (("most_objects", MOST_OBJECTS), ("most_references", MOST_REFERENCES)):
        text = re.sub(rf"^{name} = \d+", f"{name} = {most}", text, flags=re.MULTILINE)
    (tmp_path / "small.toml").write_text(text, "utf-8")
    with connectathon(tmp_path, domain=str(tmp_path / "small.toml")) as node:
        patients = [new_patient(), new_patient()]
        for patient in patients:
            assert node.register(submission(*(document(patient, f"n{number}") for number in range(3)))).success
        patient = patients[0]
        several = {"$XDSDocumentEntryPatientId": [listed(*patients)], "$XDSDocumentEntryStatus": [ONLY_APPROVED]}
        assert len(node.find_documents(patient).entries) == MOST_OBJECTS
        alone(node.query(FIND_DOCUMENTS_OF_SEVERAL, several, multi_patient=True), "XDSTooManyResults")
        assert node.register(submission(document(patient))).success
        alone(node.find_documents(patient), "XDSTooManyResults")
        assert len(node.find_documents(patient, references=True).references) == MOST_OBJECTS + 1
        assert node.register(submission(document(patient, "n1"), document(patient, "n2"))).success
        alone(node.find_documents(patient, references=True), "XDSTooManyResults")


@pytest.mark.proves("error/XDSRepositoryOutOfResources")
def test_a_document_for_which_there_is_no_room(tmp_path: Path) -> None:
    """A limit on the length of files stands for a disk that is full: the same refusal of the same write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        with connectathon(tmp_path / "full") as node:
            patient = new_patient()
            answer = node.provide(submission(document(patient, hash="", size=None)), {"Document01": bytes(ROOM + 1)})
            alone(answer, "XDSRepositoryOutOfResources")
            assert node.find_documents(patient).objects == ()
            assert node.provide(submission(document(patient)), {"Document01": b"hello"}).success
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.proves("error/XDSRepositoryError")
def test_a_repository_that_has_lost_its_folder(tmp_path: Path) -> None:
    with connectathon(tmp_path / "lost") as node:
        incoming = node.home / "documents" / "incoming"
        incoming.rename(node.home / "elsewhere")
        alone(node.provide(submission(document(new_patient())), {"Document01": b"hello"}), "XDSRepositoryError")


@pytest.mark.long
@pytest.mark.proves("error/XDSRegistryBusy")
def test_a_registry_that_another_program_holds(tmp_path: Path) -> None:
    with connectathon(tmp_path / "busy") as node:
        holder = sqlite3.connect(node.home / "dmp.db", isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        release = threading.Timer(BUSY_SECONDS + 1, holder.rollback)
        release.start()
        try:
            alone(node.find_documents(new_patient()), "XDSRegistryBusy")
        finally:
            release.join()
            holder.close()


# --- Codes of the DMP -------------------------------------------------------------------------------------------------


def only(answer: attacks.Answer, code: str) -> str:
    """The context of the one error there is."""
    parsed = Answer(answer.status, parse(answer.body))
    ((found, severity, _, context),) = parsed.errors
    assert (parsed.http_status, parsed.status, found, severity) == (200, "Failure", code, "Error")
    return context


@pytest.mark.proves("error/InvalidDocumentContent")
def test_a_document_that_says_something_else_than_its_metadata(village: Village) -> None:
    """One error for one document, whatever differs; its context names the document."""
    patient = village.patient(PATIENTS[0].ins)
    sent = attacks.Provide(village.lps("medecin-traitant"), "medecin-traitant", patient)
    for slot in sent.entry.iter("{*}Slot"):
        if slot.get("name") == "creationTime":
            next(slot.iter("{*}Value")).text = "20010203040506"
    sent.set_unique_id("1.2.3.4.5")
    assert only(sent.send(), "InvalidDocumentContent").startswith("1.2.3.4.5: ")


@pytest.mark.proves("error/DMPClosed")
def test_a_dmp_that_is_closed(village: Village) -> None:
    patient = village.patient(PATIENTS[3].ins)
    only(attacks.Provide(village.lps("medecin-traitant"), "medecin-traitant", patient).send(), "DMPClosed")


@pytest.mark.proves("error/DMPAccessDeniedByRightsService")
def test_a_requester_who_has_no_right(village: Village) -> None:
    patient = village.patient(PATIENTS[0].ins)
    slots = {"$XDSDocumentEntryPatientId": [f"'{patient.cx}'"], "$XDSDocumentEntryStatus": [ONLY_APPROVED]}
    asked = attacks.ask(village.lps("hopital"), patient, FIND_DOCUMENTS, [*slots.items()], refs=False)
    only(asked, "DMPAccessDeniedByRightsService")
