"""The structured body (CDA level 3) of a vaccination.

Source: CI-SIS, volet Note de vaccination; IHE PCC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lxml import etree

from cda.builders.document import XSI, Context, E, assigned, coded, timestamp
from cda.builders.parts import table, templates
from registry.metadata import Code
from schemas import oids

_TYPE = f"{{{XSI}}}type"


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


def vaccination(context: Context, given: Vaccination, note_oid: str) -> etree._Element:
    """A note of one injection. Templates: PCC Immunizations Section and Immunizations, FR-Vaccinations."""
    row = (given.name, f"{given.day:%d/%m/%Y}", given.lot, str(given.rank), given.route.display, given.site.display)
    listed = table(("Vaccin", "Date", "Lot n°", "Rang", "Voie", "Site"), [row], "vaccin")
    section = E.section(
        *templates(
            oids.TEMPLATE_CCD_IMMUNIZATIONS, oids.TEMPLATE_PCC_IMMUNIZATIONS_SECTION, oids.TEMPLATE_FR_VACCINATIONS
        ),
        E.id(root=f"{note_oid}.1"),
        coded("code", Code("11369-6", oids.LOINC, "Historique des vaccinations")),
        E.title("Note de vaccination"),
        E.text(listed),
        E.entry(_injection(context, given, f"{note_oid}.2")),
    )
    return E.structuredBody(E.component(section))


def _injection(context: Context, given: Vaccination, identifier: str) -> etree._Element:
    reference = E.reference(value="#vaccin-0")
    author = E.author(
        E.time(value=timestamp(context.start)),
        assigned("assignedAuthor", context),
        typeCode="AUT",
        contextControlCode="OP",
    )
    return E.substanceAdministration(
        *templates(oids.TEMPLATE_CCD_MEDICATION_ACTIVITY, oids.TEMPLATE_PCC_IMMUNIZATION, oids.TEMPLATE_FR_VACCINATION),
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
        *templates(oids.TEMPLATE_CCD_PRODUCT, oids.TEMPLATE_PCC_PRODUCT, oids.TEMPLATE_FR_PRODUIT_DE_SANTE),
        E.manufacturedMaterial(code, E.name(given.name), E.lotNumberText(given.lot)),
    )


def _rank(rank: int, identifier: str) -> etree._Element:
    return E.observation(
        *templates(oids.TEMPLATE_CCD_SERIES_NUMBER, oids.TEMPLATE_FR_RANG_VACCINATION),
        E.id(root=identifier),
        coded("code", Code("30973-2", oids.LOINC, "Rang de la vaccination")),
        E.statusCode(code="completed"),
        E.value(**{_TYPE: "INT", "value": str(rank)}),
        classCode="OBS",
        moodCode="EVN",
    )
