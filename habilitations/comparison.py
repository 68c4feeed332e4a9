"""What a matrix answers, cell by cell, and which answers change from one matrix to another. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from habilitations.labels import EVERY_TYPE, document_types
from habilitations.matrices import Matrice, MatriceRow


@dataclass(frozen=True, slots=True)
class Answer:
    """What decides for a profession, or one of its specialties, and a type: a row, or None (refused by default)."""

    profession: str
    specialite: str
    type_document: str
    row: MatriceRow | None


@dataclass(frozen=True, slots=True)
class Change:
    """A cell whose answer changes. Where there is no row the answer is no."""

    profession: str
    specialite: str
    type_document: str
    before: MatriceRow | None
    after: MatriceRow | None

    @property
    def opens(self) -> bool:
        """Whether the new matrix opens the type; else it closes it."""
        return granted(self.after)


def granted(row: MatriceRow | None) -> bool:
    """The answer of a row."""
    return row is not None and row.granted


def answers(matrice: Matrice, profession: str | None = None, type_document: str | None = None) -> tuple[Answer, ...]:
    """The cells of a matrix: its rows or, for one type, what decides about it for each profession and specialty.

    A profession that the matrix does not have gives one answer, without row.
    """
    keys = {key for key in matrice.rows if profession in (None, key[0])}
    if profession is not None:
        keys.add((profession, ""))
    found = []
    for key in sorted(keys):
        kinds = [type_document] if type_document else [*matrice.rows.get(key, {})] or [EVERY_TYPE]
        found += [Answer(*key, kind, matrice.row(*key, kind)) for kind in kinds]
    return tuple(found)


def changes(old: Matrice, new: Matrice) -> tuple[Change, ...]:
    """The cells whose answer changes: professions and specialties of either, every type of the DMP, any other.

    A row that comes or goes without changing what its profession reads is no change.
    """
    return tuple(_changes(old, new))


def _changes(old: Matrice, new: Matrice) -> Iterator[Change]:
    for profession, specialite in sorted({*old.rows, *new.rows}):
        for kind in (*document_types(), EVERY_TYPE):
            before, after = old.row(profession, specialite, kind), new.row(profession, specialite, kind)
            if granted(before) is not granted(after):
                yield Change(profession, specialite, kind, before, after)
