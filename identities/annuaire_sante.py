"""The public extraction of the Annuaire Santé: three files of text, one line for each activity, savoir-faire, diploma.

UTF-8, fields between `|` without quotes or escapes, a first line of column titles, a `|` after the last field or none.
The activity file has 52 columns until 2023 and 4 more since.

Source: ANS, Annuaire Santé, extractions des données en libre accès (annuaire.sante.fr, data.gouv.fr); titles as in the
files of 2023 and of 8 October 2026. Prefixes of structures: ANS, Annuaire Santé FHIR, as-organization (idNatSt).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from identities.id_nat import IdNatError, check_ps_id_nat, check_struct_id_nat

SEPARATOR = "|"
MAX_LINE = 16_384  # bytes; real lines have a few hundred

_TYPE, _NUMBER, _NATIONAL = "Type d'identifiant PP", "Identifiant PP", "Identification nationale PP"
_FAMILY, _GIVEN = "Nom d'exercice", "Prénom d'exercice"
_PROFESSION, _SAVOIR_FAIRE, _MODE = "Code profession", "Code savoir-faire", "Code mode exercice"
_SECTOR, _SECTION, _ROLE = "Code secteur d'activité", "Code section tableau pharmaciens", "Code rôle"
_FORMER = "Ancien identifiant de la structure"  # a Struct_IdNat; the only place of RPPS-rang and ADELI-rang
_NAMES = ("Raison sociale site", "Enseigne commerciale site")
_STRUCTURE_NUMBERS = {  # column -> type digit of Struct_IdNat
    "Numéro FINESS site": "1",
    "Numéro FINESS établissement juridique": "1",
    "Numéro SIRET site": "3",
    "Numéro SIREN site": "2",
}
_PERSON = (_TYPE, _NUMBER, _NATIONAL)
_QUALIFICATION = (
    _PROFESSION,
    "Libellé profession",
    "Code catégorie professionnelle",
    "Libellé catégorie professionnelle",
    "Code type savoir-faire",
    "Libellé type savoir-faire",
    _SAVOIR_FAIRE,
    "Libellé savoir-faire",
)
_ADDRESS = (
    "Complément destinataire",
    "Complément point géographique",
    "Numéro Voie",
    "Indice répétition voie",
    "Code type de voie",
    "Libellé type de voie",
    "Libellé Voie",
    "Mention distribution",
    "Bureau cedex",
    "Code postal",
    "Code commune",
    "Libellé commune",
    "Code pays",
    "Libellé pays",
    "Téléphone",
    "Téléphone 2",
    "Télécopie",
    "Adresse e-mail",
)
_ACTIVITY = (
    *_PERSON,
    "Code civilité d'exercice",
    "Libellé civilité d'exercice",
    "Code civilité",
    "Libellé civilité",
    _FAMILY,
    _GIVEN,
    *_QUALIFICATION,
    _MODE,
    "Libellé mode exercice",
    "Numéro SIRET site",
    "Numéro SIREN site",
    "Numéro FINESS site",
    "Numéro FINESS établissement juridique",
    "Identifiant technique de la structure",
    *_NAMES,
    *(f"{title} (coord. structure)" for title in _ADDRESS),
    "Code Département (structure)",
    "Libellé Département (structure)",
    _FORMER,
    "Autorité d'enregistrement",
    _SECTOR,
    "Libellé secteur d'activité",
    _SECTION,
    "Libellé section tableau pharmaciens",
)
_ACTIVITY_2023 = (*_ACTIVITY, _ROLE, "Libellé rôle", "Code genre activité", "Libellé genre activité")
_DIPLOMA = (
    *_PERSON,
    _FAMILY,
    _GIVEN,
    "Code type diplôme obtenu",
    "Libellé type diplôme obtenu",
    "Code diplôme obtenu",
    "Libellé diplôme obtenu",
    "Code type autorisation",
    "Libellé type autorisation",
    "Code discipline autorisation",
    "Libellé discipline autorisation",
)
_CODE = re.compile(r"[0-9A-Za-z_.-]{1,32}", re.ASCII)


class Kind(Enum):
    """The three files of an extraction, by the beginning of their names."""

    ACTIVITIES = "PS_LibreAcces_Personne_activite"
    SAVOIR_FAIRE = "PS_LibreAcces_SavoirFaire"
    DIPLOMAS = "PS_LibreAcces_Dipl_AutExerc"


TITLES: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    Kind.ACTIVITIES: (_ACTIVITY_2023, _ACTIVITY),
    Kind.SAVOIR_FAIRE: ((*_PERSON, _FAMILY, _GIVEN, *_QUALIFICATION),),
    Kind.DIPLOMAS: (_DIPLOMA,),
}


class ExtractionError(ValueError):
    """A line that cannot be taken, or a file that is none of an extraction. `id_nat` is whose line it is, if known."""

    def __init__(self, what: str, expected: str, got: str, id_nat: str = "") -> None:
        super().__init__(f"{what}: expected {expected}, got {got}")
        self.expected, self.got, self.id_nat = f"{what}: {expected}", got, id_nat


@dataclass(frozen=True, slots=True)
class Line:
    """What one line says. `structures` are the Struct_IdNat of one structure, '' fields say nothing."""

    id_nat: str
    family: str
    given: str
    profession: str = ""
    role: str = ""
    savoir_faire: tuple[str, ...] = ()
    structures: tuple[str, ...] = ()
    name: str = ""
    sector: str = ""
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of one file are."""

    kind: Kind
    width: int
    columns: Mapping[str, int]

    def read(self, raw: bytes, *, luhn: bool = False) -> Line:
        """What one line says; with `luhn`, keys of identifiers are controlled. Raises ExtractionError."""
        fields = _fields(raw)
        if fields[-1] == "" and len(fields) == self.width + 1:
            fields.pop()
        id_nat = _id_nat(fields, self.columns, luhn) if len(fields) > self.columns[_NATIONAL] else ""
        if len(fields) != self.width:
            raise ExtractionError("line", f"{self.width} columns", str(len(fields)), id_nat)
        get = _Fields(fields, self.columns, id_nat)
        line = Line(id_nat, get.text(_FAMILY), get.text(_GIVEN))
        return line if self.kind is Kind.DIPLOMAS else self._qualified(line, get, luhn)

    def _qualified(self, line: Line, get: _Fields, luhn: bool) -> Line:
        profession, role = get.code(_PROFESSION), get.code(_ROLE)
        if not (profession or role):
            raise ExtractionError(_PROFESSION, "a profession or a role", "neither", line.id_nat)
        skills = tuple(dict.fromkeys(filter(None, (get.code(_SAVOIR_FAIRE), get.code(_SECTION)))))
        return Line(
            line.id_nat,
            line.family,
            line.given,
            profession,
            role,
            skills,
            get.structures(luhn),
            next(filter(None, map(get.text, _NAMES)), ""),
            get.code(_SECTOR),
            get.code(_MODE),
        )


