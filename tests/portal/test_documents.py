"""Lists of documents: what a form asks by, what is asked of the registry, and what people read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.requester import PatientId
from portal import french
from portal.documents import (
    EVERYTHING,
    STEPS,
    TYPES,
    FilterError,
    Filters,
    choices,
    lines,
    of_types,
    pathway,
    query,
    read_filters,
)
from registry.metadata import Author, AvailabilityStatus, Code, DocumentEntry
from registry.stored_query import ReturnType, TimeRange
from schemas import oids

PATIENT = PatientId("279035121518989", oids.INS_NIR_TEST)
NORMAL = Code("N", "2.16.840.1.113883.5.25", "Normal")
MASKED = Code("MASQUE_PS", oids.CONFIDENTIALITE_CISIS)
DOCTOR = Author(
    person="899700000013^LÉVÊQUE^Anne^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
    institutions=("Cabinet du Parc^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^399000000100018",),
    specialties=("G15_10/SM26^Médecin - Médecine générale (SM)^1.2.250.1.213.1.1.4.5",),
)
ENTRY = DocumentEntry(
    entry_uuid="urn:uuid:1",
    unique_id="1.2.3",
    patient_id=str(PATIENT),
    mime_type="text/xml",
    class_code=Code("10", oids.CLASSE_DOCUMENT),
    type_code=Code("11488-4", oids.LOINC),
    format_code=Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
    healthcare_facility_type_code=Code("SA07", oids.SECTEUR_ACTIVITE),
    practice_setting_code=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9"),
    confidentiality_codes=(NORMAL,),
    creation_time="20260314083000",
    language_code="fr-FR",
    source_patient_id=str(PATIENT),
    authors=(DOCTOR,),
    title="Compte rendu",
    size=2048,
)

INSTANTS = st.datetimes(datetime(1990, 1, 2), datetime(2090, 1, 2))


# --- Asking ---------------------------------------------------------------------------------------------------------


def test_a_form_becomes_a_query_of_whole_days_in_paris() -> None:
    filters = read_filters({"du": "2026-03-14", "au": "2026-03-29", "type": "11488-4", "classe": "10"})
    asked = query(PATIENT, filters)
    assert asked.creation_time == TimeRange("20260313230000", "20260329220000")  # summer time begins on 29 March
    assert [code.code for code in asked.type_codes] == ["11488-4"]
    assert [code.code for code in asked.class_codes] == ["10"]
    assert (asked.patient_id, asked.return_type) == (f"{PATIENT}^NH", ReturnType.LEAF_CLASS)


def test_archived_documents_are_found_when_asked_for() -> None:
    assert query(PATIENT, read_filters({})).statuses == (AvailabilityStatus.APPROVED,)
    assert AvailabilityStatus.ARCHIVED in query(PATIENT, read_filters({"archives": "oui"})).statuses


@pytest.mark.parametrize(
    "given_",
    [
        {"du": "14/03/2026"},
        {"au": "2026-02-30"},
        {"du": "2026-03-14", "au": "2026-03-13"},
        {"type": "11488"},
        {"classe": "99"},
        {"page": "0"},
        {"page": "-1"},
        {"page": "²"},
        {"page": "9" * 400},
    ],
)
def test_what_cannot_be_read_is_refused(given_: dict[str, str]) -> None:
    with pytest.raises(FilterError):
        read_filters(given_)


@given(st.dictionaries(st.sampled_from(["du", "au", "type", "classe", "auteur", "page", "archives"]), st.text()))
def test_whatever_is_typed_gives_a_query_or_a_sentence(typed: dict[str, str]) -> None:
    try:
        query(PATIENT, read_filters(typed))
    except FilterError as error:
        assert str(error).endswith(".")


@given(st.dates(), st.dates())
def test_every_date_gives_a_query_or_a_sentence(start: date, end: date) -> None:
    try:
        asked = query(PATIENT, Filters(start=start, end=end)).creation_time
    except FilterError:
        return
    assert len(asked.start) == len(asked.stop) == 14
    assert asked.start < asked.stop or start > end


def test_types_of_signatures_are_no_choice() -> None:
    assert "E1762" not in {code for code, _ in choices(TYPES)}
    assert {code.code for code in of_types({"87273-9"}).type_codes} == {"87273-9"}


# --- Showing --------------------------------------------------------------------------------------------------------


def test_a_line_says_what_people_read() -> None:
    (line,) = lines([ENTRY], Filters())
    assert line.title == "Compte rendu"
    assert line.type == "CR ou fiche de consultation ou de visite"
    assert line.date == "14/03/2026 à 09:30"
    assert line.authors == (("LÉVÊQUE Anne", "Médecin - Médecine générale (SM)", "Cabinet du Parc"),)
    assert (line.marks, line.size) == ((), "2 Kio")


def test_marks_say_what_is_particular() -> None:
    entry = replace(
        ENTRY, availability_status=AvailabilityStatus.ARCHIVED, confidentiality_codes=(NORMAL, MASKED), title=""
    )
    (line,) = lines([entry], EVERYTHING)
    assert line.marks == ("archivé", "Masqué aux professionnels de santé")
    assert line.title == "Document sans titre"
    assert lines([entry], Filters()) == [], "masked ones only when asked for"


def test_signature_documents_are_for_software() -> None:
    assert lines([replace(ENTRY, format_code=Code(oids.DSG_FORMAT_CODE, "URN"))], EVERYTHING) == []


@pytest.mark.parametrize(("author", "found"), [("leveque", 1), ("ANNE", 1), ("Lévêque A", 1), ("dupont", 0), ("", 1)])
def test_an_author_is_found_without_case_and_accents(author: str, found: int) -> None:
    assert len(lines([ENTRY], Filters(author=author))) == found


def test_the_newest_stands_first() -> None:
    entries = [replace(ENTRY, creation_time=time, title=time) for time in ("2025", "20260101", "202512")]
    assert [line.title for line in lines(entries, Filters())] == ["20260101", "202512", "2025"]


def test_the_pathway_counts_every_document_once() -> None:
    other = Code("11", oids.CLASSE_DOCUMENT)
    entries = [
        ENTRY,
        replace(ENTRY, creation_time="20260228233000"),  # in Paris it is March already
        replace(ENTRY, creation_time="20241231", class_code=other),
    ]
    classes, periods = pathway(lines(entries, EVERYTHING), "mois")
    assert [code.code for code in classes] == ["10", "11"]
    assert [(period.label, [count for _, count in period.counts]) for period in periods] == [
        ("03/2026", [2, 0]),
        ("12/2024", [0, 1]),
    ]
    assert (periods[1].start, periods[1].end) == (date(2024, 12, 1), date(2024, 12, 31))


@given(st.lists(INSTANTS.map("{:%Y%m%d%H%M%S}".format), max_size=8), st.sampled_from(sorted(STEPS)))
def test_a_cell_leads_to_what_it_counts(times: list[str], step: str) -> None:
    found = lines([replace(ENTRY, creation_time=time) for time in times], EVERYTHING)
    _, periods = pathway(found, step)
    assert sum(count for period in periods for _, count in period.counts) == len(times)
    for period in periods:
        asked = query(PATIENT, Filters(start=period.start, end=period.end)).creation_time
        inside = [time for time in times if asked.start <= time < asked.stop]
        assert len(inside) == sum(count for _, count in period.counts)


# --- French ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtm", "read"),
    [
        ("2021", "2021"),
        ("202103", "03/2021"),
        ("20210314", "14/03/2021"),
        ("2021031408", "14/03/2021 à 09:00"),
        ("202107140830", "14/07/2021 à 10:30"),
        ("20210314233059", "15/03/2021 à 00:30"),
    ],
)
def test_dates_are_read_in_paris_as_precise_as_they_are(dtm: str, read: str) -> None:
    assert french.date_of(dtm) == read


def test_names_and_numbers() -> None:
    assert french.author(Author(person="Appareil")) == "Appareil"
    assert french.author_specialties(Author(specialties=("G15_60",))) == "G15_60"
    assert french.ins("279035121518989") == "2 79 03 51 215 189 89"
    assert [french.size(each) for each in (None, 900, 2048, 3_500_000)] == ["", "900 octets", "2 Kio", "3,3 Mio"]
    assert french.profession("SECRETARIAT_MEDICAL") == "Secrétariat médical"
    assert french.profession("inconnue") == "inconnue"
