"""What level-3 documents say, gathered: each thing once, with its sources; nothing that they do not say."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cda_vectors import FOLDER, context
from hypothesis import given, settings
from hypothesis import strategies as st
from test_summary import SUMMARY, texts
from test_validation_fuzz import FUZZ, MOST_SECONDS_OF_LARGE

from cda.builders.medical_summary import MedicalSummary, medical_summary
from cda.builders.statements import Allergy, Problem, Treatment
from cda.errors import CdaError
from cda.summary import write_summary
from cda.synthesis.facts import Fact, Kind, facts
from cda.synthesis.lines import Line, gathered
from cda.validation.schema import schema_findings
from cda.whole import read_whole
from registry.metadata import Code
from schemas import oids, xml

DIABETES = Problem("Diabète de type 2", Code("E11", oids.CIM_10, "Diabète de type 2"))
CONTEXT = context(9)
VSM = medical_summary(
    replace(CONTEXT, medecin_traitant=CONTEXT.author),
    MedicalSummary(
        problems=(DIABETES,),
        history=(Problem("Appendicite"),),
        allergies=(Allergy("Pénicilline"),),
        treatments=(Treatment("METFORMINE 500 mg", "1 matin et soir", Code("61", oids.CIS, "METFORMINE 500 mg")),),
    ),
)


def said(document: bytes, kind: Kind) -> list[str]:
    return [each.label for each in facts([document]) if each.kind is kind]


def test_a_medical_summary() -> None:
    assert said(VSM, Kind.PROBLEM) == ["Diabète de type 2", "Appendicite"]
    assert said(VSM, Kind.ALLERGY) == ["Pénicilline"]
    assert said(VSM, Kind.TREATMENT) == ["METFORMINE 500 mg"]
    (diabetes, _) = (each for each in facts([VSM]) if each.kind is Kind.PROBLEM)
    assert (diabetes.code, diabetes.key) == (DIABETES.code, ("E11", oids.CIM_10))


def test_a_laboratory_report_and_a_vaccination() -> None:
    report = (FOLDER / "lab_report.xml").read_bytes()
    assert len(said(report, Kind.RESULT)) >= 2 and {each.kind for each in facts([report])} == {Kind.RESULT}
    (vaccine,) = facts([(FOLDER / "vaccination_note.xml").read_bytes()])
    assert (vaccine.kind, vaccine.period, vaccine.details) == (Kind.VACCINATION, "24/02/2026", "lot DEMO-0042")


def test_a_document_of_level_1_says_nothing() -> None:
    assert facts([(FOLDER / "discharge_letter.xml").read_bytes()]) == ()
    with pytest.raises(CdaError):
        facts([b"\0"])


NEGATED = b'negationInd="false"'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NEGATED, b'negationInd="true"'),
        (b"<structuredBody>", b'<structuredBody><subject><relatedSubject classCode="PRS"/></subject>'),
    ],
    ids=["negated", "of a relative"],
)
def test_what_is_not_the_patient_s_is_not_taken(old: bytes, new: bytes) -> None:
    assert old in VSM
    found = facts([VSM.replace(old, new)])
    assert not [each for each in found if each.kind in (Kind.PROBLEM, Kind.ALLERGY)]


def test_what_was_given_during_a_stay_is_no_treatment() -> None:
    stay = VSM.replace(
        oids.TEMPLATE_FR_SECTION_TRAITEMENTS.encode(), oids.TEMPLATE_PCC_MEDICATIONS_ADMINISTERED.encode()
    )
    assert stay != VSM and said(stay, Kind.TREATMENT) == []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.stem)
def test_fuzzed_documents_are_read_or_refused(path: Path) -> None:
    """No other error than CdaError, whatever the bytes."""
    chance = random.Random(path.name)
    for _ in range(60):
        data = bytearray(path.read_bytes())
        for _ in range(3):
            chance.choice(FUZZ)(data, chance)
        with suppress(CdaError):
            facts([bytes(data)])


def test_very_many_entries_take_no_time_of_their_square() -> None:
    entries = b'<entry><act classCode="ACT" moodCode="EVN"/></entry>' * 30_000
    started = time.process_time()
    facts([VSM.replace(b"</section>", entries + b"</section>", 1)])
    assert time.process_time() - started < MOST_SECONDS_OF_LARGE


# --- Lines ------------------------------------------------------------------------------------------------------------


def fact(label: str, kind: Kind = Kind.PROBLEM, **values: object) -> Fact:
    return replace(Fact(kind, label, (label.casefold(),)), **values)  # type: ignore[arg-type]


def test_the_same_thing_is_one_line_as_the_newest_says_it() -> None:
    newer, older = fact("Asthme", details="stable"), fact("Asthme", details="sévère")
    assert gathered([("2.2", (newer,)), ("2.1", (older, fact("Goutte")))]) == (
        Line(newer, ("2.2", "2.1")),
        Line(fact("Goutte"), ("2.1",)),
    )


def test_of_a_result_the_last_one_is_told_whoever_says_it() -> None:
    old, new = (fact("TSH", Kind.RESULT, details=day, since=day) for day in ("20250101", "20260101"))
    assert gathered([("2.2", (old,)), ("2.1", (new,))]) == (Line(new, ("2.1",)),)


def test_that_nothing_is_known_is_told_only_where_nothing_is() -> None:
    nothing = fact("Aucune allergie connue", Kind.ALLERGY, nothing=True)
    assert gathered([("2.1", (nothing,))]) == (Line(nothing, ("2.1",)),)
    known = fact("Pénicilline", Kind.ALLERGY)
    assert [line.fact for line in gathered([("2.2", (nothing,)), ("2.1", (known,))])] == [known]


def test_what_goes_on_comes_first_then_the_newest() -> None:
    facts_ = (fact("A", over=True, since="2026"), fact("B", since="2020"), fact("C", since="2024"))
    assert [line.fact.label for line in gathered([("2.1", facts_)])] == ["C", "B", "A"]


# --- Written ----------------------------------------------------------------------------------------------------------

NAMES = {"1.2.3.1", "1.2.3.2^A-7", "1.2.3.3"}  # documents of SUMMARY
LINES = gathered([("1.2.3.2^A-7", facts([VSM])), ("1.2.3.1", facts([(FOLDER / "lab_report.xml").read_bytes()]))])


def test_each_line_leads_to_its_source() -> None:
    root = xml.parse(write_summary(replace(SUMMARY, lines=LINES, unread=1)))
    rows = texts(root, "//c:tr[starts-with(@ID, 'ligne-')]/@ID")
    links = texts(root, "//c:tr[starts-with(@ID, 'ligne-')]/c:td[4]/c:linkHtml/@href")
    assert len(rows) == len(links) == len(LINES)
    assert {each[1:] for each in links} <= set(texts(root, "//c:tr[starts-with(@ID, 'document-')]/@ID"))
    assert texts(
        root, "//c:entry/c:act[starts-with(c:text/c:reference/@value, '#ligne-')]//c:externalDocument/c:id/@root"
    )
    assert texts(root, "//c:section/c:title")[:2] == ["Présentation", "Problèmes"]
    assert "1 document structuré n'a pas été lu" in texts(root, "//c:section/c:text")[0]


TEXTS = st.text(max_size=8)
FACTS = st.builds(
    Fact,
    st.sampled_from(Kind),
    TEXTS,
    st.tuples(TEXTS),
    TEXTS,
    TEXTS,
    st.sampled_from(["", "2020", "20260102"]),
    st.one_of(st.none(), st.builds(Code, TEXTS, st.one_of(TEXTS, st.just(oids.LOINC)), TEXTS)),
    st.booleans(),
    st.booleans(),
)
TOLD = st.lists(st.tuples(st.sampled_from(sorted(NAMES)), st.lists(FACTS, max_size=4).map(tuple)), max_size=4)


@settings(max_examples=100, deadline=None)
@given(TOLD)
def test_whatever_documents_say_the_synthesis_is_a_valid_document(told: list[tuple[str, tuple[Fact, ...]]]) -> None:
    written = write_summary(replace(SUMMARY, lines=gathered(told)))
    assert not list(schema_findings(read_whole([written])))


# --- The published examples -------------------------------------------------------------------------------------------


@pytest.mark.reference
def test_every_example_is_read_and_each_kind_is_found(reference: Path) -> None:
    told = []
    for path in sorted((reference / "fr" / "cda" / "examples").glob("*.xml")):
        told.append((path.name, facts([path.read_bytes()])))
        assert all(each.label and each.key for each in told[-1][1]), path.name
    assert {each.kind for _, found in told for each in found} == set(Kind)
    by_name = dict(told)
    assert "Angine de poitrine instable" in [each.label for each in by_name["VSM_1.4_2022.01.xml"]]
    (vaccine, *_) = (each.label for each in by_name["VAC_2023.01.xml"] if each.kind is Kind.VACCINATION)
    assert vaccine.startswith("VACCIN BCG")
    assert all(each.nothing for each in by_name["CNAM-HR_2021.01_sans-info.xml"])
