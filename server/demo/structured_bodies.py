"""Structured bodies (CDA level 3) of two models of the CI-SIS: laboratory results and a vaccination.

Source: CI-SIS, volets CR d'examens de biologie médicale and Note de vaccination; IHE PaLM XD-LAB; IHE PCC.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from registry.metadata import Code
from schemas import oids
from server.demo.clinical_document import XSI, Context, E, assigned, coded, timestamp

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
class Vaccination:
    """One injection. `product` is a CIS code, `atc` its ATC code, `rank` the place in the series."""

    day: date
    product: Code
    atc: Code
    name: str
    lot: str
    rank: int
    act: Code
    route: Code
    site: Code


def lab_results(
    chapter: Code, results: Sequence[Result], sampled: datetime, copy: bytes, report_oid: str
) -> etree._Element:
    """A report of one chapter, with its `copy` in PDF, which readers show first.

    Templates: PaLM Laboratory Specialty and Report Item Sections, FR-CR-BIO-Chapitre, FR-Document-PDF-copie.
    """
    rows = [
        (result.code.display, f"{result.value} {result.shown}", f"({result.low} - {result.high})") for result in results
    ]
    observations = (_observation(number, result, sampled) for number, result in enumerate(results))
    entry = E.entry(
        *_templates(oids.TEMPLATE_LAB_DATA_ENTRY, oids.TEMPLATE_FR_RESULTATS_BIOLOGIE),
        E.act(
            coded("code", chapter),
            E.statusCode(code="completed"),
            *(E.entryRelationship(observation, typeCode="COMP") for observation in observations),
            classCode="ACT",
            moodCode="EVN",
        ),
        typeCode="DRIV",
    )
    item = E.section(
        *_templates(oids.TEMPLATE_LAB_REPORT_ITEM_SECTION, oids.TEMPLATE_FR_CR_BIO_SOUS_CHAPITRE),
        coded("code", chapter),
        E.text(_table(("Analyse", "Résultat", "Valeurs de référence"), rows, "resultat")),
        entry,
    )
    section = E.section(
        *_templates(oids.TEMPLATE_LAB_SPECIALTY_SECTION, oids.TEMPLATE_FR_CR_BIO_CHAPITRE),
        coded("code", chapter),
        E.title(chapter.display),
        E.component(item),
    )
    return E.structuredBody(E.component(section), E.component(_pdf_copy(copy, report_oid)))


def vaccination(context: Context, given: Vaccination, note_oid: str) -> etree._Element:
    """A note of one injection. Templates: PCC Immunizations Section and Immunizations, FR-Vaccinations."""
    row = (given.name, f"{given.day:%d/%m/%Y}", given.lot, str(given.rank), given.route.display, given.site.display)
    table = _table(("Vaccin", "Date", "Lot n°", "Rang", "Voie", "Site"), [row], "vaccin")
    section = E.section(
        *_templates(
            oids.TEMPLATE_CCD_IMMUNIZATIONS, oids.TEMPLATE_PCC_IMMUNIZATIONS_SECTION, oids.TEMPLATE_FR_VACCINATIONS
        ),
        E.id(root=f"{note_oid}.1"),
        coded("code", Code("11369-6", oids.LOINC, "Historique des vaccinations")),
        E.title("Note de vaccination"),
        E.text(table),
        E.entry(_injection(context, given, f"{note_oid}.2")),
    )
    return E.structuredBody(E.component(section))


def _pdf_copy(copy: bytes, report_oid: str) -> etree._Element:
    """The section FR-Document-PDF-copie: the document as its author saw it."""
    kind = Code("55108-5", oids.LOINC, "Copie du document")
    value = coded("value", kind)
    value.set(_TYPE, "CD")
    observation = E.observation(
        *_templates(
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
        *_templates(oids.TEMPLATE_FR_DOCUMENT_ATTACHE),
        E.id(root=f"{report_oid}.2"),
        coded("code", Code("55107-7", oids.LOINC, "Document attaché")),
        E.statusCode(code="completed"),
        E.component(observation),
        E.component(media),
        classCode="CLUSTER",
        moodCode="EVN",
    )
    return E.section(
        *_templates(oids.TEMPLATE_FR_DOCUMENT_PDF_COPIE),
        E.id(root=f"{report_oid}.1"),
        coded("code", kind),
        E.title(kind.display),
        E.text(E.renderMultiMedia(referencedObject="copie")),
        E.entry(attached),
    )


def _injection(context: Context, given: Vaccination, identifier: str) -> etree._Element:
    reference = E.reference(value="#vaccin-0")
    author = E.author(
        E.time(value=timestamp(context.start)),
        assigned("assignedAuthor", context),
        typeCode="AUT",
        contextControlCode="OP",
    )
    return E.substanceAdministration(
        *_templates(
            oids.TEMPLATE_CCD_MEDICATION_ACTIVITY, oids.TEMPLATE_PCC_IMMUNIZATION, oids.TEMPLATE_FR_VACCINATION
        ),
        E.id(root=identifier),
        coded("code", given.act),
        E.text(reference),
        E.statusCode(code="completed"),
        E.effectiveTime(value=f"{given.day:%Y%m%d}"),
        coded("routeCode", given.route),
        coded("approachSiteCode", given.site, E.originalText(E.reference(value="#vaccin-0"))),
        E.consumable(_product(given), typeCode="CSM"),
        E.performer(assigned("assignedEntity", context), typeCode="PRF"),
        author,
        E.entryRelationship(_rank(given.rank, f"{identifier}.1"), typeCode="SUBJ"),
        classCode="SBADM",
        moodCode="EVN",
        negationInd="false",
    )


def _product(given: Vaccination) -> etree._Element:
    code = coded("code", given.product, E.originalText(E.reference(value="#vaccin-0")), coded("translation", given.atc))
    return E.manufacturedProduct(
        *_templates(oids.TEMPLATE_CCD_PRODUCT, oids.TEMPLATE_PCC_PRODUCT, oids.TEMPLATE_FR_PRODUIT_DE_SANTE),
        E.manufacturedMaterial(code, E.name(given.name), E.lotNumberText(given.lot)),
    )


def _rank(rank: int, identifier: str) -> etree._Element:
    return E.observation(
        *_templates(oids.TEMPLATE_CCD_SERIES_NUMBER, oids.TEMPLATE_FR_RANG_VACCINATION),
        E.id(root=identifier),
        coded("code", Code("30973-2", oids.LOINC, "Rang de la vaccination")),
        E.statusCode(code="completed"),
        E.value(**{_TYPE: "INT", "value": str(rank)}),
        classCode="OBS",
        moodCode="EVN",
    )


def _observation(number: int, result: Result, sampled: datetime) -> etree._Element:
    interval = E.value(E.low(value=result.low, unit=result.unit), E.high(value=result.high, unit=result.unit))
    interval.set(_TYPE, "IVL_PQ")
    return E.observation(
        *_templates(oids.TEMPLATE_LAB_OBSERVATION, oids.TEMPLATE_FR_RESULTAT_BIOLOGIE),
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


def _table(headings: Iterable[str], rows: Iterable[Sequence[str]], anchor: str) -> etree._Element:
    """A table of the narrative block; the first cell of each row can be referred to as `anchor-number`."""
    body = (
        E.tr(E.td(E.content(row[0], ID=f"{anchor}-{number}")), *(E.td(cell) for cell in row[1:]))
        for number, row in enumerate(rows)
    )
    return E.table(E.thead(E.tr(*(E.th(heading) for heading in headings))), E.tbody(*body), border="0")


def _templates(*roots: str) -> list[etree._Element]:
    return [E.templateId(root=root) for root in roots]
