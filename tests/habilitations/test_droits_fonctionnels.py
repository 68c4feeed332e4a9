"""Every cell of both sheets of functional rights: as the sheets print it, and as the decision applies it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from habilitations.action import Action
from habilitations.column import COLUMNS, SHEETS, Column
from habilitations.decision import Tables, decide
from habilitations.matrices import Note
from tests.conftest import reference_folder
from tests.habilitations.people import NOW, in_column

TABLES = Tables.load()
(DROITS,) = TABLES.droits

# Both sheets print their rows in this order; the sheet AIR has no row TD0.3/fin-medecin-traitant.
PRINTED = [
    "TD0.1 TD0.2 TD0.3/ajout TD0.3/suppression TD0.3/fin-medecin-traitant TD0.4 TD0.5 TD0.9 TD1.3a TD1.6 TD2.1 TD2.2",
    "TD3.1 TD3.1/reference TD3.2 TD3.2/masque TD3.2/invisible TD3.2/archive TD3.2/obsolete TD3.2/supprime",
    "TD3.3a/masquer TD3.3a/demasquer TD3.3b TD3.3d/archiver TD3.3d/desarchiver TD3.3c",
]
FILES = {"CPS_CPE_ES": "droits_fonctionnels_CPS_CPE_ES.csv", "AIR": "droits_fonctionnels_AIR.csv"}


def reference_cells() -> list[tuple[str, Action, str, str]]:
    """(sheet, action, heading, text) of every cell of the reference tables, where they are at hand."""
    folder = reference_folder()
    cells: list[tuple[str, Action, str, str]] = []
    for sheet, name in FILES.items() if folder else ():
        rows = _rows(Path(str(folder)) / "fr" / "habilitation" / name)
        actions = [Action(value) for value in " ".join(PRINTED).split()]
        if sheet == "AIR":
            actions.remove(Action.TD0_3_FIN_MT)
        for action, row in zip(actions, rows[1:], strict=True):
            assert row[0].replace("TD0.10", "TD0.9") == action.transaction
            cells += [(sheet, action, heading, text) for heading, text in zip(rows[0][2:], row[2:], strict=True)]
    return cells


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _named(cell: tuple[str, Action, str, str]) -> str:
    return f"{cell[0]}/{cell[2]}-{cell[1].value}"


def applied(sheet: str, action: Action, heading: str) -> str:
    """The cell that the decision applies to someone whom that column judges."""
    requester, statement = in_column(sheet, heading)
    decision = decide(TABLES, requester, action, statement, now=NOW)
    said = sheet if action.official or action.foreign or sheet not in SHEETS else "GESTION"
    assert (decision.table, decision.row, decision.column) == (f"droits_fonctionnels/{said}", action.value, heading)
    if not decision.granted:
        assert (decision.rule, decision.footnote, decision.scope) == ("droit_fonctionnel", None, None)
        assert decision.concerns_requester_only
        assert "ne permet pas" in decision.sentence
        return decision.got
    assert "permet" in decision.sentence
    return f"oui({decision.footnote})" if decision.footnote else "oui"


@pytest.mark.reference
@pytest.mark.parametrize("cell", reference_cells(), ids=_named)
def test_every_cell_of_the_reference_is_applied(cell: tuple[str, Action, str, str]) -> None:
    sheet, action, heading, text = cell
    assert applied(sheet, action, heading) == text


@pytest.mark.reference
def test_the_reference_has_all_our_columns_and_every_cell(reference: Path) -> None:
    cells = reference_cells()
    assert len(cells) == 26 * 12 + 25 * 9
    assert {(sheet, heading) for sheet, _, heading, _ in cells} == {
        (column.sheet, column.heading) for column in COLUMNS.values() if column.sheet in SHEETS
    }


@pytest.mark.parametrize("column", COLUMNS.values(), ids=str)
@pytest.mark.parametrize("action", Action, ids=lambda action: action.value)
def test_every_cell_of_our_table_is_applied(action: Action, column: Column) -> None:
    cell = DROITS.cells[action, column]
    assert applied(column.sheet, action, column.heading) == cell.text
    assert cell.granted == cell.text.startswith("oui")


# Cells known by heart, so that the table cannot be altered unnoticed where the reference is absent.
@pytest.mark.parametrize(
    ("action", "column", "text"),
    [
        (Action.TD2_1, "CPS_CPE_ES/ES_indirect:normal", "oui(4)"),
        (Action.TD2_1, "CPS_CPE_ES/CPE_non_PS:normal", "non"),
        (Action.TD2_1, "AIR/medecin_traitant_DMP:normal", "non"),
        (Action.TD3_1, "CPS_CPE_ES/ES_indirect:normal", "non"),
        (Action.TD3_1, "CPS_CPE_ES/medecin_du_travail:sans_objet", "oui"),
        (Action.TD3_2, "CPS_CPE_ES/medecin_du_travail:sans_objet", "non"),
        (Action.TD3_2, "CPS_CPE_ES/ES_indirect:normal", "non"),
        (Action.TD3_2, "AIR/PS_non_medecin:normal", "oui"),
        (Action.TD3_2_MASQUE, "CPS_CPE_ES/PS_non_medecin:normal", "oui(6)"),
        (Action.TD3_2_MASQUE, "CPS_CPE_ES/medecin_traitant_DMP:normal", "oui"),
        (Action.TD3_2_MASQUE, "AIR/medecin_traitant_DMP:bris_de_glace", "oui(7)"),
        (Action.TD3_3D_ARCHIVER, "CPS_CPE_ES/medecin_non_MT:normal", "oui(8)"),
        (Action.TD3_3D_ARCHIVER, "AIR/medecin_non_MT:normal", "oui"),
        (Action.TD0_3_FIN_MT, "AIR/medecin_traitant_DMP:normal", "-"),
        (Action.TD0_5, "CPS_CPE_ES/ES_indirect:centre_15", "oui"),
    ],
    ids=str,
)
def test_cells_known_by_heart(action: Action, column: str, text: str) -> None:
    (cell,) = (DROITS.cells[action, known] for known in COLUMNS.values() if str(known) == column)
    assert cell.text == text


def test_the_table_says_where_it_comes_from() -> None:
    official = {"CPS_CPE_ES": "PDT-INF-526 v1.8 (2024-09-25)", "AIR": "PDT-INF-606 v1.3"}
    assert DROITS.versions == official | {"IHE": "maison-4", "PATIENT": "maison-4", "GESTION": "maison-2"}
    assert DROITS.starred == {Action.TD3_3C, Action.TD3_3D_ARCHIVER, Action.TD3_3D_DESARCHIVER}
    assert {cell.note for cell in DROITS.cells.values()} == {None, *Note}
