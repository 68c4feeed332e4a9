"""The tables of rights: loads and checks functional rights and the profession × document-type matrix.

Both are CSV files with their version and date in a comment header; docs/habilitations.md describes the formats, so that
an official table can be dropped in. A table that is not sound is not loaded: MatriceError names the file and the line.

Source: GIE SESAM-Vitale, PDT-INF-526 v1.8 and PDT-INF-606 v1.3; arrêté of 26 October 2023 (CSP R.1111-46).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum
from functools import cached_property
from pathlib import Path

from habilitations.action import Action
from habilitations.column import COLUMNS, GESTION, IHE, PATIENTS, SHEETS, Column
from habilitations.labels import EVERY_TYPE, document_types, professions
from habilitations.table_file import NONE, MatriceError, Row, TableFile, Text

FOLDER = Path(__file__).parent

_CELL = re.compile(r"(?P<word>oui|non|-)(\((?P<note>[1-9]|2[12])\))?\Z")
_DROITS_COLUMNS = ("action", "libelle", "note")
_MATRICE_COLUMNS = ("profession", "specialite", "type_document", "consultation", "statut", "source")
_SPECIALTY = re.compile(r"[A-Z]{1,4}\d{0,3}\Z")  # TRE_R38: SM26, C41; TRE_G04: A, DA


class Note(IntEnum):
    """The footnotes of the functional-rights sheets, by their printed number; from 21 on, this house's own.

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
    SAUF_A_ANNONCER = 21  # what hides from legal representatives, not what must still be announced to the patient
    SES_ACTIONS = 22  # one's own actions


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the functional rights. `text` is as printed: `oui(6)`; `-` where the sheet has no such row."""

    granted: bool
    note: Note | None
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one file of functional rights covers: the columns of `sheets`, and a row for each action of `rows`.

    `names` are what its header gives a version of.
    """

    sheets: tuple[str, ...]
    rows: Callable[[Action], bool]
    names: tuple[str, ...]


OFFICIAL = Part(SHEETS, lambda action: action.official, SHEETS)
HOUSE = {  # this house's own files
    "droits_ihe.csv": Part((IHE,), lambda _: True, (IHE,)),
    "droits_patient.csv": Part((PATIENTS,), lambda _: True, (PATIENTS,)),
    "droits_gestion.csv": Part(SHEETS, lambda action: not (action.official or action.foreign), (GESTION,)),
}