@dataclass(frozen=True, slots=True)
class _Fields:
    """One line's fields by title; a column that the file has not is ''."""

    fields: Sequence[str]
    columns: Mapping[str, int]
    id_nat: str

    def text(self, title: str) -> str:
        at = self.columns.get(title)
        return "" if at is None else self.fields[at].strip()

    def code(self, title: str) -> str:
        text = self.text(title)
        if text and not _CODE.fullmatch(text):
            raise ExtractionError(title, "a code of 1 to 32 letters, digits, _ . or -", _shown(text), self.id_nat)
        return text

    def structures(self, luhn: bool) -> tuple[str, ...]:
        """Every Struct_IdNat of the line's structure, each once. A former identifier that is none is left out."""
        numbers = ((title, digit, self.text(title)) for title, digit in _STRUCTURE_NUMBERS.items())
        found = {title: digit + number for title, digit, number in numbers if number}
        for title, value in found.items():
            try:
                check_struct_id_nat(value, luhn=luhn)
            except IdNatError as error:
                raise ExtractionError(title, error.expected, _shown(value), self.id_nat) from None
        if former := self.text(_FORMER):
            with suppress(IdNatError):
                check_struct_id_nat(former, luhn=luhn)
                found[_FORMER] = former
        return tuple(dict.fromkeys(found.values()))


def kind_of(name: str) -> Kind | None:
    """The kind of a file of that name (no folder before it); None for another one's."""
    plain = name.lower().replace("-", "_")
    return next((kind for kind in Kind if plain.startswith(kind.value.lower()) and plain.endswith(".txt")), None)


def read_titles(raw: bytes, kind: Kind | None = None) -> Layout:
    """The layout of a file whose first line is `raw`; of any kind unless said. Raises ExtractionError."""
    titles = [title.strip() for title in _fields(raw.removeprefix(b"\xef\xbb\xbf"))]
    if titles[-1] == "":
        titles.pop()
    possible = [(each, row) for each in ([kind] if kind else Kind) for row in TITLES[each]]
    for each, row in possible:
        if tuple(titles) == row:
            return Layout(each, len(row), {title: at for at, title in enumerate(row)})
    nearest = max((row for _, row in possible), key=lambda row: _agreeing(titles, row))
    at = _agreeing(titles, nearest)
    expected = nearest[at] if at < len(nearest) else "the end"
    raise ExtractionError(f"title of column {at + 1}", expected, _shown(titles[at] if at < len(titles) else ""))


def _agreeing(titles: Sequence[str], row: Sequence[str]) -> int:
    pairs = zip(titles, row, strict=False)
    return next((at for at, (got, expected) in enumerate(pairs) if got != expected), min(len(titles), len(row)))


def _fields(raw: bytes) -> list[str]:
    if len(raw) > MAX_LINE:
        raise ExtractionError("line", f"at most {MAX_LINE} bytes", "more")
    try:
        text = raw.rstrip(b"\r\n").decode()
    except UnicodeDecodeError as error:
        raise ExtractionError("line", "UTF-8", f"byte {raw[error.start]:#04x} at {error.start + 1}") from None
    if "\0" in text:
        raise ExtractionError("line", "text", "a NUL character")
    return text.split(SEPARATOR)


def _id_nat(fields: Sequence[str], columns: Mapping[str, int], luhn: bool) -> str:
    kind, number, national = (fields[columns[title]].strip() for title in _PERSON)
    if kind not in ("0", "8"):
        raise ExtractionError(_TYPE, "0 (ADELI) or 8 (RPPS)", _shown(kind))
    if national != kind + number:
        raise ExtractionError(_NATIONAL, f"{_TYPE} and {_NUMBER}", _shown(national))
    try:
        check_ps_id_nat(national, luhn=luhn)
    except IdNatError as error:
        raise ExtractionError(_NATIONAL, error.expected, _shown(national)) from None
    return national


def _shown(text: str) -> str:
    return repr(text[:64]) if text else "nothing"
