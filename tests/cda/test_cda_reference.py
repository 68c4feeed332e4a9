"""The published examples of the CI-SIS: read, and their metadata derived a second time, another way."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from cda.agreement import disagreements
from cda.document import Wrapper, read_document
from cda.header import Header, read_header
from cda.metadata import document_entry, document_version
from registry.metadata import Code, DocumentEntry
from schemas import domain, oids, xml
from schemas.value_sets import ValueSets

pytestmark = pytest.mark.reference

EXAMPLES = 54
NS = {"c": "urn:hl7-org:v3"}
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


def test_metadata_equal_a_second_derivation(examples: dict[str, Path]) -> None:
    for name, path in examples.items():
        _, entry, tree = _read(path)
        one = _one(tree)
        event = "//c:ClinicalDocument/c:documentationOf[.//c:standardIndustryClassCode][1]/c:serviceEvent"
        root = one("c:id/@root")
        root = f"2.25.{int(root.replace('-', ''), 16)}" if "-" in root else root
        ins_root, ins = one("c:recordTarget/c:patientRole/c:id[1]/@root"), one("c:recordTarget/*/c:id[1]/@extension")
        patient = "c:recordTarget/c:patientRole/c:patient"
        family = one(f"{patient}/c:name/c:family[@qualifier='BR']") or one(f"{patient}/c:name/c:family")
        given = one(f"{patient}/c:name/c:given[@qualifier='BR']") or one(f"{patient}/c:name/c:given")
        second = {
            "unique_id": root,
            "type_code": Code(one("c:code/@code"), one("c:code/@codeSystem")),
            "title": one("c:title"),
            "creation_time": _utc(one("c:effectiveTime/@value")),
            "language_code": one("c:languageCode/@code"),
            "confidentiality_codes": (Code(one("c:confidentialityCode/@code"), oids.HL7_CONFIDENTIALITY),),
            "practice_setting_code": Code(
                one(f"{event}//c:standardIndustryClassCode/@code"),
                one(f"{event}//c:standardIndustryClassCode/@codeSystem"),
            ),
            "healthcare_facility_type_code": Code(
                one("c:componentOf//c:healthCareFacility/c:code/@code"),
                one("c:componentOf//c:healthCareFacility/c:code/@codeSystem"),
            ),
            "service_start_time": _utc(one(f"{event}/c:effectiveTime/c:low/@value")),
            "service_stop_time": _utc(one(f"{event}/c:effectiveTime/c:high/@value")),
            "patient_id": f"{ins}^^^&{ins_root}&ISO^NH",
            "source_patient_info": (
                f"PID-5|{family}^{given}^^^^^L",
                f"PID-7|{one(f'{patient}/c:birthTime/@value')}",
                f"PID-8|{one(f'{patient}/c:administrativeGenderCode/@code')}",
            ),
        }
        assert {attribute: getattr(entry, attribute) for attribute in second} == second, name
        assert [author.person.partition("^")[0] for author in entry.authors] == tree.xpath(
            "c:author/c:assignedAuthor/c:id[1]/@extension", namespaces=NS
        ), name
        assert [author.institution_ids for author in entry.authors] == [
            tuple(organization.xpath("c:representedOrganization/c:id[1]/@extension", namespaces=NS))
            for organization in tree.xpath("c:author/c:assignedAuthor", namespaces=NS)
        ], name
        assert entry.legal_authenticator.startswith(f"{one('c:legalAuthenticator//c:id/@extension')}^"), name


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


def _one(tree: etree._Element) -> Callable[[str], str]:
    """A reader of the first value at a path, text or attribute, '' when there is none."""

    def one(path: str) -> str:
        found = tree.xpath(path, namespaces=NS)
        if not found:
            return ""
        text = found[0] if isinstance(found[0], str) else "".join(found[0].itertext())
        return " ".join(text.split())

    return one


def _utc(text: str) -> str:
    """A timestamp of minutes or seconds with its offset, in UTC."""
    if not text:
        return ""
    digits = re.split("[+-]", text)[0]
    shape = "%Y%m%d%H%M%S"[: len(digits) - 2 if len(digits) == 14 else 10]
    instant = datetime.strptime(text, f"{shape}%z")
    return (instant.replace(tzinfo=None) - instant.utcoffset()).strftime(shape)
