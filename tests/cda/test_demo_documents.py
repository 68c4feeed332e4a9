"""The synthetic documents: valid against the official schema and rules, and about nobody."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cda_vectors import FOLDER, context
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from schematron import check

from cda.builders.laboratory import HIGH, LOW, NORMAL, Result
from cda.document import read_document
from cda.header import read_header
from cda.metadata import document_entry
from schemas import xml
from server.demo.documents import BUILDERS
from server.demo.pdf import write_pdf

NAMES = sorted(BUILDERS)
MODELS = {
    "lab_report": "CI-SIS_BIO-CR-BIO_2024.01.sch",
    "vaccination_note": "CI-SIS_VAC-NOTE_2023.01.sch",
}
PROFILES = ("profils/IHE.sch", "profils/CI-SIS_ModelesDeContenusCDA.sch", "profils/CI-SIS_Modeles_ANS.sch")
MINIMUM = "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch"


def test_there_are_documents_of_many_types_and_classes() -> None:
    entries = [document_entry(read_header(read_document([build(context(1))]))) for build in BUILDERS.values()]
    assert len({entry.type_code.code for entry in entries}) == len(BUILDERS) == 8
    assert {entry.class_code.code for entry in entries} == {"10", "31", "42", "52"}
    assert "34112-3" in {entry.type_code.code for entry in entries}


@pytest.mark.parametrize("name", NAMES)
def test_identity_comes_from_the_context(name: str) -> None:
    given_context = context(7)
    header = read_header(read_document([BUILDERS[name](given_context)]))
    assert header.id.root == given_context.identification.oid
    assert header.patient.ids[0].extension == given_context.patient.identifier.value
    assert header.authors[0].ids[0].extension == given_context.author.id_nat
    assert header.related_documents == ()


def test_a_minor_without_birth_place_ipp_or_end_of_stay() -> None:
    base = context(8)
    patient = replace(base.patient, ipp="", traits=replace(base.patient.traits, birth_place="", sex="U"))
    data = BUILDERS["consultation_report"](replace(base, patient=patient, stop=None, inpatient=False))
    entry = document_entry(read_header(read_document([data])))
    assert entry.source_patient_id.endswith("^NH")
    assert entry.service_stop_time == ""
    assert "PID-8|U" in entry.source_patient_info
    assert b"<birthplace>" not in data


@pytest.mark.parametrize("name", ["hospital_stay_report", "discharge_letter", "consultation_report", "imaging_report"])
def test_pdf_bodies_are_pdf_with_text(name: str) -> None:
    tree = xml.parse((FOLDER / f"{name}.xml").read_bytes())
    (text,) = tree.findall(".//{urn:hl7-org:v3}nonXMLBody/{urn:hl7-org:v3}text")
    pdf = base64.b64decode(text.text or "", validate=True)
    assert pdf.startswith(b"%PDF-1.4")
    assert "Trois Rivières".encode("cp1252") in pdf
    assert b"ESSAI-MARTEL" in pdf


@given(st.lists(st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=300), max_size=80))
def test_pdf_tables_point_at_their_objects(paragraphs: list[str]) -> None:
    pdf = write_pdf("Titre (essai) \\", paragraphs)
    assert pdf == write_pdf("Titre (essai) \\", paragraphs)
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", pdf).group(1))  # type: ignore[union-attr]
    assert pdf[start:].startswith(b"xref\n0 ")
    count = int(pdf[start:].split(b"\n")[1].split()[1])
    entries = [int(line[:10]) for line in pdf[start:].split(b"\n")[3 : 2 + count]]
    assert len(entries) == count - 1
    for number, offset in enumerate(entries, start=1):
        assert pdf[offset:].startswith(b"%d 0 obj\n" % number)
    for found in re.finditer(rb"<</Length (\d+)>>stream\n", pdf):
        assert pdf[found.end() + int(found.group(1)) :].startswith(b"\nendstream")


@pytest.mark.parametrize(("value", "interpretation"), [("3.4", LOW), ("3.5", NORMAL), ("5.1", NORMAL), ("5.2", HIGH)])
def test_results_are_read_against_their_interval(value: str, interpretation: object) -> None:
    potassium = Result(NORMAL, value, "3.5", "5.1", "mmol/L", "mmol/l")
    assert potassium.interpretation == interpretation


@pytest.fixture(scope="module")
def schema(reference: Path) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd"))


@pytest.mark.reference
@pytest.mark.parametrize("name", [*NAMES, "discharge_letter_v2"])
def test_documents_are_valid_against_the_official_schema(schema: etree.XMLSchema, name: str) -> None:
    schema.assertValid(xml.parse((FOLDER / f"{name}.xml").read_bytes()))


@pytest.mark.reference
@pytest.mark.parametrize("name", ["discharge_letter_v2", "prescription", "lab_report"])  # PDF, text, sections
def test_headers_pass_the_official_minimum(reference: Path, name: str) -> None:
    outcome = check(reference / "fr" / "cda" / "schematron" / MINIMUM, (FOLDER / f"{name}.xml").read_bytes())
    assert outcome.failures == []
    assert outcome.held > 200


@pytest.mark.reference
@pytest.mark.parametrize(("name", "model"), MODELS.items())
def test_structured_documents_pass_the_rules_of_their_model(reference: Path, name: str, model: str) -> None:
    held = 0
    for rules in (model, *PROFILES):
        outcome = check(reference / "fr" / "cda" / "schematron" / rules, (FOLDER / f"{name}.xml").read_bytes())
        assert outcome.failures == [], rules
        assert outcome.left_out == 0, rules
        held += outcome.held
    assert held > 50


@pytest.mark.reference
def test_the_rules_do_bite(reference: Path) -> None:
    letter = (FOLDER / "discharge_letter.xml").read_bytes()
    spoilt = letter.replace(b'<signatureCode code="S"/>', b"").replace(b'<realmCode code="FR"/>', b"")
    outcome = check(reference / "fr" / "cda" / "schematron" / MINIMUM, spoilt)
    assert any("realmCode" in failure for failure in outcome.failures)
    assert any("legalAuthenticator" in failure for failure in outcome.failures)
