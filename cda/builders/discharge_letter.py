"""The letter at the end of a stay in hospital, of level 3 (LDL-SES), from plain values.

Source: CI-SIS, volet Lettre de liaison à la sortie d'un établissement de santé 2022.01.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lxml import etree

from cda.builders.document import Context, E, Kind, clinical_document
from cda.builders.parts import Numbers, boolean_value, section, shown, simple_observation, table, text_value, value
from cda.builders.statements import (
    TREATMENT_HEADINGS,
    Treatment,
    no_treatment_entry,
    treatment_entry,
    treatment_rows,
)
from registry.metadata import Code
from schemas import oids

NONE = "Aucun"
FINISHED = Code("398166005", oids.SNOMED_CT, "réalisé")
IN_PROGRESS = Code("385651009", oids.SNOMED_CT, "en cours d'exécution")
_KIND = Kind(
    type=Code("11490-0", oids.LOINC, "Lettre de liaison à la sortie d'un établissement de soins"),
    title="Lettre de liaison à la sortie de l'établissement de santé",
    act=Code("IMP", oids.HL7_ACT_CODE, "Hospitalisation (établissement, y compris HAD)"),
    templates=((oids.TEMPLATE_LDL_SES, "2022.01"),),
)


@dataclass(frozen=True, slots=True)
class Stay:
    """What happened. `came` and `went` are codes of JDV_ModaliteEntree and JDV_ModaliteSortie."""

    admitted: date
    came: Code
    left: date
    went: Code
    summary: str
    adverse_events: str = NONE
    microorganisms_sought: bool = False
    microorganisms: str = NONE
    transfusion: bool = False
    transfusion_accidents: str = NONE
    blood_derivatives: bool = False
    blood_derivative_events: str = NONE


@dataclass(frozen=True, slots=True)
class DischargeLetter:
    """What the letter says. `awaited` and `follow_up` are lines of text."""

    reason: str
    stay: Stay
    treatments: tuple[Treatment, ...]
    stopped: tuple[Treatment, ...] = ()
    awaited: tuple[str, ...] = ()
    follow_up: tuple[str, ...] = ()
    status: Code = FINISHED


def discharge_letter(context: Context, letter: DischargeLetter) -> bytes:
    """The letter."""
    numbers = Numbers(context.identification.oid)
    sections = [_status(letter, numbers), _reason(letter, numbers), _events(letter.stay, numbers)]
    if letter.stopped:
        sections.append(
            _treatments(
                (oids.TEMPLATE_PCC_MEDICATIONS_ADMINISTERED, oids.TEMPLATE_FR_SECTION_TRAITEMENTS_ADMINISTRES),
                Code("18610-6", oids.LOINC, "Traitements administrés"),
                "Traitements arrêtés durant le séjour",
                letter.stopped,
                "arrete",
                numbers,
            )
        )
    sections.append(
        _treatments(
            (oids.TEMPLATE_PCC_DISCHARGE_MEDICATIONS, oids.TEMPLATE_FR_SECTION_TRAITEMENTS_SORTIE),
            Code("10183-2", oids.LOINC, "Traitements à la sortie"),
            "Traitements à la sortie",
            letter.treatments,
            "traitement",
            numbers,
        )
    )
    if letter.awaited:
        sections.append(
            _lines(
                (oids.TEMPLATE_PCC_RESULTS, oids.TEMPLATE_FR_SECTION_RESULTATS),
                Code("30954-2", oids.LOINC, "Résultats d'examens"),
                "Résultats d'examens et autres informations attendus",
                letter.awaited,
                numbers,
            )
        )
    if letter.follow_up:
        sections.append(
            _lines(
                (oids.TEMPLATE_CCD_PLAN, oids.TEMPLATE_PCC_CARE_PLAN, oids.TEMPLATE_FR_SECTION_PLAN),
                Code("18776-5", oids.LOINC, "Plan de soins"),
                "Suites à donner",
                letter.follow_up,
                numbers,
            )
        )
    return clinical_document(context, _KIND, E.structuredBody(*map(E.component, sections)))


def _status(letter: DischargeLetter, numbers: Numbers) -> etree._Element:
    entry = simple_observation(
        oids.TEMPLATE_FR_STATUT_DOCUMENT,
        Code("GEN-065", oids.TERMINOLOGY_ANS, "Statut du document"),
        "statut-0",
        letter.stay.left,
        value(letter.status),
        numbers.id(),
        oids.TEMPLATE_FR_STATUT_DOCUMENT_LDL,
    )
    return section(
        (oids.TEMPLATE_FR_SECTION_STATUT, oids.TEMPLATE_FR_SECTION_STATUT_LDL),
        Code("33557-0", oids.LOINC, "Etat d'achèvement"),
        "Statut du document",
        E.text(table(("Statut",), [(letter.status.display,)], "statut")),
        entry,
        identifier=numbers.id(),
    )


def _reason(letter: DischargeLetter, numbers: Numbers) -> etree._Element:
    return _lines(
        (oids.TEMPLATE_PCC_REASON_FOR_REFERRAL, oids.TEMPLATE_FR_SECTION_MOTIF),
        Code("42349-1", oids.LOINC, "Raison de la recommandation"),
        "Motif de l'hospitalisation",
        (letter.reason,),
        numbers,
    )


def _events(stay: Stay, numbers: Numbers) -> etree._Element:
    """FR-Resultats-evenements: the stay, question by question."""
    said: tuple[tuple[str, str, str, Code | str | bool], ...] = (
        (oids.TEMPLATE_FR_MODALITE_ENTREE, "ORG-070", "Modalité d'entrée", stay.came),
        (oids.TEMPLATE_FR_MODALITE_SORTIE, "ORG-074", "Modalité de sortie", stay.went),
        (oids.TEMPLATE_FR_SYNTHESE_SEJOUR, "MED-142", "Synthèse médicale", stay.summary),
        (
            oids.TEMPLATE_FR_EVENEMENTS_HOSPITALISATION,
            "MED-143",
            "Evènements indésirables survenus pendant l'hospitalisation",
            stay.adverse_events,
        ),
        (
            oids.TEMPLATE_FR_RECHERCHE_MICROORGANISMES,
            "MED-309",
            "Recherche de microorganismes multi-résistants ou émergents effectuée",
            stay.microorganisms_sought,
        ),
        (
            oids.TEMPLATE_FR_MICROORGANISMES,
            "MED-144",
            "Identification de micro-organismes multirésistants",
            stay.microorganisms,
        ),
        (oids.TEMPLATE_FR_TRANSFUSION, "MED-145", "Transfusion de produits sanguins", stay.transfusion),
        (
            oids.TEMPLATE_FR_ACCIDENTS_TRANSFUSIONNELS,
            "MED-146",
            "Accidents transfusionnels",
            stay.transfusion_accidents,
        ),
        (oids.TEMPLATE_FR_DERIVES_DU_SANG, "MED-147", "Administration de dérivés du sang", stay.blood_derivatives),
        (
            oids.TEMPLATE_FR_EVENEMENTS_DERIVES,
            "MED-148",
            "Evènements indésirables suite à l'administration de dérivés du sang",
            stay.blood_derivative_events,
        ),
    )
    days = (stay.admitted, *[stay.left] * (len(said) - 1))
    rows = [
        (label, _told(found), shown(day) if isinstance(found, Code) else "")
        for (_, _, label, found), day in zip(said, days, strict=True)
    ]
    entries = [
        simple_observation(
            root, Code(code, oids.TERMINOLOGY_ANS, label), f"sejour-{number}", day, _value(found), numbers.id()
        )
        for number, ((root, code, label, found), day) in enumerate(zip(said, days, strict=True))
    ]
    return section(
        (
            oids.TEMPLATE_PCC_EVENT_OUTCOMES,
            oids.TEMPLATE_EVENT_OUTCOMES,
            oids.TEMPLATE_FR_SECTION_EVENEMENTS,
            oids.TEMPLATE_FR_SECTION_EVENEMENTS_LDL,
        ),
        Code("42545-4", oids.LOINC, "Evènements observés"),
        "Synthèse médicale du séjour",
        E.text(table(("Sujet", "Réponse", "Date"), rows, "sejour")),
        *entries,
        identifier=numbers.id(),
    )


def _treatments(
    roots: Sequence[str], code: Code, title: str, treatments: Sequence[Treatment], anchor: str, numbers: Numbers
) -> etree._Element:
    if not treatments:
        said = E.paragraph(E.content("Aucun traitement.", ID=f"{anchor}-0"))
        return section(
            roots, code, title, E.text(said), no_treatment_entry(f"{anchor}-0", numbers), identifier=numbers.id()
        )
    entries = [treatment_entry(each, f"{anchor}-{number}", numbers) for number, each in enumerate(treatments)]
    text = E.text(table(TREATMENT_HEADINGS, treatment_rows(treatments), anchor))
    return section(roots, code, title, text, *entries, identifier=numbers.id())


def _lines(roots: Sequence[str], code: Code, title: str, lines: Sequence[str], numbers: Numbers) -> etree._Element:
    """A section of text alone."""
    return section(roots, code, title, E.text(*map(E.paragraph, lines)), identifier=numbers.id())


def _told(found: Code | str | bool) -> str:
    if isinstance(found, Code):
        return found.display
    return {True: "Oui", False: "Non"}[found] if isinstance(found, bool) else found


def _value(found: Code | str | bool) -> etree._Element:
    if isinstance(found, Code):
        return value(found)
    return boolean_value(found) if isinstance(found, bool) else text_value(found)
