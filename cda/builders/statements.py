"""Problems, allergies, treatments and acts: plain values, and the entries and rows of tables that they become.

Each takes the number of its row, which its entry refers to.

Source: CI-SIS, Modèles de contenus CDA (FR-Liste-des-problemes, FR-Liste-des-allergies-et-intolerances, FR-Traitement,
FR-Acte); IHE PCC TF-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lxml import etree

from cda.builders.document import E
from cda.builders.parts import COMPLETED, TYPE, Numbers, named, original, refers, shown, since, templates, value
from registry.metadata import Code
from schemas import oids

DIAGNOSIS = Code("282291009", oids.SNOMED_CT, "interprétation diagnostique")
DRUG_ALLERGY = Code("416098002", oids.SNOMED_CT, "allergie médicamenteuse")
DRUG = Code("DRUG", oids.HL7_ACT_CODE, "Médicament")
NO_TREATMENT = Code("no-known-medications", oids.ABSENT_OR_UNKNOWN, "Pas de traitement médicamenteux connu")
_CONCERN = (oids.TEMPLATE_CCD_PROBLEM_ACT, oids.TEMPLATE_PCC_CONCERN)


@dataclass(frozen=True, slots=True)
class Problem:
    """A disease, in words and if possible as a code of CIM-10. `until` is its end; one without is active."""

    label: str
    code: Code | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Allergy:
    """What a patient does not tolerate. `agent` is a code of the substance or product."""

    label: str
    agent: Code | None = None
    kind: Code = DRUG_ALLERGY
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """An act of surgery or another. `code` is one of the CCAM."""

    label: str
    code: Code
    day: date


@dataclass(frozen=True, slots=True)
class Treatment:
    """A medicine: `product` is a code of CIS, `dose` and `every` a number and its UCUM unit, `posology` is in words."""

    label: str
    posology: str
    product: Code | None = None
    start: date | None = None
    stop: date | None = None
    dose: tuple[str, str] | None = None
    every: tuple[str, str] | None = None
    route: Code | None = None
    comment: str = ""


def problem_rows(problems: Sequence[Problem]) -> list[tuple[str, ...]]:
    """A row for each: what, and since when."""
    return [(each.label, shown(each.since), shown(each.until)) for each in problems]


def problem_entry(problem: Problem, anchor: str, numbers: Numbers) -> etree._Element:
    """A concern, and the problem in it."""
    ended = problem.until is not None
    observed = E.observation(
        *templates(oids.TEMPLATE_CCD_PROBLEM, oids.TEMPLATE_PCC_PROBLEM, oids.TEMPLATE_FR_PROBLEME),
        numbers.id(),
        named("code", DIAGNOSIS),
        refers(anchor),
        E.statusCode(code=COMPLETED),
        E.effectiveTime(*since(problem.since, problem.until)),
        _coded_or_said(problem.code, anchor),
        classCode="OBS",
        moodCode="EVN",
        negationInd="false",
    )
    roots = (*_CONCERN, oids.TEMPLATE_PCC_PROBLEM_CONCERN, oids.TEMPLATE_FR_LISTE_DES_PROBLEMES)
    return _concern(roots, observed, since(problem.since, problem.until), ended, numbers)


def allergy_entry(allergy: Allergy, anchor: str, numbers: Numbers) -> etree._Element:
    """A concern, the intolerance in it, and its agent."""
    agent = (
        named("code", allergy.agent, original(anchor)) if allergy.agent else E.code(original(anchor), nullFlavor="OTH")
    )
    observed = E.observation(
        *templates(
            oids.TEMPLATE_CCD_ALERT,
            oids.TEMPLATE_CCD_PROBLEM,
            oids.TEMPLATE_PCC_PROBLEM,
            oids.TEMPLATE_PCC_ALLERGY,
            oids.TEMPLATE_FR_ALLERGIE,
        ),
        numbers.id(),
        named("code", allergy.kind),
        refers(anchor),
        E.statusCode(code=COMPLETED),
        E.effectiveTime(*since(allergy.since)),
        _coded_or_said(None, anchor),
        E.participant(
            E.participantRole(
                E.playingEntity(agent, E.name(allergy.label), classCode="MMAT"),
                classCode="MANU",
            ),
            typeCode="CSM",
        ),
        classCode="OBS",
        moodCode="EVN",
        negationInd="false",
    )
    roots = (*_CONCERN, oids.TEMPLATE_PCC_ALLERGY_CONCERN, oids.TEMPLATE_FR_LISTE_DES_ALLERGIES)
    return _concern(roots, observed, since(allergy.since), False, numbers)


def act_entry(act: Act, anchor: str, numbers: Numbers) -> etree._Element:
    """An act that was done."""
    return E.entry(
        E.procedure(
            *templates(oids.TEMPLATE_PCC_PROCEDURE, oids.TEMPLATE_CCD_PROCEDURE, oids.TEMPLATE_FR_ACTE),
            numbers.id(),
            named("code", act.code, original(anchor)),
            refers(anchor),
            E.statusCode(code=COMPLETED),
            E.effectiveTime(value=f"{act.day:%Y%m%d}"),
            classCode="PROC",
            moodCode="EVN",
        )
    )


def treatment_rows(treatments: Sequence[Treatment]) -> list[tuple[str, ...]]:
    """A row for each: what, how, from when to when."""
    return [
        (
            each.label,
            each.posology,
            shown(each.start),
            shown(each.stop),
            each.route.display if each.route else "",
            each.comment,
        )
        for each in treatments
    ]


TREATMENT_HEADINGS = ("Médicament", "Posologie", "Début", "Fin", "Voie", "Commentaire")


def treatment_entry(treatment: Treatment, anchor: str, numbers: Numbers) -> etree._Element:
    """A medicine, its times, its dose."""
    bounds = E.effectiveTime(*since(treatment.start, treatment.stop, ended=True), **{TYPE: "IVL_TS"})
    optional: list[etree._Element] = []
    if treatment.every:
        number, unit = treatment.every
        optional.append(E.effectiveTime(E.period(value=number, unit=unit), **{TYPE: "PIVL_TS", "operator": "A"}))
    if treatment.route:
        optional.append(named("routeCode", treatment.route, original(anchor)))
    if treatment.dose:
        number, unit = treatment.dose
        optional.append(E.doseQuantity(E.low(value=number, unit=unit), E.high(value=number, unit=unit)))
    product = treatment.product
    code = named("code", product, original(anchor)) if product else E.code(original(anchor), nullFlavor="OTH")
    return _administration(DRUG, anchor, [bounds, *optional], (code, E.name(treatment.label)), numbers)


def no_treatment_entry(anchor: str, numbers: Numbers) -> etree._Element:
    """That no treatment is known."""
    bounds = E.effectiveTime(*since(None, ended=True), **{TYPE: "IVL_TS"})
    material = (E.code(nullFlavor="NA"), E.name(nullFlavor="NA"))
    return _administration(NO_TREATMENT, anchor, [bounds], material, numbers)


def _administration(
    code: Code, anchor: str, details: Sequence[etree._Element], material: Sequence[etree._Element], numbers: Numbers
) -> etree._Element:
    return E.entry(
        E.substanceAdministration(
            *templates(
                oids.TEMPLATE_CCD_MEDICATION_ACTIVITY,
                oids.TEMPLATE_PCC_MEDICATION,
                oids.TEMPLATE_PCC_NORMAL_DOSING,
                oids.TEMPLATE_FR_TRAITEMENT,
            ),
            numbers.id(),
            named("code", code),
            refers(anchor),
            E.statusCode(code=COMPLETED),
            *details,
            E.consumable(
                E.manufacturedProduct(
                    *templates(oids.TEMPLATE_CCD_PRODUCT, oids.TEMPLATE_PCC_PRODUCT, oids.TEMPLATE_FR_PRODUIT_DE_SANTE),
                    E.manufacturedMaterial(*material),
                )
            ),
            classCode="SBADM",
            moodCode="EVN",
        )
    )


def _concern(
    roots: Sequence[str], observed: etree._Element, bounds: list[etree._Element], ended: bool, numbers: Numbers
) -> etree._Element:
    return E.entry(
        E.act(
            *templates(*roots),
            numbers.id(),
            E.code(nullFlavor="NA"),
            E.statusCode(code=COMPLETED if ended else "active"),
            E.effectiveTime(*bounds),
            E.entryRelationship(observed, typeCode="SUBJ", inversionInd="false"),
            classCode="ACT",
            moodCode="EVN",
        )
    )


def _coded_or_said(code: Code | None, anchor: str) -> etree._Element:
    """A value that is a code, or what the narrative says."""
    return value(code, original(anchor)) if code else E.value(original(anchor), **{TYPE: "CD"})
