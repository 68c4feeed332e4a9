"""Results of laboratories: the table, the flags, and the course over several reports."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import oids
from tests.cda.cda_vectors import FOLDER
from tests.cda.rendered import section, shown, structured

PATIENT = "<recordTarget><patientRole><id root='1.2.3' extension='{}'/></patientRole></recordTarget>"


def result(
    value: str, day: str, *, code: str = "2951-2", flag: str = "", unit: str = "mmol/L", inside: str = ""
) -> str:
    """A sodium, normal from 135 to 145."""
    flagged = f'<interpretationCode code="{flag}"/>' if flag else ""
    return (
        f'<observation><templateId root="{oids.TEMPLATE_LAB_OBSERVATION}"/><code code="{code}" '
        f'codeSystem="{oids.LOINC}" displayName="Sodium"/><effectiveTime value="{day}"/>'
        f'<value xsi:type="PQ" value="{value}" unit="{unit}"/>{flagged}'
        '<referenceRange><observationRange><value xsi:type="IVL_PQ"><low value="135" unit="mmol/L"/><high value="145" '
        f'unit="mmol/L"/></value></observationRange></referenceRange>{inside}</observation>'
    )


def report(*results: str, patient: str = "1") -> str:
    inside = "".join(f"<entry><act><entryRelationship>{each}</entryRelationship></act></entry>" for each in results)
    return structured(section("texte", title="Biochimie", inside=inside), header=PATIENT.format(patient))


def test_a_result_stands_with_its_range_and_what_it_means() -> None:
    page = shown(report(result("140", "20240102"), result("130", "20240102", flag="L")))
    assert "140 mmol/L135 à 145 mmol/L—02/01/2024" in page.text
    assert "130 mmol/L135 à 145 mmol/L▼ bas02/01/2024" in page.text
    assert {"class": "hors-norme"} in page.all("tr")


def test_a_number_out_of_its_range_is_told_without_a_flag() -> None:
    assert "▲ au-dessus de la référence" in shown(report(result("150", "20240102"))).text


def test_a_critical_result_is_heard_as_such() -> None:
    page = shown(report(result("110", "20240102", flag="LL")))
    assert "Attention : ▼ très bas" in page.text


def test_the_course_over_several_reports() -> None:
    page = shown(
        report(result("140", "20240102")), report(result("150", "20240301")), report(result("138", "20231201"))
    )
    (drawn,) = page.all("svg")
    assert drawn["role"] == "img" and len(drawn["aria-labelledby"].split()) == 2
    assert "3 résultats du 01/12/2023 au 01/03/2024" in page.text
    assert [each["class"] for each in page.all("circle")] == ["point", "point"]
    assert [each["class"] for each in page.all("polygon")] == ["point hors"]
    assert page.all("rect")[0]["class"] == "norme"
    table = page.text[page.text.index("DateRésultat") :]
    assert table.index("01/12/2023") < table.index("02/01/2024") < table.index("01/03/2024")


def test_a_former_result_inside_a_report_is_part_of_the_course() -> None:
    former = f'<entryRelationship typeCode="REFR">{result("139", "20230101")}</entryRelationship>'
    page = shown(report(result("140", "20240102", inside=former)))
    assert page.count("svg") == 1


def test_reports_of_another_patient_are_left_aside_and_told() -> None:
    page = shown(report(result("140", "20240102")), report(result("150", "20240301"), patient="2"), "<a/>")
    assert page.count("svg") == 0
    assert "n° 1 d'un autre patient" in page.text and "n° 2 illisible" in page.text


def test_results_in_other_units_or_of_other_codes_are_not_compared() -> None:
    own = report(result("140", "20240102"))
    assert shown(own, report(result("3", "20240301", unit="g/L"))).count("svg") == 0
    assert shown(own, report(result("3", "20240301", code="2823-3"))).count("svg") == 0


def test_no_drawing_for_one_moment() -> None:
    own = report(result("140", "20240102"))
    assert shown(own, own).count("svg") == 0


def test_isolates_are_kept_apart() -> None:
    def isolate(name: str, value: str) -> str:
        return (
            f'<entry><organizer><specimen><specimenRole><specimenPlayingEntity><code displayName="{name}"/>'
            f"</specimenPlayingEntity></specimenRole></specimen><component>{result(value, '20240102')}</component>"
            "</organizer></entry>"
        )

    page = shown(structured(section("x", title="ECBU", inside=isolate("E. coli", "1") + isolate("Candida", "2"))))
    assert "ECBU › E. coli" in page.text and "ECBU › Candida" in page.text


def test_the_vector_has_a_table() -> None:
    assert "Tableau des résultats" in shown((FOLDER / "lab_report.xml").read_bytes()).text


numbers = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)


@settings(max_examples=40)
@given(st.lists(numbers, min_size=2, max_size=6), st.lists(st.integers(1, 28), min_size=6, max_size=6, unique=True))
def test_any_course_can_be_drawn(values: list[object], days: list[int]) -> None:
    reports = [report(result(str(value), f"202401{day:02}")) for value, day in zip(values, days, strict=False)]
    page = shown(*reports)
    for point in page.all("circle"):
        assert 0 <= float(point["cx"]) <= 640 and -1 <= float(point["cy"]) <= 220
