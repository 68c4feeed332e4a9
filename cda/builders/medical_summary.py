"""The medical summary that a patient's own doctor writes, of level 3 (VSM), from plain values.

Source: CI-SIS, volet Synthèse médicale (VSM 1.4, 2022.01).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lxml import etree

from cda.builders.document import Context, E, Kind, clinical_document
from cda.builders.parts import Numbers, section, shown, table
from cda.builders.statements import (
    TREATMENT_HEADINGS,
    Act,
    Allergy,
    Problem,
    Treatment,
    act_entry,
    allergy_entry,
    problem_entry,
    problem_rows,
    treatment_entry,
    treatment_rows,
)
from registry.metadata import Code
from schemas import oids

T = TypeVar("T")
NOTHING = "Rien à signaler."
_KIND = Kind(
    type=Code("SYNTH", oids.TYPE_DOCUMENT, "Synthèse"),
    title="Synthèse médicale",
    act=Code("34117-2", oids.LOINC, "Historique et clinique"),
    templates=((oids.TEMPLATE_VSM, "201310"),),
    act_system="LOINC",
)


@dataclass(frozen=True, slots=True)
class MedicalSummary:
    """What the doctor sums up. `risks` and `vigilance` are lines of text."""

    problems: tuple[Problem, ...] = ()
    history: tuple[Problem, ...] = ()
    acts: tuple[Act, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    risks: tuple[str, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    vigilance: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Model:
    """A section of the model: its templates, code and title; headings and anchors of its table."""

    roots: tuple[str, ...]
    code: Code
    title: str
    headings: tuple[str, ...] = ()
    anchor: str = ""


_CONCLUSIONS = _Model(
    (oids.TEMPLATE_FR_SECTION_CONCLUSIONS,),
    Code("46612-8", oids.LOINC, "Conclusions de synthèse"),
    "Pathologies en cours, antécédents, allergies et facteurs de risque",
)
_PATHOLOGIES = _Model(
    (oids.TEMPLATE_FR_SECTION_PATHOLOGIES,),
    Code("34117-2", oids.LOINC, "Historique et physique"),
    "Pathologies en cours, antécédents et allergies",
)
_PROBLEMS = _Model(
    (oids.TEMPLATE_CCD_PROBLEMS, oids.TEMPLATE_PCC_ACTIVE_PROBLEMS, oids.TEMPLATE_FR_SECTION_PROBLEMES_ACTIFS),
    Code("11450-4", oids.LOINC, "Liste des problèmes actifs"),
    "Pathologies en cours",
    ("Pathologie", "Depuis", "Jusqu'au"),
    "probleme",
)
_HISTORY = _Model(
    (oids.TEMPLATE_PCC_PAST_ILLNESSES, oids.TEMPLATE_FR_SECTION_ANTECEDENTS),
    Code("11348-0", oids.LOINC, "Antécédents médicaux"),
    "Antécédents médicaux",
    ("Antécédent", "Depuis", "Jusqu'au"),
    "antecedent",
)
_ACTS = _Model(
    (
        oids.TEMPLATE_CCD_PROCEDURES,
        oids.TEMPLATE_PCC_SURGERIES,
        oids.TEMPLATE_PCC_CODED_SURGERIES,
        oids.TEMPLATE_FR_SECTION_ACTES,
    ),
    Code("47519-4", oids.LOINC, "Historique des actes"),
    "Antécédents chirurgicaux",
    ("Acte", "Date"),
    "acte",
)
_ALLERGIES = _Model(
    (oids.TEMPLATE_CCD_ALERTS, oids.TEMPLATE_PCC_ALLERGIES, oids.TEMPLATE_FR_SECTION_ALLERGIES),
    Code("48765-2", oids.LOINC, "Allergies et hypersensibilités"),
    "Allergies et hypersensibilités",
    ("Agent", "Type", "Depuis"),
    "allergie",
)
_RISKS = _Model(
    (oids.TEMPLATE_FR_SECTION_FACTEURS_DE_RISQUE,),
    Code(
        "57207-3", oids.LOINC, "Facteurs de risque présents ou passés affectant l'état de santé et/ou une circonstance"
    ),
    "Facteurs de risque",
)
_OCCUPATIONAL = _Model(
    (oids.TEMPLATE_PCC_OCCUPATIONAL, oids.TEMPLATE_FR_SECTION_RISQUES_PROFESSIONNELS),
    Code("10161-8", oids.LOINC, "Facteurs de risques professionnels"),
    "Facteurs de risque",
)
_VIGILANCE = _Model(
    (oids.TEMPLATE_PCC_RESULTS, oids.TEMPLATE_FR_SECTION_RESULTATS),
    Code("30954-2", oids.LOINC, "Résultats d'examens"),
    "Points de vigilance",
)
_LONG_TERM = _Model(
    (oids.TEMPLATE_FR_SECTION_LONG_COURS,),
    Code("18776-5", oids.LOINC, "Plan de traitement"),
    "Traitement au long cours",
)
_TREATMENTS = _Model(
    (oids.TEMPLATE_CCD_MEDICATIONS, oids.TEMPLATE_PCC_MEDICATIONS, oids.TEMPLATE_FR_SECTION_TRAITEMENTS),
    Code("10160-0", oids.LOINC, "Traitements"),
    "Traitements",
    TREATMENT_HEADINGS,
    "traitement",
)


def medical_summary(context: Context, summary: MedicalSummary) -> bytes:
    """The summary. Raises ValueError without a médecin traitant, whom the model wants to be told."""
    if context.medecin_traitant is None:
        raise ValueError("expected a médecin traitant in the context, got none")
    numbers = Numbers(context.identification.oid)
    acts = [(each.label, shown(each.day)) for each in summary.acts]
    allergies = [(each.label, each.kind.display, shown(each.since)) for each in summary.allergies]
    known = {
        _PROBLEMS: _listed(_PROBLEMS, summary.problems, problem_rows(summary.problems), problem_entry, numbers),
        _HISTORY: _listed(_HISTORY, summary.history, problem_rows(summary.history), problem_entry, numbers),
        _ACTS: _listed(_ACTS, summary.acts, acts, act_entry, numbers),
        _ALLERGIES: _listed(_ALLERGIES, summary.allergies, allergies, allergy_entry, numbers),
    }
    risks = {_OCCUPATIONAL: _said(_OCCUPATIONAL, summary.risks, numbers)}
    rows = treatment_rows(summary.treatments)
    treated = {_TREATMENTS: _listed(_TREATMENTS, summary.treatments, rows, treatment_entry, numbers)}
    whole = {
        _PATHOLOGIES: _above(_PATHOLOGIES, known, numbers),
        _RISKS: _above(_RISKS, risks, numbers),
    }
    sections = (
        _above(_CONCLUSIONS, whole, numbers),
        _said(_VIGILANCE, summary.vigilance, numbers),
        _above(_LONG_TERM, treated, numbers),
    )
    return clinical_document(context, _KIND, E.structuredBody(*map(E.component, sections)))


def _above(model: _Model, inside: Mapping[_Model, etree._Element | None], numbers: Numbers) -> etree._Element:
    """A section of sections. A list that is empty has none, as its templates want entries: it is named instead."""
    missing = [each.title for each, made in inside.items() if made is None]
    text = [E.text(E.paragraph(f"Non renseigné : {', '.join(missing)}."))] if missing else []
    components = [E.component(made) for made in inside.values() if made is not None]
    return section(model.roots, model.code, model.title, *text, *components, identifier=numbers.id())


def _listed(
    model: _Model,
    items: Sequence[T],
    rows: Sequence[Sequence[str]],
    entry: Callable[[T, str, Numbers], etree._Element],
    numbers: Numbers,
) -> etree._Element | None:
    """A table, and an entry for each of its rows; None for no rows."""
    if not items:
        return None
    entries = [entry(each, f"{model.anchor}-{number}", numbers) for number, each in enumerate(items)]
    text = E.text(table(model.headings, rows, model.anchor))
    return section(model.roots, model.code, model.title, text, *entries, identifier=numbers.id())


def _said(model: _Model, lines: Sequence[str], numbers: Numbers) -> etree._Element:
    """Lines of text, or that there is nothing."""
    text = E.text(*map(E.paragraph, lines or (NOTHING,)))
    return section(model.roots, model.code, model.title, text, identifier=numbers.id())
