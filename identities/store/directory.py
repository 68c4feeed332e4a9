"""Professionals and structures, as the directory's rows. Source: Annuaire Santé (RPPS, FINESS)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from identities.professional import Activity, Exercice, Origin, Professional, Structure
from identities.requester import Authentication
from identities.store.tables import EXERCICES, MEMBERSHIPS, PROFESSIONALS, STRUCTURES

_EVERY_PROFESSIONAL = (
    sa.select(PROFESSIONALS, MEMBERSHIPS.c.structure_id)
    .outerjoin(MEMBERSHIPS, (MEMBERSHIPS.c.id_nat == PROFESSIONALS.c.id_nat) & MEMBERSHIPS.c.ended.is_(None))
    .order_by(PROFESSIONALS.c.id_nat)
)
_PROFESSIONAL = _EVERY_PROFESSIONAL.where(PROFESSIONALS.c.id_nat == sa.bindparam("id_nat"))
_EVERY_EXERCICE = sa.select(EXERCICES)
_EXERCICES = _EVERY_EXERCICE.where(EXERCICES.c.id_nat == sa.bindparam("id_nat"))
_ACTIVITIES = (
    sa.select(MEMBERSHIPS)
    .where(MEMBERSHIPS.c.id_nat == sa.bindparam("id_nat"))
    .order_by(MEMBERSHIPS.c.ended.is_not(None), MEMBERSHIPS.c.structure_id)
)
_EVERY_STRUCTURE = sa.select(STRUCTURES).order_by(STRUCTURES.c.structure_id)
_STRUCTURE = _EVERY_STRUCTURE.where(STRUCTURES.c.structure_id == sa.bindparam("structure_id"))

_MEMBERS = (
    sa.select(PROFESSIONALS.c.id_nat)
    .join(MEMBERSHIPS, MEMBERSHIPS.c.id_nat == PROFESSIONALS.c.id_nat)
    .where(
        MEMBERSHIPS.c.structure_id == sa.bindparam("structure_id"),
        MEMBERSHIPS.c.ended.is_(None),
        PROFESSIONALS.c.active,
    )
    .order_by(PROFESSIONALS.c.id_nat)
)


class Directory:
    """Professionals and structures, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def professional(self, id_nat: str) -> Professional | None:
        """The professional of that PS_IdNat, None when the directory has none."""
        exercices = _exercices(self._connection.execute(_EXERCICES, {"id_nat": id_nat}))
        found = _professionals(self._connection.execute(_PROFESSIONAL, {"id_nat": id_nat}), exercices)
        return found[0] if found else None

    def professionals(self) -> tuple[Professional, ...]:
        """Every professional, by PS_IdNat."""
        exercices = _exercices(self._connection.execute(_EVERY_EXERCICE))
        return _professionals(self._connection.execute(_EVERY_PROFESSIONAL), exercices)

    def professionals_after(self, after: str, limit: int) -> tuple[Professional, ...]:
        """The next professionals beyond the PS_IdNat `after`, in the database's own order."""
        page = sa.select(PROFESSIONALS.c.id_nat).where(PROFESSIONALS.c.id_nat > after)
        keys = self._connection.execute(page.order_by(PROFESSIONALS.c.id_nat).limit(limit)).scalars().all()
        exercices = _exercices(self._connection.execute(_EVERY_EXERCICE.where(EXERCICES.c.id_nat.in_(keys))))
        rows = self._connection.execute(_EVERY_PROFESSIONAL.where(PROFESSIONALS.c.id_nat.in_(keys)))
        return _professionals(rows, exercices)

    def structures_after(self, after: str, limit: int) -> tuple[Structure, ...]:
        """The next structures beyond the Struct_IdNat `after`, in the database's own order."""
        page = _EVERY_STRUCTURE.where(STRUCTURES.c.structure_id > after).limit(limit)
        return _structures(self._connection.execute(page))

    def activity_of(self, structures: Sequence[str]) -> dict[str, bool]:
        """Whether each of these structures is active; those that the directory does not know are left out."""
        found = sa.select(STRUCTURES.c.structure_id, STRUCTURES.c.active)
        rows = self._connection.execute(found.where(STRUCTURES.c.structure_id.in_(structures)))
        return {row.structure_id: row.active for row in rows}

    def members(self, structure_id: str) -> tuple[str, ...]:
        """The PS_IdNat of the active professionals whose activity in that structure has not ended, in order."""
        return tuple(self._connection.execute(_MEMBERS, {"structure_id": structure_id}).scalars())

    def activities(self, id_nat: str) -> tuple[Activity, ...]:
        """What the professional does in each structure, then what he did, by Struct_IdNat."""
        return tuple(
            Activity(row.structure_id, frozenset(row.sectors.split()), frozenset(row.modes.split()), row.ended)
            for row in self._connection.execute(_ACTIVITIES, {"id_nat": id_nat})
        )

    def save_professional(self, professional: Professional) -> None:
        """The operator's word on a professional: adds him, or replaces all that the directory said of him."""
        key = professional.id_nat
        for table in (MEMBERSHIPS, EXERCICES):
            self._connection.execute(sa.delete(table).where(table.c.id_nat == key))
        self._connection.execute(sa.delete(PROFESSIONALS).where(PROFESSIONALS.c.id_nat == key))
        columns = ("id_nat", "family", "given", "profession", "profession_system", "specialty", "active")
        self._connection.execute(
            sa.insert(PROFESSIONALS).values(
                {column: getattr(professional, column) for column in columns} | {"origin": Origin.OPERATOR.value}
            )
        )
        own = {"id_nat": key, "sectors": "", "modes": "", "ended": None, "origin": Origin.OPERATOR.value}
        if professional.structures:
            rows = [own | {"structure_id": structure} for structure in sorted(professional.structures)]
            self._connection.execute(sa.insert(MEMBERSHIPS), rows)
        if professional.exercices:
            self._connection.execute(
                sa.insert(EXERCICES),
                [
                    {"id_nat": key, "profession": each.profession, "savoir_faire": each.savoir_faire}
                    for each in sorted(professional.exercices)
                ],
            )

    def structure(self, structure_id: str) -> Structure | None:
        """The structure of that Struct_IdNat, None when the directory has none."""
        found = _structures(self._connection.execute(_STRUCTURE, {"structure_id": structure_id}))
        return found[0] if found else None

    def structures(self) -> tuple[Structure, ...]:
        """Every structure, by Struct_IdNat."""
        return _structures(self._connection.execute(_EVERY_STRUCTURE))

    def save_structure(self, structure: Structure) -> None:
        """The operator's word on a structure: adds it, or replaces what the directory said of it."""
        self._connection.execute(sa.delete(STRUCTURES).where(STRUCTURES.c.structure_id == structure.structure_id))
        self._connection.execute(
            sa.insert(STRUCTURES).values(
                structure_id=structure.structure_id,
                name=structure.name,
                sector=structure.sector,
                active=structure.active,
                modes=" ".join(sorted(mode.value for mode in structure.modes)),
                origin=Origin.OPERATOR.value,
            )
        )


