"""Each error code of the standard, provoked through HTTP: it comes back alone and exact.

Source: ITI TF-3 Table 4.2.4.1-2; XDS Metadata Update, RMU and RMD supplements.
"""

from __future__ import annotations

import resource
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from registry.metadata import AssociationType, ObjectType
from tests.connectathon import (
    CODE,
    DEPRECATED,
    FOREIGN_REPOSITORY,
    Answer,
    Node,
    association,
    connectathon,
    document,
    new_oid,
    new_patient,
    submission,
)
from tests.hl7v3 import Patients, cx, new_authority
from tests.journeys.updates import GET_DOCUMENTS, registered, registered_folder, revision, status_change, successor

RPLC = AssociationType.RPLC
UNKNOWN = "urn:uuid:00000000-0000-4000-8000-00000000dead"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
OTHER_HASH = "0" * 40
ROOM = 16 * 1024 * 1024  # bytes: more than database and log of a test need
BUSY_SECONDS = 30  # server.database, busy_timeout
MOST_RESULTS = 10_000  # of an answer with whole objects

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
    known = registered_folder(node, patient)
    changed = replace(known, entry_uuid="Folder01", title="Another title")
    return node.update(revision(changed), restricted=True)


def restricted_unique_id(node: Node, patient: str) -> Answer:
    return node.update(revision(successor(registered(node, patient), unique_id=new_oid())), restricted=True)


def restricted_two_documents(node: Node, patient: str) -> Answer:
    one, two = registered(node, patient), registered(node, patient)
    second = replace(successor(two), entry_uuid="Document02")
    return node.update(revision(successor(one), second), restricted=True)


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


@pytest.mark.proves("error/XDSTooManyResults")
def test_more_results_than_an_answer_holds(node: Node) -> None:
    patient, lot = new_patient(), 1000
    for _ in range(MOST_RESULTS // lot + 1):
        sent = submission(*(document(patient, f"Document{number}") for number in range(lot)))
        assert node.register(sent).success
    alone(node.find_documents(patient), "XDSTooManyResults")
    assert node.find_documents(patient, references=True).success


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
