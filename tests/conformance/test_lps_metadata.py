"""Metadata from CDA headers."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lps_fakes import INS, INS_OID, cda

from conformance.lps import LpsUsageError
from conformance.lps.header import read_document
from conformance.lps.metadata import Author, Code, Visibility, hl7, oid_of, unique_id_of, utc_dtm, xcn, xon
from conformance.lps.people import Patient
from schemas import oids
from schemas.value_sets import ValueSets

PATIENT = Patient(INS, INS_OID)
VALUES = ValueSets.load()


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("20240405123000+0200", "20240405103000"),
        ("20240101003000.123+0100", "20231231233000"),
        ("202302091130+0100", "202302091030"),
        ("2023020911-0500", "2023020916"),
        ("20230209", "20230209"),
        ("2023", "2023"),
        ("20240405123000", "20240405123000"),
    ],
)
def test_times_become_utc_with_their_own_precision(timestamp: str, expected: str) -> None:
    assert utc_dtm(timestamp) == expected


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(LpsUsageError, match="hier"):
        utc_dtm("hier")


def test_a_uuid_becomes_an_oid_whatever_its_case() -> None:
    # ITU-T X.667 Annex: f81d4fae-7dec-11d0-a765-00a0c91e6bf6.
    assert oid_of("f81d4fae-7dec-11d0-a765-00a0c91e6bf6") == "2.25.329800735698586629295641978511506172918"
    assert oid_of("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6") == "2.25.329800735698586629295641978511506172918"
    assert oid_of("1.2.3") == "1.2.3"
    assert unique_id_of("1.2.3", "ext") == "1.2.3^ext"
    with pytest.raises(LpsUsageError, match="OID or a UUID"):
        oid_of("not-a-uuid")


def test_hl7_types_as_printed_in_the_volet() -> None:
    assert xcn("899900000022", "NOIR", "Paul") == "899900000022^NOIR^Paul^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
    assert xcn(INS, "A", "B", oids.INS_NIR) == f"{INS}^A^B^^^^^^&1.2.250.1.213.1.4.8&ISO^D^^^NH"
    assert xcn("1/2", "Logiciel", "v1", system=True) == "1/2^Logiciel^v1^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^RI"
    assert xcn("7", "A", "B", "1.2.3").endswith("&1.2.3&ISO^D^^^RI")
    assert xon("Hôpital", "1750000001") == "Hôpital^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750000001"


@given(st.text())
def test_escaped_text_holds_no_delimiter_and_can_be_read_back(text: str) -> None:
    escaped = hl7(text)
    assert not set(escaped) & set("^&~|")
    read_back = re.sub(r"\\([ESTRF])\\", lambda found: dict(zip("ESTRF", "\\^&~|", strict=True))[found[1]], escaped)
    assert read_back == " ".join(text.split())


def test_every_attribute_of_a_letter(tmp_path: Path) -> None:
    path = cda(tmp_path / "letter.xml")
    document = read_document(path, PATIENT, VALUES, visibility=Visibility(mask=True, hide_from_representatives=True))
    entry, content = document.entry, path.read_bytes()
    assert entry.entry_uuid.startswith("urn:uuid:")
    assert entry.unique_id == "2.25.1234"
    assert entry.patient_id == f"{INS}^^^&{INS_OID}&ISO^NH"
    assert entry.source_patient_id == "IPP\\T\\1^^^&1.2.3.4&ISO^PI"
    assert entry.source_patient_info == ("PID-5|PAT-TROIS^DOMINIQUE^^^^^L", "PID-7|19790328", "PID-8|F")
    assert entry.mime_type == "text/xml"
    assert entry.type_code == Code("34112-3", "2.16.840.1.113883.6.1", "CR hospitalier (séjour)")
    assert (entry.class_code.code, entry.class_code.scheme) == ("10", oids.CLASSE_DOCUMENT)
    assert (entry.format_code.code, entry.format_code.scheme) == ("urn:ihe:iti:xds-sd:pdf:2008", oids.IHE_FORMAT_CODE)
    assert entry.healthcare_facility_type_code.code == "SA01"
    assert entry.practice_setting_code.code == "ETABLISSEMENT"
    assert [(code.code, code.scheme) for code in entry.confidentiality_codes] == [
        ("N", oids.HL7_CONFIDENTIALITY),
        ("MASQUE_PS", oids.CONFIDENTIALITE_CISIS),
        ("INVISIBLE_REPRESENTANTS_LEGAUX", oids.CONFIDENTIALITE_CISIS),
    ]
    assert (entry.creation_time, entry.service_start_time) == ("20240405103000", "20240401060000")
    assert entry.service_stop_time == "20240405100000"
    assert (entry.title, entry.language_code) == ("Lettre de sortie", "fr-FR")
    assert [(code.code, code.scheme) for code in entry.event_codes] == [("ACQH004", "1.2.250.1.213.2.5")]
    assert entry.authors == (
        Author(
            "899900000022^NOIR^Paul^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
            ("Hôpital^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750000001",),
            ("Médecin hospitalier",),
            ("G15_10/SM02^Médecin - Anesthésie^1.2.250.1.213.1.1.4.5",),
        ),
    )
    assert entry.legal_authenticator.startswith("899900000022^NOIR^Paul^")
    assert (entry.hash, entry.size) == (hashlib.sha1(content).hexdigest(), len(content))
    assert document.sha256 == hashlib.sha256(content).digest()
    assert document.encounter_code == "IMP"


def test_what_the_header_says_it_replaces(tmp_path: Path) -> None:
    extra = '<relatedDocument typeCode="RPLC"><parentDocument><id root="2.25.9"/></parentDocument></relatedDocument>'
    assert read_document(cda(tmp_path / "a.xml", extra=extra), PATIENT, VALUES).replaces == "2.25.9"


@pytest.mark.parametrize(
    ("removed", "named"),
    [
        ('<id root="2.25.1234"/>', "ClinicalDocument/id"),
        ('<languageCode code="fr-FR"/>', "languageCode"),
        ('<code code="SA01"', "healthCareFacility/code"),
        ("<standardIndustryClassCode code=", "standardIndustryClassCode"),
        ("<legalAuthenticator>", "legalAuthenticator"),
        ('<effectiveTime value="20240405123000+0200"/>', "effectiveTime"),
    ],
)
def test_a_header_that_lacks_an_attribute_names_it(tmp_path: Path, removed: str, named: str) -> None:
    path = cda(tmp_path / "letter.xml")
    text = path.read_text("utf-8")
    if removed == "<legalAuthenticator>":
        text = text.replace("legalAuthenticator>", "informant>")
    elif removed.endswith("/>"):
        text = text.replace(removed, "")
    else:
        text = text.replace(removed, removed.replace("code=", "nullFlavor="))
    path.write_text(text, "utf-8")
    with pytest.raises(LpsUsageError, match=named):
        read_document(path, PATIENT, VALUES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7", "syntax error"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "DOCTYPE"),
        (b"<a/>", "one ClinicalDocument, got 0"),
    ],
)
def test_files_that_are_no_cda(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(LpsUsageError, match=message):
        read_document(path, PATIENT, VALUES)
    with pytest.raises(LpsUsageError, match="readable file"):
        read_document(tmp_path / "absent", PATIENT, VALUES)


def test_types_and_templates_that_no_table_knows(tmp_path: Path) -> None:
    path = cda(tmp_path / "letter.xml")
    known = path.read_text("utf-8")
    path.write_text(known.replace("34112-3", "00000-0"), "utf-8")
    with pytest.raises(LpsUsageError, match="document type of the DMP, got 00000-0"):
        read_document(path, PATIENT, VALUES)
    path.write_text(known.replace("application/pdf", "video/mp4"), "utf-8")
    with pytest.raises(LpsUsageError, match="video/mp4"):
        read_document(path, PATIENT, VALUES)
    given_code = Code("urn:x", "1.2.3")
    assert read_document(path, PATIENT, VALUES, format_code=given_code).entry.format_code == given_code


@pytest.mark.reference
def test_real_examples_agree_with_their_index(reference: Path) -> None:
    with (reference / "fr" / "cda" / "INDEX.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        entry = read_document(reference / "fr" / "cda" / "examples" / row["file"], PATIENT, VALUES).entry
        assert (entry.type_code.code, entry.type_code.scheme) == (row["typeCode"], row["codeSystem"]), row["file"]
        assert entry.title.startswith(" ".join(row["title"].split())), row["file"]
        assert entry.confidentiality_codes[0].code == (row["confidentialityCode"] or "N"), row["file"]
        assert entry.healthcare_facility_type_code.code == row["healthcareFacilityTypeCode"], row["file"]
        assert entry.practice_setting_code.code == row["practiceSettingCode"], row["file"]
        assert entry.authors[0].person.split("^")[0] == row["first_author_id"].partition("|")[2], row["file"]
        assert entry.size == int(row["bytes"]), row["file"]
        if row["nonXML_mediaType"] == "application/pdf":
            assert entry.format_code.code == "urn:ihe:iti:xds-sd:pdf:2008", row["file"]
    assert len(rows) > 50


@pytest.mark.reference
def test_a_self_presenting_document_is_read_through_its_stylesheet(reference: Path) -> None:
    path = reference / "fr" / "cda" / "examples" / "BIO-CR-BIO_2021.01_Auto-Presentable.xml"
    entry = read_document(path, PATIENT, VALUES).entry
    assert (entry.mime_type, entry.unique_id) == ("application/xslt+xml", "1.2.250.1.213.1.1.1.55.2021.1.1")
