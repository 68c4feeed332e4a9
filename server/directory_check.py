"""Whether the directory hangs together: what stands in it that no decision should rest on.

An error is a row that contradicts another or has no form of its standard; a warning is one that may be right: a wrong
key, which test numbers have, or a structure that the operator never told.

Source: CI-SIS, PS_IdNat and Struct_IdNat; JDV_J05, professions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from identities.id_nat import IdNatError, check_ps_id_nat, check_struct_id_nat
from identities.professional import Professional, Structure
from schemas.value_sets import ValueSets
from server.house import House

PAGE = 2000


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing wrong with one row."""

    severity: str  # error or warning
    identifier: str
    expected: str
    got: str


def troubles(house: House) -> Iterator[Trouble]:
    """Everything wrong in the directory, structures first, in constant memory."""
    after = ""
    while True:
        with house.rooms() as rooms:
            structures = rooms.identities.structures_after(after, PAGE)
        if not structures:
            break
        for structure in structures:
            yield from _of_structure(structure)
        after = structures[-1].structure_id
    after = ""
    while True:
        with house.rooms() as rooms:
            people = rooms.identities.professionals_after(after, PAGE)
            wanted = {structure for person in people for structure in person.structures}
            active = rooms.identities.activity_of(sorted(wanted))
        if not people:
            return
        for person in people:
            yield from _of_professional(person, active)
        after = people[-1].id_nat


def _of_structure(structure: Structure) -> Iterator[Trouble]:
    yield from _number(check_struct_id_nat, structure.structure_id)
    if structure.modes and not structure.active:
        modes = ", ".join(sorted(mode.value for mode in structure.modes))
        yield Trouble("warning", structure.structure_id, "no approval of an inactive structure", modes)


def _of_professional(person: Professional, active: dict[str, bool]) -> Iterator[Trouble]:
    yield from _number(check_ps_id_nat, person.id_nat)
    for profession in sorted({person.profession, *(each.profession for each in person.exercices)}):
        if not ValueSets.load().contains("subject_role", profession, person.profession_system):
            yield Trouble("warning", person.id_nat, "a profession of JDV_J05", profession or "none")
    if not person.active:
        return
    for structure in sorted(person.structures):
        if structure not in active:
            yield Trouble("warning", person.id_nat, "activities in structures of the directory", structure)
        elif not active[structure]:
            yield Trouble("error", person.id_nat, "activities in active structures", structure)


def _number(check: Callable[..., None], value: str) -> Iterator[Trouble]:
    for severity, luhn in (("error", False), ("warning", True)):
        try:
            check(value, luhn=luhn)
        except IdNatError as error:
            yield Trouble(severity, value, error.expected, error.got)
            return