def _exercices(rows: Iterable[sa.Row[Any]]) -> Mapping[str, frozenset[Exercice]]:
    """The exercices of each professional who has several."""
    found: dict[str, set[Exercice]] = {}
    for row in rows:
        found.setdefault(row.id_nat, set()).add(Exercice(row.profession, row.savoir_faire))
    return {id_nat: frozenset(each) for id_nat, each in found.items()}


def _professionals(
    rows: Iterable[sa.Row[Any]], exercices: Mapping[str, frozenset[Exercice]]
) -> tuple[Professional, ...]:
    """The professionals of rows that come one for each structure (None when there is none), those of one together."""
    return tuple(
        _professional(list(group), exercices.get(id_nat, frozenset()))
        for id_nat, group in groupby(rows, key=lambda row: row.id_nat)
    )


def _professional(rows: Sequence[sa.Row[Any]], exercices: frozenset[Exercice]) -> Professional:
    row = rows[0]
    return Professional(
        id_nat=row.id_nat,
        family=row.family,
        given=row.given,
        profession=row.profession,
        profession_system=row.profession_system,
        specialty=row.specialty,
        structures=frozenset(each.structure_id for each in rows if each.structure_id is not None),
        active=row.active,
        exercices=exercices,
    )


def _structures(rows: Iterable[sa.Row[Any]]) -> tuple[Structure, ...]:
    return tuple(
        Structure(
            structure_id=row.structure_id,
            name=row.name,
            sector=row.sector,
            active=row.active,
            modes=frozenset(Authentication(mode) for mode in row.modes.split()),
        )
        for row in rows
    )
