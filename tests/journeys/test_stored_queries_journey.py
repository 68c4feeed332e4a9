"""Every stored query through HTTP, as a node of an IHE domain asks it. Source: ITI TF-2 3.18 and 3.51."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from registry.metadata import AssociationType, Author, Code, ObjectType
from schemas.xml import parse
from tests.connectathon import (
    APPROVED,
    CODE,
    DEPRECATED,
    REGISTRY_PATH,
    Answer,
    Node,
    association,
    document,
    folder,
    new_patient,
    submission,
)
from tests.journeys.queries import (
    FIND_BY_REFERENCE_ID,
    FIND_BY_REFERENCE_ID_OF_SEVERAL,
    FIND_DOCUMENTS,
    FIND_DOCUMENTS_OF_SEVERAL,
    FIND_EXCLUDE,
    FIND_FOLDERS,
    FIND_FOLDERS_OF_SEVERAL,
    FIND_SUBMISSION_SETS,
    GET_ALL,
    GET_ASSOCIATIONS,
    GET_DOCUMENTS,
    GET_DOCUMENTS_AND_ASSOCIATIONS,
    GET_FOLDER_AND_CONTENTS,
    GET_FOLDERS,
    GET_FOLDERS_FOR_DOCUMENT,
    GET_RELATED_DOCUMENTS,
    GET_SUBMISSION_SET_AND_CONTENTS,
    GET_SUBMISSION_SETS,
)

ITI_18, ITI_51 = "urn:ihe:iti:2007:RegistryStoredQuery", "urn:ihe:iti:2009:MultiPatientStoredQuery"

APND, HAS_MEMBER = AssociationType.APND, AssociationType.HAS_MEMBER
STATUS = f"('{APPROVED}')"


@dataclass(frozen=True)
class Library:
    """One submission of a new patient: a document, one appended to it, and a folder that holds the first."""

    patient: str
    event: Code  # of the first document, and of nobody else's
    reference: str  # likewise
    ids: Mapping[str, str]  # entryUUID by name: first, second, folder, set
    unique_ids: Mapping[str, str]

    def slots(self, **more: str) -> dict[str, list[str]]:
        """FindDocuments of this patient, and more by attribute."""
        asked = {"PatientId": f"'{self.patient}'", "Status": STATUS, **more}
        return {f"$XDSDocumentEntry{name}": [value] for name, value in asked.items()}


def library(node: Node) -> Library:
    patient, event = new_patient(), Code(uuid.uuid4().hex, "2.999.2", "An event")
    reference = f"{uuid.uuid4().hex}^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:accession"
    first = document(patient, "first", title="first", event_codes=(event,), reference_ids=(reference,))
    second = document(patient, "second", title="second", authors=(Author(person="^O'Hara^Scarlett"),))
    own = folder(patient, "folder", codes=(CODE, event))
    submitted = submission(
        first, second, own, association(HAS_MEMBER, "folder", "first"), association(APND, "second", "first")
    )
    answer = node.register(submitted)
    assert answer.success, answer.errors
    unique_ids = {"first": first.unique_id, "second": second.unique_id, "folder": own.unique_id}
    unique_ids["set"] = submitted.submission_set.unique_id
    found = node.query(GET_ALL, get_all(patient)).objects
    ids = {
        name: item.entry_uuid
        for name, unique_id in unique_ids.items()
        for item in found
        if getattr(item, "unique_id", "") == unique_id
    }
    return Library(patient, event, reference, ids, unique_ids)


def get_all(patient: str) -> dict[str, list[str]]:
    kinds = ("DocumentEntry", "SubmissionSet", "Folder")
    return {"$patientId": [f"'{patient}'"], **{f"$XDS{kind}Status": [STATUS] for kind in kinds}}


def told(answer: Answer, held: Library) -> list[str]:
    """What an answer tells: names of the library, and associations by type."""
    assert answer.success, answer.errors
    names = {each: name for name, each in held.ids.items()}
    return sorted(names.get(item.entry_uuid) or item.type.name for item in answer.objects)  # type: ignore[union-attr]


def both(node: Node, held: Library, query_id: str, slots: Any, **how: Any) -> list[str]:
    """What is told as objects, when as many references to the same are told."""
    whole = node.query(query_id, slots, **how)
    references = node.query(query_id, slots, references=True, **how)
    assert references.success
    assert sorted(references.references) == sorted(item.entry_uuid for item in whole.objects)
    return told(whole, held)


# --- ITI-18 -----------------------------------------------------------------------------------------------------------


def test_find_by_attributes(node: Node) -> None:
    held = library(node)
    patient = [f"'{held.patient}'"]
    event, code = f"('{held.event.code}^^{held.event.scheme}')", f"('{CODE.code}^^{CODE.scheme}')"
    assert both(node, held, FIND_DOCUMENTS, held.slots(EventCodeList=event, ClassCode=code)) == ["first"]
    assert both(node, held, FIND_DOCUMENTS, held.slots(AuthorPerson="('%O''Hara%')")) == ["second"]
    assert both(node, held, FIND_BY_REFERENCE_ID, held.slots(ReferenceIdList=f"('{held.reference}')")) == ["first"]
    assert both(node, held, FIND_BY_REFERENCE_ID, held.slots(ReferenceIdList="('%:accession')")) == ["first"]
    assert both(node, held, FIND_EXCLUDE, held.slots(EventCodeListExclude=event)) == ["second"]
    sets = {"$XDSSubmissionSetPatientId": patient, "$XDSSubmissionSetStatus": [STATUS]}
    assert both(node, held, FIND_SUBMISSION_SETS, sets | {"$XDSSubmissionSetAuthorPerson": ["'%Smitty%'"]}) == ["set"]
    assert both(node, held, FIND_SUBMISSION_SETS, sets | {"$XDSSubmissionSetAuthorPerson": ["'%smitty%'"]}) == []
    assert both(node, held, FIND_SUBMISSION_SETS, sets | {"$XDSSubmissionSetSourceId": ["('1.2.3')"]}) == []
    assert both(node, held, FIND_SUBMISSION_SETS, sets | {"$XDSSubmissionSetContentType": [code]}) == ["set"]
    at = {"$XDSSubmissionSetSubmissionTimeFrom": ["20260102030405"]}
    assert both(node, held, FIND_SUBMISSION_SETS, sets | at) == ["set"]
    assert (
        both(node, held, FIND_SUBMISSION_SETS, sets | {"$XDSSubmissionSetSubmissionTimeTo": ["20260102030405"]}) == []
    )
    folders = [("$XDSFolderPatientId", patient), ("$XDSFolderStatus", [STATUS])]
    codes = ("$XDSFolderCodeList", [event])
    assert both(node, held, FIND_FOLDERS, [*folders, codes, ("$XDSFolderCodeList", [code])]) == ["folder"]
    assert both(node, held, FIND_FOLDERS, [*folders, codes, ("$XDSFolderCodeList", ["('x^^y')"])]) == []
    assert both(node, held, FIND_FOLDERS, [*folders, ("$XDSFolderLastUpdateTimeTo", ["2020"])]) == []


def test_get_by_identifier(node: Node) -> None:
    held = library(node)
    ids, unique_ids = held.ids, held.unique_ids
    entry, unique = "$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"
    several = f"('{ids['first']}','{ids['second']}')"
    assert both(node, held, GET_DOCUMENTS, {entry: [several]}) == ["first", "second"]
    assert both(node, held, GET_DOCUMENTS, {unique: [f"('{unique_ids['second']}')"]}) == ["second"]
    logical = {"$XDSDocumentEntryLogicalID": [f"('{ids['first']}')"], "$MetadataLevel": ["2"]}
    assert both(node, held, GET_DOCUMENTS, logical) == ["first"]
    assert both(node, held, GET_FOLDERS, {"$XDSFolderEntryUUID": [f"('{ids['folder']}')"]}) == ["folder"]
    assert both(node, held, GET_FOLDERS, {"$XDSFolderUniqueId": [f"'{unique_ids['folder']}'"]}) == ["folder"]
    assert both(node, held, GET_ASSOCIATIONS, {"$uuid": [f"('{ids['second']}')"]}) == ["APND", "HAS_MEMBER"]
    assert both(node, held, GET_DOCUMENTS_AND_ASSOCIATIONS, {entry: [f"'{ids['second']}'"]}) == [
        "APND",
        "HAS_MEMBER",
        "second",
    ]
    assert both(node, held, GET_SUBMISSION_SETS, {"$uuid": [f"('{ids['folder']}','{ids['first']}')"]}) == [
        "HAS_MEMBER",
        "HAS_MEMBER",
        "set",
    ]
    assert both(node, held, GET_FOLDERS_FOR_DOCUMENT, {entry: [f"'{ids['first']}'"]}) == ["folder"]
    assert both(node, held, GET_FOLDERS_FOR_DOCUMENT, {unique: [f"'{unique_ids['second']}'"]}) == []
    related = {entry: [f"'{ids['first']}'"], "$AssociationTypes": [f"('{APND.value}')"]}
    assert both(node, held, GET_RELATED_DOCUMENTS, related) == ["APND", "first", "second"]


def test_get_a_package_and_its_contents(node: Node) -> None:
    held = library(node)
    own = {"$XDSSubmissionSetUniqueId": [f"'{held.unique_ids['set']}'"]}
    inside = ["HAS_MEMBER"] * 5 + ["first", "folder", "second", "set"]
    assert both(node, held, GET_SUBMISSION_SET_AND_CONTENTS, own) == inside
    no_document = own | {"$XDSDocumentEntryFormatCode": ["('x^^y')"]}
    assert both(node, held, GET_SUBMISSION_SET_AND_CONTENTS, no_document) == ["HAS_MEMBER", "folder", "set"]
    own = {"$XDSFolderEntryUUID": [f"'{held.ids['folder']}'"]}
    assert both(node, held, GET_FOLDER_AND_CONTENTS, own) == ["HAS_MEMBER", "first", "folder"]
    on_demand = own | {"$XDSDocumentEntryType": [f"('{ObjectType.ON_DEMAND.value}')"]}
    assert both(node, held, GET_FOLDER_AND_CONTENTS, on_demand) == ["folder"]


def test_get_all(node: Node) -> None:
    held = library(node)
    everything = ["APND"] + ["HAS_MEMBER"] * 5 + ["first", "folder", "second", "set"]
    assert both(node, held, GET_ALL, get_all(held.patient)) == everything
    no_document = get_all(held.patient) | {"$XDSDocumentEntryStatus": [f"('{DEPRECATED}')"]}
    assert both(node, held, GET_ALL, no_document) == ["HAS_MEMBER"] * 5 + ["folder", "set"]


def test_what_is_asked_for_wrongly_is_refused(node: Node) -> None:
    held = library(node)
    named = {
        "$XDSFolderEntryUUID": [f"'{held.ids['folder']}'"],
        "$XDSFolderUniqueId": [f"'{held.unique_ids['folder']}'"],
    }
    for query_id, slots, code in (
        (GET_FOLDERS, named, "XDSStoredQueryParamNumber"),
        (GET_FOLDERS, {}, "XDSStoredQueryMissingParam"),
        (GET_ALL, {"$patientId": [f"'{held.patient}'"]}, "XDSStoredQueryMissingParam"),
        ("urn:uuid:00000000-0000-0000-0000-000000000000", {}, "XDSUnknownStoredQuery"),
        (FIND_DOCUMENTS, held.slots(ClassCode="('10')"), "XDSRegistryError"),
    ):
        answer = node.query(query_id, slots)
        assert (answer.status, answer.codes) == ("Failure", {code})
        assert answer.objects == ()


def test_metadata_of_two_patients_are_not_told_in_one_answer(node: Node) -> None:
    one, other = library(node), library(node)
    named = {"$XDSDocumentEntryEntryUUID": [f"('{one.ids['first']}','{other.ids['first']}')"]}
    folders = {"$XDSFolderUniqueId": [f"('{one.unique_ids['folder']}','{other.unique_ids['folder']}')"]}
    for query_id, slots in ((GET_DOCUMENTS, named), (GET_DOCUMENTS_AND_ASSOCIATIONS, named), (GET_FOLDERS, folders)):
        answer = node.query(query_id, slots)
        assert (answer.status, answer.codes) == ("Failure", {"XDSResultNotSinglePatient"})
        assert answer.objects == ()
        references = node.query(query_id, slots, references=True)
        assert references.success
        assert len(references.references) >= 2


# --- ITI-51 -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-51")
def test_several_patients(node: Node) -> None:
    one, other = library(node), library(node)
    listed = f"('{one.patient}','{other.patient}','{new_patient()}')"
    status = {"$XDSDocumentEntryStatus": [STATUS]}
    several = {"$XDSDocumentEntryPatientId": [listed], **status}
    answer = node.query(FIND_DOCUMENTS_OF_SEVERAL, several, multi_patient=True)
    assert {entry.patient_id for entry in answer.entries} == {one.patient, other.patient}
    assert len(answer.entries) == 4
    event = {"$XDSDocumentEntryEventCodeList": [f"('{one.event.code}^^{one.event.scheme}')"], **status}
    assert both(node, one, FIND_DOCUMENTS_OF_SEVERAL, event, multi_patient=True) == ["first"]
    reference = {"$XDSDocumentEntryReferenceIdList": [f"('{one.reference}','{one.reference[:20]}%')"], **status}
    assert both(node, one, FIND_BY_REFERENCE_ID_OF_SEVERAL, reference, multi_patient=True) == ["first"]
    codes = [f"('{each.event.code}^^{each.event.scheme}')" for each in (one, other)]
    folders = {"$XDSFolderCodeList": codes, "$XDSFolderStatus": [STATUS]}
    found = node.query(FIND_FOLDERS_OF_SEVERAL, folders, references=True, multi_patient=True)
    assert sorted(found.references) == sorted([one.ids["folder"], other.ids["folder"]])
    assert node.audit(1)[0].transaction == "ITI-51"


def test_each_transaction_has_its_queries(node: Node) -> None:
    held = library(node)
    assert node.query(FIND_DOCUMENTS, held.slots(), multi_patient=True).codes == {"XDSUnknownStoredQuery"}
    assert node.query(FIND_DOCUMENTS_OF_SEVERAL, held.slots()).codes == {"XDSUnknownStoredQuery"}
    nothing = {"$XDSDocumentEntryStatus": [STATUS]}
    answer = node.query(FIND_DOCUMENTS_OF_SEVERAL, nothing, multi_patient=True)
    assert answer.codes == {"XDSStoredQueryMissingParam"}


# --- Questions of others ----------------------------------------------------------------------------------------------

NIST = "ihe/samples/nist-utilities"
STABLE = ObjectType.STABLE.value


def filled(template: bytes, values: Mapping[str, str]) -> str:
    """The request of a NIST template: `$name$` by its value; what has none is left out, as their toolkit does."""
    text = template.decode()
    for name, value in values.items():
        text = text.replace(f"${name}$", value.replace("&", "&amp;"))
    root = parse(text.encode())
    for element in [*root.iter("{*}Value")]:
        if re.search(r"\$\w+\$", element.text or ""):
            _drop(element)
    for element in [*root.iter("{*}Slot")]:
        if element.find(".//{*}Value") is None:
            _drop(element)
    return etree.tostring(root).decode()


def _drop(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


FILLINGS: Sequence[tuple[str, dict[str, str], int]] = [
    ("FindDocuments/XDS/query.xml", {"patient_id": "patient", "object_types": f"('{STABLE}')"}, 2),
    ("FindDocuments2/XDS/query.xml", {"patient_id": "patient", "dst0": APPROVED, "rt0": "LeafClass"}, 2),
    (
        "FindDocuments2/XDS/query.xml",
        {"patient_id": "patient", "dst0": APPROVED, "ap0": "%O''Hara%", "rt0": "LeafClass"},
        1,
    ),
    ("FindDocumentsByRefId/XDS/query.xml", {"patient_id": "patient", "refId0": "reference"}, 1),
    ("FindFolders/XDS/query.xml", {"patient_id": "patient"}, 1),
    (
        "GetAll/XDS/query.xml",
        {"patient_id": "patient", "dst0": APPROVED, "fst0": APPROVED, "sst0": APPROVED, "rt0": "ObjectRef"},
        10,
    ),
    ("GetAssociations/XDS/query.xml", {"id0": "first", "returnType": "LeafClass"}, 3),
    ("GetDocuments/XDS/query.xml", {"id0": "first", "id1": "second", "returnType": "ObjectRef"}, 2),
    ("GetDocuments/XDS/query.xml", {"lid0": "first", "metadatalevel": "2", "returnType": "LeafClass"}, 1),
    ("GetFolderAndContents/XDS/query.xml", {"id0": "folder", "returnType": "LeafClass"}, 3),
    ("GetFolders/XDS/query.xml", {"uid0": "folder", "returnType": "LeafClass"}, 1),
    ("GetFoldersForDocument/XDS/query.xml", {"id0": "first", "returnType": "LeafClass"}, 1),
    ("GetRelated/XDS/query.xml", {"uuid": "first", "assoc1": APND.value}, 3),
    ("GetSubmissionSetAndContents/XDS/query.xml", {"uuid": "set", "ot0": STABLE}, 9),
    ("GetSubmissionSetAndContents/XDS/query.xml", {"uid": "set"}, 9),
    ("GetSubmissionSets/XDS/query.xml", {"id0": "first"}, 2),
    ("RegisterAndQuery/getdocs.xml", {"id0": "first"}, 1),
    ("RegisterAndQuery/getss.xml", {"ssuid": "set"}, 9),
    ("FindDocuments/XCA/query.xml", {"patient_id": "patient", "home": "urn:oid:1.2.3"}, 2),
    ("GetDocuments/XCA/query.xml", {"id0": "first", "home": "urn:oid:1.2.3", "returnType": "LeafClass"}, 1),
]


@pytest.mark.reference
@pytest.mark.parametrize(("template", "values", "count"), FILLINGS, ids=lambda each: each if type(each) is str else "")
def test_templates_of_nist(reference: Path, node: Node, template: str, values: dict[str, str], count: int) -> None:
    held = library(node)

    def value(name: str, text: str) -> str:
        known = held.unique_ids if name.startswith(("uid", "ssuid")) else held.ids
        return {"patient": held.patient, "reference": held.reference}.get(text) or known.get(text, text)

    request = filled(
        (reference / NIST / template).read_bytes(), {name: value(name, text) for name, text in values.items()}
    )
    answer = node.soap(REGISTRY_PATH, ITI_18, request)
    assert answer.success, answer.errors
    found = answer.references or [item.entry_uuid for item in answer.objects]
    assert len(found) == count


@pytest.mark.reference
def test_templates_for_several_patients(reference: Path, node: Node) -> None:
    held = library(node)
    template = (reference / NIST / "MPQ-FindDocuments/XDS/query.xml").read_bytes()
    event = f"{held.event.code}^^{held.event.scheme}"
    answer = node.soap(REGISTRY_PATH, ITI_51, filled(template, {"ec0": event}))
    assert answer.references == [held.ids["first"]]
    answer = node.soap(REGISTRY_PATH, ITI_51, filled(template, {"patient_id": held.patient}))
    assert sorted(answer.references) == sorted([held.ids["first"], held.ids["second"]])
    of_ipf = (reference / "ihe/samples/ipf-xds/iti51request.xml").read_text()
    answer = node.soap(REGISTRY_PATH, ITI_51, of_ipf)
    assert (answer.status, answer.objects) == ("Success", ())


@pytest.mark.reference
def test_an_injection_is_no_patient(reference: Path, node: Node) -> None:
    of_ipf = (reference / "ihe/samples/ipf-xds/iti18request.xml").read_text()
    answer = node.soap(REGISTRY_PATH, ITI_18, of_ipf)
    assert (answer.status, answer.codes) == ("Failure", {"XDSRegistryError"})