@dataclass(frozen=True, slots=True)
class DroitsFonctionnels:
    """Sheets of functional rights; `versions` is by sheet, and GESTION for the house's rows in columns of the DMP."""

    date: date
    versions: Mapping[str, str]
    labels: Mapping[Action, str]
    starred: frozenset[Action]  # note *: documents the patient deposited are for the médecin traitant and the patient
    cells: Mapping[tuple[Action, Column], Cell]

    def sheet(self, action: Action, column: Column) -> str:
        """Under which name of `versions` the cell of that row and column stands."""
        own_row = column.sheet in SHEETS and not (action.official or action.foreign)
        return GESTION if own_row else column.sheet

    def before(self) -> DroitsFonctionnels:
        """What stands before these sheets are in force: the house's own sheets, and nothing of the DMP granted."""
        absent = Cell(False, None, "-")
        nothing = {key: absent if key[1].sheet in SHEETS else cell for key, cell in self.cells.items()}
        versions = {**self.versions, **{sheet: f"{sheet} (aucune version en vigueur)" for sheet in SHEETS}}
        return DroitsFonctionnels(date.min, versions, self.labels, self.starred, nothing)

    def with_own(self, own: Iterable[DroitsFonctionnels]) -> DroitsFonctionnels:
        """These sheets and the house's `own`; what none says, such as a row ITI in a column of the DMP, is refused."""
        absent = Cell(False, None, "-")
        said, versions, labels = dict(self.cells), dict(self.versions), dict[Action, str]()
        for each in own:
            said.update(each.cells)
            versions.update(each.versions)
            labels.update(each.labels)
        return DroitsFonctionnels(
            self.date,
            versions,
            {**labels, **self.labels},
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

    @classmethod
    def none(cls) -> Matrice:
        """What stands before the first matrix is in force: no row, so that everybody reads nothing."""
        return cls("aucune matrice", "aucune en vigueur", date.min, Nature.PARTIELLE, "", {})

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


def load_droits(path: Path, part: Part = OFFICIAL) -> DroitsFonctionnels:
    """The functional rights of a file: a column for each Column of its sheets, a row for each of its actions.

    Raises MatriceError.
    """
    return read_droits(droits_file(path, part), part)


def load_house() -> tuple[DroitsFonctionnels, ...]:
    """This house's own rights. Raises MatriceError."""
    return tuple(load_droits(FOLDER / name, part) for name, part in HOUSE.items())


def droits_file(path: Path, part: Part = OFFICIAL) -> TableFile:
    """A file with the columns of functional rights. Raises MatriceError."""
    return TableFile.read(path, (*_DROITS_COLUMNS, *_columns(part)))


def _columns(part: Part) -> Mapping[str, Column]:
    return {str(column): column for column in COLUMNS.values() if column.sheet in part.sheets}


def read_droits(table: TableFile, part: Part = OFFICIAL) -> DroitsFonctionnels:
    """The same, of a file that was read. Raises MatriceError."""
    path, columns = table.path, _columns(part)
    actions = {action.value: action for action in Action if part.rows(action)}
    labels: dict[Action, str] = {}
    starred: set[Action] = set()
    cells: dict[tuple[Action, Column], Cell] = {}
    for row in table.rows:
        action = actions.get(row["action"])
        if action is None:
            expected = "a transaction, and its variant, of the functional rights"
            raise row.error("action", Text(expected, "une transaction, et sa variante, des droits fonctionnels"))
        if action in labels:
            got = Text(f"a second row {action.value}", f"une deuxième ligne {action.value}")
            raise MatriceError(path, row.line, Text("one row for each action", "une ligne par action"), got)
        labels[action] = row.filled("libelle")
        if row["note"] not in ("", "*"):
            raise row.error("note", Text("* or nothing", "* ou rien"))
        if row["note"]:
            starred.add(action)
        cells |= {(action, column): _cell(row, text) for text, column in columns.items()}
    if missing := [value for value, action in actions.items() if action not in labels]:
        listed = ", ".join(missing)
        expected_rows = Text("a row for each action", "une ligne par action")
        raise MatriceError(path, 0, expected_rows, Text(f"none for {listed}", f"aucune pour {listed}"))
    versions = {name: table.text(f"version {name}") for name in part.names}
    return DroitsFonctionnels(table.date(), versions, labels, frozenset(starred), cells)


def load_matrice(path: Path) -> Matrice:
    """The profession × document-type matrix of a file. Raises MatriceError."""
    return read_matrice(matrice_file(path))


def matrice_file(path: Path) -> TableFile:
    """A file with the columns of a matrix. Raises MatriceError."""
    return TableFile.read(path, _MATRICE_COLUMNS)


def read_matrice(table: TableFile) -> Matrice:
    """The same, of a file that was read. Raises MatriceError."""
    nature = table.member("nature", Nature)
    known, types = set(professions()), set(document_types())
    if nature is Nature.PARTIELLE:
        types.add(EVERY_TYPE)
    rows: dict[tuple[str, str], dict[str, MatriceRow]] = defaultdict(dict)
    for row in table.rows:
        read = _matrice_row(row, known, types)
        same = rows[read.profession, read.specialite]
        if first := same.get(read.type_document):
            expected = Text("one row for each profession and type", "une ligne par profession et type")
            where = Text(f"a second one (the first: line {first.line})", f"une deuxième (la première : {first.line})")
            raise MatriceError(table.path, row.line, expected, where)
        same[read.type_document] = read
    if nature is not Nature.PARTIELLE:
        _no_hole(table, rows)
    return Matrice(table.path.name, table.text("version"), table.date(), nature, table.text("source"), dict(rows))


def _matrice_row(row: Row, known: set[str], types: set[str]) -> MatriceRow:
    if row["profession"] not in known:
        expected = "a health profession of TRE_G15 (table subject_role)"
        raise row.error("profession", Text(expected, "une profession de santé de TRE_G15 (table subject_role)"))
    if row["specialite"] and not _SPECIALTY.match(row["specialite"]):
        expected = "a code of TRE_R38 or TRE_G04, or nothing"
        raise row.error("specialite", Text(expected, "un code de TRE_R38 ou de TRE_G04, ou rien"))
    if row["type_document"] not in types:
        star, etoile = (", or * for every other", ", ou * pour tout autre") if EVERY_TYPE in types else ("", "")
        expected = f"a code of the table type_document{star}"
        raise row.error("type_document", Text(expected, f"un code de la table type_document{etoile}"))
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
    """A complete table has as many professions and types as it says, and a row for each pair of them.

    A hole is shown at the last row of its profession.
    """
    types = {kind for by_type in rows.values() for kind in by_type}
    professions = {profession for profession, _ in rows}
    for profession in sorted(professions):
        if missing := sorted(types - set(rows.get((profession, ""), {}))):
            last = max(row.line for key, found in rows.items() if key[0] == profession for row in found.values())
            where = (profession, missing[0])
            expected = Text(
                "a row for profession {} and type {}".format(*where),
                "une ligne pour la profession {} et le type {}".format(*where),
            )
            raise MatriceError(table.path, last, expected, NONE)
    for key, count in (("professions", len(professions)), ("types", len(types))):
        said = table.text(key)
        if said != str(count):
            announced = Text(f"{said} {key}, as the header says", f"{said} {key}, comme le dit l'en-tête")
            raise MatriceError(table.path, table.line(key), announced, str(count))


def _cell(row: Row, column: str) -> Cell:
    text = row[column]
    match = _CELL.match(text)
    if match is None or (match["note"] and match["word"] != "oui"):
        raise row.error(column, Text("oui, oui(1) to oui(9), non or -", "oui, oui(1) à oui(9), non ou -"))
    return Cell(match["word"] == "oui", Note(int(match["note"])) if match["note"] else None, text)
