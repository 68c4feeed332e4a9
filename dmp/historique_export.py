"""A history to take away: as CSV for a spreadsheet, as JSON for a program, as what a paper shows. Pure.

Source: public guides of the DMP (téléchargement du DMP: l'historique des accès); RFC 4180; OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dmp.historique import RESULTS, Line, Page, Wanted
from dmp.sentences import Kind
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
MOST_PRINTED = 5000  # lines of one paper
_INSTANT = timedelta(microseconds=1)  # the end of a period does not belong to it, its last day does
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes a cell that begins so for


@dataclass(frozen=True, slots=True)
class Paper:
    """A history as a paper shows it; `rows` have a text for each heading, whose lines stand below one another."""

    whose: str
    about: tuple[str, ...]  # period, and what else narrows it
    made: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def as_paper(page: Page, wanted: Wanted, made: datetime) -> Paper:
    """The lines of a page as a paper."""
    return Paper(
        whose=page.patient,
        about=narrowed_by(wanted, page.lines),
        made=_minute(made),
        headings=("Date et heure", "Qui", "Action", "Résultat"),
        rows=tuple(_row(line) for line in page.lines),
    )


def narrowed_by(wanted: Wanted, lines: Iterable[Line] = ()) -> tuple[str, ...]:
    """What a history was narrowed by, in French; a person is named as in `lines`."""
    person = next((line.name for line in lines if line.person == wanted.person), wanted.person)
    kinds = [kind.label for kind in Kind if kind in wanted.kinds]
    outcomes = [text for outcome, text in RESULTS.items() if outcome in wanted.outcomes]
    said = (
        _period(wanted),
        f"Personne : {person}" if wanted.person else "",
        f"Nature : {', '.join(kinds)}" if kinds else "",
        f"Résultat : {', '.join(outcomes)}" if outcomes else "",
    )
    return tuple(filter(None, said))


def _period(wanted: Wanted) -> str:
    start = f"{wanted.since.astimezone(PARIS):%d/%m/%Y}" if wanted.since else ""
    end = f"{(wanted.until - _INSTANT).astimezone(PARIS):%d/%m/%Y}" if wanted.until else ""
    if start and end:
        return f"Période : du {start} au {end}"
    if start or end:
        return f"Période : depuis le {start}" if start else f"Période : jusqu'au {end}"
    return "Période : un an, ou les cent dernières actions"


def _row(line: Line) -> tuple[str, ...]:
    who = (line.name, line.profession, line.structure)
    emergency = f"Urgence : {line.circumstances}" if line.circumstances else ""
    what = (emergency, line.act, *(each.title or each.type for each in line.documents))
    texts = ((_minute(line.instant),), who, what, (line.result,))
    return tuple("\n".join(filter(None, each)) for each in texts)


def _minute(instant: datetime) -> str:
    return f"{instant.astimezone(PARIS):%d/%m/%Y à %H:%M}"


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
