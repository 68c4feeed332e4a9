"""Naming people at the command line: by a name of people.json, or by an identifier of the directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from identities.professional import Professional
from identities.requester import Authentication, ModeAcces, Requester
from schemas import oids
from server.commands import UsageError
from server.house import House
from server.people import People, read_people

FILE_NAME = "people.json"

PeopleFile = Annotated[
    Path | None,
    typer.Option(
        "--people",
        envvar="DMP_PEOPLE",
        help="people.json to take names from. Default: the one in home, or beside it.",
        metavar="FILE",
    ),
]


def people_of(house: House, named: Path | None) -> People | None:
    """The people.json to take names from, where there is one. Raises PeopleError."""
    if named is not None:
        return read_people(named)
    for folder in (house.settings.home, house.settings.home.parent):
        if (folder / FILE_NAME).is_file():
            return read_people(folder / FILE_NAME)
    return None


def identifier_of(house: House, named: Path | None, who: str) -> str:
    """The PS_IdNat or Struct_IdNat that `who` names or is. Raises UsageError, PeopleError."""
    people = people_of(house, named)
    if people is not None and who in people.names:
        return people.names[who]
    with house.rooms() as rooms:
        known = rooms.identities.professional(who) or rooms.identities.structure(who)
    if known is None:
        names = f" or one of {', '.join(people.names)}" if people else ""
        raise UsageError(f"expected an identifier of the directory{names}, got {who}")
    return who


def is_structure(house: House, identifier: str) -> bool:
    """Whether that identifier is a structure's."""
    with house.rooms() as rooms:
        return rooms.identities.structure(identifier) is not None


def requester_of(
    house: House,
    named: Path | None,
    who: str,
    *,
    mode: Authentication | None = None,
    access: ModeAcces = ModeAcces.NORMAL,
    motif: str = "",
) -> Requester:
    """`who` as the server would see them ask. Raises UsageError, PeopleError."""
    people = people_of(house, named)
    identifier = identifier_of(house, named, who)
    with house.rooms() as rooms:
        person, structure = rooms.identities.professional(identifier), rooms.identities.structure(identifier)
    preferred = people.modes.get(who, ()) if people else ()
    chosen = mode or (preferred[0] if preferred else None)
    if structure is not None and people is not None and chosen is Authentication.INDIRECTE_RENFORCEE:
        # In this mode a professional of the structure is at the keyboard: the first one, as for the simulated LPS.
        member = next((name for name, each in people.memberships.items() if each == identifier), None)
        if member is not None:
            who, structure, identifier = member, None, people.names[member]
            with house.rooms() as rooms:
                person = rooms.identities.professional(identifier)
    if structure is not None:
        return Requester(
            id_nat=f"{identifier}/automate",
            name=structure.name,
            profession="AUTOMATE",
            profession_system=oids.ROLE_NON_PS,
            specialty="",
            structure_id=identifier,
            sector=structure.sector,
            authentication=chosen or Authentication.INDIRECTE,
            mode_acces=access,
            motif=motif,
        )
    if person is None:
        raise UsageError(f"expected somebody of the directory (dmp directory import), got {who}")
    return _person(person, people, who, chosen or Authentication.DIRECTE, access, motif)


def _person(
    person: Professional, people: People | None, who: str, mode: Authentication, access: ModeAcces, motif: str
) -> Requester:
    return Requester(
        id_nat=person.id_nat,
        name=f"{person.family} {person.given}",
        profession=person.profession,
        profession_system=person.profession_system,
        specialty=person.specialty,
        structure_id=next(iter(sorted(person.structures)), ""),
        sector=people.sectors.get(who, "") if people else "",
        authentication=mode,
        mode_acces=access,
        motif=motif,
    )
