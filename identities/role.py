"""The role that somebody claims: a profession, and the specialty that it is exercised with. Pure.

Source: CI-SIS, volet Transport synchrone (VIHF, attribute role: profession first, specialty second); TRE_G15, TRE_A00,
TRE_R38, TRE_G04, TRE_R85.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from schemas import oids
from schemas.errors import UnexpectedError
from schemas.value_sets import ValueSets

MEDECIN, PHARMACIEN = "10", "21"  # TRE_G15
PROFESSION_SYSTEMS = frozenset({oids.PROFESSION, oids.ROLE_NON_PS})
SPECIALTY_SYSTEMS = frozenset({oids.SPECIALITE_MEDECIN, oids.SECTION_PHARMACIEN, oids.ROLE_PRISE_CHARGE})
_REQUIRED_SPECIALTY = {MEDECIN: oids.SPECIALITE_MEDECIN, PHARMACIEN: oids.SECTION_PHARMACIEN}
_CODE = re.compile(r"[0-9A-Za-z_.-]{1,64}", re.ASCII)


class RoleError(UnexpectedError):
    """Codes that are no role of this domain."""


class Role(NamedTuple):
    """A profession with its code system, and a specialty, '' for none."""

    profession: str
    profession_system: str
    specialty: str


def read_role(codes: Sequence[tuple[str, str]]) -> Role:
    """The role of codes with their systems, profession first. Raises RoleError."""
    if not 1 <= len(codes) <= 2:
        raise RoleError("a profession and at most one specialty", f"{len(codes)} roles")
    profession, system = codes[0]
    if system not in PROFESSION_SYSTEMS:
        raise RoleError(f"a profession of {' or '.join(sorted(PROFESSION_SYSTEMS))}", "another")
    if not _CODE.fullmatch(profession):
        raise RoleError("a code", "something else" if profession else "none")
    specialty, specialty_system = codes[1] if len(codes) == 2 else ("", "")
    if specialty and specialty_system not in SPECIALTY_SYSTEMS:
        raise RoleError(f"a specialty of {' or '.join(sorted(SPECIALTY_SYSTEMS))}", "another")
    if specialty and not ValueSets.load().contains("subject_role", specialty, specialty_system):
        # `sm25` is nobody's specialty, and not the one that closes the dossier to an occupational physician.
        raise RoleError("a specialty of JDV_J05", specialty[:40] if _CODE.fullmatch(specialty[:40]) else "another")
    required = _REQUIRED_SPECIALTY.get(profession) if system == oids.PROFESSION else None
    if required is not None and specialty_system != required:
        raise RoleError(f"a specialty of {required} for profession {profession}", "none of it")
    return Role(profession, system, specialty)
