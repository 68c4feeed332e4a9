"""The versions of the tables, and which of them is in force at an instant.

A table is in force from its date, the civil date of Paris, until the date of the next; a version is whole, and nothing
of an earlier one shows through it. Before the first there is none, and nothing is granted.

Source: CSP R.1111-46 (the matrix is set by order, and changed by order); arrêté of 26 October 2023.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from habilitations.column import SHEETS
from habilitations.matrices import (
    FOLDER,
    DroitsFonctionnels,
    Matrice,
    droits_file,
    load_house,
    matrice_file,
    read_droits,
    read_matrice,
)
from habilitations.table_file import MatriceError, TableFile, Text

PARIS = ZoneInfo("Europe/Paris")
DROITS_PREFIX = "droits_fonctionnels"  # of the files that are functional rights; every other is a matrix


class _Dated(Protocol):
    @property
    def date(self) -> date: ...


T = TypeVar("T", bound=_Dated)


def civil_date(instant: datetime) -> date:
    """The date on which an aware instant falls in Paris."""
    return instant.astimezone(PARIS).date()


@dataclass(frozen=True, slots=True)
class InForce:
    """The tables of one day."""

    droits: DroitsFonctionnels
    matrice: Matrice


@dataclass(frozen=True, slots=True)
class Tables:
    """Every version of the tables that decide, by date. Immutable; load once."""

    droits: tuple[DroitsFonctionnels, ...]
    matrices: tuple[Matrice, ...]
    _days: tuple[date, ...] = field(init=False, repr=False, compare=False)
    _in_force: tuple[InForce, ...] = field(init=False, repr=False, compare=False)  # one more: before the first day

    def __post_init__(self) -> None:
        droits, matrices = _by_date(self.droits), _by_date(self.matrices)
        days = sorted({each.date for each in droits} | {each.date for each in matrices})
        before = InForce(droits[0].before(), Matrice.none())
        standing = [before]
        for day in days:
            standing.append(InForce(_last(droits, day, before.droits), _last(matrices, day, before.matrice)))
        for name, value in (("droits", droits), ("matrices", matrices), ("_days", tuple(days))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_in_force", tuple(standing))

    @classmethod
    def load(
        cls,
        matrice: Path | str = "matrice_habilitation.csv",
        *,
        folder: Path | None = None,
    ) -> Tables:
        """The shipped tables, and those of `folder` beside them; a bare name is a shipped table. Raises MatriceError.

        A file of the folder takes the place of the shipped table of the same date; otherwise two tables of one date, or
        of one version, are refused: nobody could say which of them decided.
        """
        first = _shipped(matrice)
        dropped = [path for path in _tables_of(folder) if path.resolve() != first.resolve()]
        droits_paths = [path for path in dropped if is_droits(path)]
        matrice_paths = [path for path in dropped if not is_droits(path)]
        house = load_house()
        droits = _together(_DROITS, _shipped(f"{DROITS_PREFIX}.csv"), droits_paths)
        return cls(
            tuple(found.table.with_own(house) for found in droits),
            tuple(found.table for found in _together(_MATRICE, first, matrice_paths)),
        )

    def at(self, instant: datetime) -> InForce:
        """The tables in force at an aware instant."""
        return self.on(civil_date(instant))

    def on(self, day: date) -> InForce:
        """The tables in force on a civil date of Paris."""
        return self._in_force[bisect_right(self._days, day)]


def _by_date(tables: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(tables, key=lambda table: table.date))


def _last(tables: Sequence[T], day: date, otherwise: T) -> T:
    """The last of `tables`, sorted by date, that is in force on `day`."""
    index = bisect_right(tables, day, key=lambda table: table.date)
    return tables[index - 1] if index else otherwise


@dataclass(frozen=True, slots=True)
class _Found(Generic[T]):
    """A table and the file it was read from."""

    file: TableFile
    table: T


@dataclass(frozen=True, slots=True)
class _Kind(Generic[T]):
    """How a family of tables is read, and which header key names a version that both of two tables claim."""

    open: Callable[[Path], TableFile]
    read: Callable[[TableFile], T]
    clash: Callable[[T, T], str | None]

    def found(self, path: Path) -> _Found[T]:
        file = self.open(path)
        return _Found(file, self.read(file))


def _same_matrice(one: Matrice, other: Matrice) -> str | None:
    return "version" if one.version == other.version else None


def _same_droits(one: DroitsFonctionnels, other: DroitsFonctionnels) -> str | None:
    """A sheet may stand in several files under one version as long as it says the same, and another sheet is new."""
    alike = [sheet for sheet in SHEETS if one.versions[sheet] == other.versions[sheet]]
    for sheet in alike:
        if len(alike) == len(SHEETS) or _sheet(one, sheet) != _sheet(other, sheet):
            return f"version {sheet}"
    return None


def _sheet(droits: DroitsFonctionnels, sheet: str) -> Mapping[object, object]:
    return {key: cell for key, cell in droits.cells.items() if key[1].sheet == sheet}


_MATRICE = _Kind(matrice_file, read_matrice, _same_matrice)
_DROITS = _Kind(droits_file, read_droits, _same_droits)


def check(paths: Sequence[Path]) -> tuple[Matrice | DroitsFonctionnels | MatriceError, ...]:
    """What each file is, or why it is refused: by itself, or beside those before it."""
    matrices: list[_Found[Matrice]] = []
    droits: list[_Found[DroitsFonctionnels]] = []
    results: list[Matrice | DroitsFonctionnels | MatriceError] = []
    for path in paths:
        try:
            results.append(_added(_DROITS, droits, path) if is_droits(path) else _added(_MATRICE, matrices, path))
        except MatriceError as error:
            results.append(error)
    return tuple(results)


def _added(kind: _Kind[T], others: list[_Found[T]], path: Path) -> T:
    found = kind.found(path)
    _distinct(kind, found, others)
    others.append(found)
    return found.table


def is_droits(path: Path) -> bool:
    """Whether a file is one of functional rights, by its name."""
    return path.name.startswith(DROITS_PREFIX)


def _tables_of(folder: Path | None) -> list[Path]:
    """The tables of a folder, by name; hidden files are none. Raises MatriceError."""
    if folder is None:
        return []
    try:
        return sorted(
            path for path in folder.iterdir() if path.suffix.lower() == ".csv" and not path.name.startswith(".")
        )
    except OSError as error:
        expected = Text("a folder of tables", "un dossier de tables")
        raise MatriceError(folder, 0, expected, error.strerror or type(error).__name__) from None


def _together(kind: _Kind[T], shipped: Path, dropped: Sequence[Path]) -> list[_Found[T]]:
    first = _found_shipped(kind, shipped) if shipped.parent == FOLDER else kind.found(shipped)
    found: list[_Found[T]] = []
    for path in dropped:
        each = kind.found(path)
        _distinct(kind, each, found)
        found.append(each)
    for each in found:
        _distinct(kind, each, [first], date_too=shipped.parent != FOLDER)
    replaced = any(each.table.date == first.table.date for each in found)
    return found if replaced else [first, *found]


@cache
def _found_shipped(kind: _Kind[T], path: Path) -> _Found[T]:
    """A table that came with this package, and does not change while it is imported: read once in a process."""
    return kind.found(path)


def _distinct(kind: _Kind[T], found: _Found[T], others: Iterable[_Found[T]], *, date_too: bool = True) -> None:
    """Raises MatriceError when one of `others` has the date or the version of `found`."""
    for other in others:
        same = kind.clash(found.table, other.table)
        if same is None and date_too and found.table.date == other.table.date:
            same = "date"
        if same is not None:
            expected = Text(f"{same}: of no other table", f"{same} : d'aucune autre table")
            said, path = found.file.text(same), other.file.path
            got = Text(f"{said}, which {path} has too", f"{said}, que porte aussi {path}")
            raise MatriceError(found.file.path, found.file.line(same), expected, got)


def _shipped(path: Path | str) -> Path:
    path = Path(path)
    return FOLDER / path if path.parent == Path() else path
