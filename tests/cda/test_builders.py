"""Documents of level 3 from plain values: valid by the official schema and rules, and they say what was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from cda.builders.discharge_letter import IN_PROGRESS, DischargeLetter, Stay, discharge_letter
from cda.builders.laboratory import Chapter, Result, laboratory_report
from cda.builders.medical_summary import MedicalSummary, medical_summary
from cda.builders.statements import Act, Allergy, Problem, Treatment
from registry.metadata import Code
from schemas import oids, xml
from tests.cda import result_vectors
from tests.cda.cda_vectors import context
from tests.cda.official_rules import PROFILES, faults
from tests.cda.rendered import shown
from tests.cda.schematron import check
from tests.cda.test_pdf_a import PDF_A

MINIMUM = "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch"
ORAL = Code("20053000", oids.EDQM_STANDARD_TERMS, "Voie orale")
CODED = Treatment(
    "Clozapine 100 mg, comprimé",
    "1 comprimé par jour",
    Code("62552920", oids.CIS, "Clozapine 100 mg, comprimé sécable"),
    date(2026, 3, 1),
    date(2026, 6, 1),
    ("1", "{tbl}"),
    ("1", "d"),
    ORAL,
    "à réévaluer",
)
PLAIN = Treatment("Bas de contention", "le jour")
STAY = Stay(
    admitted=date(2026, 2, 24),
    came=Code("183452005", oids.SNOMED_CT, "hospitalisation en urgence"),
    left=date(2026, 3, 1),
    went=Code("160849004", oids.SNOMED_CT, "retour au domicile"),
    summary="Décompensation cardiaque < 48 h & favorable",
)
LETTER = DischargeLetter("Dyspnée", STAY, (CODED, PLAIN), (CODED,), ("Échographie",), ("Consultation à un mois",))
SUMMARY = MedicalSummary(
    problems=(
        Problem("Diabète", Code("E11.9", oids.CIM_10, "Diabète sucré de type 2"), date(2019, 1, 2)),
        Problem("Lombalgie"),
    ),
    history=(Problem("Pyélonéphrite", Code("N10", oids.CIM_10, "Pyélonéphrite"), date(2018, 1, 2), date(2018, 2, 2)),),
    acts=(Act("Appendicectomie", Code("HHFA011", oids.CCAM, "Appendicectomie"), date(1999, 1, 1)),),
    allergies=(
        Allergy("Paracétamol", Code("60234100", oids.CIS, "PARACETAMOL"), since=date(2018, 6, 3)),
        Allergy("Pollen"),
    ),
    risks=("Exposition à l'amiante",),
    treatments=(CODED, PLAIN),
    vigilance=("ECG : hémibloc antérieur gauche",),
)
CHAPTERS = (
    Chapter(
        Code("18719-5", oids.LOINC, "Biochimie"),
        (
            Result(Code("2951-2", oids.LOINC, "Sodium"), "139", "136", "145", "mmol/L", "mmol/l"),
            Result(Code("2823-3", oids.LOINC, "Potassium"), "5.9", "3.5", "5.1", "mmol/L", "mmol/l"),
        ),
    ),
    Chapter(
        Code("18723-7", oids.LOINC, "Hématologie"),
        (Result(Code("718-7", oids.LOINC, "Hémoglobine"), "9.6", "13.0", "17.0", "g/dL", "g/dl"),),
    ),
)
DOCTOR = replace(context(51), medecin_traitant=context(51).author)
BUILT = {
    "letter": (discharge_letter(context(50), LETTER), "CI-SIS_LDL-SES_2022.01.sch"),
    "letter_in_short": (
        discharge_letter(context(50), DischargeLetter("Dyspnée", STAY, (), status=IN_PROGRESS)),
        "CI-SIS_LDL-SES_2022.01.sch",
    ),
    "summary": (medical_summary(DOCTOR, SUMMARY), "CI-SIS_VSM_1.4_2022.01.sch"),
    "summary_in_short": (medical_summary(DOCTOR, MedicalSummary()), "CI-SIS_VSM_1.4_2022.01.sch"),
    "report": (laboratory_report(context(52), CHAPTERS, context(52).start, PDF_A), "CI-SIS_BIO-CR-BIO_2024.01.sch"),
    "results": (result_vectors.written(), "CI-SIS_BIO-CR-BIO_2024.01.sch"),
}


@pytest.mark.reference
@pytest.mark.parametrize("name", BUILT)
def test_it_is_valid_by_the_official_schema_and_rules(reference: Path, name: str) -> None:
    document, model = BUILT[name]
    etree.XMLSchema(file=str(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd")).assertValid(xml.parse(document))
    assert [fault for schema in (model, *PROFILES) for fault in faults(reference, schema, document)] == []


@pytest.mark.long
@pytest.mark.reference
@pytest.mark.parametrize("name", BUILT)
def test_it_passes_the_official_minimum(reference: Path, name: str) -> None:
    assert check(reference / "fr" / "cda" / "schematron" / MINIMUM, BUILT[name][0]).failures == []


@pytest.mark.reference
def test_the_rules_see_what_is_wrong(reference: Path) -> None:
    document, model = BUILT["letter"]
    assert faults(reference, model, document.replace(b"ORG-070", b"X"))
    unfinished = document.replace(b'<statusCode code="completed"/>', b'<statusCode code="new"/>')
    assert all(faults(reference, schema, unfinished) for schema in PROFILES)


@pytest.mark.parametrize("name", BUILT)
def test_every_entry_refers_to_a_text_that_is_there(name: str) -> None:
    root = xml.parse(BUILT[name][0])
    there = {element.get("ID") for element in root.iter() if element.get("ID")}
    ids = [element.get("root") for element in root.iter("{urn:hl7-org:v3}id") if element.getparent().tag != root.tag]
    for reference_ in root.iter("{urn:hl7-org:v3}reference"):
        assert reference_.get("value", "")[1:] in there
    inside = [each for each in ids if each and each.startswith(context(50).identification.oid[:-3])]
    assert len(inside) == len(set(inside))


def test_what_was_given_is_read_on_the_page() -> None:
    letter = shown(BUILT["letter"][0]).text
    for said in ("Dyspnée", "Décompensation cardiaque < 48 h & favorable", "retour au domicile", "Échographie"):
        assert said in letter
    summary = shown(BUILT["summary"][0]).text
    for said in ("Diabète", "Pollen", "Appendicectomie", "amiante", "hémibloc", "1 comprimé par jour"):
        assert said in summary
    results = shown(BUILT["results"][0]).text
    for said in ("139.0 mmol/l", "1:128", "E. coli", "en cours", "résultat impossible", "Laboratoire partenaire"):
        assert said in results
    report = shown(BUILT["report"][0])
    assert "▲ haut" in report.text and "▼ bas" in report.text and report.count("object") == 1


def test_an_empty_list_is_named() -> None:
    short = shown(BUILT["summary_in_short"][0]).text
    assert (
        "Non renseigné : Pathologies en cours, Antécédents médicaux" in short and "Non renseigné : Traitements" in short
    )


def test_a_summary_needs_the_patients_own_doctor() -> None:
    with pytest.raises(ValueError, match="médecin traitant"):
        medical_summary(context(51), SUMMARY)
