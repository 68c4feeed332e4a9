"""A laboratory report of level 3 (CR-BIO) from whatever a laboratory found: batteries of results of every type.

Each battery is a section of its chapter: a table for people, and beside it the entries that say the same to programs.

Source: CI-SIS, volet CR d'examens de biologie médicale 2024.01; IHE PaLM TF-3 (XD-LAB).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from lxml import etree

from cda.builders.document import Context, E, Kind, clinical_document, coded
from cda.builders.laboratory import pdf_copy
from cda.builders.parts import TYPE, named, refers, templates
from cda.builders.result_values import (
    Concept,
    Interval,
    Value,
    code_element,
    interval_element,
    shown,
    value_element,
)
from registry.metadata import Code
from schemas import oids
from schemas.value_sets import ValueSets

TITLE = "Compte rendu d'examens biologiques"
HEADINGS = ("Examen", "Résultat", "Valeurs de référence", "Interprétation", "Date")
COMPLETED, ACTIVE, ABORTED = "completed", "active", "aborted"  # HL7 ActStatus
_NORMAL = Code("N", oids.HL7_INTERPRETATION, "Normal")
_COMMENT = Code("48767-8", oids.LOINC, "Commentaire")
_NOTE = Code("55112-7", oids.LOINC, "Commentaire")
PENDING, IMPOSSIBLE, PROVISIONAL = "en cours", "résultat impossible à obtenir", "résultat provisoire"


@dataclass(frozen=True, slots=True)
class Range:
    """What is normal: as the laboratory wrote it, and as an interval where it is one."""

    text: str
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Another laboratory, which made an examination. `identifier` is `root^extension`, '' where nobody said."""

    name: str
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One examination and what was found. `status` is COMPLETED, ABORTED, or ACTIVE for one that is not made yet.

    `time` and `made` (when the laboratory made it) are a TS of HL7 V3, '' where nobody said. `flags` are codes of
    ObservationInterpretation. What is `provisional` was told before it was final.
    """

    name: Concept
    values: tuple[Value, ...]
    status: str = COMPLETED
    time: str = ""
    flags: tuple[str, ...] = ()
    range: Range | None = None
    methods: tuple[Concept, ...] = ()
    laboratory: Laboratory | None = None
    made: str = ""
    comments: tuple[str, ...] = ()
    provisional: bool = False
    sub_id: str = ""


@dataclass(frozen=True, slots=True)
class Specimen:
    """What was examined. `identifier` is `root^extension`, `collected` a TS; '' where nobody said."""

    kind: Concept
    identifier: str = ""
    collected: str = ""


@dataclass(frozen=True, slots=True)
class Battery:
    """Results that were asked for together, of one discipline."""

    name: Concept
    discipline: Code
    results: tuple[Result, ...]
    specimens: tuple[Specimen, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All batteries, and what is to be said of all of them. `partial`: more is to come."""

    batteries: tuple[Battery, ...]
    comments: tuple[str, ...] = ()
    partial: bool = False

    @property
    def status(self) -> str:
        """How far the laboratory has come, as an ActStatus."""
        if self.partial:
            return ACTIVE
        return status_of([result for battery in self.batteries for result in battery.results])


def results_report(context: Context, report: Report, copy: bytes) -> bytes:
    """The document. The model wants a `copy` in PDF, which is shown first."""
    kind = Kind(
        type=Code("11502-2", oids.LOINC, "CR d'examens biologiques"),
        title=TITLE,
        act=report.batteries[0].discipline,
        templates=((oids.TEMPLATE_XD_LAB, ""), (oids.TEMPLATE_CR_BIO, "2024.01")),
        act_status=report.status,
    )
    numbered = list(enumerate(report.batteries, 1))
    sections = [
        _chapter(discipline, [_section(battery, f"b{number}") for number, battery in group])
        for discipline, group in groupby(numbered, lambda each: each[1].discipline)
    ]
    if report.comments:
        sections.append(_notes(report.comments))
    sections.append(pdf_copy(copy, context.identification.oid))
    return clinical_document(context, kind, E.structuredBody(*map(E.component, sections)))


def status_of(results: Sequence[Result]) -> str:
    """How far examinations have come together, as an ActStatus."""
    if any(each.status == ACTIVE or each.provisional for each in results):
        return ACTIVE
    return COMPLETED if any(each.status == COMPLETED for each in results) else ABORTED


def row(result: Result) -> tuple[str, ...]:
    """A result as people read it, by HEADINGS."""
    label = f"{result.name.label} ({result.sub_id})" if result.sub_id else result.name.label
    said = "\n".join(map(shown, result.values))
    if result.status != COMPLETED:
        said = PENDING if result.status == ACTIVE else IMPOSSIBLE
    elif result.provisional:
        said = f"{said} ({PROVISIONAL})"
    flags = ", ".join(interpretation(each).display for each in result.flags)
    return label, said, result.range.text if result.range else "", flags, read_time(result.time)


