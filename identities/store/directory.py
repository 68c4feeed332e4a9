"""Professionals and structures, as the directory's rows. Source: Annuaire Santé (RPPS, FINESS)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from identities.professional import Professional, Structure
from identities.requester import Authentication
from identities.store.tables import MEMBERSHIPS, PROFESSIONALS, STRUCTURES

_EVERY_PROFESSIONAL = (
    sa.select(PROFESSIONALS, MEMBERSHIPS.c.structure_id)
    .outerjoin(MEMBERSHIPS, MEMBERSHIPS.c.id_nat == PROFESSIONALS.c.id_nat)
    .order_by(PROFESSIONALS.c.id_nat)
)
_PROFESSIONAL = _EVERY_PROFESSIONAL.where(PROFESSIONALS.c.id_nat == sa.bindparam("id_nat"))
_EVERY_STRUCTURE = sa.select(STRUCTURES).order_by(STRUCTURES.c.structure_id)
_STRUCTURE = _EVERY_STRUCTURE.where(STRUCTURES.c.structure_id == sa.bindparam("structure_id"))


class Directory:
    """Professionals and structures, in the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def professional(self, id_nat: str) -> Professional | None:
        """The professional of that PS_IdNat, None when the directory has none."""
        found = _professionals(self._connection.execute(_PROFESSIONAL, {"id_nat": id_nat}))
        return found[0] if found else None

    def professionals(self) -> tuple[Professional, ...]:
        """Every professional, by PS_IdNat."""
        return _professionals(self._connection.execute(_EVERY_PROFESSIONAL))

    def save_professional(self, professional: Professional) -> None:
        """Adds a professional to the directory, or replaces what it said of him."""
        key = professional.id_nat
        self._connection.execute(sa.delete(MEMBERSHIPS).where(MEMBERSHIPS.c.id_nat == key))
        self._connection.execute(sa.delete(PROFESSIONALS).where(PROFESSIONALS.c.id_nat == key))
        columns = ("id_nat", "family", "given", "profession", "profession_system", "specialty", "active")
        self._connection.execute(
            sa.insert(PROFESSIONALS).values({column: getattr(professional, column) for column in columns})
        )
        if professional.structures:
            rows = [{"id_nat": key, "structure_id": structure} for structure in sorted(professional.structures)]
            self._connection.execute(sa.insert(MEMBERSHIPS), rows)

    def structure(self, structure_id: str) -> Structure | None:
        """The structure of that Struct_IdNat, None when the directory has none."""
        found = _structures(self._connection.execute(_STRUCTURE, {"structure_id": structure_id}))
        return found[0] if found else None

    def structures(self) -> tuple[Structure, ...]:
        """Every structure, by Struct_IdNat."""
        return _structures(self._connection.execute(_EVERY_STRUCTURE))

    def save_structure(self, structure: Structure) -> None:
        """Adds a structure to the directory, or replaces what it said of it."""
        self._connection.execute(sa.delete(STRUCTURES).where(STRUCTURES.c.structure_id == structure.structure_id))
        self._connection.execute(
            sa.insert(STRUCTURES).values(
                structure_id=structure.structure_id,
                name=structure.name,
                sector=structure.sector,
                active=structure.active,
                modes=" ".join(sorted(mode.value for mode in structure.modes)),
            )
        )


def _professionals(rows: Iterable[sa.Row[Any]]) -> tuple[Professional, ...]:
    """The professionals of rows that come one for each structure (None when there is none), those of one together."""
    return tuple(_professional(list(group)) for _, group in groupby(rows, key=lambda row: row.id_nat))


def _professional(rows: Sequence[sa.Row[Any]]) -> Professional:
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
