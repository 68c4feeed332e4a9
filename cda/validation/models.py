"""The models of documents: which one a document follows, and whether the sections that it asks for are there.

Source: ANS, CI-SIS, volets de contenu (one for each model).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cda.validation.finding import Finding, Severity
from cda.validation.rule import Rule, broken
from cda.whole import Whole

_FOLDER = Path(__file__).parent
_ANY_VERSION = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model, by the name of its volet. `version` is what a document says, '' when it says none."""

    template: str
    name: str
    label: str
    version: str = _ANY_VERSION


def model_of(whole: Whole) -> Model | None:
    """The model that a document follows: that of its last templateId which names one, as the most specific is last."""
    found = None
    for element in whole.clinical_document.iterchildren("{urn:hl7-org:v3}templateId"):
        named = _models().get(element.get("root", "").strip())
        if named is not None:
            found = Model(named.template, named.name, named.label, element.get("extension", "").strip())
    return found


def model_findings(whole: Whole) -> Iterator[Finding]:
    """The sections that are missing, or there too often; and that nobody knows the model."""
    model = model_of(whole)
    if model is None:
        yield from broken((_KNOWN,), whole)
        return
    yield from broken(_rules(model.name, model.version), whole)


_KNOWN = Rule(
    "MODELE-inconnu",
    "CI-SIS, volets de contenu",
    "self::*[c:component/c:structuredBody]",
    "false()",
    "le templateId d'un modèle du CI-SIS",
    "Aucune règle de modèle n'est appliquée. Déclarer le modèle s'il y en a un.",
    "string(c:templateId[last()]/@root)",
    Severity.INFORMATION,
)


@cache
def _rules(model: str, version: str) -> tuple[Rule, ...]:
    rows = _rows("model_sections.csv")
    return tuple(
        _rule(row)
        for row in rows
        if row["model"] == model and row["version"] in (_ANY_VERSION, version or _ANY_VERSION)
    )


def _rule(row: dict[str, str]) -> Rule:
    least, most = int(row["least"]), row["most"]
    template = f"c:templateId[@root = '{row['section']}']"
    counted = f"count({'.//' if row['place'] == 'document' else 'c:component/c:section/'}{template})"
    test = f"{counted} >= {least}" + (f" and {counted} <= {most}" if most else "")
    often = "une" if (least, most) == (1, "1") else "au plus une" if most else "au moins une"
    return Rule(
        name=f"{row['model']}-section-{row['section']}",
        clause=f"Volet {row['model']} {row['version']}".strip(),
        context="." if row["place"] == "document" else "c:component/c:structuredBody",
        test=test,
        expected=f"{often} section « {row['title']} » ({row['section']})",
        remedy="Ajouter la section." if least else "N'en garder qu'une.",
        found=f"string({counted})",
    )


@cache
def _models() -> dict[str, Model]:
    return {row["template"]: Model(row["template"], row["model"], row["label"]) for row in _rows("models.csv")}


@cache
def _rows(file: str) -> tuple[dict[str, str], ...]:
    with (_FOLDER / file).open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(line for line in lines if not line.startswith("#")))
