"""people.json: the professionals and structures that an operator loads into the directory, and names them by.

    [{name, kind (ps|structure|device), id_nat, family, given, profession, specialty, structure_id, sector, modes}]

Source: CI-SIS, PS_IdNat and Struct_IdNat; TRE_G15 (professions), TRE_A00 (other roles), TRE_R02 (sectors).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from identities.id_nat import IdNatError, check_ps_id_nat, check_struct_id_nat
from identities.professional import Professional, Structure
from identities.requester import Authentication
from schemas import oids

KINDS = ("ps", "structure", "device")


class PeopleError(ValueError):
    """A people.json that cannot be used; says which entry, what was expected and what came."""


@dataclass(frozen=True, slots=True)
class People:
    """What a people.json says. `names` maps each name to its PS_IdNat or Struct_IdNat."""

    professionals: tuple[Professional, ...]
    structures: tuple[Structure, ...]
    names: Mapping[str, str]
    modes: Mapping[str, tuple[Authentication, ...]]  # by name, the preferred one first
    memberships: Mapping[str, str]  # name of a professional -> Struct_IdNat
    sectors: Mapping[str, str]  # by name


def read_people(path: Path) -> People:
    """Reads and checks the file. Raises PeopleError."""
    try:
        lines = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PeopleError(f"{path}: expected a JSON list, got {error}") from None
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise PeopleError(f"{path}: expected a JSON list of objects, got something else")
    for number, line in enumerate(lines, 1):
        try:
            _check(line)
        except (PeopleError, IdNatError) as error:
            raise PeopleError(f"{path}, entry {number}: {error}") from None
    persons = [line for line in lines if line["kind"] == "ps"]
    structures = [line for line in lines if line["kind"] == "structure"]
    return People(
        professionals=tuple(map(_professional, persons)),
        structures=tuple(map(_structure, structures)),
        names={line["name"]: line["id_nat"] for line in (*persons, *structures)},
        modes={line["name"]: tuple(map(Authentication, line.get("modes") or ())) for line in lines},
        memberships={line["name"]: str(line.get("structure_id") or "") for line in persons},
        sectors={line["name"]: str(line.get("sector") or "") for line in lines},
    )


def _check(line: Mapping[str, Any]) -> None:
    missing = [key for key in ("name", "kind", "id_nat") if not isinstance(line.get(key), str) or not line[key]]
    if missing:
        raise PeopleError(f"expected texts {', '.join(missing)}, got none")
    if line["kind"] not in KINDS:
        raise PeopleError(f"kind: expected one of {', '.join(KINDS)}, got {line['kind']}")
    unknown = [
        mode for mode in line.get("modes") or () if mode not in {each.value for each in Authentication if each.french}
    ]
    if unknown:
        expected = ", ".join(mode.value for mode in Authentication if mode.french)
        raise PeopleError(f"modes: expected values among {expected}, got {', '.join(map(str, unknown))}")
    if line["kind"] == "ps":
        check_ps_id_nat(line["id_nat"])
        if not line.get("profession"):
            raise PeopleError("profession: expected a code of TRE_G15 or TRE_A00, got none")
    elif line["kind"] == "structure":
        check_struct_id_nat(line["id_nat"])


def _professional(line: Mapping[str, Any]) -> Professional:
    profession = str(line["profession"])
    return Professional(
        id_nat=line["id_nat"],
        family=str(line.get("family") or ""),
        given=str(line.get("given") or ""),
        profession=profession,
        profession_system=oids.PROFESSION if profession.isdigit() else oids.ROLE_NON_PS,
        specialty=str(line.get("specialty") or ""),
        structures=frozenset({str(line["structure_id"])} if line.get("structure_id") else ()),
    )


def _structure(line: Mapping[str, Any]) -> Structure:
    return Structure(
        structure_id=line["id_nat"],
        name=str(line.get("family") or line["name"]),
        sector=str(line.get("sector") or ""),
        modes=frozenset(map(Authentication, line.get("modes") or ())),
    )
