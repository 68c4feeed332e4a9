"""`dmp patients block, unblock, revoke ...`: what a patient decides, recorded by the operator whom they told.

Source: CSP L.1111-14 to L.1111-19, R.1111-46; public guides of the DMP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmp.volontes import (
    Block,
    EndMedecinTraitant,
    NameMedecinTraitant,
    OpposeFeeding,
    RequestDestruction,
    Revoke,
    SetSwitches,
    Unblock,
    Wish,
    record_for,
)
from habilitations.statement import Switches
from identities.dossier import Dossier
from identities.id_nat import is_national
from server.commands import Home, InsOid, Json, PatientIns, UsageError, answering, opened, operator, patient_id, show
from server.commands.dossiers import described, known, named, said_of_access
from server.commands.names import PeopleFile, identifier_of
from server.house import House

Who = Annotated[str, typer.Argument(help="A professional or a structure: a name of people.json, or an identifier.")]
Doctor = Annotated[str, typer.Argument(help="A médecin: a name of people.json, or a PS_IdNat.")]
Centre15 = Annotated[bool | None, typer.Option("--centre-15/--no-centre-15", help="Access by the centre 15.")]
BrisDeGlace = Annotated[bool | None, typer.Option("--bris-de-glace/--no-bris-de-glace", help="Access in emergency.")]
MasquesEnUrgence = Annotated[
    bool | None, typer.Option("--masques-en-urgence/--no-masques-en-urgence", help="Masked documents in emergency.")
]
Switched = tuple[bool | None, bool | None, bool | None]  # centre_15, bris_de_glace, masques_en_urgence


def block(
    who: Who,
    patient: PatientIns,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Shut a professional or a structure out (they may still feed the DMP). A médecin traitant cannot be."""
    with answering(as_json), opened(home) as house:
        _record(house, _dossier(house, patient, ins_oid), Block(_identifier(house, people, who)), as_json)


def unblock(
    who: Who,
    patient: PatientIns,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """End a blocking. Entering again takes a new authorisation."""
    with answering(as_json), opened(home) as house:
        _record(house, _dossier(house, patient, ins_oid), Unblock(_identifier(house, people, who)), as_json)


def revoke(
    who: Who,
    patient: PatientIns,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """End an authorisation, and the status of médecin traitant with it."""
    with answering(as_json), opened(home) as house:
        _record(house, _dossier(house, patient, ins_oid), Revoke(_identifier(house, people, who)), as_json)


def medecin_traitant(
    who: Doctor,
    patient: PatientIns,
    end: Annotated[bool, typer.Option("--end", help="Take the status back; the authorisation stays.")] = False,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a médecin who is authorised a médecin traitant of the DMP. There may be several."""
    with answering(as_json), opened(home) as house:
        wish = EndMedecinTraitant if end else NameMedecinTraitant
        _record(house, _dossier(house, patient, ins_oid), wish(_identifier(house, people, who)), as_json)


def switches(
    patient: PatientIns,
    centre_15: Centre15 = None,
    bris_de_glace: BrisDeGlace = None,
    masques_en_urgence: MasquesEnUrgence = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say in which emergencies the DMP opens. What is not named stays as it is."""
    with answering(as_json), opened(home) as house:
        switched = (centre_15, bris_de_glace, masques_en_urgence)
        if switched == (None, None, None):
            raise UsageError("switches: expected a switch, got none")
        dossier = _dossier(house, patient, ins_oid)
        with house.rooms() as rooms:
            standing = rooms.rights.wishes(dossier.key).switches
        _record(house, dossier, SetSwitches(after(standing, switched)), as_json)


def oppose(
    patient: PatientIns,
    end: Annotated[bool, typer.Option("--end", help="The patient is not opposed any more.")] = False,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Record that the patient is opposed to the feeding of the DMP."""
    with answering(as_json), opened(home) as house:
        _record(house, _dossier(house, patient, ins_oid), OpposeFeeding(not end), as_json)


def destroy_request(patient: PatientIns, ins_oid: InsOid = None, home: Home = None, as_json: Json = False) -> None:
    """Record that the patient asks for the destruction of a closed DMP (`dmp patients due --do` carries it out).

    Reopening the DMP takes the request back.
    """
    with answering(as_json), opened(home) as house:
        _record(house, _dossier(house, patient, ins_oid), RequestDestruction(), as_json)


def after(standing: Switches, switched: Switched) -> Switches:
    """The switches once those of `switched` that were named are set."""
    before = (standing.centre_15, standing.bris_de_glace, standing.masques_en_urgence)
    return Switches(*(old if new is None else new for old, new in zip(before, switched, strict=True)))


def _identifier(house: House, people: Path | None, who: str) -> str:
    """Whom `who` names; an identifier that the directory does not know is taken as it is. Raises UsageError."""
    try:
        return identifier_of(house, people, who)
    except UsageError:
        if is_national(who):
            return who
        raise


def _dossier(house: House, typed: str, ins_oid: str | None) -> Dossier:
    return known(house, patient_id(house, typed, ins_oid))


def _record(house: House, dossier: Dossier, wish: Wish, as_json: bool) -> None:
    record_for(house.gate, operator(), dossier.ins, wish)
    with house.rooms() as rooms:
        after_it = rooms.identities.dossier_of_key(dossier.key) or dossier
        value = {"recorded": True, **described(after_it), **said_of_access(rooms.rights.wishes(dossier.key))}
    show(as_json, value, lambda: typer.echo(f"Volonté du patient enregistrée : {named(dossier)}."))
