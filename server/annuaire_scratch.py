"""An extraction, put in order on disk: a scratch database that sorts what memory should not hold.

Of several lines on one professional or structure the lowest says his names, whatever their order in the file: the same
extraction shuffled changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from identities.annuaire_sante import Kind, Line
from identities.professional import Activity, Exercice, Listing, Professional, Structure
from schemas import oids

_TABLES = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-16384;
CREATE TABLE person (id_nat PRIMARY KEY, profession, role, family, given) WITHOUT ROWID;
CREATE TABLE structure (structure_id PRIMARY KEY, name, sector) WITHOUT ROWID;
CREATE TABLE activity (id_nat, structure_id, sector, mode, PRIMARY KEY (id_nat, structure_id, sector, mode))
    WITHOUT ROWID;
CREATE TABLE exercice (id_nat, profession, savoir_faire, PRIMARY KEY (id_nat, profession, savoir_faire)) WITHOUT ROWID;
CREATE TABLE spared (id_nat PRIMARY KEY) WITHOUT ROWID;
"""
_PERSON = """
INSERT INTO person VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET profession = excluded.profession, role = excluded.role, family = excluded.family, given = excluded.given
WHERE (excluded.profession, excluded.role, excluded.family, excluded.given) < (profession, role, family, given)
"""
_STRUCTURE = """
INSERT INTO structure VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name, sector = excluded.sector
WHERE (excluded.name = '', excluded.name, excluded.sector) < (name = '', name, sector)
"""
_ACTIVITY = "INSERT OR IGNORE INTO activity VALUES (?, ?, ?, ?)"
_EXERCICE = "INSERT OR IGNORE INTO exercice VALUES (?, ?, ?)"
_SPARED = "INSERT OR IGNORE INTO spared VALUES (?)"


class Scratch:
    """What the lines of one extraction said, by professional and by structure."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(_TABLES)

    def add(self, kind: Kind, lines: Collection[Line], spared: Iterable[str] = ()) -> None:
        """Takes lines of one file in; diplomas say nothing that the directory keeps.

        Of those `spared`, a line could not be taken: nothing that is known of them is to end.
        """
        with self._connection:
            self._connection.executemany(_SPARED, ((each,) for each in spared))
            if kind is not Kind.DIPLOMAS:
                self._add(kind, lines)

    def _add(self, kind: Kind, lines: Collection[Line]) -> None:
        many = self._connection.executemany
        skills = ((each.id_nat, each.profession, skill) for each in lines for skill in each.savoir_faire or ("",))
        many(_EXERCICE, skills)
        if kind is Kind.ACTIVITIES:
            many(_PERSON, ((each.id_nat, each.profession, each.role, each.family, each.given) for each in lines))
            pairs = [(each, structure) for each in lines for structure in each.structures]
            many(_STRUCTURE, ((structure, each.name, each.sector) for each, structure in pairs))
            many(_ACTIVITY, ((each.id_nat, structure, each.sector, each.mode) for each, structure in pairs))

    def structures(self, size: int) -> Iterator[list[Structure]]:
        """Every structure, by Struct_IdNat, `size` at a time."""
        cursor = self._connection.execute("SELECT structure_id, name, sector FROM structure ORDER BY structure_id")
        while rows := cursor.fetchmany(size):
            yield [Structure(*row) for row in rows]

    def listings(self, size: int) -> Iterator[list[Listing]]:
        """Every professional, by PS_IdNat, `size` at a time."""
        cursor = self._connection.execute(
            "SELECT person.*, spared.id_nat IS NOT NULL FROM person LEFT JOIN spared USING (id_nat) ORDER BY id_nat"
        )
        while rows := cursor.fetchmany(size):
            activities, exercices = self._activities(rows[0][0], rows[-1][0]), self._exercices(rows[0][0], rows[-1][0])
            yield [
                Listing(
                    Professional(
                        id_nat=id_nat,
                        family=family,
                        given=given,
                        profession=profession or role,
                        profession_system=oids.PROFESSION if profession else oids.ROLE_PRISE_CHARGE,
                        exercices=exercices.get(id_nat, frozenset()),
                    ),
                    activities.get(id_nat, ()),
                    bool(spared),
                )
                for id_nat, profession, role, family, given, spared in rows
            ]

    def _activities(self, first: str, last: str) -> dict[str, tuple[Activity, ...]]:
        rows = self._connection.execute(
            "SELECT * FROM activity WHERE id_nat BETWEEN ? AND ? ORDER BY id_nat, structure_id", (first, last)
        )
        found: dict[str, tuple[Activity, ...]] = {}
        for (id_nat, structure), group in groupby(rows, key=lambda row: (row[0], row[1])):
            same = list(group)
            sectors, modes = ({row[column] for row in same} - {""} for column in (2, 3))
            activity = Activity(structure, frozenset(sectors), frozenset(modes))
            found[id_nat] = (*found.get(id_nat, ()), activity)
        return found

    def _exercices(self, first: str, last: str) -> dict[str, frozenset[Exercice]]:
        rows = self._connection.execute(
            "SELECT * FROM exercice WHERE profession <> '' AND id_nat BETWEEN ? AND ? ORDER BY id_nat", (first, last)
        )
        return {
            id_nat: frozenset(Exercice(profession, skill) for _, profession, skill in group)
            for id_nat, group in groupby(rows, key=lambda row: row[0])
        }

    def missing_people(self, keys: Collection[str]) -> list[str]:
        """Those of `keys` whom the extraction names nowhere."""
        return self._missing(
            keys,
            "SELECT id_nat FROM person WHERE id_nat IN ({0}) UNION SELECT id_nat FROM spared WHERE id_nat IN ({0})",
        )

    def missing_structures(self, keys: Collection[str]) -> list[str]:
        """Those of `keys` that the extraction names nowhere."""
        return self._missing(keys, "SELECT structure_id FROM structure WHERE structure_id IN ({0})")

    def _missing(self, keys: Collection[str], statement: str) -> list[str]:
        marks = ", ".join(f"?{number}" for number in range(1, len(keys) + 1))
        found = {row[0] for row in self._connection.execute(statement.format(marks), tuple(keys))}
        return [key for key in keys if key not in found]


@contextmanager
def scratch(folder: Path) -> Iterator[Scratch]:
    """A scratch database in `folder`, gone afterwards."""
    with TemporaryDirectory(prefix="annuaire-", dir=folder) as name:
        connection = sqlite3.connect(Path(name) / "scratch.db")
        try:
            yield Scratch(connection)
        finally:
            connection.close()
