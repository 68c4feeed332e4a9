"""A SOAP client library that knows nothing of this project, through every transaction: once by the official WSDLs, once
by those that the server shows. Every answer is held to the official schema on its way back (see `zeep_client`).
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import zeep
from zeep_client import DOCUMENT_ENTRY_UNIQUE_ID, FAILURE, HAS_MEMBER, ON_DEMAND, ZeepActor, codes, objects, succeeded

from tests.connectathon import APPROVED, DEPRECATED, REGISTRY_PATH, REPOSITORY, Node, new_oid, new_patient

GET_DOCUMENTS = "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
FIND_SUBMISSION_SETS = "f26abbcb-ac74-4422-8a30-edb644bbc1a9"
GET_ALL = "10b545ea-725c-446d-9b95-8aeb444eddf3"
GET_ASSOCIATIONS = "a7ae438b-4bc2-4642-93e9-be891f7bb155"
GET_SUBMISSION_SET_AND_CONTENTS = "e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
FIND_DOCUMENTS_FOR_MULTIPLE_PATIENTS = "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"


@pytest.fixture(scope="module")
def official_actor(node: Node, reference: Path) -> ZeepActor:
    return ZeepActor(node, reference)


@pytest.fixture(scope="module")
def own_actor(node: Node) -> ZeepActor:
    return ZeepActor(node, None)


@pytest.fixture(params=["own_actor", pytest.param("official_actor", marks=pytest.mark.reference)])
def actor(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def registered(actor: ZeepActor, patient: str, unique_id: str = "", **changes: Any) -> Any:
    """One document by ITI-42; the entry as the registry gives it back."""
    unique_id = unique_id or new_oid()
    succeeded(
        actor.submit(42, *actor.submission_set(patient), actor.entry(patient, unique_id, **changes), actor.member())
    )
    (found,) = [each for each in actor.documents_of(patient) if unique_id in identifiers(each).values()]
    return found


def identifiers(entry: Any) -> dict[str, str]:
    return {each["identificationScheme"]: each["value"] for each in entry["ExternalIdentifier"]}


# --- ITI-42 and ITI-18 ------------------------------------------------------------------------------------------------


def test_what_is_registered_is_found(actor: ZeepActor) -> None:
    patient, unique_id = new_patient(), new_oid()
    found = registered(actor, patient, unique_id, title="Lettre « d'été » & <suite>")
    assert identifiers(found)[DOCUMENT_ENTRY_UNIQUE_ID] == unique_id
    assert (found["status"], found["mimeType"]) == (APPROVED, "text/plain")
    assert actor.name_of(found) == "Lettre « d'été » & <suite>"
    assert actor.slots(found)["sourcePatientId"] == [patient]


def test_object_refs_are_found(actor: ZeepActor) -> None:
    patient = new_patient()
    found = registered(actor, patient)
    slots = {"$XDSSubmissionSetPatientId": [f"'{patient}'"], "$XDSSubmissionSetStatus": [f"('{APPROVED}')"]}
    (submission_set,) = objects(actor.ask(FIND_SUBMISSION_SETS, slots, "ObjectRef"), "ObjectRef")
    unique_id = identifiers(found)[DOCUMENT_ENTRY_UNIQUE_ID]
    answer = actor.ask(GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [f"('{unique_id}')"]}, "ObjectRef")
    assert [each["id"] for each in objects(answer, "ObjectRef")] == [found["id"]]
    assert submission_set["id"].startswith("urn:uuid:")


def test_everything_of_a_patient_is_found(actor: ZeepActor) -> None:
    patient = new_patient()
    found = registered(actor, patient)
    statuses = {f"$XDS{kind}Status": [f"('{APPROVED}')"] for kind in ("DocumentEntry", "SubmissionSet", "Folder")}
    answer = actor.ask(GET_ALL, {"$patientId": [f"'{patient}'"], **statuses})
    (package,), (association,) = objects(answer, "RegistryPackage"), objects(answer, "Association")
    assert [each["id"] for each in objects(answer, "ExtrinsicObject")] == [found["id"]]
    assert association["associationType"] == HAS_MEMBER
    assert (association["sourceObject"], association["targetObject"]) == (package["id"], found["id"])
    contents = actor.ask(GET_SUBMISSION_SET_AND_CONTENTS, {"$XDSSubmissionSetEntryUUID": [f"'{package['id']}'"]})
    assert [each["id"] for each in objects(contents, "ExtrinsicObject")] == [found["id"]]
    held = actor.ask(GET_ASSOCIATIONS, {"$uuid": [f"('{found['id']}')"]})
    assert [each["id"] for each in objects(held, "Association")] == [association["id"]]


def test_nothing_is_found_of_an_unknown_patient(actor: ZeepActor) -> None:
    assert actor.documents_of(new_patient()) == []


def test_documents_of_several_patients_are_found(actor: ZeepActor) -> None:
    patients = [new_patient(), new_patient()]
    found = {registered(actor, patient)["id"] for patient in patients}
    slots = {
        "$XDSDocumentEntryPatientId": [f"('{patient}')" for patient in patients],
        "$XDSDocumentEntryStatus": [f"('{APPROVED}')"],
    }
    answer = actor.ask(FIND_DOCUMENTS_FOR_MULTIPLE_PATIENTS, slots, number=51)
    assert {each["id"] for each in objects(answer, "ExtrinsicObject")} == found


def test_failures_are_typed_answers(actor: ZeepActor) -> None:
    answer = actor.ask(str(uuid.uuid4()), {})
    assert (answer["status"], codes(answer)) == (FAILURE, {"XDSUnknownStoredQuery"})
    patient = new_patient()
    refused = actor.submit(42, *actor.submission_set(patient), actor.entry(new_patient(), new_oid()), actor.member())
    assert (refused["status"], codes(refused)) == (FAILURE, {"XDSPatientIdDoesNotMatch"})


# --- ITI-57 and ITI-92 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [57, 92])
def test_an_update_makes_a_new_version(actor: ZeepActor, number: int) -> None:
    patient, unique_id = new_patient(), new_oid()
    first = registered(actor, patient, unique_id, title="Before")
    succeeded(update(actor, number, first, patient, unique_id, version="1", title="After"))
    (second,) = actor.documents_of(patient)
    assert (second["lid"], second["VersionInfo"]["versionName"], actor.name_of(second)) == (first["lid"], "2", "After")
    assert second["id"] != first["id"]
    old = actor.ask(GET_DOCUMENTS, {"$XDSDocumentEntryEntryUUID": [f"('{first['id']}')"]})
    assert [each["status"] for each in objects(old, "ExtrinsicObject")] == [DEPRECATED]


@pytest.mark.parametrize("number", [57, 92])
def test_an_update_of_another_version_is_refused(actor: ZeepActor, number: int) -> None:
    patient, unique_id = new_patient(), new_oid()
    first = registered(actor, patient, unique_id)
    answer = update(actor, number, first, patient, unique_id, version="2")
    assert (answer["status"], codes(answer)) == (FAILURE, {"XDSMetadataVersionError"})
    assert [each["id"] for each in actor.documents_of(patient)] == [first["id"]]


def update(
    actor: ZeepActor, number: int, entry: Any, patient: str, unique_id: str, *, version: str, **changes: Any
) -> Any:
    """A new version of `entry`. Source: ITI TF-2 3.57.4.1.3.3.1."""
    return actor.submit(
        number,
        *actor.submission_set(patient),
        actor.entry(patient, unique_id, lid=entry["lid"], **changes),
        actor.member(PreviousVersion=version),
    )


# --- ITI-61 -----------------------------------------------------------------------------------------------------------


def test_an_on_demand_entry_is_registered(actor: ZeepActor) -> None:
    patient, unique_id = new_patient(), new_oid()
    entry = actor.entry(patient, unique_id, objectType=ON_DEMAND, slots={"creationTime": "", "hash": "", "size": ""})
    succeeded(actor.submit(61, *actor.submission_set(patient), entry, actor.member()))
    assert actor.documents_of(patient) == []
    (found,) = actor.documents_of(patient, XDSDocumentEntryType=[f"('{ON_DEMAND}')"])
    assert identifiers(found)[DOCUMENT_ENTRY_UNIQUE_ID] == unique_id


# --- ITI-62 -----------------------------------------------------------------------------------------------------------


def removed(actor: ZeepActor, *ids: str) -> Any:
    return actor.call(62, ObjectRefList=actor.many("ObjectRef", [{"id": each} for each in ids]))


def test_metadata_are_removed(actor: ZeepActor) -> None:
    patient = new_patient()
    found = registered(actor, patient)
    (held,) = objects(actor.ask(GET_ASSOCIATIONS, {"$uuid": [f"('{found['id']}')"]}), "Association")
    succeeded(removed(actor, found["id"], held["id"], held["sourceObject"]))
    assert actor.documents_of(patient) == []


def test_metadata_that_others_refer_to_stay(actor: ZeepActor) -> None:
    patient = new_patient()
    found = registered(actor, patient)
    answer = removed(actor, found["id"])
    assert (answer["status"], codes(answer)) == (FAILURE, {"ReferencesExistException"})
    assert [each["id"] for each in actor.documents_of(patient)] == [found["id"]]


def test_unknown_metadata_cannot_be_removed(actor: ZeepActor) -> None:
    answer = removed(actor, f"urn:uuid:{uuid.uuid4()}")
    assert (answer["status"], codes(answer)) == (FAILURE, {"UnresolvedReferenceException"})


# --- ITI-41, ITI-43 and ITI-86 ----------------------------------------------------------------------------------------


def asked(unique_id: str) -> dict[str, Any]:
    return {"DocumentRequest": [{"RepositoryUniqueId": REPOSITORY, "DocumentUniqueId": unique_id}]}


def provided(actor: ZeepActor, patient: str, unique_id: str, content: bytes = b"hello") -> None:
    listed = {"_value_1": [*actor.submission_set(patient), actor.entry(patient, unique_id), actor.member()]}
    document = {"_value_1": content, "id": "Document01"}
    succeeded(actor.call(41, SubmitObjectsRequest={"RegistryObjectList": listed}, Document=[document]))


def test_what_is_provided_is_opened(actor: ZeepActor) -> None:
    unique_id = new_oid()
    provided(actor, new_patient(), unique_id)
    answer = actor.call(43, **asked(unique_id))
    succeeded(answer["RegistryResponse"])
    (document,) = answer["DocumentResponse"]
    assert (document["DocumentUniqueId"], document["mimeType"]) == (unique_id, "text/plain")
    assert document["Document"] == b"hello"


def test_a_removed_document_cannot_be_opened(actor: ZeepActor) -> None:
    patient, unique_ids = new_patient(), [new_oid(), new_oid()]
    for each in unique_ids:
        provided(actor, patient, each)
    both = {"DocumentRequest": [request for each in unique_ids for request in asked(each)["DocumentRequest"]]}
    succeeded(actor.call(86, **both))
    answer = actor.call(43, **both)["RegistryResponse"]
    assert (answer["status"], codes(answer)) == (FAILURE, {"XDSDocumentUniqueIdError"})


def test_an_unknown_document_cannot_be_removed(actor: ZeepActor) -> None:
    answer = actor.call(86, **asked(new_oid()))
    assert (answer["status"], codes(answer)) == (FAILURE, {"XDSRemoveDocumentsError"})


# --- Faults -----------------------------------------------------------------------------------------------------------


def test_a_fault_is_an_exception(actor: ZeepActor) -> None:
    """The Registry does not retrieve: what ITI-43 gets there is the fault of WS-Addressing 1.0 SOAP Binding §6.4.2."""
    with pytest.raises(zeep.exceptions.Fault) as raised:
        actor.call(43, path=REGISTRY_PATH, **asked(new_oid()))
    assert raised.value.code.endswith("Sender")
    assert [each.localname for each in raised.value.subcodes] == ["ActionNotSupported"]
