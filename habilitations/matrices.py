"""The tables of rights: loads and checks functional rights and the profession × document-type matrix.

Both are CSV files with their version and date in a comment header; docs/habilitations.md describes the formats, so that
an official table can be dropped in. A table that is not sound is not loaded: MatriceError names the file and the line.

Source: GIE SESAM-Vitale, PDT-INF-526 v1.8 and PDT-INF-606 v1.3; arrêté of 26 October 2023 (CSP R.1111-46).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum
from functools import cached_property
from pathlib import Path

from habilitations.action import Action
from habilitations.column import COLUMNS, SHEETS, Column
from habilitations.table_file import MatriceError, Row, TableFile
from schemas import oids
from schemas.value_sets import ValueSets

FOLDER = Path(__file__).parent
EVERY_TYPE = "*"

_CELL = re.compile(r"(?P<word>oui|non|-)(\((?P<note>[1-9])\))?\Z")
_DROITS_COLUMNS = ("action", "libelle", "note")
_MATRICE_COLUMNS = ("profession", "specialite", "type_document", "consultation", "statut", "source")
_SPECIALTY = re.compile(r"[A-Z]{1,4}\d{0,3}\Z")  # TRE_R38: SM26, C41; TRE_G04: A, DA


class Note(IntEnum):
    """The footnotes of the functional-rights sheets, by their printed number.

    Source: PDT-INF-526 v1.8 and PDT-INF-606 v1.3, notes (1) to (9).
    """

    AUTORISATION_DE_LA_STRUCTURE = 1  # the authorisation is given to the structure
    MEME_STRUCTURE = 2  # limited to the professionals of the same structure
    NOUVELLES_AUTORISATIONS = 3  # limited by date to new authorisations
    IMPUTE_A_LA_STRUCTURE = 4  # the document is imputed to the structure
    REFERENCE_A_SUPPRIMER = 5  # only to find the reference of a document, to delete it
    AUTEUR = 6  # the author's own documents
    SI_LE_PATIENT_LE_PERMET = 7  # masked document in an emergency, where the patient allowed it
    SES_DOCUMENTS = 8  # one's own documents
    DOCUMENTS_DE_LA_STRUCTURE = 9  # documents of the structure


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the functional rights. `text` is as printed: `oui(6)`; `-` where the sheet has no such row."""

    granted: bool
    note: Note | None
    text: str


@dataclass(frozen=True, slots=True)
class DroitsFonctionnels:
    """Sheets of functional rights; `versions` is by sheet."""

    date: date
    versions: Mapping[str, str]
    labels: Mapping[Action, str]
    starred: frozenset[Action]  # note *: documents the patient deposited are for the médecin traitant and the patient
    cells: Mapping[tuple[Action, Column], Cell]

    def with_own(self, own: DroitsFonctionnels) -> DroitsFonctionnels:
        """These sheets and `own`; what neither says, such as a row of ours in a column of the DMP, is not granted."""
        said = {**self.cells, **own.cells}
        absent = Cell(False, None, "-")
        return DroitsFonctionnels(
            self.date,
            {**self.versions, **own.versions},
            {**own.labels, **self.labels},
            self.starred,
            {(action, column): said.get((action, column), absent) for action in Action for column in COLUMNS.values()},
        )


class Nature(Enum):
    """What a matrix claims to be: only a complete one may say that it has no hole, a synthetic one is no law."""

    PARTIELLE = "partielle"
    COMPLETE = "complete"
    SYNTHETIQUE = "synthetique"  # complete, and made up


class Statut(Enum):
    """How sure one row of a matrix is."""

    OFFICIEL = "officiel"
    COMPLET = "complet"  # the source gives the whole list
    PARTIEL = "partiel"  # the source gives examples
    ANCIEN = "ancien"  # from a matrix no longer in force
    SYNTHETIQUE = "synthetique"  # made up


class _Consultation(Enum):
    OUI = "oui"
    NON = "non"


@dataclass(frozen=True, slots=True)
class MatriceRow:
    """One row of a matrix, `line` of its file. `type_document` is a typeCode, or `*` for every type not named."""

    profession: str
    specialite: str
    type_document: str
    granted: bool
    statut: Statut
    source: str
    line: int


@dataclass(frozen=True, eq=False)
class Matrice:
    """A profession × document-type matrix. Whatever no row says is refused."""

    name: str
    version: str
    date: date
    nature: Nature
    source: str
    rows: Mapping[tuple[str, str], Mapping[str, MatriceRow]]  # (profession, specialty or '') -> typeCode or * -> row

    def row(self, profession: str, specialty: str, type_code: str) -> MatriceRow | None:
        """The row that decides: the specialty's own before the profession's, a named type before `*`."""
        for key in ((profession, specialty), (profession, "")):
            rows = self.rows.get(key, {})
            if found := rows.get(type_code) or rows.get(EVERY_TYPE):
                return found
        return None

    def types(self, profession: str, specialty: str) -> tuple[bool, frozenset[str]]:
        """What a profession reads: (False, these types only) or (True, every type but these)."""
        key = (profession, specialty) if (profession, specialty) in self.rows else (profession, "")
        return self._types.get(key, (False, frozenset()))

    @cached_property
    def _types(self) -> Mapping[tuple[str, str], tuple[bool, frozenset[str]]]:
        return {key: self._types_of(*key) for key in self.rows}

    def _types_of(self, profession: str, specialty: str) -> tuple[bool, frozenset[str]]:
        def grants(type_code: str) -> bool:
            row = self.row(profession, specialty, type_code)
            return row is not None and row.granted

        named = {code for key in ((profession, specialty), (profession, "")) for code in self.rows.get(key, {})}
        otherwise = grants(EVERY_TYPE)
        return otherwise, frozenset(code for code in named - {EVERY_TYPE} if grants(code) is not otherwise)


