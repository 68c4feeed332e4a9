"""XDS metadata from a header, attribute by attribute."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from cda_vectors import FOLDER, INS, ROOT_OID
from hypothesis import given
from hypothesis import strategies as st

from cda.document import Body, BodyKind, read_document
from cda.errors import CdaError
from cda.header import Device, Header, InstanceId, Name, Order, Organization, Participant, read_header
from cda.hl7 import cxi, escape, oid_of, xcn, xon
from cda.metadata import (
    FORMAT_OUTSIDE_PROFILES,
    document_entry,
    document_version,
    unique_id,
    unique_id_forms,
)
from identities.requester import PatientId
from registry.metadata import Author, Code
from schemas import domain, oids
from schemas.value_sets import ValueSets

LETTER = read_header(read_document([(FOLDER / "discharge_letter_v2.xml").read_bytes()]))
MASKED = Code("MASQUE_PS", oids.CONFIDENTIALITE_CISIS)
PHYSICIAN = InstanceId(oids.PS_ID_NAT, "899700000017")


def test_a_hospital_letter_attribute_by_attribute() -> None:
    entry = document_entry(LETTER, entry_uuid="Document01", visibility=[MASKED], comments="note")
    assert entry.entry_uuid == "Document01"
    assert entry.unique_id == f"{ROOT_OID}.2.2"
    assert entry.patient_id == f"{INS}^^^&{oids.INS_NIR_TEST}&ISO^NH"
    assert entry.source_patient_id == f"00421^^^&{ROOT_OID}.9&ISO^PI"
    assert entry.source_patient_info == ("PID-5|ESSAI-MARTEL^CLAIRE^^^^^L", "PID-7|19790328", "PID-8|F")
    assert entry.mime_type == "text/xml"
    assert entry.class_code == Code("10", oids.CLASSE_DOCUMENT)
    assert (entry.type_code.code, entry.type_code.scheme) == ("11490-0", oids.LOINC)
    assert entry.format_code == Code("urn:ihe:iti:xds-sd:pdf:2008", oids.IHE_FORMAT_CODE)
    assert entry.healthcare_facility_type_code == Code("SA01", oids.SECTEUR_ACTIVITE)
    assert entry.practice_setting_code == Code("ETABLISSEMENT", oids.PRACTICE_SETTING)
    assert entry.confidentiality_codes == (Code("N", oids.HL7_CONFIDENTIALITY), MASKED)
    assert entry.creation_time == "20260301233015"
    assert (entry.service_start_time, entry.service_stop_time) == ("20260224070000", "20260301100000")
    assert entry.language_code == "fr-FR"
    assert entry.title == LETTER.title
    assert entry.comments == "note"
    assert entry.authors == (
        Author(
            person="899700000017^LEROY \\T\\ FILS^Hugo^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
            institutions=("Centre hospitalier des Trois Rivières^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1350000017",),
            roles=("Référent",),
            specialties=("G15_10/SM04^Médecin - Cardiologie et maladies vasculaires (SM)^1.2.250.1.213.1.1.4.5",),
        ),
    )
    assert entry.legal_authenticator == entry.authors[0].person
    assert (entry.hash, entry.size, entry.repository_unique_id) == ("", None, "")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.stem)
def test_the_french_domain_accepts_what_is_derived(path: Path) -> None:
    entry = document_entry(read_header(read_document([path.read_bytes()])))
    french, tables = domain.load("fr-dmp"), ValueSets.load()
    for attribute in ("class_code", "type_code", "format_code", "practice_setting_code"):
        assert tables.is_code(french, attribute, getattr(entry, attribute)), attribute
    assert tables.is_code(french, "healthcare_facility_type_code", entry.healthcare_facility_type_code)
    assert entry.mime_type in french.mime_types
    assert entry.language_code in french.languages


@pytest.mark.parametrize(
    ("name", "mime_type", "format_code"),
    [
        ("self_presenting", "application/xslt+xml", "urn:ihe:iti:xds-sd:pdf:2008"),
        ("signed", "text/xml", "urn:ihe:iti:xds-sd:pdf:2008"),
        ("prescription", "text/xml", "urn:ihe:iti:xds-sd:text:2008"),
        ("lab_report", "text/xml", "urn:ihe:lab:xd-lab:2008"),
        ("vaccination_note", "text/xml", "urn:asip:ci-sis:vac-note:2021"),
    ],
)
def test_form_and_format(name: str, mime_type: str, format_code: str) -> None:
    entry = document_entry(read_header(read_document([(FOLDER / f"{name}.xml").read_bytes()])))
    assert (entry.mime_type, entry.format_code.code) == (mime_type, format_code)


@pytest.mark.parametrize(
    "header",
    [
        replace(LETTER, body=Body(BodyKind.NON_XML, "application/zip")),
        replace(LETTER, body=Body(BodyKind.STRUCTURED), template_ids=(oids.TEMPLATE_CISIS, "2.999")),
        replace(LETTER, body=Body(BodyKind.STRUCTURED)),  # XDS-SD without a nonXMLBody
    ],
)
def test_a_document_outside_every_profile_has_the_format_that_says_so(header: Header) -> None:
    assert document_entry(header).format_code == FORMAT_OUTSIDE_PROFILES


def test_the_patient_may_be_given() -> None:
    entry = document_entry(LETTER, patient=PatientId("1" * 15, oids.INS_NIR))
    assert entry.patient_id == f"{'1' * 15}^^^&{oids.INS_NIR}&ISO^NH"


def test_without_an_ipp_the_source_s_patient_is_the_ins() -> None:
    alone = replace(LETTER, patient=replace(LETTER.patient, ids=LETTER.patient.ids[:1]))
    assert document_entry(alone).source_patient_id == f"{INS}^^^&{oids.INS_NIR_TEST}&ISO^NH"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (replace(LETTER, service_events=()), "effectiveTime/low: expected the beginning of the act"),
        (
            replace(LETTER, service_events=(replace(LETTER.service_events[0], start=""),)),
            "effectiveTime/low: expected the beginning of the act",
        ),
        (
            replace(LETTER, service_events=(replace(LETTER.service_events[0], practice_setting=None),)),
            "standardIndustryClassCode: expected a practice setting",
        ),
        (replace(LETTER, healthcare_facility=None), "healthCareFacility/code: expected a facility type"),
        (replace(LETTER, code=Code("00000-0", oids.LOINC)), "code: expected a document type that has a class"),
        (
            replace(LETTER, patient=replace(LETTER.patient, ids=LETTER.patient.ids[1:])),
            "recordTarget/patientRole/id: expected an INS",
        ),
    ],
)
def test_what_xds_requires_and_the_header_lacks_is_said(header: Header, message: str) -> None:
    with pytest.raises(CdaError, match=message):
        document_entry(header)


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (InstanceId("1.2.250.1.999"), "1.2.250.1.999"),
        (InstanceId("1.2.250.1.999", "42"), "1.2.250.1.999^42"),
        # ITU-T X.667 §7: f81d4fae-7dec-11d0-a765-00a0c91e6bf6
        (InstanceId("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), "2.25.329800735698586629295641978511506172918"),
        (InstanceId("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"), "2.25.329800735698586629295641978511506172918"),
    ],
)
def test_identifiers_of_documents(found: InstanceId, written: str) -> None:
    assert unique_id(found) == written
    assert written in unique_id_forms(found)


@given(st.uuids())
def test_each_form_of_a_uuid_is_the_same_document(identifier: UUID) -> None:
    forms = unique_id_forms(InstanceId(str(identifier).upper()))
    assert {f"2.25.{identifier.int}", str(identifier), identifier.urn} <= forms


def test_an_oid_has_one_form() -> None:
    assert unique_id_forms(InstanceId("1.2.3", "4")) == {"1.2.3^4"}


def test_versions_need_both_a_set_and_a_number() -> None:
    assert document_version(LETTER) == (f"{ROOT_OID}.2", 2)
    assert document_version(replace(LETTER, set_id=None)) is None
    assert document_version(replace(LETTER, version_number=None)) is None


@pytest.mark.parametrize(
    ("participant", "written"),
    [
        (
            Participant((PHYSICIAN,), Name("DUPONT", "Jean")),
            "899700000017^DUPONT^Jean^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
        ),
        (
            Participant((InstanceId(oids.PS_ID_NAT, "31350000017/HL042"),), Name("DUPONT", "Jean")),
            "31350000017/HL042^DUPONT^Jean^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^EI",
        ),
        (
            Participant((InstanceId(oids.INS_NIR, "279039900001780"),), Name("ESSAI", "CLAIRE")),
            "279039900001780^ESSAI^CLAIRE^^^^^^&1.2.250.1.213.1.4.8&ISO^D^^^NH",
        ),
        (
            Participant((InstanceId(oids.PS_ID_NAT, "41350000017/7"),), device=Device("SGL", "V2")),
            "41350000017/7^SGL^V2^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^RI",
        ),
        (
            Participant((InstanceId("2.999", "x"), PHYSICIAN), Name("DUPONT")),
            "899700000017^DUPONT^^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
        ),
        (Participant((), Name("DUPONT", "Jean")), "^DUPONT^Jean"),
        (Participant(()), ""),
    ],
)
def test_people_and_systems(participant: Participant, written: str) -> None:
    assert xcn(participant) == written


@pytest.mark.parametrize(
    ("organization", "written"),
    [
        (
            Organization((InstanceId(oids.STRUCT_ID_NAT, "1350000017"),), "CH & Co"),
            "CH \\T\\ Co^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1350000017",
        ),
        (
            Organization((InstanceId(oids.STRUCT_ID_NAT, "1350000017"),)),
            "1350000017^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1350000017",
        ),
        (Organization((InstanceId("2.999", "7"),), "CH"), "CH^^^^^&2.999&ISO^EI^^^7"),
        (Organization((), "CH"), "CH"),
        (Organization(()), ""),
    ],
)
def test_structures(organization: Organization, written: str) -> None:
    assert xon(organization) == written


def test_the_legal_authenticator_is_a_system_when_a_device_wrote() -> None:
    device = Participant((InstanceId(oids.PS_ID_NAT, "5/1"),), device=Device("DP", "."))
    signer = Participant(device.ids, Name("DP", "."))
    entry = document_entry(replace(LETTER, authors=(device,), legal_authenticator=signer))
    assert entry.legal_authenticator == entry.authors[0].person == "5/1^DP^.^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^RI"
    assert document_entry(replace(LETTER, legal_authenticator=None)).legal_authenticator == ""


def test_references_are_typed() -> None:
    order = Order((InstanceId("1.2.3", "A1"), InstanceId("1.2.4")), (InstanceId("1.2.5", "ACC"),))
    event = replace(LETTER.service_events[0], ids=(InstanceId("1.2.6"),))
    header = replace(LETTER, orders=(order, order), service_events=(event,))
    expected = (
        "A1^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order",
        "1.2.4^^^^urn:ihe:iti:xds:2013:order",
        "ACC^^^&1.2.5&ISO^urn:ihe:iti:xds:2013:accession",
    )
    assert document_entry(header).reference_ids == expected
    imaging = replace(header, template_ids=(*header.template_ids, oids.TEMPLATE_IMAGING_REPORT))
    assert document_entry(imaging).reference_ids == (*expected, "1.2.6^^^^urn:ihe:iti:xds:2016:studyInstanceUID")


def test_events_are_acts_diagnoses_and_modalities() -> None:
    act, disease, anatomy = Code("ZBQK002", oids.CCAM), Code("I50.9", oids.CIM_10), Code("51185008", oids.SNOMED_CT)
    event = replace(LETTER.service_events[0], codes=(act, Code("C", oids.NGAP), disease, anatomy, act))
    header = replace(LETTER, service_events=(event,))
    assert document_entry(header).event_codes == (act, disease)
    imaging = replace(header, template_ids=(oids.TEMPLATE_IMAGING_REPORT,))
    assert document_entry(imaging).event_codes == (act, disease, anatomy)


@given(st.text())
def test_escaped_text_holds_no_delimiter(text: str) -> None:
    escaped = escape(text)
    assert not set("|^&~\r\n") & set(escaped)
    unescaped = escaped
    for sequence, character in (("\\F\\", "|"), ("\\S\\", "^"), ("\\T\\", "&"), ("\\R\\", "~"), ("\\E\\", "\\")):
        unescaped = unescaped.replace(sequence, character) if "\\" not in text else unescaped
    assert "\\" in text or unescaped == " ".join(text.split())


@given(st.uuids())
def test_uuid_roots_become_oids(identifier: UUID) -> None:
    assert oid_of(str(identifier)) == f"2.25.{identifier.int}"
    assert cxi(InstanceId(str(identifier), "1"), "t") == f"1^^^&2.25.{identifier.int}&ISO^t"
