"""A history to take away: as CSV for a spreadsheet, as JSON for a program. Pure.

Source: public guides of the DMP (téléchargement du DMP: l'historique des accès); RFC 4180; OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from dmp.historique import Line
from identities.representation import PARIS

_HEADINGS = (
    "Date et heure",
    "Personne",
    "Identifiant",
    "Profession",
    "Structure",
    "Action",
    "Circonstances",
    "Résultat",
    "Documents",
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes a cell that begins so for


def as_csv(lines: Iterable[Line]) -> str:
    """The lines as CSV: in French, times of Paris; a cell is never taken for a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_HEADINGS)
    writer.writerows([as_cell(cell) for cell in _cells(line)] for line in lines)
    return text.getvalue()


def as_json(lines: Iterable[Line]) -> str:
    """The lines as a JSON array; times in ISO 8601."""
    return json.dumps([described(line) for line in lines], ensure_ascii=False)


def described(line: Line) -> dict[str, Any]:
    """One line as JSON has it."""
    return {
        "id": line.id,
        "instant": line.instant.isoformat(),
        "name": line.name,
        "person": line.person,
        "profession": line.profession,
        "structure": line.structure,
        "kind": line.kind.value,
        "act": line.act,
        "mode": line.mode.value,
        "motif": line.motif,
        "circumstances": line.circumstances,
        "result": line.result,
        "documents": [{"unique_id": each.unique_id, "title": each.title, "type": each.type} for each in line.documents],
    }


def _cells(line: Line) -> tuple[str, ...]:
    documents = " ; ".join(f"{each.title or each.type} ({each.unique_id})" for each in line.documents)
    return (
        f"{line.instant.astimezone(PARIS):%d/%m/%Y %H:%M:%S}",
        line.name,
        line.person,
        line.profession,
        line.structure,
        line.act,
        line.circumstances,
        line.result,
        documents,
    )


def as_cell(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULAS) else text
