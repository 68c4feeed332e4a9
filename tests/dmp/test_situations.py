"""The situations of whoever holds a card: what the card says, and the directory where it is silent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from dmp.annuaire import situations
from dmp.ports import Identities
from identities.professional import Exercice, Professional, Structure
from schemas import oids

WHO = "899700000013"
HOSPITAL = Structure("1990000018", "Hôpital", "SA01")
CLOSED = Structure("1990000026", "Cabinet fermé", "SA07", active=False)
UNKNOWN = "399000000100018"  # a practice that the directory does not list
DOCTOR = Professional(WHO, "MARCHAND", "Claire", "10", oids.PROFESSION, "SM26")
EMPLOYEE = Professional(WHO, "LAMBERT", "Julie", "SECRETARIAT_MEDICAL", oids.ROLE_NON_PS)


@dataclass
class Directory:
    professionals: dict[str, Professional] = field(default_factory=dict)

    def professional(self, id_nat: str) -> Professional | None:
        return self.professionals.get(id_nat)

    def structure(self, structure_id: str) -> Structure | None:
        return {each.structure_id: each for each in (HOSPITAL, CLOSED)}.get(structure_id)


def of(person: Professional | None, profession: str, *specialties: str) -> list[tuple[str, str, str]]:
    directory: Any = Directory({WHO: person} if person else {})
    found = situations(cast(Identities, directory), WHO, profession, specialties)
    return [(each.profession, each.specialty, each.structure_id) for each in found]


def test_a_holder_whom_the_directory_does_not_know_acts_without_a_structure() -> None:
    assert of(None, "10", "SM26") == [("10", "SM26", "")]
    assert of(None, "60") == [("60", "", "")]
    assert of(None, "") == [("", "", "")], "nobody knows of any profession: no column of any table judges that"


def test_one_for_each_structure_that_is_active_and_each_specialty_on_the_card() -> None:
    structures = frozenset({HOSPITAL.structure_id, CLOSED.structure_id, UNKNOWN})
    assert of(replace(DOCTOR, structures=structures), "10", "SM26", "SM25") == [
        ("10", "SM26", HOSPITAL.structure_id),
        ("10", "SM25", HOSPITAL.structure_id),
        ("10", "SM26", UNKNOWN),
        ("10", "SM25", UNKNOWN),
    ]


@pytest.mark.parametrize(
    ("exercices", "specialties"),
    [
        ((), ["SM26"]),
        ((Exercice("10", "SM26"), Exercice("10", "SM25"), Exercice("21", "A")), ["SM25", "SM26"]),
    ],
)
def test_a_card_without_specialty_has_those_of_the_directory(
    exercices: tuple[Exercice, ...], specialties: list[str]
) -> None:
    person = replace(DOCTOR, exercices=frozenset(exercices))
    assert [specialty for _, specialty, _ in of(person, "10")] == specialties


def test_a_specialty_is_one_of_the_profession_on_the_card() -> None:
    assert of(DOCTOR, "60") == [("60", "", "")]


def test_the_card_of_an_employee_has_no_profession_but_the_directory_has() -> None:
    (found,) = situations(cast(Identities, cast(Any, Directory({WHO: EMPLOYEE}))), WHO, "", ())
    assert (found.profession, found.profession_system) == ("SECRETARIAT_MEDICAL", oids.ROLE_NON_PS)


def test_structures_have_names() -> None:
    person = replace(DOCTOR, structures=frozenset({HOSPITAL.structure_id}))
    (found,) = situations(cast(Identities, cast(Any, Directory({WHO: person}))), WHO, "10", ("SM26",))
    assert (found.structure_name, found.sector, found.key) == ("Hôpital", "SA01", "1990000018/SM26")
