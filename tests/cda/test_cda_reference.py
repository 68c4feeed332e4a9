"""The published examples of the CI-SIS: read, and their metadata derived a second time, another way."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest
from lxml import etree
from second_derivation import derive

from cda.agreement import disagreements
from cda.document import Wrapper, read_document
from cda.header import Header, read_header
from cda.metadata import document_entry, document_version
from registry.metadata import Code, DocumentEntry
from schemas import domain, xml
from schemas.value_sets import ValueSets

pytestmark = pytest.mark.reference

EXAMPLES = 54
TABLES, FRENCH = ValueSets.load(), domain.load("fr-dmp")

# The INS of these examples is a NIR or NIA whose key is wrong: no dossier can have it, so a server that controls keys
# answers XDSUnknownPatientId. Référentiel INS v2: key = 97 - (13 digits mod 97). All the others are acceptable.
WRONG_INS_KEY = {
    "CSE-CS8_2024.01.xml",
    "CSE-MDE_2023.01.xml",
    "OBP-SEM_2024.01.xml",
    "OBP-SNE_2024.01.xml",
    "v2.41_OBP-SCE_2021.01.xml",
}


@pytest.fixture(scope="session")
def examples(reference: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted((reference / "fr" / "cda" / "examples").glob("*.xml"))}


@cache
def _read(path: Path) -> tuple[Header, DocumentEntry, etree._Element]:
    """One example: its header and entry by our way, and its ClinicalDocument as a whole tree."""
    with path.open("rb") as file:
        header = read_header(read_document(iter(lambda: file.read(65536), b"")))
    tree = next(xml.parse(path.read_bytes()).iter("{urn:hl7-org:v3}ClinicalDocument"))
    return header, document_entry(header), tree


def test_every_example_is_read_and_agrees_with_itself(examples: dict[str, Path]) -> None:
    assert len(examples) == EXAMPLES
    for name, path in examples.items():
        header, entry, _ = _read(path)
        assert disagreements(header, entry) == (), name
        assert document_version(header) is not None, name


def test_metadata_equal_a_second_derivation(reference: Path, examples: dict[str, Path]) -> None:
    for name, path in examples.items():
        _, entry, _ = _read(path)
        second = derive(xml.parse(path.read_bytes()), reference / "fr" / "terminology")
        second["formatCode"] = second["formatCode"] or entry.format_code.code  # ASS_A11 is published in part
        assert printed(entry) == second, name


def printed(entry: DocumentEntry) -> dict[str, object]:
    """An entry with the names and forms of the second derivation."""

    def coded(code: Code) -> str:
        return f"{code.code}@{code.scheme}"

    return {
        "uniqueId": entry.unique_id,
        "typeCode": coded(entry.type_code),
        "classCode": coded(entry.class_code),
        "formatCode": entry.format_code.code,
        "mimeType": entry.mime_type,
        "title": entry.title,
        "languageCode": entry.language_code,
        "confidentialityCode": coded(entry.confidentiality_codes[0]),
        "creationTime": entry.creation_time,
        "serviceStartTime": entry.service_start_time,
        "serviceStopTime": entry.service_stop_time,
        "practiceSettingCode": coded(entry.practice_setting_code),
        "healthcareFacilityTypeCode": coded(entry.healthcare_facility_type_code),
        "patientId": entry.patient_id,
        "sourcePatientId": entry.source_patient_id,
        "sourcePatientInfo": list(entry.source_patient_info),
        "author": [
            {
                "person": each.person,
                "institution": list(each.institutions),
                "role": list(each.roles),
                "specialty": ["@".join(said.split("^")[::2]) for said in each.specialties],
            }
            for each in entry.authors
        ],
        "legalAuthenticator": entry.legal_authenticator,
        "eventCodeList": sorted(map(coded, entry.event_codes)),
        "referenceIdList": sorted(entry.reference_ids),
    }


def test_metadata_agree_with_the_published_index(reference: Path, examples: dict[str, Path]) -> None:
    with (reference / "fr" / "cda" / "INDEX.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert set(examples) <= set(rows)
    for name, path in examples.items():
        header, entry, _ = _read(path)
        row = rows[name]
        assert (entry.type_code.code, entry.type_code.scheme) == (row["typeCode"], row["codeSystem"]), name
        assert (header.version_number, header.body.media_type) == (int(row["versionNumber"]), row["nonXML_mediaType"])
        assert header.body.kind.value == row["body"], name
        ids = [f"{found.root}|{found.extension}" for found in header.patient.ids]
        assert ids == row["patient_ids"].split(" ; "), name
        assert header.related_documents[0].type_code if row["relatedDocument"] else not header.related_documents
        templates = [template.partition(":")[0] for template in row["templateIds"].split(" ")]
        assert list(header.template_ids) == templates, name


def test_every_code_is_in_our_tables(examples: dict[str, Path]) -> None:
    for name, path in examples.items():
        _, entry, _ = _read(path)
        for attribute in FRENCH.codes.keys() - {"content_type_code", "confidentiality_codes"}:
            assert TABLES.is_code(FRENCH, attribute, getattr(entry, attribute)), (name, attribute)
        assert TABLES.is_code(FRENCH, "confidentiality_codes", entry.confidentiality_codes[0]), name
        assert entry.format_code.code != "urn:asipSante:modelesHorsProfils:2011", name
        assert entry.language_code in FRENCH.languages
        assert entry.mime_type in FRENCH.mime_types
        for author in entry.authors:
            for specialty in author.specialties:
                code, _, scheme = specialty.split("^")
                assert TABLES.contains("author_specialty", code, scheme), (name, code)


def test_one_example_presents_itself(examples: dict[str, Path]) -> None:
    wrapped = [name for name, path in examples.items() if _read(path)[0].wrapper is not Wrapper.CLINICAL_DOCUMENT]
    assert wrapped == ["BIO-CR-BIO_2021.01_Auto-Presentable.xml"]
    assert _read(examples[wrapped[0]])[1].mime_type == "application/xslt+xml"


def test_no_two_examples_are_the_same_document_or_version(examples: dict[str, Path]) -> None:
    headers = [_read(path)[0] for path in examples.values()]
    assert len({header.id for header in headers}) == EXAMPLES
    assert len({document_version(header) for header in headers}) == EXAMPLES


def test_what_a_server_refuses_and_why(examples: dict[str, Path]) -> None:
    refused = set()
    for name, path in examples.items():
        ins = _read(path)[0].patient.ids[0]
        assert ins.root in FRENCH.patient_authorities, name
        if ins.root in FRENCH.strict_key_authorities and not _key_holds(ins.extension):
            refused.add(name)
    assert refused == WRONG_INS_KEY


def _key_holds(ins: str) -> bool:
    """Whether the last two digits are the key of the first thirteen."""
    return 97 - int(ins[:13].replace("2A", "19").replace("2B", "18")) % 97 == int(ins[13:])
