"""Every difference between a document and its metadata is told, each by itself, and nothing else is."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from cda_vectors import FOLDER, INS
from hypothesis import given, settings
from hypothesis import strategies as st

from cda.agreement import disagreements
from cda.differences import REFUSED, Difference, FileFacts, differences
from cda.document import read_document
from cda.header import Header, read_header
from cda.metadata import document_entry
from identities.requester import PatientId
from registry.errors import Severity
from registry.metadata import Author, Code, DocumentEntry
from schemas import oids

HEADER = read_header(read_document([(FOLDER / "discharge_letter.xml").read_bytes()]))
ENTRY = document_entry(HEADER, entry_uuid="urn:uuid:1b7e4b5e-0000-4000-8000-000000000001")
(AUTHOR,) = ENTRY.authors
OTHER = Code("other", "2.999")
MASKED = Code("MASQUE_PS", oids.CONFIDENTIALITE_CISIS)
FILE = FileFacts("da39a3ee5e6b4b0d3255bfef95601890afd80709", 0)

# a change of the entry -> the attributes that are told, in their order
CHANGES: dict[str, tuple[dict[str, object], list[str]]] = {
    "type": ({"type_code": OTHER}, ["typeCode"]),
    "class": ({"class_code": OTHER}, ["classCode"]),
    "format": ({"format_code": OTHER}, ["formatCode"]),
    "facility": ({"healthcare_facility_type_code": OTHER}, ["healthcareFacilityTypeCode"]),
    "setting": ({"practice_setting_code": OTHER}, ["practiceSettingCode"]),
    "confidentiality": (
        {"confidentiality_codes": (Code("R", oids.HL7_CONFIDENTIALITY),)},
        ["confidentialityCode"],
    ),
    "no confidentiality": ({"confidentiality_codes": ()}, ["confidentialityCode"]),
    "a second level": (
        {"confidentiality_codes": (*ENTRY.confidentiality_codes, Code("V", oids.HL7_CONFIDENTIALITY))},
        ["confidentialityCode"],
    ),
    "events": ({"event_codes": (OTHER, Code("two", "2.999"))}, ["eventCodeList", "eventCodeList"]),
    "references": ({"reference_ids": ("1^^^^urn:ihe:iti:xds:2013:order",)}, ["referenceIdList"]),
    "title": ({"title": "Another title"}, ["title"]),
    "language": ({"language_code": "en-GB"}, ["languageCode"]),
    "mime type": ({"mime_type": "application/xslt+xml"}, ["mimeType"]),
    "unique id": ({"unique_id": "2.999.1"}, ["uniqueId"]),
    "creation": ({"creation_time": "20200101"}, ["creationTime"]),
    "start": ({"service_start_time": "20200101"}, ["serviceStartTime"]),
    "stop": ({"service_stop_time": ""}, ["serviceStopTime"]),
    "authenticator": ({"legal_authenticator": "1^X"}, ["legalAuthenticator"]),
    "patient": ({"patient_id": f"185059900009912^^^&{oids.INS_NIR_TEST}&ISO^NH"}, ["patientId"]),
    "source patient": ({"source_patient_id": "9^^^&2.999&ISO^PI"}, ["sourcePatientId"]),
    "traits": (
        {"source_patient_info": ("PID-5|AUTRE^CLAIRE^^^^^L", "PID-8|M", "PID-11|4 rue des Lilas")},
        ["sourcePatientInfo", "sourcePatientInfo", "sourcePatientInfo"],
    ),
    "no author": ({"authors": ()}, ["authorPerson"]),
    "another author": ({"authors": (Author(person="1^X"),)}, ["authorPerson", "authorPerson"]),
    "the author's name": ({"authors": (replace(AUTHOR, person=f"{AUTHOR.person_id}^X"),)}, ["authorPerson"]),
    "institution": ({"authors": (replace(AUTHOR, institutions=()),)}, ["authorInstitution"]),
    "role": ({"authors": (replace(AUTHOR, roles=("X",)),)}, ["authorRole", "authorRole"]),
    "specialty": ({"authors": (replace(AUTHOR, specialties=("X^^2.999",)),)}, ["authorSpecialty", "authorSpecialty"]),
    "hash": ({"hash": "0" * 40}, ["hash"]),
    "size": ({"size": 1}, ["size"]),
}  # fmt: skip
# What no header says, or what a registry gives: never compared.
FREE = frozenset(
    {
        *("entry_uuid", "comments", "uri", "repository_unique_id", "home_community_id", "document_availability"),
        *("object_type", "availability_status", "logical_id", "version", "extra_slots"),
    }
)


def told(entry: DocumentEntry, header: Header = HEADER) -> list[str]:
    return [each.attribute for each in differences(header, entry, file=FILE)]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.stem)
def test_what_is_derived_differs_in_nothing(path: Path) -> None:
    header = read_header(read_document([path.read_bytes()]))
    assert differences(header, document_entry(header, visibility=[MASKED], comments="note")) == ()


@pytest.mark.parametrize("change", CHANGES)
def test_each_difference_is_told_by_itself(change: str) -> None:
    values, expected = CHANGES[change]
    assert told(replace(ENTRY, **values)) == expected  # type: ignore[arg-type]


def test_every_attribute_is_compared_or_free() -> None:
    changed = {name for values, _ in CHANGES.values() for name in values}
    assert changed | FREE == {field.name for field in fields(DocumentEntry)}


def test_a_difference_shows_both_sides_and_the_place() -> None:
    (found,) = differences(HEADER, replace(ENTRY, title="Another"))
    assert found == Difference("title", "title", HEADER.title, "Another")
    assert not found.refused


@pytest.mark.parametrize(
    "values",
    [
        {"creation_time": ENTRY.creation_time[:8]},
        {"title": f"  {ENTRY.title.replace(' ', '   ')} "},
        {"type_code": replace(ENTRY.type_code, display="another label")},
        {"confidentiality_codes": (*ENTRY.confidentiality_codes, MASKED)},
        {"hash": FILE.hash.upper(), "size": 0},
        {"authors": (replace(AUTHOR, specialties=(AUTHOR.specialties[0].replace("Médecin", "Doctor"),)),)},
        {"source_patient_info": (*ENTRY.source_patient_info, "PID-3|1^^^&2.999&ISO")},
    ],
)
def test_what_is_no_difference(values: dict[str, object]) -> None:
    assert told(replace(ENTRY, **values)) == []  # type: ignore[arg-type]


def test_a_former_identifier_is_the_same_patient() -> None:
    entry = document_entry(HEADER, patient=PatientId("185059900009912", oids.INS_NIR_TEST))
    assert told(entry) == ["patientId"]
    assert differences(HEADER, entry, identifiers=[PatientId(INS, oids.INS_NIR_TEST)]) == ()


def test_a_header_that_lacks_something_is_compared_all_the_same() -> None:
    bare = replace(HEADER, service_events=(), healthcare_facility=None, set_id=None, version_number=None)
    assert told(ENTRY, bare) == [
        "healthcareFacilityTypeCode",
        "practiceSettingCode",
        "serviceStartTime",
        "serviceStopTime",
        "setId",
        "versionNumber",
    ]


@settings(max_examples=150)
@given(st.lists(st.sampled_from(sorted(CHANGES)), unique=True, max_size=6))
def test_what_is_refused_is_told(names: list[str]) -> None:
    """Whatever is wrong at once: a submission is refused exactly when a difference says so."""
    values: dict[str, object] = {}
    for name in names:
        values |= CHANGES[name][0]
    entry = replace(ENTRY, **values)  # type: ignore[arg-type]
    refused = any(each.severity is Severity.ERROR for each in disagreements(HEADER, entry))
    found = differences(HEADER, entry, file=FILE)
    assert refused == any(each.refused for each in found)
    assert {each.attribute for each in found if each.refused} <= REFUSED