def load_droits(path: Path, sheets: Sequence[str] = SHEETS) -> DroitsFonctionnels:
    """The functional rights of a file: a column for each Column of `sheets`, a row for each Action.

    The sheets of the DMP have the official actions only. Raises MatriceError.
    """
    columns = {str(column): column for column in COLUMNS.values() if column.sheet in sheets}
    table = TableFile.read(path, (*_DROITS_COLUMNS, *columns))
    actions = {action.value: action for action in Action if action.official or sheets is not SHEETS}
    labels: dict[Action, str] = {}
    starred: set[Action] = set()
    cells: dict[tuple[Action, Column], Cell] = {}
    for row in table.rows:
        action = actions.get(row["action"])
        if action is None:
            raise row.error("action", "a transaction, and its variant, of the functional rights")
        if action in labels:
            raise MatriceError(path, row.line, "one row for each action", f"a second row {action.value}")
        labels[action] = row.filled("libelle")
        if row["note"] not in ("", "*"):
            raise row.error("note", "* or nothing")
        if row["note"]:
            starred.add(action)
        cells |= {(action, column): _cell(row, text) for text, column in columns.items()}
    if missing := [value for value, action in actions.items() if action not in labels]:
        raise MatriceError(path, 0, "a row for each action", f"none for {', '.join(missing)}")
    versions = {sheet: table.text(f"version {sheet}") for sheet in sheets}
    return DroitsFonctionnels(table.date(), versions, labels, frozenset(starred), cells)


def load_matrice(path: Path) -> Matrice:
    """The profession × document-type matrix of a file. Raises MatriceError."""
    table = TableFile.read(path, _MATRICE_COLUMNS)
    nature = table.member("nature", Nature)
    value_sets = ValueSets.load()
    professions = {role.code for role in value_sets.concepts("subject_role") if role.scheme == oids.PROFESSION}
    types = {kind.code for kind in value_sets.concepts("type_document")}
    if nature is Nature.PARTIELLE:
        types.add(EVERY_TYPE)
    rows: dict[tuple[str, str], dict[str, MatriceRow]] = defaultdict(dict)
    for row in table.rows:
        read = _matrice_row(row, professions, types)
        same = rows[read.profession, read.specialite]
        if first := same.get(read.type_document):
            expected, got = "one row for each profession and type", f"a second one (the first: line {first.line})"
            raise MatriceError(path, row.line, expected, got)
        same[read.type_document] = read
    if nature is not Nature.PARTIELLE:
        _no_hole(table, rows)
    return Matrice(path.name, table.text("version"), table.date(), nature, table.text("source"), dict(rows))


def _matrice_row(row: Row, professions: set[str], types: set[str]) -> MatriceRow:
    if row["profession"] not in professions:
        raise row.error("profession", "a health profession of TRE_G15 (table subject_role)")
    if row["specialite"] and not _SPECIALTY.match(row["specialite"]):
        raise row.error("specialite", "a code of TRE_R38 or TRE_G04, or nothing")
    if row["type_document"] not in types:
        star = ", or * for every other" if EVERY_TYPE in types else ""
        raise row.error("type_document", f"a code of the table type_document{star}")
    return MatriceRow(
        profession=row["profession"],
        specialite=row["specialite"],
        type_document=row["type_document"],
        granted=row.member("consultation", _Consultation) is _Consultation.OUI,
        statut=row.member("statut", Statut),
        source=row["source"],
        line=row.line,
    )


def _no_hole(table: TableFile, rows: Mapping[tuple[str, str], Mapping[str, MatriceRow]]) -> None:
    """A complete table has as many professions and types as it says, and a row for each pair of them."""
    types = {kind for by_type in rows.values() for kind in by_type}
    professions = {profession for profession, _ in rows}
    for profession in sorted(professions):
        if missing := sorted(types - set(rows.get((profession, ""), {}))):
            raise MatriceError(table.path, 0, f"a row for profession {profession} and type {missing[0]}", "none")
    for key, count in (("professions", len(professions)), ("types", len(types))):
        if table.text(key) != str(count):
            raise MatriceError(table.path, 0, f"{table.text(key)} {key}, as the header says", str(count))


def _cell(row: Row, column: str) -> Cell:
    text = row[column]
    match = _CELL.match(text)
    if match is None or (match["note"] and match["word"] != "oui"):
        raise row.error(column, "oui, oui(1) to oui(9), non or -")
    return Cell(match["word"] == "oui", Note(int(match["note"])) if match["note"] else None, text)
