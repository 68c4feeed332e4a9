"""Violations of our XSD as people read them: rule, place, what was expected and found."""

from __future__ import annotations

import pytest
from cda_vectors import FOLDER

from cda.validation.schema import schema_findings
from cda.whole import read_whole

LAB = (FOLDER / "lab_report.xml").read_text("utf-8")
RECORD = "/ClinicalDocument/recordTarget/patientRole"
# what is changed -> rule, path, expected (its beginning), found
CHANGED = {
    ("<realmCode ", "<realm "): (
        "cvc-complex-type.2.4",
        "/ClinicalDocument/realm",
        "un des éléments realmCode, typeId",
        "élément realm",
    ),
    ('<versionNumber value="1"', '<versionNumber value="un"'): (
        "cvc-datatype-valid.1.2.1",
        "/ClinicalDocument/versionNumber/@value",
        "une valeur du type int",
        "un",
    ),
    ("<birthTime value=", "<birthTime valeur="): (
        "cvc-complex-type.3.2.1",
        f"{RECORD}/patient/birthTime/@valeur",
        "pas cet attribut",
        "attribut valeur",
    ),
    ('<birthTime value="', '<birthTime value="le '): (
        "cvc-pattern-valid",
        f"{RECORD}/patient/birthTime/@value",
        "une valeur de la forme [0-9]{1,8}",
        "le 19790328",
    ),
    ('<patient classCode="PSN"', '<patient classCode="ORG"'): (
        "cvc-au",
        f"{RECORD}/patient/@classCode",
        "la valeur PSN",
        "ORG",
    ),
    ('extension="POCD_HD000040"', ""): (
        "cvc-complex-type.4",
        "/ClinicalDocument/typeId",
        "l'attribut extension",
        "aucun",
    ),
    ("<realmCode ", "texte<realmCode "): ("cvc-complex-type.2.3", "/ClinicalDocument", "aucun texte", "du texte"),
    ('<realmCode code="FR"/>', '<realmCode code="FR">x</realmCode>'): (
        "cvc-complex-type.2.1",
        "/ClinicalDocument/realmCode",
        "aucun texte",
        "du texte",
    ),
    ('<typeId root="2.16.840.1.113883.1.3"', '<typeId root="1.2.3"'): (
        "cvc-au",
        "/ClinicalDocument/typeId/@root",
        "la valeur 2.16.840.1.113883.1.3",
        "1.2.3",
    ),
    ("<title>", '<title nullFlavor="ZZ">'): (
        "cvc-enumeration-valid",
        "/ClinicalDocument/title/@nullFlavor",
        "un code parmi ASKU",
        "ZZ",
    ),
    ("<title>", '<title xsi:type="PQ">'): (
        "cvc-elt.4.3",
        "/ClinicalDocument/title/@xsi:type",
        "un type qui convient",
        "PQ",
    ),
}


@pytest.mark.parametrize("change", CHANGED, ids=[new for _, new in CHANGED])
def test_a_violation_as_people_read_it(change: tuple[str, str]) -> None:
    rule, path, expected, found = CHANGED[change]
    assert change[0] in LAB
    text = LAB.replace(change[0], change[1], 1)
    first, *others = schema_findings(read_whole([text.encode()]))
    assert (first.rule, first.path, first.found) == (f"XSD {rule}", path, found)
    assert first.expected.startswith(expected) and first.remedy
    name = path.partition("/@")[0].rpartition("/")[2]
    assert f"<{name}" in text.splitlines()[first.line - 1]
    assert not others, others
