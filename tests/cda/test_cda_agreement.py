"""What counts as a disagreement between a document and its metadata."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cda_vectors import FOLDER, INS, ROOT_OID

from cda.agreement import disagreements
from cda.document import read_document
from cda.header import Header, read_header
from cda.metadata import document_entry
from identities.requester import PatientId
from registry.errors import ErrorCode, Severity
from registry.metadata import Code, DocumentEntry
from schemas import oids

LETTER = (FOLDER / "discharge_letter.xml").read_bytes()
NORMAL, RESTRICTED = Code("N", oids.HL7_CONFIDENTIALITY), Code("R", oids.HL7_CONFIDENTIALITY)
MASKED = Code("MASQUE_PS", oids.CONFIDENTIALITE_CISIS)
OTHER_PATIENT = PatientId("185059900009912", oids.INS_NIR_TEST)


def header_of(data: bytes = LETTER) -> Header:
    return read_header(read_document([data]))


def entry_of(header: Header) -> DocumentEntry:
    return document_entry(header, entry_uuid="urn:uuid:1b7e4b5e-0000-4000-8000-000000000001")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.stem)
def test_derived_metadata_agree(path: Path) -> None:
    header = header_of(path.read_bytes())
    assert disagreements(header, entry_of(header)) == ()


def test_another_patient_is_refused_without_being_named() -> None:
    header = header_of()
    entry = document_entry(header, patient=OTHER_PATIENT)
    (found,) = disagreements(header, entry)
    assert found.code is ErrorCode.XDSPatientIdDoesNotMatch
    assert found.severity is Severity.ERROR
    assert ROOT_OID in found.context
    assert not any(private in found.context for private in (INS, OTHER_PATIENT.value, "MARTEL", "CLAIRE", "00421"))


def test_the_same_number_of_another_authority_is_another_patient() -> None:
    header = header_of()
    entry = document_entry(header, patient=PatientId(INS, oids.INS_NIR))
    assert [found.code for found in disagreements(header, entry)] == [ErrorCode.XDSPatientIdDoesNotMatch]


def test_a_former_identifier_of_the_dossier_is_the_same_patient() -> None:
    header = header_of()
    entry = document_entry(header, patient=OTHER_PATIENT)
    assert disagreements(header, entry, identifiers=[PatientId(INS, oids.INS_NIR_TEST)]) == ()


def test_a_document_about_two_patients_is_neither_s() -> None:
    second = b'<id root="1.2.250.1.213.1.4.10" extension="%s"/>' % OTHER_PATIENT.value.encode()
    header = header_of(LETTER.replace(b"<patientRole>", b"<patientRole>" + second))
    for patient in (OTHER_PATIENT, PatientId(INS, oids.INS_NIR_TEST)):
        found = disagreements(header, document_entry(header, patient=patient))
        assert [one.code for one in found] == [ErrorCode.XDSPatientIdDoesNotMatch]


def test_the_ipp_alone_does_not_make_the_patient() -> None:
    header = header_of()
    entry = document_entry(header, patient=PatientId("00421", f"{ROOT_OID}.9"))
    assert [found.code for found in disagreements(header, entry)] == [ErrorCode.XDSPatientIdDoesNotMatch]


def test_without_an_ins_any_identifier_is_enough() -> None:
    header = header_of(LETTER.replace(b'root="1.2.250.1.213.1.4.10"', b'root="1.3.6.1.4.1.21367.13.20.1000"'))
    entry = document_entry(header, patient=PatientId("00421", f"{ROOT_OID}.9"))
    assert disagreements(header, entry) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unique_id": "2.999.1"}, "2.999.1: uniqueId: expected 1.2.250.1.999.77.2.1 (id), got another one"),
        ({"type_code": Code("34112-3", oids.LOINC)}, "typeCode: expected 11490-0 (2.16.840.1.113883.6.1) (code), got"),
        ({"type_code": Code("11490-0", "2.999")}, "typeCode: expected 11490-0"),
        ({"class_code": Code("11", oids.CLASSE_DOCUMENT)}, "classCode: expected 10 "),
        ({"confidentiality_codes": (RESTRICTED,)}, "confidentialityCode: expected N "),
        ({"confidentiality_codes": (MASKED, NORMAL)}, "confidentialityCode: expected N "),
        ({"confidentiality_codes": ()}, "confidentialityCode: expected N "),
        ({"creation_time": "20260302003015"}, "creationTime: expected 20260301233015 (effectiveTime, UTC)"),
        ({"creation_time": ""}, "creationTime: expected"),
        ({"mime_type": "application/xslt+xml"}, "mimeType: expected text/xml, got application/xslt+xml"),
    ],
)
def test_each_disagreement_names_the_attribute(change: dict[str, object], words: str) -> None:
    header = header_of()
    (found,) = disagreements(header, replace(entry_of(header), **change))  # type: ignore[arg-type]
    assert found.code is ErrorCode.InvalidDocumentContent
    assert found.severity is Severity.ERROR
    assert words in found.context
    assert found.location == "urn:uuid:1b7e4b5e-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    "change",
    [
        {"confidentiality_codes": (NORMAL, MASKED)},
        {"creation_time": "20260301"},
        {"creation_time": "202603012330"},
        {"title": "another title"},
        {"type_code": Code("11490-0", oids.LOINC, "another label")},
        {"service_start_time": "2020"},
    ],
)
def test_what_is_the_submitter_s_choice_is_let_be(change: dict[str, object]) -> None:
    header = header_of()
    assert disagreements(header, replace(entry_of(header), **change)) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (b'<setId root="1.2.250.1.999.77.2"/>', "setId: expected one in the document, got none"),
        (b'<versionNumber value="1"/>', "versionNumber: expected one in the document, got none"),
    ],
)
def test_a_document_says_which_version_it_is(element: bytes, words: str) -> None:
    header = header_of(LETTER.replace(element, b""))
    (found,) = disagreements(header, entry_of(header))
    assert (found.code, words in found.context) == (ErrorCode.InvalidDocumentContent, True)


def test_another_language_is_a_warning() -> None:
    header = header_of()
    (found,) = disagreements(header, replace(entry_of(header), language_code="en-GB"))
    assert (found.code, found.severity) == (ErrorCode.InvalidDocumentContent, Severity.WARNING)


def test_one_document_has_one_finding_of_its_content() -> None:
    header = header_of()
    entry = replace(
        entry_of(header), unique_id="2.999.1", type_code=Code("34112-3", oids.LOINC), mime_type="text/plain"
    )
    (found,) = disagreements(header, entry)
    assert all(name in found.context for name in ("uniqueId: ", "typeCode: ", "mimeType: "))


def test_a_uuid_is_recognised_in_each_of_its_forms() -> None:
    header = header_of(
        LETTER.replace(b'<id root="1.2.250.1.999.77.2.1"/>', b'<id root="00000000-0000-0000-0000-0000000000FF"/>')
    )
    entry = entry_of(header)
    assert entry.unique_id == "2.25.255"
    for form in ("2.25.255", "00000000-0000-0000-0000-0000000000ff", "urn:uuid:00000000-0000-0000-0000-0000000000FF"):
        assert disagreements(header, replace(entry, unique_id=form)) == ()
