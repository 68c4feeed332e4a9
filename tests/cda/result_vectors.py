"""A laboratory report with a result of every type, and everything that may be said of one."""

from __future__ import annotations

from dataclasses import replace

from cda.builders.document import Device
from cda.builders.result_values import Coding, Concept, Interval, Moment, Number, Ratio, Text, Unit, Value
from cda.builders.results import ABORTED, ACTIVE, Battery, Laboratory, Range, Report, Result, Specimen, results_report
from registry.metadata import Code
from schemas import oids
from tests.cda.cda_vectors import context
from tests.cda.test_pdf_a import PDF_A

MMOL = Unit("mmol/l", "mmol/L")
SODIUM = Concept("Sodium", (Coding("2951-2", "Sodium", oids.LOINC), Coding("NA", "Na plasma", "", "99LAB")))
CRP = Concept("CRP", (Coding("CRP", "C réactive", "", "99LAB"),))
PARTNER = Laboratory("Laboratoire partenaire", f"{oids.STRUCT_ID_NAT}^1590000123")
BLOOD = Specimen(
    Concept("Sang total", (Coding("BLD", "Sang total", oids.HL7_SPECIMEN_TYPE),)), "2.25.1^77", "20260301080000+0100"
)
VALUES: tuple[Value, ...] = (
    Interval(high="1.0", high_closed=False, unit=Unit("mg/l", "mg/L")),
    Ratio("1", "128", ":"),
    Text("négatif\nà contrôler"),
    Concept("E. coli", (Coding("112283007", "Escherichia coli", oids.SNOMED_CT), Coding("ECO", "E. coli", "", "L"))),
    Moment("20260228", "28/02/2026"),
    Number("12", Unit("UI/L", "")),
    Interval("2", "5", unit=Unit("G/L", "")),
)
MEASURED = Result(
    SODIUM,
    (Number("139.0", MMOL),),
    time="20260301081500+0100",
    flags=("N",),
    range=Range("136-145", Interval("136", "145", unit=MMOL)),
    methods=(Concept("Ionométrie"),),
    laboratory=PARTNER,
    made="202603010900+0100",
    comments=("hémolyse\nlégère",),
)
OTHERS = tuple(Result(CRP, (value,), sub_id=str(number)) for number, value in enumerate(VALUES, 1))
REPORT = Report(
    batteries=(
        Battery(
            Concept("Ionogramme", (Coding("24326-1", "Ionogramme", oids.LOINC),)),
            Code("18719-5", oids.LOINC, "Biochimie"),
            (MEASURED, *OTHERS, Result(CRP, (), ABORTED), Result(CRP, (), ACTIVE)),
            (BLOOD,),
            ("à jeun",),
        ),
        Battery(
            Concept("Numération"),
            Code("18723-7", oids.LOINC, "Hématologie"),
            (replace(MEASURED, provisional=True, range=Range("négatif"), laboratory=Laboratory("CHU")),),
        ),
    ),
    comments=("Note",),
)


def written() -> bytes:
    """The document, by a system, about a patient and a structure without addresses."""
    known = context(52)
    whole = replace(
        known,
        patient=replace(known.patient, address=None),
        structure=replace(known.structure, address=None, phone=""),
        device=Device("1590000123/open-dmp", "Passerelle HL7 v2", "open-dmp"),
        authenticators=(known.author,),
        act_id="2.25.1^1001-E1",
        orders=("2.25.1^P-77",),
    )
    return results_report(whole, REPORT, PDF_A)
