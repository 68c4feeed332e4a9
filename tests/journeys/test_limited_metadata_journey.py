"""Limited metadata, as an XDR source sends them: accepted by ITI-41, as far as a registry can make something of them.

Source: ITI TF-3 4.2.3.2.29, 4.2.3.3.13, 4.2.3.4.10 and Table 4.3.1-3 (XDR MS); ITI TF-2 3.41.4.1.3.1.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from ihe.markup import attribute
from registry.metadata import AssociationType, Code, DocumentEntry, Submission
from tests.connectathon import (
    REGISTRY_PATH,
    REPOSITORY_PATH,
    XDS,
    Answer,
    Node,
    association,
    document,
    folder,
    new_patient,
    submission,
    submit_objects,
)

FLAGS = {
    "Document01": ("ExtrinsicObject", "urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85"),
    "SubmissionSet01": ("RegistryPackage", "urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707"),
    "Folder01": ("RegistryPackage", "urn:uuid:2c144a76-29a9-4b7c-af54-b25409fe7d03"),
}
NO_CODE = Code("", "")
LEFT_OUT: dict[str, Any] = {
    "class_code": NO_CODE,
    "type_code": NO_CODE,
    "format_code": NO_CODE,
    "healthcare_facility_type_code": NO_CODE,
    "practice_setting_code": NO_CODE,
    "confidentiality_codes": (),
    "creation_time": "",
    "language_code": "",
    "source_patient_id": "",
    "authors": (),
    "title": "",
    "hash": "",
    "size": None,
    "repository_unique_id": "",
}
ALL = tuple(FLAGS)


def flagged(item: Submission, names: tuple[str, ...]) -> str:
    """The request, with those objects flagged."""
    text = submit_objects(item)
    for name in names:
        tag, node = FLAGS[name]
        start = text.find(f'<rim:{tag} id="{name}"')
        if start >= 0:
            end = text.index(f"</rim:{tag}>", start)
            flag = f'<rim:Classification id="flag-{name}" classifiedObject="{name}" classificationNode="{node}"/>'
            text = text[:end] + flag + text[end:]
    return text


def provide(node: Node, item: Submission, names: tuple[str, ...] = ALL) -> Answer:
    documents = "".join(
        f'<xds:Document id="{attribute(entry.entry_uuid)}">{base64.b64encode(b"hello").decode()}</xds:Document>'
        for entry in item.entries
    )
    return node.soap(
        REPOSITORY_PATH,
        "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{flagged(item, names)}{documents}'
        "</xds:ProvideAndRegisterDocumentSetRequest>",
    )


def bare(patient: str, **changes: Any) -> DocumentEntry:
    return document(patient, **{**LEFT_OUT, **changes})


def minimal(patient: str, *items: Any, **changes: Any) -> Submission:
    entry = bare(patient)
    item = submission(entry, *items, patient=patient or "-", content_type_code=NO_CODE, authors=(), **changes)
    return replace(item, submission_set=replace(item.submission_set, patient_id=patient))


@pytest.mark.proves("submission/limited-metadata")
def test_the_least_that_a_limited_source_sends_is_registered_and_opened(node: Node) -> None:
    item = minimal(new_patient())
    answer = provide(node, item)
    assert (answer.status, answer.errors) == ("Success", [])
    (found,) = node.find_documents(item.submission_set.patient_id).entries
    assert (found.unique_id, found.size, found.class_code) == (item.entries[0].unique_id, 5, NO_CODE)
    assert node.retrieve(found.unique_id).success


def test_each_object_is_flagged_by_itself(node: Node) -> None:
    item = minimal(new_patient())
    assert [error[:3] for error in provide(node, item, ("Document01",)).errors] == [
        ("XDSRegistryMetadataError", "Error", "SubmissionSet01")
    ]
    assert {error[2] for error in provide(node, item, ("SubmissionSet01",)).errors} == {"Document01"}
    assert len(provide(node, item, ()).errors) == 10


def test_the_patient_may_stand_on_one_object_only(node: Node) -> None:
    patient = new_patient()
    entry, box = bare(""), folder("", codes=(), title="")
    member = association(AssociationType.HAS_MEMBER, box.entry_uuid, entry.entry_uuid)
    item = submission(entry, box, member, patient=patient, content_type_code=NO_CODE)
    answer = provide(node, item)
    assert (answer.status, answer.errors) == ("Success", [])
    everything = node.everything(patient)
    assert [found.patient_id for found in (*everything.entries, *everything.folders)] == [patient] * 2


def test_a_registry_needs_a_patient(node: Node) -> None:
    item = minimal("")
    assert [error[:3] for error in provide(node, item).errors] == [("XDSUnknownPatientId", "Error", "SubmissionSet01")]
    relation = association(AssociationType.RPLC, "Document01", "urn:uuid:00000000-0000-4000-8000-00000000dead")
    related = provide(node, minimal("", relation))
    assert related.codes == {"XDSUnknownPatientId", "UnresolvedReferenceException"}


@pytest.mark.parametrize("required", [{"unique_id": ""}, {"mime_type": ""}])
def test_what_even_limited_metadata_have(node: Node, required: dict[str, str]) -> None:
    patient = new_patient()
    item = submission(bare(patient, **required))
    assert [error[:3] for error in provide(node, item).errors] == [("XDSRegistryMetadataError", "Error", "Document01")]


def test_limited_metadata_come_by_iti_41_only(node: Node) -> None:
    item = submission(document(new_patient()))
    answer = node.soap(
        REGISTRY_PATH, "urn:ihe:iti:2007:RegisterDocumentSet-b", flagged(item, ("Document01", "SubmissionSet01"))
    )
    assert {error[:3] for error in answer.errors} == {
        ("XDSRegistryMetadataError", "Error", "Document01"),
        ("XDSRegistryMetadataError", "Error", "SubmissionSet01"),
    }