def notes_of(battery: Battery) -> Iterator[str]:
    """What else there is to say of a battery, in lines: specimens, methods, other laboratories, comments."""
    for specimen in battery.specimens:
        yield _of_specimen(specimen)
    for result in battery.results:
        for note in _of_result(result):
            yield f"{result.name.label} : {note}"
    yield from battery.comments


def interpretation(code: str) -> Code:
    """A flag with its label. Source: ANS, JDV_HL7_ObservationInterpretation-CISIS."""
    label = ValueSets.load().label("observation_interpretation", code, oids.HL7_INTERPRETATION)
    return Code(code, oids.HL7_INTERPRETATION, label)


def read_time(time: str) -> str:
    """A TS as people read it: the local time that it says."""
    day = "/".join(part for part in (time[6:8], time[4:6], time[:4]) if part)
    return f"{day} {time[8:10]}:{time[10:12]}" if len(time) >= 12 and time[8:12].isdecimal() else day


def _chapter(discipline: Code, sections: Sequence[etree._Element]) -> etree._Element:
    return E.section(
        *templates(oids.TEMPLATE_LAB_SPECIALTY_SECTION, oids.TEMPLATE_FR_CR_BIO_CHAPITRE),
        named("code", discipline),
        E.title(discipline.display),
        *map(E.component, sections),
    )


def _section(battery: Battery, anchor: str) -> etree._Element:
    organizer = E.organizer(
        *templates(oids.TEMPLATE_LAB_BATTERY, oids.TEMPLATE_FR_BATTERIE_BIOLOGIE),
        code_element("code", battery.name, anchor, oids.LOINC),
        E.statusCode(code=status_of(battery.results)),
        *(
            E.component(_observation(result, f"{anchor}r{number}"))
            for number, result in enumerate(battery.results, 1)
            if result.status != ACTIVE
        ),
        classCode="BATTERY",
        moodCode="EVN",
    )
    specimens = [_specimen(each, f"{anchor}s{number}") for number, each in enumerate(battery.specimens, 1)]
    comments = [_comment(f"{anchor}c{number}") for number, _ in enumerate(battery.comments, 1)]
    act = E.act(
        named("code", battery.discipline),
        E.statusCode(code=status_of(battery.results)),
        *(E.entryRelationship(each, typeCode="COMP") for each in (*specimens, organizer)),
        *(E.entryRelationship(each, typeCode="SUBJ", inversionInd="true") for each in comments),
        classCode="ACT",
        moodCode="EVN",
    )
    return E.section(
        *templates(oids.TEMPLATE_LAB_REPORT_ITEM_SECTION, oids.TEMPLATE_FR_CR_BIO_SOUS_CHAPITRE),
        named("code", battery.discipline),
        E.title(battery.name.label),
        E.text(*_narrative(battery, anchor)),
        E.entry(
            *templates(oids.TEMPLATE_LAB_DATA_ENTRY, oids.TEMPLATE_FR_RESULTATS_BIOLOGIE),
            act,
            typeCode="DRIV",
        ),
    )


def _narrative(battery: Battery, anchor: str) -> Iterator[etree._Element]:
    yield E.paragraph(_marked(battery.name.label, anchor))
    for number, specimen in enumerate(battery.specimens, 1):
        yield E.paragraph(_marked(_of_specimen(specimen), f"{anchor}s{number}"))
    rows = (_cells(result, f"{anchor}r{number}") for number, result in enumerate(battery.results, 1))
    head = E.thead(E.tr(*(E.th(heading) for heading in HEADINGS)))
    yield E.table(head, E.tbody(*(line for lines in rows for line in lines)), border="0")
    for number, comment in enumerate(battery.comments, 1):
        yield E.paragraph(_marked(comment, f"{anchor}c{number}"))


def _cells(result: Result, anchor: str) -> Iterator[etree._Element]:
    """The row of a result, and one for what else there is to say of it."""
    label, said, *others = row(result)
    marks = (_marked(label, anchor), _marked(said, f"{anchor}v"))
    yield E.tr(*map(E.td, marks), *(E.td(*_lines(each)) for each in others))
    places = [f"{anchor}m{number}" for number, _ in enumerate(result.methods, 1)]
    places += [f"{anchor}l"] if result.laboratory else []
    places += [f"{anchor}c{number}" for number, _ in enumerate(result.comments, 1)]
    for place, note in zip(places, _of_result(result), strict=True):
        yield E.tr(E.td(_marked(note, place), colspan=str(len(HEADINGS))))


def _of_specimen(specimen: Specimen) -> str:
    when = f" ({read_time(specimen.collected)})" if specimen.collected else ""
    return f"Échantillon : {specimen.kind.label}{when}"


def _of_result(result: Result) -> Iterator[str]:
    """Its methods, who made it, what is said of it."""
    yield from (each.label for each in result.methods)
    if result.laboratory:
        yield f"Examen réalisé par : {result.laboratory.name}"
    yield from result.comments


