"""Professionals and structures, as the directory knows them.

Source: Annuaire Santé (RPPS, FINESS); CI-SIS, PS_IdNat and Struct_IdNat.
"""

from __future__ import annotations

from dataclasses import dataclass

from identities.requester import Authentication


@dataclass(frozen=True, slots=True)
class Structure:
    """An establishment, practice or laboratory. `modes` are the indirect authentications it was approved for."""

    structure_id: str
    name: str
    sector: str
    active: bool = True
    modes: frozenset[Authentication] = frozenset()


@dataclass(frozen=True, slots=True)
class Professional:
    """A person who may act: a health professional, or the holder of a CPE. `structures` are Struct_IdNat values."""

    id_nat: str
    family: str
    given: str
    profession: str
    profession_system: str
    specialty: str = ""
    structures: frozenset[str] = frozenset()
    active: bool = True
