"""A laboratory report of level 3 (CR-BIO): chapters of results, and the report in PDF as its author saw it.

Source: CI-SIS, volet CR d'examens de biologie médicale 2024.01; IHE PaLM TF-3 (XD-LAB).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from lxml import etree

from cda.builders.document import XSI, Context, E, Kind, clinical_document, coded, timestamp
from cda.builders.parts import table, templates
from registry.metadata import Code
from schemas import oids

_TYPE = f"{{{XSI}}}type"

NORMAL = Code("N", oids.HL7_INTERPRETATION, "Normal")
LOW = Code("L", oids.HL7_INTERPRETATION, "Anormalement bas")
HIGH = Code("H", oids.HL7_INTERPRETATION, "Anormalement élevé")


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement: a LOINC code, a value and its reference interval in a UCUM unit; `shown` is the unit printed."""

    code: Code
    value: str
    low: str
    high: str
    unit: str
    shown: str

    @property
    def interpretation(self) -> Code:
        """Where the value lies against the reference interval."""
        if float(self.value) < float(self.low):
            return LOW
        return HIGH if float(self.value) > float(self.high) else NORMAL


@dataclass(frozen=True, slots=True)
class Chapter:
    """The results of one discipline."""

    code: Code
    results: tuple[Result, ...]


def laboratory_report(context: Context, chapters: Sequence[Chapter], sampled: datetime, copy: bytes) -> bytes:
    """The report of samples that were taken at `sampled`. The model wants its `copy` in PDF, which is shown first."""
    kind = Kind(
        type=Code("11502-2", oids.LOINC, "CR d'examens biologiques"),
        title="Compte rendu d'examens biologiques",
        act=chapters[0].code,
        templates=((oids.TEMPLATE_XD_LAB, ""), (oids.TEMPLATE_CR_BIO, "2024.01")),
    )
    numbers = count()
    sections = [_chapter(chapter, sampled, [next(numbers) for _ in chapter.results]) for chapter in chapters]
    sections.append(pdf_copy(copy, context.identification.oid))
    return clinical_document(context, kind, E.structuredBody(*map(E.component, sections)))


def _chapter(chapter: Chapter, sampled: datetime, numbers: Sequence[int]) -> etree._Element:
    """Templates: PaLM Laboratory Specialty and Report Item Sections, FR-CR-BIO-Chapitre, FR-CR-BIO-Sous-chapitre."""
    rows = [
        (result.code.display, f"{result.value} {result.shown}", f"({result.low} - {result.high})")
        for result in chapter.results
    ]
    observations = map(_observation, numbers, chapter.results, [sampled] * len(numbers))
    entry = E.entry(
        *templates(oids.TEMPLATE_LAB_DATA_ENTRY, oids.TEMPLATE_FR_RESULTATS_BIOLOGIE),
        E.act(
            coded("code", chapter.code),
            E.statusCode(code="completed"),
            *(E.entryRelationship(observation, typeCode="COMP") for observation in observations),
            classCode="ACT",
            moodCode="EVN",
        ),
        typeCode="DRIV",
    )
    item = E.section(
        *templates(oids.TEMPLATE_LAB_REPORT_ITEM_SECTION, oids.TEMPLATE_FR_CR_BIO_SOUS_CHAPITRE),
        coded("code", chapter.code),
        E.text(table(("Analyse", "Résultat", "Valeurs de référence"), rows, "resultat", first=numbers[0])),
        entry,
    )
    return E.section(
        *templates(oids.TEMPLATE_LAB_SPECIALTY_SECTION, oids.TEMPLATE_FR_CR_BIO_CHAPITRE),
        coded("code", chapter.code),
        E.title(chapter.code.display),
        E.component(item),
    )


def pdf_copy(copy: bytes, report_oid: str) -> etree._Element:
    """The section FR-Document-PDF-copie: the document as its author saw it."""
    kind = Code("55108-5", oids.LOINC, "Copie du document")
    value = coded("value", kind)
    value.set(_TYPE, "CD")
    observation = E.observation(
        *templates(
            oids.TEMPLATE_PCC_SIMPLE_OBSERVATION,
            oids.TEMPLATE_FR_SIMPLE_OBSERVATION,
            oids.TEMPLATE_FR_TYPE_DOCUMENT_ATTACHE,
        ),
        E.id(root=f"{report_oid}.3"),
        coded("code", Code("69764-9", oids.LOINC, "Type de document")),
        E.text(E.reference(value="#copie")),
        E.statusCode(code="completed"),
        E.effectiveTime(nullFlavor="NA"),
        value,
        classCode="OBS",
        moodCode="EVN",
    )
    media = E.observationMedia(
        E.value(base64.b64encode(copy).decode(), mediaType="application/pdf", representation="B64"),
        classCode="OBS",
        moodCode="EVN",
        ID="copie",
    )
    attached = E.organizer(
        *templates(oids.TEMPLATE_FR_DOCUMENT_ATTACHE),
        E.id(root=f"{report_oid}.2"),
        coded("code", Code("55107-7", oids.LOINC, "Document attaché")),
        E.statusCode(code="completed"),
        E.component(observation),
        E.component(media),
        classCode="CLUSTER",
        moodCode="EVN",
    )
    return E.section(
        *templates(oids.TEMPLATE_FR_DOCUMENT_PDF_COPIE),
        E.id(root=f"{report_oid}.1"),
        coded("code", kind),
        E.title(kind.display),
        E.text(E.renderMultiMedia(referencedObject="copie")),
        E.entry(attached),
    )


def _observation(number: int, result: Result, sampled: datetime) -> etree._Element:
    interval = E.value(E.low(value=result.low, unit=result.unit), E.high(value=result.high, unit=result.unit))
    interval.set(_TYPE, "IVL_PQ")
    return E.observation(
        *templates(oids.TEMPLATE_LAB_OBSERVATION, oids.TEMPLATE_FR_RESULTAT_BIOLOGIE),
        coded("code", result.code, E.originalText(E.reference(value=f"#resultat-{number}"))),
        E.statusCode(code="completed"),
        E.effectiveTime(value=timestamp(sampled)),
        E.value(**{_TYPE: "PQ", "value": result.value, "unit": result.unit}),
        coded("interpretationCode", result.interpretation),
        E.referenceRange(
            E.observationRange(interval, coded("interpretationCode", NORMAL), classCode="OBS", moodCode="EVN.CRT"),
            typeCode="REFV",
        ),
        classCode="OBS",
        moodCode="EVN",
    )