def _observation(result: Result, anchor: str) -> etree._Element:
    """Templates: PaLM Laboratory Observation, FR-Resultat-examens-de-biologie-element-clinique-pertinent."""
    time = {"value": result.time} if result.time else {"nullFlavor": "UNK"}
    comments = [_comment(f"{anchor}c{number}") for number, _ in enumerate(result.comments, 1)]
    if result.provisional:
        comments.append(_comment(f"{anchor}v"))
    return E.observation(
        *templates(oids.TEMPLATE_LAB_OBSERVATION, oids.TEMPLATE_FR_RESULTAT_BIOLOGIE),
        code_element("code", result.name, anchor, oids.LOINC),
        E.statusCode(code=result.status),
        E.effectiveTime(**time),
        *(value_element(value, f"{anchor}v") for value in result.values),
        *(coded("interpretationCode", interpretation(each)) for each in result.flags),
        *(code_element("methodCode", each, f"{anchor}m{number}") for number, each in enumerate(result.methods, 1)),
        *([_performer(result.laboratory, result.made)] if result.laboratory else []),
        *(E.entryRelationship(each, typeCode="SUBJ", inversionInd="true") for each in comments),
        *([_reference(result.range)] if result.range else []),
        classCode="OBS",
        moodCode="EVN",
    )


def _reference(found: Range) -> etree._Element:
    told = interval_element(found.interval) if found.interval else E.value(found.text, **{TYPE: "ST"})
    observed = E.observationRange(
        E.text(found.text), told, coded("interpretationCode", _NORMAL), classCode="OBS", moodCode="EVN.CRT"
    )
    return E.referenceRange(observed, typeCode="REFV")


def _performer(laboratory: Laboratory, made: str) -> etree._Element:
    """Template: FR-Laboratoire-executant."""
    root, _, extension = laboratory.identifier.partition("^")
    identifier = E.id(root=root, extension=extension) if root else E.id(nullFlavor="UNK")
    return E.performer(
        *templates(oids.TEMPLATE_LAB_PERFORMER, oids.TEMPLATE_FR_LABORATOIRE_EXECUTANT),
        E.time(**({"value": made} if made else {"nullFlavor": "UNK"})),
        E.assignedEntity(
            E.id(nullFlavor="UNK"),
            E.addr(nullFlavor="NAV"),
            E.telecom(nullFlavor="NAV"),
            E.representedOrganization(
                identifier,
                E.name(laboratory.name),
                E.telecom(nullFlavor="NAV"),
                E.addr(nullFlavor="NAV"),
                E.standardIndustryClassCode(nullFlavor="UNK"),
            ),
        ),
        typeCode="PRF",
    )


def _specimen(specimen: Specimen, anchor: str) -> etree._Element:
    """Templates: PaLM Specimen Collection, FR-Prelevement."""
    root, _, extension = specimen.identifier.partition("^")
    return E.procedure(
        *templates(oids.TEMPLATE_LAB_SPECIMEN_COLLECTION, oids.TEMPLATE_FR_PRELEVEMENT),
        E.code(E.originalText(E.reference(value=f"#{anchor}")), nullFlavor="OTH"),
        E.effectiveTime(**({"value": specimen.collected} if specimen.collected else {"nullFlavor": "UNK"})),
        E.participant(
            E.participantRole(
                E.id(root=root, extension=extension) if root else E.id(nullFlavor="UNK"),
                E.playingEntity(code_element("code", specimen.kind, anchor)),
                classCode="SPEC",
            ),
            typeCode="PRD",
        ),
        classCode="PROC",
        moodCode="EVN",
    )


def _comment(anchor: str) -> etree._Element:
    """Template: FR-Commentaire-ER."""
    return E.act(
        *templates(oids.TEMPLATE_CCD_COMMENT, oids.TEMPLATE_PCC_COMMENT, oids.TEMPLATE_FR_COMMENTAIRE_ER),
        named("code", _COMMENT),
        refers(anchor),
        E.statusCode(code=COMPLETED),
        classCode="ACT",
        moodCode="EVN",
    )


def _notes(comments: Sequence[str]) -> etree._Element:
    """Template: FR-Commentaire-non-code."""
    return E.section(
        *templates(oids.TEMPLATE_CDA_SECTION, oids.TEMPLATE_LAB_ANNOTATION, oids.TEMPLATE_FR_COMMENTAIRE_NON_CODE),
        named("code", _NOTE),
        E.title(_NOTE.display),
        E.text(*(E.paragraph(*_lines(each)) for each in comments)),
    )


def _marked(text: str, anchor: str) -> etree._Element:
    """A text that can be referred to."""
    return E.content(*_lines(text), ID=anchor)


def _lines(text: str) -> Iterator[str | etree._Element]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield E.br()
        yield line
